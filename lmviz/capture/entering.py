"""A quantity as a function of the residual stream at a layer: what arrives there, and the gradient by it.

Without hooks of its own: what enters is put there by the request for the pass, as an intervention is, and the blocks
before it do not run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.gradients import Point, batches, read_at, token_embeddings
from lmviz.capture.intervene_rows import RowEdits, check_applied, row_edits
from lmviz.capture.intervene_standing import standing
from lmviz.capture.narrow import cut
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity
from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import chosen_layers, forward
from lmviz.errors import NotForThisModel
from lmviz.models.context import Patch, Request, asking
from lmviz.models.loaded import LoadedModel

_PLACE = "resid_pre"


class _Rows:
    """Takes what is at a place of each layer into one array, (layer, row, position, width)."""

    def __init__(self, layers: tuple[int, ...]) -> None:
        self._row = {layer: row for row, layer in enumerate(layers)}
        self.found: dict[str, np.ndarray] = {}

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        if place not in self.found:  # now it is known how wide the stream is, which need not be as the embeddings are
            self.found[place] = np.zeros((len(self._row), *value.shape), dtype=np.float32)
        torch.from_numpy(self.found[place])[self._row[layer]].copy_(value)


class _Nothing:
    """Keeps no tensor: nothing is asked for but the replacement."""

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        raise RuntimeError(f"{place} of layer {layer}, {tuple(value.shape)}, was not asked for")


def layers_to_enter(model: LoadedModel, layers: Iterable[int] | None) -> tuple[int, ...]:
    """Give the layers in order, or all there are, of a model whose residual stream can be replaced.

    Raises:
        NotForThisModel: Where it keeps its stream is not known.
        InvalidParameter: There is no such layer.
    """
    part = model.part_named(None)
    if not model.has_stream(part):
        raise NotForThisModel(
            f"Where {model.id} ({model.hf_model.config.model_type}) keeps its residual stream is not known to lmviz. "
            "Choose integrated-gradients, which asks at the embeddings."
        )
    return chosen_layers(model, part, layers=layers)


def streams(
    model: LoadedModel, encoding: Encoding, *, points: Sequence[Point], layers: tuple[int, ...]
) -> Float32[np.ndarray, "layer point position stream"]:
    """Give what arrives at some layers where the model reads these embeddings, all points in one pass.

    Args:
        model: A model that `layers_to_enter` lets pass.
        encoding: What the points stand in for: as many tokens, the same mask and segments.
        points: Embeddings of all tokens, (position, width) each.
        layers: Which; at others nothing is kept.

    Raises:
        OverBudget: It would take more memory than a job may.
    """
    n_tokens, n_rows = len(encoding.table), len(points)
    budget.check(model, n_rows * n_tokens, places=(_PLACE,))
    rows = _Rows(layers)
    edits = row_edits([((n_tokens, n_tokens), standing(model))] * n_rows, entry=0)
    inputs = {name: value.expand(n_rows, -1) for name, value in encoding.inputs().items() if name != "input_ids"}
    inputs["inputs_embeds"] = tensor(model, np.stack(points)).to(model.hf_model.dtype)
    places, part = frozenset({_PLACE}), model.part_named(None)
    request = Request(part, places, rows, layers=frozenset(layers), patches=edits, batch=n_rows)
    with torch.no_grad(), asking(request):
        forward(model, inputs, part=part, logits=False, places=places)
    check_applied(edits)
    return rows.found[_PLACE]


def gradients_from(
    model: LoadedModel, encoding: Encoding, *, layer: int, points: Iterable[Point], quantity: Quantity
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the quantity and its gradient by what arrives at a layer, in batches that fit in memory.

    Args:
        model: A model that `layers_to_enter` lets pass.
        encoding: The input; only its length, mask and segments matter.
        layer: Where the points enter.
        points: The stream there, (position, width) each; they are taken when their turn comes.
        quantity: What is differentiated.

    Yields:
        Values (row,) and gradients (row, position, width), in the order of the points.

    Raises:
        OverBudget: A single point would take more memory than a job may.
    """
    own = tensor(model, token_embeddings(model, encoding.table.ids)[None]).to(model.hf_model.dtype)
    n_tokens = len(encoding.table)
    if model.hf_model.get_output_embeddings() is not None:
        cut(model, has_whole_stream=bool(standing(model)))  # is found by trial passes, in which nothing may enter
    for batch in batches(model, encoding, points=points, quantity=quantity, keeps_gradient=True):
        edits = row_edits([((n_tokens, n_tokens), standing(model))] * len(batch), entry=layer)
        edits.pop((_PLACE, layer), None)  # has been done to what enters
        with torch.enable_grad():
            entered = tensor(model, batch).to(model.hf_model.dtype).requires_grad_()
            with asking(_entry(model, layer, entered, edits=edits)):
                embeddings = own.expand(len(batch), -1, -1)
                found = read_at(model, encoding, embeddings=embeddings, quantity=quantity, keeps_gradient=True)
            (gradient,) = torch.autograd.grad(found.sum(), entered)
        check_applied(edits)
        yield found.detach().cpu().numpy(), gradient.float().cpu().numpy()


def _entry(model: LoadedModel, layer: int, entered: Tensor, *, edits: Mapping[tuple[str, int], RowEdits]) -> Request:
    """Ask for a pass that begins at a layer; blocks of a family that is only guessed all run."""
    return Request(
        part=model.part_named(None),
        places=frozenset(),
        keeper=_Nothing(),
        patches={**edits, (_PLACE, layer): Patch(_PLACE, layer, entered)},
        batch=len(entered),
        entry=layer if model.anatomy.is_known else 0,
    )
