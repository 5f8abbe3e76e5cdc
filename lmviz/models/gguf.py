"""GGUF files, read once through transformers and kept as safetensors, which load in a fraction of the time.

Run as a module with a file and an empty folder, it converts; `converted` runs it so, as unpacking holds the
interpreter for many seconds and draws progress bars.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmviz.errors import BadModelFolder
from lmviz.models import cache, child
from lmviz.models.located import Progress

_INDIVIDUAL_DIGITS = frozenset({"smollm"})  # values of tokenizer.ggml.pre whose digits are split before anything else


def converted(file: Path, sha256: str, *, asked_as: str, on_progress: Progress) -> Path:
    """Give the folder a GGUF file was converted to, converting it where that was not done yet."""

    def build(folder: Path, _scratch: Path) -> None:
        unpack(file, folder, on_progress=on_progress)

    return cache.keep(sha256, build, asked_as=asked_as)


def unpack(file: Path, folder: Path, *, on_progress: Progress) -> None:
    """Convert a GGUF file into an empty folder, in a process of its own.

    Raises:
        BadModelFolder: transformers cannot read it.
    """
    sentence = f"Converting {file.name} to safetensors; this is done once"
    try:
        child.run_python(
            ["-m", "lmviz.models.gguf", str(file.resolve()), str(folder)],
            watch=lambda: on_progress(0.8, sentence),
            env={"HF_HUB_OFFLINE": "1"},
        )
    except child.ChildFailed as error:
        raise BadModelFolder(f"{file} cannot be read: {error}. Choose a model in safetensors.") from error


def _convert(file: Path, folder: Path) -> None:
    """Load model and tokenizer from a GGUF file and save both."""
    import gguf
    import torch
    import transformers

    fields = gguf.GGUFReader(file).fields
    is_t5 = fields["general.architecture"].contents().startswith("t5")
    auto: Any = transformers.AutoModelForSeq2SeqLM if is_t5 else transformers.AutoModelForCausalLM
    place = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    unpacked = getattr(transformers, "GgufConfig", None)  # releases before it always unpack
    options = {} if unpacked is None else {"quantization_config": unpacked(dequantize=True)}
    hf_model: Any = auto.from_pretrained(**place, dtype=torch.float32, **options)
    hf_model.hf_quantizer = None  # the weights are plain now, and may be saved
    hf_model.config.__dict__.pop("quantization_config", None)
    hf_model.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    _repair(tokenizer, fields, hf_model.config)
    tokenizer.save_pretrained(folder)
    _compare(hf_model, auto.from_pretrained(folder, dtype=torch.float32, use_safetensors=True))


def _compare(unpacked: Any, saved: Any) -> None:
    """Make sure that what was saved is what was unpacked, to the last bit."""
    import torch

    weights = saved.state_dict()
    wrong = [name for name, value in unpacked.state_dict().items() if not torch.equal(value, weights[name])]
    if wrong:
        raise ValueError(f"the weights {', '.join(wrong[:3])} were not saved as they were read")


def _repair(tokenizer: Any, fields: Mapping[str, Any], config: Any) -> None:
    """Put right what transformers does not take from the file: digits on their own, and the longest input."""
    from tokenizers import pre_tokenizers

    field = fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() in _INDIVIDUAL_DIGITS:
        digits = pre_tokenizers.Digits(individual_digits=True)
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    limit = getattr(config, "max_position_embeddings", None)
    if limit is not None:
        tokenizer.model_max_length = limit


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
