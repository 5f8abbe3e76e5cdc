"""From a name to a model that is ready to be looked at."""

from collections.abc import Mapping
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from lmviz.errors import BadModelFolder, InvalidParameter, ModelUnavailable
from lmviz.models import architectures, delta
from lmviz.models.cache import cache_dir
from lmviz.models.loaded import LoadedModel, prepare
from lmviz.models.located import Located
from lmviz.models.quiet import quiet
from lmviz.models.sources import locate
from lmviz.models.wrapping import wrap

__all__ = ["load", "wrap"]

DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("cuda", "mps", "cpu")
DeviceMap = str | Mapping[str, Any]
_LIBRARY_ERRORS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError, SafetensorError)


def load(
    name: str, *, dtype: str = "float32", device: str | None = None, device_map: DeviceMap | None = None
) -> LoadedModel:
    """Load a model by name and make it ready to be looked at.

    Args:
        name: A catalog id, a folder (or a GGUF file), or a Hugging Face id, "org/name@commit" for a revision.
        dtype: "float32", "bfloat16" or "float16".
        device: "cuda", "mps" or "cpu"; None takes the first of these that is there.
        device_map: "auto" spreads a model larger than one device over all there are; not with `device`.

    Raises:
        UnknownModel: No model has this name.
        ModelUnavailable: It cannot be fetched now, or does not fit the device.
        UnsafeWeights: Its weights are pickled or it needs its own code.
        BadModelFolder: Something is missing in its folder.
        CorruptedFile: A file is damaged.
        InvalidParameter: No such dtype or device.
    """
    if dtype not in DTYPES:
        raise InvalidParameter(f"dtype is {dtype!r}; it must be one of {', '.join(DTYPES)}.")
    target = _device(device, device_map)
    entry, located = locate(name)
    with quiet():
        tokenizer = _tokenizer(located)
        hf_model = _hf_model(located, _placement(getattr(torch, dtype), target, device_map))
    return prepare(hf_model, tokenizer, entry, device=_device_of(hf_model))


def best_device() -> str:
    """Give the name of the best device there is: CUDA, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def devices() -> tuple[str, ...]:
    """Give the names of the devices there are, the CPU first."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return tuple(name for name, is_there in there.items() if is_there)


def _device(device: str | None, device_map: DeviceMap | None) -> str:
    """Check what was asked for and name the device."""
    if device is not None and device_map is not None:
        raise InvalidParameter("device and device_map exclude each other; name one of them.")
    if isinstance(device_map, str) and device_map != "auto":
        raise InvalidParameter(f"device_map is {device_map!r}; it must be 'auto' or a mapping of modules to devices.")
    kind, _, number = (device or best_device()).partition(":")
    if kind not in DEVICES or (number and not number.isdigit()):
        raise InvalidParameter(f"device is {device!r}; it must be one of {', '.join(DEVICES)}.")
    n_there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}[kind]
    if n_there <= int(number or 0):
        raise InvalidParameter(f"There is no device {device!r} on this machine. Leave it out to use {best_device()}.")
    return device or kind


def _placement(dtype: torch.dtype, target: str, device_map: DeviceMap | None) -> dict[str, Any]:
    """Say to transformers in what form and where to put the weights."""
    if device_map is None:
        return {"dtype": dtype} if target == "cpu" else {"dtype": dtype, "device_map": {"": target}}
    chosen = device_map if isinstance(device_map, str) else dict(device_map)
    return {"dtype": dtype, "device_map": chosen, "offload_folder": str(cache_dir() / "offload")}


def _hf_model(located: Located, placement: dict[str, Any]) -> Any:
    """Read the weights; every parameter must come from the file."""
    try:
        reader, weights = _reader(located)
        hf_model, report = reader.from_pretrained(
            **weights,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **placement,
        )
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ModelUnavailable(
            f"{located.folder.name} does not fit in memory: {located.contents.n_parameters / 1e6:,.0f} M parameters. "
            "Choose dtype bfloat16, another device, or device_map='auto'."
        ) from error
    except _LIBRARY_ERRORS as error:
        raise _unreadable(located, error) from error
    _refuse_missing(located, sorted(report["missing_keys"]), type(hf_model).__name__)
    return hf_model


def _reader(located: Located) -> tuple[Any, dict[str, Any]]:
    """Give the class that reads a model, and where its weights are: in the folder, or in memory with a delta added."""
    if located.delta is None:
        auto = architectures.auto_class(located.contents)
        return auto, {"pretrained_model_name_or_path": located.folder, **architectures.options(located.contents, auto)}
    reader = architectures.named_class(located.contents)
    config = reader.config_class.from_dict(dict(located.contents.config))
    state = delta.merge(located)
    return reader, {"pretrained_model_name_or_path": None, "config": config, "state_dict": state}


def _tokenizer(located: Located) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(
            located.folder, local_files_only=True, trust_remote_code=False
        )
    except _LIBRARY_ERRORS as error:
        raise BadModelFolder(
            f"The tokenizer in {located.folder} cannot be read ({_first_line(error)}). Get its files again."
        ) from error


def _refuse_missing(located: Located, missing: list[str], architecture: str) -> None:
    if missing:
        raise BadModelFolder(
            f"{located.folder} lacks {len(missing)} weights of {architecture} ({', '.join(missing[:3])}); they would "
            "be random numbers. Get the complete model, or correct `architectures` in its config.json."
        )


def _unreadable(located: Located, error: Exception) -> BadModelFolder:
    family = located.contents.config.get("model_type")
    if family not in transformers.CONFIG_MAPPING:
        return BadModelFolder(
            f"{located.folder} says its model_type is {family!r}, which transformers {transformers.__version__} does "
            "not know. Choose another model, or a newer transformers."
        )
    return BadModelFolder(
        f"transformers cannot load {located.folder} ({_first_line(error)}). Check its config.json against its weights."
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]


def _device_of(hf_model: Any) -> torch.device:
    """Give the device inputs go to: where the embeddings are, or the first place that is not a placeholder."""
    embedding: torch.device = hf_model.get_input_embeddings().weight.device
    if embedding.type != "meta":
        return embedding
    return next((p.device for p in hf_model.parameters() if p.device.type != "meta"), torch.device("cpu"))
