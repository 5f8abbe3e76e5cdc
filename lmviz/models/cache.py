"""The cache folder: complete model folders only, made aside, moved into place at once, checked when used."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from lmviz.errors import CorruptedFile, ModelUnavailable

RECORD = "lmviz.json"  # in each kept folder: size, time and sha256 of every file

Build = Callable[[Path, Path], None]
"""Fills the first, empty folder; the second is scratch space that is thrown away."""


def cache_dir() -> Path:
    """Give the folder everything fetched is kept under: LMVIZ_CACHE_DIR, or the user's cache."""
    named = os.environ.get("LMVIZ_CACHE_DIR")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("lmviz")


def sha256_of(path: Path) -> str:
    """Give the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """Give the sha256 of a file, read as a whole only when its size or time has changed since the last time."""
    return _sha256(path, _stat(path))


@lru_cache(maxsize=256)
def _sha256(path: Path, _stamp: tuple[int, int]) -> str:
    return sha256_of(path)


def kept(key: str) -> Path | None:
    """Give the complete folder kept under a key, or None."""
    folder = cache_dir() / "models" / key
    return folder if (folder / RECORD).is_file() else None


def keep(key: str, build: Build, *, asked_as: str) -> Path:
    """Give the folder kept under a key; build it where it is missing or damaged.

    One process builds at a time, in a folder aside that is moved into place when it is complete: whoever is
    interrupted leaves nothing that could be taken for a model.

    Args:
        key: The sha256 of the weights it is made from.
        build: Makes the folder.
        asked_as: The name a person used, for the message of an error.

    Raises:
        ModelUnavailable: The cache cannot be written to, or the disk is full.
    """
    try:
        with _locked(key):
            folder = kept(key)
            if folder is None or not _is_intact(folder, asked_as):
                folder = _replace(key, build)
            return folder
    except OSError as error:
        raise ModelUnavailable(
            f"{asked_as} cannot be kept in {cache_dir()}: {error.strerror or error}. "
            "Make room there, or name another folder in LMVIZ_CACHE_DIR."
        ) from error


def verify(folder: Path, *, asked_as: str) -> None:
    """Refuse a kept folder whose files are not what was kept.

    Size and time are compared first; only a file where these changed is read as a whole.

    Raises:
        CorruptedFile: Names the file, its checksum and the remedy.
    """
    record = _read_record(folder, asked_as)
    changed = {name: stamp for name, stamp in record.items() if _stat(folder / name) != stamp[:2]}
    for name, (_, _, sha256) in changed.items():
        path = folder / name
        found = sha256_of(path) if path.is_file() else "no file"
        if found != sha256:
            raise _damaged(path, found, sha256, asked_as)
    if changed:
        with contextlib.suppress(PermissionError):  # a cache that is only read, as in an image, is hashed each time
            _write_record(folder, {name: (*_stat(folder / name), stamp[2]) for name, stamp in record.items()})


def verify_pinned(path: Path, sha256: str, *, asked_as: str) -> None:
    """Refuse a file of somebody else's cache that is not what its checksum says.

    It is read as a whole the first time; from then on only when its size or time changed.

    Raises:
        CorruptedFile: Names the file, its checksum and the remedy.
    """
    record, stamp = cache_dir() / "checked" / f"{sha256}.json", list(_stat(path))
    with contextlib.suppress(OSError, ValueError):
        if json.loads(record.read_text(encoding="utf-8")) == stamp:
            return
    found = sha256_of(path)
    if found != sha256:
        raise _damaged(path, found, sha256, asked_as)
    with contextlib.suppress(OSError):  # where nothing can be kept, it is hashed each time
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, stamp)


def _damaged(path: Path, found: str, wanted: str, asked_as: str) -> CorruptedFile:
    return CorruptedFile(
        f"{path} is damaged: its sha256 is {found[:12]}, not {wanted[:12]} as when it was fetched. "
        f"Run `lmviz pull {asked_as}` to fetch it again."
    )


Stamp = tuple[int, int, str]


def _is_intact(folder: Path, asked_as: str) -> bool:
    try:
        verify(folder, asked_as=asked_as)
    except CorruptedFile:
        return False
    return True


@contextmanager
def _locked(key: str) -> Iterator[None]:
    locks = cache_dir() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{key}.lock"):
        yield


def _replace(key: str, build: Build) -> Path:
    """Build aside and move into place; what an interrupted run left aside is removed first."""
    models = cache_dir() / "models"
    models.mkdir(parents=True, exist_ok=True)
    for stale in models.glob(f".{key}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=models))
    try:
        fresh, scratch = aside / "model", aside / "scratch"
        fresh.mkdir()
        scratch.mkdir()
        build(fresh, scratch)
        _write_record(fresh, {path.name: (*_stat(path), sha256_of(path)) for path in sorted(fresh.iterdir())})
        folder = models / key
        if folder.exists():
            folder.replace(aside / "old")
        fresh.replace(folder)
        return folder
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _stat(path: Path) -> tuple[int, int]:
    if not path.is_file():
        return (-1, -1)
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns)


def _read_record(folder: Path, asked_as: str) -> dict[str, Stamp]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {name: (int(size), int(time), str(sha256)) for name, (size, time, sha256) in record.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptedFile(
            f"{folder / RECORD} is damaged. Run `lmviz pull {asked_as}` to fetch the model again."
        ) from error


def _write_record(folder: Path, record: dict[str, Stamp]) -> None:
    write_json(folder / RECORD, record, aside=folder.parent)


def write_json(path: Path, value: Any, *, aside: Path | None = None) -> None:
    """Write JSON beside its place and move it there at once."""
    handle, name = tempfile.mkstemp(dir=aside or path.parent, prefix=f".{path.parent.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    Path(name).replace(path)
