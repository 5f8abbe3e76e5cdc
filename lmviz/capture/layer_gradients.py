"""A quantity as a function of the residual stream before a layer: its value and its gradient at many points."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.gradients import Point, rows_in_memory
from lmviz.capture.intervene_standing import standing
from lmviz.capture.narrow import cut
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity, read
from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import checked_places
from lmviz.errors import NotForThisModel
from lmviz.models.context import Edit, Request, asking
from lmviz.models.loaded import LoadedModel

PLACE = "resid_pre"
_N_TOKENS = 1024  # of one batch: more makes no pass faster


@dataclass(eq=False)
class _Kept:
    """Takes the stream before every layer."""

    streams: dict[int, np.ndarray] = field(default_factory=dict)

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        """Copy what is found before a layer."""
        if place == PLACE:
            self.streams[layer] = value.float().cpu().numpy().copy()


@dataclass(frozen=True, eq=False)
class _Entry:
    """What a pass goes on with at the layer where it begins."""

    stream: Tensor

    def apply(self, value: Tensor) -> Tensor:
        """Give the stream, whatever was found."""
        return self.stream.view_as(value)


def streams(
    model: LoadedModel, encoding: Encoding, *, points: tuple[Point, ...], quantity: Quantity
) -> tuple[Float32[np.ndarray, " point"], Float32[np.ndarray, "point layer position width"]]:
    """Give the quantity for some embeddings of an input, and the residual stream before every layer.

    Raises:
        NotForThisModel: Where the model keeps its stream is not known, or something stands for it.
        OverBudget: It would take more memory than a job may.
    """
    part = model.part_named(None)
    places = checked_places(model, frozenset({PLACE}), part=part)
    if standing(model):
        raise NotForThisModel(f"{model.id} cannot be entered at a layer while something is replaced in it.")
    budget.check(model, len(points) * len(encoding.table), places=places)
    _find_cut(model)
    kept = _Kept()
    request = Request(part, places, kept, batch=len(points))
    given = _given(encoding, embeddings=tensor(model, np.stack(points)).to(model.hf_model.dtype))
    with torch.no_grad(), asking(request):
        values = read(model, given, quantities=[quantity] * len(points))
    found = np.stack([kept.streams[layer] for layer in range(model.n_layers)], axis=1)
    return values.cpu().numpy(), found


def gradients_at(
    model: LoadedModel, encoding: Encoding, *, layer: int, points: Iterable[Point], quantity: Quantity
) -> Iterator[Float32[np.ndarray, "row position width"]]:
    """Give the quantity's gradient by the stream before a layer, for many streams; earlier layers do not run.

    Args:
        model: A model whose stream is known.
        encoding: What the streams belong to.
        layer: Where they come in.
        points: Streams of all positions; they are taken when their turn comes.
        quantity: What is differentiated.

    Yields:
        (row, position, width), in the order of the points, in batches that fit in memory.

    Raises:
        OverBudget: A single one would take more memory than a job may.
    """
    n_tokens = len(encoding.table)
    most = min(max(1, _N_TOKENS // n_tokens), rows_in_memory(model, n_tokens))
    own = model.hf_model.get_input_embeddings()(encoding.inputs()["input_ids"]).detach()
    _find_cut(model)
    rest = iter(points)
    while chunk := list(islice(rest, most)):
        with torch.enable_grad():
            stream = tensor(model, np.stack(chunk)).to(model.hf_model.dtype).requires_grad_()
            edits: dict[tuple[str, int], Edit] = {(PLACE, layer): _Entry(stream)}
            part = model.part_named(None)
            request = Request(part, frozenset(), _Kept(), patches=edits, batch=len(chunk), entry=layer)
            given = _given(encoding, embeddings=own.expand(len(chunk), -1, -1))
            with asking(request):
                found = read(model, given, quantities=[quantity] * len(chunk), keeps_gradient=True)
                (gradient,) = torch.autograd.grad(found.sum(), stream)
        yield gradient.float().cpu().numpy()


def _find_cut(model: LoadedModel) -> None:
    """Find out where the head may be asked for a few rows: by trial passes, in which nothing must be replaced."""
    if model.hf_model.get_output_embeddings() is not None:
        cut(model)


def _given(encoding: Encoding, *, embeddings: Tensor) -> dict[str, Tensor]:
    inputs = {name: value.expand(len(embeddings), -1) for name, value in encoding.inputs().items()}
    return {**{name: value for name, value in inputs.items() if name != "input_ids"}, "inputs_embeds": embeddings}
