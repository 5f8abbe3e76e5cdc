"""Attributions that look along one line of embeddings, for many tokens of a text at once.

A decoder's answer at a place does not depend on what follows it. So the points of the line for the whole text serve
every token that was written, and a pass over them is gone back through once for each.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64

from lmviz.analyses.attribution.baselines import ends
from lmviz.analyses.attribution.targets import Explained

if TYPE_CHECKING:
    from lmviz.capture.quantities import Quantity
    from lmviz.models.loaded import LoadedModel

Told = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Line:
    """Where on the line from a baseline to the input the gradient is asked for, and how much each place counts.

    Without a baseline there is the input alone. A score is the gradient times the step from the baseline, or from zero;
    with `is_length` its length.
    """

    places: Float64[np.ndarray, " point"]
    weights: Float64[np.ndarray, " point"]
    baseline: str | None = None
    is_length: bool = False


@dataclass(frozen=True, eq=False)
class AlongLine:
    """The scores of each token that was written, as many as there are tokens before it, and its two values."""

    scores: tuple[Float64[np.ndarray, " position"], ...]
    values: Float32[np.ndarray, " generated"]
    baseline_values: Float32[np.ndarray, " generated"]


def line_of(slug: str, params: Any) -> Line | None:
    """Give the line of an attribution with its parameters, known to be possible; None where it has none."""
    one = np.ones(1)
    if slug in ("saliency", "input-x-gradient"):
        return Line(one, one, is_length=slug == "saliency")
    if slug == "gradient-shap":
        shares = np.random.RandomState(params.seed).uniform(0.0, 1.0, params.n_samples)
        return Line(shares, np.full(len(shares), 1 / len(shares)), params.baseline)
    if slug == "integrated-gradients" and not params.tolerance:
        nodes, weights = np.polynomial.legendre.leggauss(params.n_steps)
        return Line((1 + nodes) / 2, weights / 2, params.baseline)
    return None


def along(
    model: "LoadedModel", whole: Explained, *, line: Line, quantities: "Sequence[Quantity]", told: Told
) -> AlongLine:
    """Give the scores of the last tokens of a text, each by those before it.

    Args:
        model: A decoder.
        whole: The text with all that was written, and what of it stays.
        line: Where the gradient is asked for.
        quantities: What is explained of each of the last tokens, read at the place before it.
        told: Told the share that is done.
    """
    from lmviz.capture.given_ids import beginning
    from lmviz.capture.gradients import token_embeddings
    from lmviz.capture.many_targets import gradients_of_each, values_of_each

    if line.baseline is None:
        start = end = step = token_embeddings(model, whole.encoding.table.ids)
    else:
        start, end = ends(model, whole, baseline=line.baseline)
        step = end - start
    points = [(start + np.float32(place) * (end - start)).astype(np.float32) for place in line.places]
    n_source = len(end) - len(quantities)
    scores = [np.zeros(n_source + number) for number in range(len(quantities))]
    values = np.full((2, len(quantities)), math.nan, dtype=np.float32)
    for first, last in _parts(n_source, len(quantities)):
        n_tokens = n_source + last - 1  # the last of them is read there
        own = gradients_of_each(
            model,
            beginning(whole.encoding, n_tokens),
            points=[point[:n_tokens] for point in points],
            quantities=quantities[first:last],
        )
        for slopes in own:
            row = scores[first + slopes.quantity]
            values[1, first + slopes.quantity] = slopes.values[-1]  # right where the input is the only point
            weights = line.weights[slopes.first : slopes.first + len(slopes.values)]
            row += _scored(slopes.gradients[:, : len(row)], step[: len(row)], weights, line)
            told((first + (slopes.quantity + 1) * (slopes.first + len(slopes.values)) / len(points)) / len(quantities))
    if line.baseline is not None:
        values = values_of_each(model, whole.encoding, points=(start, end), quantities=quantities)
    return AlongLine(tuple(scores), values[1], values[0])


def _parts(n_source: int, n_generated: int) -> list[tuple[int, int]]:
    """Cut what was written into parts that are read together.

    With n tokens in all, a part of p costs the reading of n and going back through n, p times; were each read by
    itself, they would be p / 2 shorter. The square root of 2 n balances both.
    """
    parts, first = [], 0
    while first < n_generated:
        last = min(n_generated, first + math.ceil(math.sqrt(2 * (n_source + first))))
        parts.append((first, last))
        first = last
    return parts


def _scored(gradients: np.ndarray, step: np.ndarray, weights: np.ndarray, line: Line) -> np.ndarray:
    """Turn the gradients at some points into their part of the scores."""
    if line.is_length:
        lengths: np.ndarray = weights @ np.linalg.norm(gradients.astype(np.float64), axis=2)
        return lengths
    products: np.ndarray = np.einsum("r,rpw,pw->p", weights, gradients, step, dtype=np.float64, optimize=True)
    return products
