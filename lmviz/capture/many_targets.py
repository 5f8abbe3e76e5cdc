"""Many quantities of one input, such as what was written at each of its places, and the gradient of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.gradients import Point, rows_in_memory, same_for_all
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity, most_rows, read
from lmviz.capture.tokens import Encoding
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 1024  # of one batch: more makes no pass faster
_FEW = 256  # with fewer tokens a pass waits for the weights, so that a copy for each quantity costs less than a pass


@dataclass(frozen=True, eq=False)
class Slopes:
    """A quantity at some points, and its gradient there.

    `first` is the number of the first of these points, `quantity` that of the quantity.
    """

    first: int
    quantity: int
    values: Float32[np.ndarray, " point"]
    gradients: Float32[np.ndarray, "point position width"]


def values_of_each(
    model: LoadedModel, encoding: Encoding, *, points: Sequence[Point], quantities: Sequence[Quantity]
) -> Float32[np.ndarray, "point quantity"]:
    """Give every quantity at every point, one pass for each point.

    Raises:
        OverBudget: It would take more memory than a single job may.
    """
    budget.check(model, len(encoding.table), places=())
    found = np.zeros((len(points), len(quantities)), dtype=np.float32)
    most = most_rows(model, max(quantities, key=len, default=()))
    for row, point in enumerate(points):
        for first in range(0, len(quantities), most):
            part = quantities[first : first + most]
            with torch.no_grad():
                given = _given(encoding, embeddings=_embedded(model, point[None]))
                own = read(model, given, quantities=part, rows=[0] * len(part))
            found[row, first : first + most] = own.cpu().numpy()
    return found


def gradients_of_each(
    model: LoadedModel, encoding: Encoding, *, points: Sequence[Point], quantities: Sequence[Quantity]
) -> Iterator[Slopes]:
    """Give every quantity and its gradient at every point, in batches that fit in memory.

    Each batch of points is read once, and then gone back through for each quantity; a few points are copied instead, so
    that all quantities are gone back for at once.

    Args:
        model: A model that `lmviz.capture.gradients.check_differentiable` lets pass.
        encoding: What the points stand in for.
        points: Embeddings of all tokens, (position, width) each.
        quantities: What is differentiated.

    Raises:
        OverBudget: A single point would take more memory than a job may.
    """
    n_tokens = len(encoding.table)
    terms = tuple(term for quantity in quantities for term in quantity)
    most = min(max(1, _N_TOKENS // n_tokens), rows_in_memory(model, n_tokens), most_rows(model, terms))
    n_batches = -(-len(points) // most)
    for number in range(n_batches):
        first, end = (len(points) * at // n_batches for at in (number, number + 1))
        batch = np.stack(points[first:end])
        if len(batch) * n_tokens > _FEW:
            found = _gone_back_through(model, encoding, batch=batch, quantities=quantities)
        else:
            found = _copied(model, encoding, batch=batch, quantities=quantities, most=most)
        for quantity, (values, gradients) in enumerate(found):
            yield Slopes(first, quantity, values, gradients)


Both = tuple[np.ndarray, np.ndarray]


def _gone_back_through(
    model: LoadedModel, encoding: Encoding, *, batch: np.ndarray, quantities: Sequence[Quantity]
) -> Iterator[Both]:
    """Read a batch once, and go back through the pass once for each quantity."""
    asked = [quantity for quantity in quantities for _ in batch]
    with torch.enable_grad():
        embeddings = _embedded(model, batch).requires_grad_()
        given = _given(encoding, embeddings=embeddings)
        rows = [*range(len(batch))] * len(quantities)
        values = read(model, given, quantities=asked, rows=rows, keeps_gradient=True).view(len(quantities), -1)
        sums = [own.sum() for own in values]
    for number, (own, total) in enumerate(zip(values, sums, strict=True), start=1):
        (gradient,) = torch.autograd.grad(total, embeddings, retain_graph=number < len(sums))
        yield own.detach().cpu().numpy(), gradient.float().cpu().numpy()


def _copied(
    model: LoadedModel, encoding: Encoding, *, batch: np.ndarray, quantities: Sequence[Quantity], most: int
) -> Iterator[Both]:
    """Read a copy of the batch for each of some quantities at once, at most so many rows."""
    n_together = max(1, most // len(batch))
    for start in range(0, len(quantities), n_together):
        part = quantities[start : start + n_together]
        with torch.enable_grad():
            embeddings = _embedded(model, np.concatenate([batch] * len(part))).requires_grad_()
            given = _given(encoding, embeddings=embeddings)
            values = read(model, given, quantities=[own for own in part for _ in batch], keeps_gradient=True)
            (gradient,) = torch.autograd.grad(values.sum(), embeddings)
        each = (found.float().cpu().numpy() for found in (values.detach(), gradient))
        yield from zip(*(np.split(found, len(part)) for found in each), strict=True)


def _embedded(model: LoadedModel, batch: np.ndarray) -> Tensor:
    return tensor(model, batch).to(model.hf_model.dtype)


def _given(encoding: Encoding, *, embeddings: Tensor) -> dict[str, Tensor]:
    """Give the inputs of the forward pass with embeddings in the place of the tokens."""
    return {**same_for_all(encoding, len(embeddings)), "inputs_embeds": embeddings}
