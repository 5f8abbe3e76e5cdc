"""Models in a folder of this machine, as safetensors or as one GGUF file."""

import hashlib
from pathlib import Path

from lmviz.errors import BadModelFolder, CorruptedFile, UnknownModel
from lmviz.models import cache, gguf
from lmviz.models.contents import inspect, unreadable
from lmviz.models.located import Located, Progress


class FolderSource:
    """A folder written by save_pretrained, a folder with one GGUF file, or that file itself."""

    name = "folder"

    def find(self, location: str) -> Located | None:
        """Give the folder if it is complete; of a GGUF file, what it was converted to earlier."""
        path = local_path(location)
        try:
            file = _gguf_in(path)
            if file is None:
                return _as_it_is(path)
            revision = _gguf_checksum(file)
        except OSError as error:
            raise unreadable(path, error) from error
        folder = cache.kept(revision)
        if folder is None:
            return None
        cache.verify(folder, asked_as=location)
        return Located(folder, revision, inspect(folder))

    def fetch(self, location: str, on_progress: Progress) -> Located:
        """Convert a GGUF file; a folder of safetensors is complete as it is."""
        path = local_path(location)
        try:
            file = _gguf_in(path)
            if file is None:
                return _as_it_is(path)
            revision = _gguf_checksum(file)
        except OSError as error:
            raise unreadable(path, error) from error
        folder = gguf.converted(file, revision, asked_as=location, on_progress=on_progress)
        return Located(folder, revision, inspect(folder))


def local_path(location: str) -> Path:
    """Turn what a person wrote into a path; a leading ~ is a home folder.

    Raises:
        UnknownModel: There is no such home folder.
    """
    try:
        return Path(location).expanduser()
    except RuntimeError as error:
        user = Path(location).parts[0]
        raise UnknownModel(f"There is no home folder {user[:80]}. Write the whole path, as in /data/model.") from error


def _as_it_is(path: Path) -> Located:
    """Give a folder of safetensors, which needs no conversion."""
    contents = inspect(path)
    return Located(path, _checksum(contents.weights), contents)


def _gguf_in(path: Path) -> Path | None:
    """Give the one GGUF file meant, or None where the folder holds safetensors."""
    if path.is_file() and path.suffix == ".gguf":
        return path
    if not path.is_dir():
        raise BadModelFolder(f"{path} is neither a folder nor a GGUF file. Name the folder that holds the model.")
    files = sorted(path.glob("*.gguf"))
    if not files or ((path / "config.json").is_file() and any(path.glob("*.safetensors*"))):
        return None
    if len(files) > 1:
        names = ", ".join(file.name for file in files[:3])
        raise BadModelFolder(f"{path} holds {len(files)} GGUF files ({names}). Name the one you mean.")
    return files[0]


def _gguf_checksum(file: Path) -> str:
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise CorruptedFile(f"{file} is not a GGUF file. Get it again.")
    return cache.sha256_once(file)


def _checksum(weights: tuple[Path, ...]) -> str:
    """Give the sha256 of the weights: of the file, or of the list of checksums where there are several."""
    sums = [cache.sha256_once(path) for path in weights]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
