"""The cache holds complete folders or none: whoever is interrupted leaves nothing half made."""

import os
import threading
import time
from pathlib import Path

import pytest

from lmviz.errors import CorruptedFile, ModelUnavailable
from lmviz.models import cache


def build(folder: Path, scratch: Path) -> None:
    (folder / "weights").write_bytes(b"weights")
    (folder / "config").write_bytes(b"config")


def never(folder: Path, scratch: Path) -> None:
    raise AssertionError("nothing was to be built")


def test_what_is_kept_is_found_and_not_built_again() -> None:
    assert cache.kept("k") is None
    folder = cache.keep("k", build, asked_as="m")
    assert cache.kept("k") == folder
    assert cache.keep("k", never, asked_as="m") == folder
    assert (folder / "weights").read_bytes() == b"weights"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interrupted_build_leaves_nothing(own_cache: Path, interruption: type[BaseException]) -> None:
    def half(folder: Path, scratch: Path) -> None:
        build(folder, scratch)
        raise interruption

    with pytest.raises(interruption):
        cache.keep("k", half, asked_as="m")
    assert cache.kept("k") is None
    assert list((own_cache / "models").iterdir()) == []
    assert cache.keep("k", build, asked_as="m").is_dir()


def test_what_a_killed_process_left_is_removed(own_cache: Path) -> None:
    left = own_cache / "models" / ".k.12345" / "model"
    left.mkdir(parents=True)
    (left / "weights").write_bytes(b"half")
    assert cache.kept("k") is None
    cache.keep("k", build, asked_as="m")
    assert [path.name for path in (own_cache / "models").iterdir()] == ["k"]


def test_of_two_at_once_one_builds() -> None:
    built = []

    def slow(folder: Path, scratch: Path) -> None:
        built.append(threading.get_ident())
        time.sleep(0.2)
        build(folder, scratch)

    threads = [threading.Thread(target=cache.keep, args=("k", slow), kwargs={"asked_as": "m"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_an_untouched_folder_is_intact() -> None:
    cache.verify(cache.keep("k", build, asked_as="m"), asked_as="m")


def test_a_changed_file_is_named_and_put_right_by_keeping_again() -> None:
    folder = cache.keep("k", build, asked_as="m")
    (folder / "weights").write_bytes(b"wEights")
    with pytest.raises(CorruptedFile, match=r"weights is damaged.*lmviz pull m"):
        cache.verify(folder, asked_as="m")
    cache.verify(cache.keep("k", build, asked_as="m"), asked_as="m")
    assert (folder / "weights").read_bytes() == b"weights"


def test_a_missing_file_and_a_damaged_record_are_damage() -> None:
    folder = cache.keep("k", build, asked_as="m")
    (folder / "config").unlink()
    with pytest.raises(CorruptedFile, match="config"):
        cache.verify(folder, asked_as="m")
    (folder / cache.RECORD).write_text("{")
    with pytest.raises(CorruptedFile, match="damaged"):
        cache.verify(folder, asked_as="m")


def test_a_new_time_alone_is_no_damage_and_is_remembered() -> None:
    folder = cache.keep("k", build, asked_as="m")
    before = (folder / cache.RECORD).read_text()
    os.utime(folder / "weights", ns=(1, 1))
    cache.verify(folder, asked_as="m")
    assert (folder / cache.RECORD).read_text() != before


def test_a_cache_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelUnavailable, match="LMVIZ_CACHE_DIR"):
        cache.keep("k", build, asked_as="m")


def test_the_users_cache_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMVIZ_CACHE_DIR")
    assert cache.cache_dir().name == "lmviz"
