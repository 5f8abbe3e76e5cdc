"""Published data sets from where their authors keep them: one version, each file checked against its checksum."""

import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from lmviz.errors import CorruptedFile, ModelUnavailable

_PATIENCE = 30.0  # seconds without an answer
_RAW = "https://raw.githubusercontent.com"
_WINOBIAS = f"{_RAW}/uclanlp/corefBias/0bce984dd081bbc10b0622f326727a024c607895/WinoBias/wino/data"
_WINOGENDER = f"{_RAW}/rudinger/winogender-schemas/1c7f8b481ad8a234b41e9f76a424d6e856e13f7f/data"
_SHA256_OF_PAIRS = {
    "type1.txt.dev": (
        "dd55a0d220fe4c0ceb63dd4648223fb4fe1a58d5ad95c116a002ad24b0e292a5",
        "a4e0ebae344e78b56f657a42e8ae684b9db7747d177c5e7149c0907ebb7f3bf6",
    ),
    "type1.txt.test": (
        "db7838907238a758eeb5779e48f38c013b892910d6fe864456c59f04245c6689",
        "331db5bd74bfefebf146a60b67645152a4a1991570d2a56f57154103ac361dd2",
    ),
    "type2.txt.dev": (
        "8f0250de723cea9328e3eaf7169e07936f01aa5909ce7aa580db66eb803f4e86",
        "763ad829ad724f9a85ead689ba8ca69072020cb1238def6210f0fc6a47b97e59",
    ),
    "type2.txt.test": (
        "ea1c1fd94fa612e3cc44d7fa3cc4cb76021bb63fdf94f9826f430051e9052438",
        "336571ac1ea8c06cd2aba8e5dd2bd98e00acc0c48da3e4ec5ec7e54eb2633a8f",
    ),
}


@dataclass(frozen=True)
class PinnedDownload:
    """A file of one version of a data set: where it lies, what it is called here, and its sha256."""

    address: str
    sha256: str

    @property
    def name(self) -> str:
        """What it is called here."""
        return self.address.rpartition("/")[2]


def _pairs(part: str) -> tuple[PinnedDownload, ...]:
    """Give the pro-stereotypical file of a part of WinoBias and its partner."""
    sides = zip(("pro", "anti"), _SHA256_OF_PAIRS[part], strict=True)
    return tuple(PinnedDownload(f"{_WINOBIAS}/{side}_stereotyped_{part}", sha256) for side, sha256 in sides)


WINOBIAS: Mapping[str, tuple[PinnedDownload, ...]] = MappingProxyType(  # MIT licence
    {f"winobias-{part.replace('.txt.', '-')}": _pairs(part) for part in _SHA256_OF_PAIRS}
)
WINOGENDER = (  # MIT licence
    PinnedDownload(
        f"{_WINOGENDER}/all_sentences.tsv", "bd69da16bf228cb8df63fd0843aec2d8b5c36a7f21bf8c7b168bcc83932556c8"
    ),
    PinnedDownload(
        f"{_WINOGENDER}/occupations-stats.tsv", "3f7f37c16381a70571356982ea7fe613ac700ad04a6d3b19b9f2be18248df567"
    ),
)
HONEST = (  # MIT licence; the lexicon it is read with is not part of it
    PinnedDownload(
        f"{_RAW}/MilaNLProc/honest/6efc7817cbeb36e61bba51a34bbce13ecc8af69f/resources/binary/en_template.tsv",
        "31cc5a89729638975eaf0de3457ed87c6c7da67ef9058119f53d931f8e26727c",
    ),
)


def fetcher(files: Sequence[PinnedDownload], *, asked_as: str) -> Callable[[], tuple[Path, ...]]:
    """Give a function that fetches files where they are not there yet; nothing is fetched before it is called."""
    return partial(fetched, tuple(files), asked_as=asked_as)


def fetched(files: Sequence[PinnedDownload], *, asked_as: str) -> tuple[Path, ...]:
    """Give files of a data set, fetched where they are not there yet, each as it was pinned.

    Args:
        files: All of one data set; they lie beside each other.
        asked_as: The name a person used, for the message of an error.

    Raises:
        ModelUnavailable: They cannot be fetched now, or not be kept.
        CorruptedFile: What was fetched is not what was pinned.
    """
    from lmviz.models import cache

    key = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    folder = cache.kept(key)
    if folder is None:
        folder = cache.keep(key, lambda fresh, _scratch: _fetch_all(files, fresh, asked_as), asked_as=asked_as)
    cache.verify(folder, asked_as=asked_as)
    return tuple(folder / file.name for file in files)


def _fetch_all(files: Sequence[PinnedDownload], folder: Path, asked_as: str) -> None:
    from lmviz.models import cache

    for file in files:
        target = folder / file.name
        try:
            with (
                urllib.request.urlopen(file.address, timeout=_PATIENCE) as answer,  # noqa: S310  (pinned addresses)
                target.open("wb") as out,
            ):
                shutil.copyfileobj(answer, out)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise ModelUnavailable(
                f"{asked_as} cannot be fetched from its authors' repository now ({getattr(error, 'reason', error)}). "
                "Try again with a network connection, or give a file of your own."
            ) from None
        found = cache.sha256_of(target)
        if found != file.sha256:
            raise CorruptedFile(
                f"{file.name} was refused: its sha256 is {found[:12]}, pinned is {file.sha256[:12]}. Fetch it again; "
                "if that repeats, the authors have changed it: give a file of your own."
            )
