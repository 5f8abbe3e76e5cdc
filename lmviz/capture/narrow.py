"""Logits at the asked positions only: the base model runs whole, the head on the asked rows."""

import copy
from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from lmviz.capture.trace import head_logits
from lmviz.models import anatomy
from lmviz.models.loaded import LoadedModel

Places = tuple[Tensor, Tensor]  # (row,) of the batch and (row,) of the positions
_CLOSE = 1e-4  # relative; what another order of adding costs


class _Narrowed(nn.Module):
    """Stands in for a base model: runs it and hands the asked rows on as one sequence, (1, row, width)."""

    def __init__(self, base: nn.Module, places: Places) -> None:
        super().__init__()
        self.__dict__["base"] = base  # no child: it stays where it is
        self.places = places
        self.has_run = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["base"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self.__dict__["base"](*args, **kwargs)
        rows = output[0][self.places].unsqueeze(0)
        self.has_run = True
        if isinstance(output, tuple):
            return (rows, *output[1:])
        output[next(iter(output))] = rows
        return output


def asked_logits(model: LoadedModel, inputs: dict[str, Tensor], places: Places) -> Tensor:
    """Run a batch and give the scores over the vocabulary at some positions.

    A language-model head reads each position by itself, so it needs to run only where it is asked. A shallow copy of
    the outermost module, with another base model in it, makes the family's own code do so: nothing is changed in the
    model, and no family has to be known. That head and rows agree is tried once for each model; where they do not, the
    head runs everywhere.

    Args:
        model: A model with a language-model head.
        inputs: Of the forward pass; `input_ids` is (batch, position).
        places: Which positions of which sequences.

    Returns:
        (row, vocabulary), one row for each place.
    """
    with torch.no_grad():
        narrow = _narrow(model.hf_model, inputs, places) if heads_run_by_row(model) else None
        return _everywhere(model.hf_model, inputs, places) if narrow is None else narrow


def accepted(hf_model: Any, inputs: dict[str, Tensor]) -> dict[str, Any]:
    """Give those inputs that a model's forward pass takes, and ask for no cache where there would be one."""
    takes = signature(type(hf_model).forward).parameters
    known: dict[str, Any] = {name: value for name, value in inputs.items() if name in takes}
    return {**known, "use_cache": False} if "use_cache" in takes else known


_by_row: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def heads_run_by_row(model: LoadedModel) -> bool:
    """Say whether the head gives the same on a few rows as on all; tried once for each model on a few tokens."""
    known = _by_row.get(model.hf_model)
    if known is None:
        with torch.no_grad():
            known = _by_row[model.hf_model] = _agrees(model)
    return known


def _agrees(model: LoadedModel) -> bool:
    size = int(model.hf_model.get_input_embeddings().weight.shape[0])
    ids = torch.arange(10, device=model.device).view(2, 5) * 7919 % size
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    places = (torch.tensor([0, 1, 1], device=model.device), torch.tensor([3, 0, 4], device=model.device))
    narrow, full = _narrow(model.hf_model, inputs, places), _everywhere(model.hf_model, inputs, places)
    if narrow is None or narrow.shape != full.shape:
        return False
    return bool((narrow - full).abs().max() <= _CLOSE * full.abs().max().clamp_min(1.0))


def _narrow(hf_model: Any, inputs: dict[str, Tensor], places: Places) -> Tensor | None:
    """Run the head on the asked rows; None where the model does not call its base model as a whole."""
    base, name, children = anatomy.base_of(hf_model), hf_model.base_model_prefix, vars(hf_model)["_modules"]
    if base is hf_model or children.get(name) is not base:
        return None
    stand_in = _Narrowed(base, places)
    outer = copy.copy(hf_model)
    outer.__dict__["_modules"] = {**children, name: stand_in}
    logits = head_logits(outer(**accepted(hf_model, inputs)))
    return logits[0] if stand_in.has_run else None


def _everywhere(hf_model: Any, inputs: dict[str, Tensor], places: Places) -> Tensor:
    return head_logits(hf_model(**accepted(hf_model, inputs)))[places]
