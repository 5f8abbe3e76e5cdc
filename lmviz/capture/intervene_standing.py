"""Interventions that stand while a piece of work is done: every pass of the model has them, whoever runs it.

They are in a context variable of their own. It is read where a pass begins, and what it holds then becomes part of the
request for that pass, each row with its own extent; so padding stays out, and other threads and models see nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NoReturn

from torch import Tensor, nn

from lmviz.capture.intervene_kinds import Intervention
from lmviz.capture.intervene_rows import check_applied, row_edits
from lmviz.errors import NotForThisModel
from lmviz.models.context import Request, asking, current
from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True, eq=False)
class _Standing:
    hf_model: nn.Module
    interventions: tuple[Intervention, ...]


class _Nothing:
    """Keeps no tensor: nothing is asked for but the replacement."""

    def keep(self, place: str, layer: int, value: Tensor) -> NoReturn:
        raise RuntimeError(f"{place} of layer {layer}, {tuple(value.shape)}, was not asked for")


_standing: ContextVar[_Standing | None] = ContextVar("lmviz_standing", default=None)


@contextmanager
def held(model: LoadedModel, interventions: tuple[Intervention, ...]) -> Iterator[None]:
    """Let interventions, known to fit, stand for a model in this thread while the body runs."""
    token = _standing.set(_Standing(model.hf_model, interventions))
    try:
        yield
    finally:
        _standing.reset(token)


def standing(model: LoadedModel) -> tuple[Intervention, ...]:
    """Give what stands for a model now."""
    found = _standing.get()
    return found.interventions if found is not None and found.hf_model is model.hf_model else ()


@contextmanager
def edited(model: LoadedModel, inputs: Mapping[str, Tensor]) -> Iterator[None]:
    """Run one pass with what stands; a pass that has a request already has it in there.

    Args:
        model: The model that runs.
        inputs: Of the pass; `attention_mask`, (row, position), says how long each row is.
    """
    interventions = standing(model)
    if not interventions or current.get() is not None:
        yield
        return
    lengths = [int(length) for length in inputs["attention_mask"].sum(dim=1)]
    edits = row_edits([((length, length), interventions) for length in lengths], entry=0)
    part = model.part_named(None)
    with asking(Request(part, frozenset(), _Nothing(), patches=edits, batch=len(lengths))):
        yield
    check_applied(edits)


def refuse_standing(model: LoadedModel) -> None:
    """Refuse a kind of pass in which nothing can be replaced: what is left out would look like a finding.

    Raises:
        NotForThisModel: Something stands for this model.
    """
    if standing(model):
        raise NotForThisModel(
            f"{model.id} cannot write a text with something replaced in it. Choose a question about given texts."
        )
