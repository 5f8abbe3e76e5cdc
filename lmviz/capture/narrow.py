"""Logits at the asked positions only: what follows the last mixing of positions runs on the asked rows."""

from collections.abc import Iterator
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from lmviz.capture.intervene_standing import edited, standing
from lmviz.capture.trace import head_logits
from lmviz.models import anatomy
from lmviz.models.loaded import LoadedModel
from lmviz.models.replacing import with_others

Places = tuple[Tensor, Tensor]  # (row,) of the batch and (row,) of the positions
_CLOSE = 1e-4  # relative; what another order of adding costs


class _Narrowed(nn.Module):
    """Stands in for a module: runs it and hands the asked rows on as one sequence, (1, row, width)."""

    def __init__(self, whole: nn.Module, places: Places) -> None:
        super().__init__()
        self.__dict__["whole"] = whole  # no child: it stays where it is
        self.places = places
        self.has_run = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["whole"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self.__dict__["whole"](*args, **kwargs)
        self.has_run = True
        if isinstance(output, Tensor):
            return output[self.places].unsqueeze(0)
        rows = output[0][self.places].unsqueeze(0)
        if isinstance(output, tuple):
            return (rows, *output[1:])
        output[next(iter(output))] = rows
        return output


def asked_logits(
    model: LoadedModel,
    inputs: dict[str, Tensor],
    *,
    places: Places,
    has_whole_stream: bool = False,
    keeps_gradient: bool = False,
) -> Tensor:
    """Run a batch and give the scores over the vocabulary at some positions.

    A language-model head reads each position by itself, and so does the last block once it has attended, so both need
    to run only where it is asked. Shallow copies of the modules on the way, with another one at the end of it, make the
    family's own code do so: nothing is changed in the model. Where to cut is tried once for each model; where no place
    gives what the whole model gives, everything runs.

    Args:
        model: A model with a language-model head.
        inputs: Of the forward pass; `input_ids` is (batch, position), or `inputs_embeds` (batch, position, width).
        places: Which positions of which sequences.
        has_whole_stream: Whether every position has to pass through every block, as where something is replaced; so it
            is where interventions stand.
        keeps_gradient: Whether the scores can be differentiated by what was given.

    Returns:
        (row, vocabulary), one row for each place.
    """
    path = cut(model, has_whole_stream=has_whole_stream or bool(standing(model)))
    with torch.set_grad_enabled(keeps_gradient), edited(model, inputs):
        narrow = None if path is None else _narrow(model.hf_model, path, (inputs, places))
        return _everywhere(model.hf_model, inputs, places) if narrow is None else narrow


def accepted(hf_model: Any, inputs: dict[str, Tensor]) -> dict[str, Any]:
    """Give those inputs that a model's forward pass takes, and ask for no cache where there would be one."""
    takes = signature(type(hf_model).forward).parameters
    known: dict[str, Any] = {name: value for name, value in inputs.items() if name in takes}
    return {**known, "use_cache": False} if "use_cache" in takes else known


_cuts: WeakKeyDictionary[nn.Module, dict[bool, str | None]] = WeakKeyDictionary()


def cut(model: LoadedModel, *, has_whole_stream: bool = False) -> str | None:
    """Give the path of the module after which a few rows are enough; None where there is none.

    It is the latest such module that gives what the whole model gives, or with `has_whole_stream` the latest after the
    blocks, tried once for each model on a few tokens.
    """
    known = _cuts.setdefault(model.hf_model, {})
    if has_whole_stream not in known:
        paths = _after_blocks(model) if has_whole_stream else _paths(model)
        with torch.no_grad():
            known[has_whole_stream] = next((path for path in paths if _agrees(model, path)), None)
    return known[has_whole_stream]


def cut_like(copied: LoadedModel, model: LoadedModel) -> None:
    """Let a copy of a model that computes the same be cut where the model is, without trials of its own."""
    _cuts[copied.hf_model] = _cuts.setdefault(model.hf_model, {})


def _after_blocks(model: LoadedModel) -> tuple[str, ...]:
    prefix = model.hf_model.base_model_prefix
    return prefix, f"{prefix}.decoder"


def _paths(model: LoadedModel) -> Iterator[str]:
    """List where the rows may be taken: after the last attention, or else after the base model."""
    prefix, stack = model.hf_model.base_model_prefix, model.anatomy.stack("encoder")
    is_whole = not getattr(model.hf_model.config, "chunk_size_feed_forward", 0)
    if stack is not None and stack.norm == "post" and stack.mid is not None and is_whole:
        n_blocks = len(anatomy.blocks(model.hf_model, stack))
        if n_blocks == model.n_layers:  # a block that is used twice is no last one
            yield f"{prefix}.{stack.blocks}.{n_blocks - 1}.{stack.mid}"
    yield from _after_blocks(model)


def _agrees(model: LoadedModel, path: str) -> bool:
    """Compare a cut with the whole model on a few tokens."""
    if anatomy.at(model.hf_model, path) is None:
        return False
    size = int(model.hf_model.get_input_embeddings().weight.shape[0])
    ids = torch.arange(10, device=model.device).view(2, 5) * 7919 % size
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    places = (torch.tensor([0, 1, 1], device=model.device), torch.tensor([3, 0, 4], device=model.device))
    try:
        narrow = _narrow(model.hf_model, path, (inputs, places))
    except RuntimeError:  # shapes that do not fit: positions are mixed later as well
        return False
    full = _everywhere(model.hf_model, inputs, places)
    if narrow is None or narrow.shape != full.shape:
        return False
    return bool((narrow - full).abs().max() <= _CLOSE * full.abs().max().clamp_min(1.0))


def _narrow(hf_model: Any, path: str, asked: tuple[dict[str, Tensor], Places]) -> Tensor | None:
    """Run the model with a cut; None where its code does not pass there."""
    inputs, places = asked
    whole = anatomy.at(hf_model, path)
    if whole is None or whole is hf_model:
        return None
    stand_in = _Narrowed(whole, places)
    logits = head_logits(with_others(hf_model, {path: stand_in})(**accepted(hf_model, inputs)))
    return logits[0] if stand_in.has_run else None


def _everywhere(hf_model: Any, inputs: dict[str, Tensor], places: Places) -> Tensor:
    return head_logits(hf_model(**accepted(hf_model, inputs)))[places]
