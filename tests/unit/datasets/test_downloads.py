"""Pinned downloads: fetched once from a real server, refused where they are not what was pinned."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmviz.datasets.downloads import HONEST, WINOBIAS, WINOGENDER, PinnedDownload, fetched, fetcher
from lmviz.errors import CorruptedFile, ModelUnavailable
from tests.shared_data import published

CONTENT = {"one.tsv": b"first\n", "two.tsv": b"second\n" * 1000}


class Server(http.server.ThreadingHTTPServer):
    """A server of files that counts what it is asked for."""

    asked: list[str]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    found = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    found.asked = asked
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def pinned(server: Server, **sha256: str) -> tuple[PinnedDownload, ...]:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    right = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    return tuple(
        PinnedDownload(f"{address}/{name}", sha256.get(name.partition(".")[0], right[name])) for name in CONTENT
    )


def test_files_are_fetched_once_and_lie_beside_each_other(server: Server) -> None:
    paths = fetched(pinned(server), asked_as="pairs")
    assert {path.name: path.read_bytes() for path in paths} == CONTENT
    assert len({path.parent for path in paths}) == 1
    assert len(server.asked) == 2
    assert fetcher(pinned(server), asked_as="pairs")() == paths
    assert len(server.asked) == 2


def test_eight_at_once_fetch_once(server: Server) -> None:
    found: list[tuple[Path, ...]] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetched(pinned(server), asked_as="pairs"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(server.asked) == 2


def test_another_file_is_refused_and_nothing_is_kept(server: Server) -> None:
    with pytest.raises(CorruptedFile, match=r"two\.tsv was refused.*000000000000"):
        fetched(pinned(server, two="0" * 64), asked_as="pairs")
    assert fetched(pinned(server), asked_as="pairs")[1].read_bytes() == CONTENT["two.tsv"]


def test_without_a_network_it_says_what_to_do(server: Server) -> None:
    missing = PinnedDownload(pinned(server)[0].address + ".gone", "0" * 64)
    with pytest.raises(ModelUnavailable, match=r"pairs cannot be fetched.*network connection, or give a file"):
        fetched([missing], asked_as="pairs")
    nobody = PinnedDownload("http://127.0.0.1:9/one.tsv", "0" * 64)  # the port of "discard": nobody listens
    with pytest.raises(ModelUnavailable, match="pairs cannot be fetched"):
        fetched([nobody], asked_as="pairs")


@pytest.mark.parametrize(
    "file", [*(file for files in WINOBIAS.values() for file in files), *WINOGENDER, *HONEST], ids=str
)
def test_what_is_pinned_is_what_the_readers_were_tested_on(file: PinnedDownload) -> None:
    folders = {"corefBias": "winobias/data", "winogender": "winogender", "honest": "honest/binary"}
    folder = next(folder for name, folder in folders.items() if name in file.address)
    content = (published(folder) / file.name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
