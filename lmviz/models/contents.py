"""What lies in a model folder, told from its headers without loading anything; what is unsafe or broken is refused."""

import errno
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from lmviz.errors import BadModelFolder, CorruptedFile, UnsafeWeights

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
CONVERT = (
    "Convert it once where you trust it: `AutoModel.from_pretrained(folder).save_pretrained(new_folder)` "
    "writes safetensors."
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "source.spm",
)
_JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")
_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit


@dataclass(frozen=True)
class Contents:
    """A folder's configuration and, from the headers of its weight files, the names and number of its parameters."""

    config: Mapping[str, Any]
    weights: tuple[Path, ...]
    names: frozenset[str]
    n_parameters: int


def inspect(folder: Path) -> Contents:
    """Read configuration and headers of a model folder.

    Raises:
        BadModelFolder: Something is missing or may not be read; the message names it.
        CorruptedFile: A file is there and cannot be read as what it says it is.
        UnsafeWeights: The weights are pickled, or the model brings its own code.
    """
    try:
        return _read(folder)
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(path: Path, error: OSError) -> BadModelFolder:
    """Make the error for a path that the system does not let us read."""
    place = str(error.filename or path)
    shown = place if len(place) <= 200 else f"{place[:200]}…"
    remedy = {
        errno.EACCES: "Give yourself the right to read it, or copy it to where you have that.",
        errno.EPERM: "Give yourself the right to read it, or copy it to where you have that.",
        errno.ENAMETOOLONG: "Check the path.",
    }.get(error.errno or 0, "Check the path and the disk it is on.")
    return BadModelFolder(f"{shown} cannot be read ({error.strerror or type(error).__name__}). {remedy}")


def _read(folder: Path) -> Contents:
    config = configuration(folder)
    weights = _weights(folder)
    sizes: dict[str, int] = {}
    for path in weights:
        sizes.update({name: prod(shape) for name, shape in weight_shapes(path)[0].items()})
    _check_tokenizer(folder)
    return Contents(config, weights, frozenset(sizes), sum(sizes.values()))


def configuration(folder: Path) -> dict[str, Any]:
    """Read the configuration of a model folder and refuse one that asks for code of its own.

    Raises:
        BadModelFolder: There is none.
        CorruptedFile: It cannot be read.
        UnsafeWeights: The model brings its own code.
    """
    if not (folder / "config.json").is_file():
        raise _without_config(folder)
    config = _read_json(folder / "config.json")
    _refuse_own_code(config, folder / "config.json")
    return config


def is_pickle(name: str) -> bool:
    """Say whether a file of this name is a pickle, which can run any program when it is read."""
    return name.endswith(PICKLES) and not name.startswith(("training_args", "optimizer", "scheduler", "rng_state"))


def pickled(place: str, names: list[str]) -> UnsafeWeights:
    """Make the error for weights that only come as pickles."""
    return UnsafeWeights(
        f"The weights of {place} only come as pickle ({', '.join(names[:3])}), which can run any program when it is "
        f"read; lmviz reads safetensors. {CONVERT}"
    )


def _without_config(folder: Path) -> BadModelFolder | UnsafeWeights:
    names = sorted(path.name for path in folder.iterdir())
    if "adapter_config.json" in names:
        return BadModelFolder(f"{folder} holds an adapter, not a model. Merge it into its base model and save that.")
    pickles = [name for name in names if is_pickle(name)]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        return pickled(str(folder), pickles)
    return BadModelFolder(
        f"{folder} has no config.json, so it is not a model folder. Name a folder written by save_pretrained, "
        "or one with a GGUF file."
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptedFile(f"{path} is not valid JSON ({error}). Get the file again.") from error
    if not isinstance(read, dict):
        raise CorruptedFile(f"{path} holds no JSON object. Get the file again.")
    return read


def _refuse_own_code(config: Mapping[str, Any], path: Path) -> None:
    """Refuse a model that needs code of its own; names of classes that the library itself has are harmless."""
    import transformers

    mapped = config.get("auto_map") or {}
    values = mapped.values() if isinstance(mapped, dict) else [mapped]
    flat = [name for value in values for name in (value if isinstance(value, list) else [value]) if name]
    foreign = [name for name in map(str, flat) if not hasattr(transformers, name.rpartition(".")[2])]
    if foreign or config.get("trust_remote_code"):
        needed = f" ({', '.join(sorted(foreign))})" if foreign else ""
        raise UnsafeWeights(
            f"{path} asks for code that comes with the model{needed}; lmviz never runs that. Choose a model whose "
            "architecture is part of transformers."
        )


def _weights(folder: Path) -> tuple[Path, ...]:
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if (folder / INDEX).is_file():
        return _shards(folder)
    pickles = sorted(path.name for path in folder.iterdir() if is_pickle(path.name))
    if pickles:
        raise pickled(str(folder), pickles)
    raise BadModelFolder(f"{folder} has no {SINGLE} and no {INDEX}. Save the model there with save_pretrained.")


def _shards(folder: Path) -> tuple[Path, ...]:
    index = folder / INDEX
    mapped = _read_json(index).get("weight_map")
    if not isinstance(mapped, dict) or not mapped:
        raise CorruptedFile(f"{index} has no weight_map. Get the file again.")
    names = sorted({str(name) for name in mapped.values()})
    outside = [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]
    if outside:
        raise UnsafeWeights(f"{index} names {outside[0]!r}, which is not a safetensors file of this folder.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise BadModelFolder(
            f"{folder} lacks {', '.join(missing[:3])}: {len(missing)} of {len(names)} weight files. Get them as well."
        )
    return tuple(folder / name for name in names)


def weight_shapes(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Read the header of a safetensors file: the shape of every tensor, and the metadata.

    Raises:
        CorruptedFile: It is not a whole safetensors file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        raw = file.read(length) if length <= min(size, _LONGEST_HEADER) else b""
    try:
        header = json.loads(raw)
        metadata = dict(header.pop("__metadata__", None) or {})
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        shapes = {name: tuple(map(int, tensor["shape"])) for name, tensor in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptedFile(f"{path} is not a safetensors file ({size:,} bytes). Get it again.") from error
    if 8 + length + end != size:
        raise CorruptedFile(
            f"{path} is cut short or damaged: {size:,} bytes where its header tells of {8 + length + end:,}. "
            "Get it again."
        )
    return shapes, metadata


def _check_tokenizer(folder: Path) -> None:
    for name in _JSON_FILES:
        if (folder / name).is_file():
            read = _read_json(folder / name)
            if name == "tokenizer_config.json":
                _refuse_own_code(read, folder / name)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise BadModelFolder(
            f"{folder} has no tokenizer (tokenizer.json). Save it there as well: `tokenizer.save_pretrained(folder)`."
        )
