"""Which tokens make the difference between an empty text and this one? The gradient, integrated on the way between."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from lmviz.analyses.attribution.baselines import Embeddings, baseline_note, check_baseline, ends
from lmviz.analyses.attribution.scores import adds_up, token_scores
from lmviz.analyses.attribution.targets import Explained, TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Told = Callable[[], None]
MOST_STEPS = 1024
_N_NODES = 8  # of a part of the way, when parts are halved
_FLOOR = 1e-3  # logits or nats: what single precision leaves of a sum


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, from which baseline, and at how many points of the way between.

    `baseline` is "pad", "zero", "mask" or "mean". With `tolerance` 0 there are exactly `n_steps` points, those of
    Gauss and Legendre. With a tolerance, such as 0.01, the way is halved where it bends until what is not explained of
    all its parts, taken together without sign, is at most that share of the difference; `n_steps` is not used then.
    """

    n_steps: int = 32
    baseline: str = "pad"
    tolerance: float = 0.0


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of the way: where it is, the quantity at both ends, and what its points say."""

    start: float
    end: float
    values: tuple[float, float]
    scores: Float64[np.ndarray, " position"] = field(default_factory=lambda: np.zeros(0))

    @property
    def residue(self) -> float:
        """What the scores leave of the difference along this part."""
        return self.values[1] - self.values[0] - float(self.scores.sum())


class _Way:
    """The straight line from the baseline to the input."""

    def __init__(self, model: "LoadedModel", target: Explained, points: tuple[Embeddings, Embeddings]) -> None:
        self._model, self._target = model, target
        self._start, self._step = points[0], points[1] - points[0]
        self.n_steps = 0

    @property
    def unit(self) -> str:
        """The unit of the quantity, of many."""
        return f"{self._target.unit}s"

    def values(self, places: Sequence[float]) -> list[float]:
        """Give the quantity at some places, 0 the baseline and 1 the input."""
        from lmviz.capture.gradients import values

        found = values(self._model, self._target.encoding, points=self._points(places), quantity=self._target.quantity)
        return [float(value) for batch in found for value in batch]

    def integrated(self, ends: Sequence[tuple[float, float]], *, n_nodes: int, told: Told) -> list[np.ndarray]:
        """Integrate along some parts of the way, all of their points in one stream: (position,) for each part.

        `told` is called after every batch.
        """
        from lmviz.capture.gradients import gradients

        nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
        starts, lengths = np.array([start for start, _ in ends]), np.array([end - start for start, end in ends])
        places = (starts[:, None] + lengths[:, None] * (1 + nodes) / 2).ravel()
        weighted = (lengths[:, None] * weights / 2).ravel()
        scores, done = np.zeros((len(ends), len(self._start))), 0
        found = gradients(
            self._model, self._target.encoding, points=self._points(places), quantity=self._target.quantity
        )
        for _, gradient in found:
            own = np.arange(done, done + len(gradient))
            products = np.einsum("rpw,pw->rp", gradient, self._step, dtype=np.float64)
            np.add.at(scores, own // n_nodes, weighted[own, None] * products)
            done += len(gradient)
            self.n_steps += len(gradient)
            told()
        return list(scores)

    def _points(self, places: Sequence[float] | np.ndarray) -> Iterator[Embeddings]:
        for place in places:
            yield (self._start + np.float32(place) * self._step).astype(np.float32)


def integrated_gradients(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Integrate the gradient from a baseline to the input, times the step between them (Sundararajan et al., 2017).

    Where a tolerance is given, the way is halved where it bends most. What is left unexplained of each part is known
    without error, for the quantity is known at both of its ends; so no part is looked at more closely than it needs.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats that add up, but for the residue, to the quantity on the input less that on the
        baseline. Special tokens, and the mask that asks, are the same in both and have 0. The provenance has both
        values and `steps`.

    Raises:
        InvalidParameter: No such baseline, or an impossible number of steps or tolerance.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    if not 1 <= params.n_steps <= MOST_STEPS:
        raise InvalidParameter(f"n_steps is {params.n_steps}; ask for 1 to {MOST_STEPS}.")
    if not 0 <= params.tolerance < 1:
        raise InvalidParameter(f"tolerance is {params.tolerance}; give a share such as 0.01, or 0 for a fixed number.")
    check_baseline(model, params.baseline)
    target = explained(model, params)
    way = _Way(model, target, ends(model, target, baseline=params.baseline))
    low, high = way.values((0.0, 1.0))
    if params.tolerance:
        parts, note = _halved(way, (low, high), tolerance=params.tolerance, on_progress=on_progress)
        scores = np.sum([part.scores for part in parts], axis=0)
    else:

        def told() -> None:
            on_progress(min(0.99, way.n_steps / params.n_steps), f"{way.n_steps} of {params.n_steps} steps")

        (scores,), note = way.integrated([(0.0, 1.0)], n_nodes=params.n_steps, told=told), ""
    said = " ".join(filter(None, (baseline_note(model, params.baseline), note)))
    return token_scores(target, scores, value=high, baseline_value=low, note=said, steps=way.n_steps)


def _halved(
    way: _Way, values: tuple[float, float], *, tolerance: float, on_progress: Progress
) -> tuple[list[_Part], str]:
    """Halve the parts that leave too much until all together leave little enough."""
    allowed = max(tolerance * abs(values[1] - values[0]), _FLOOR)
    done: list[_Part] = []
    waiting, share = [_Part(0.0, 1.0, values)], 0.0

    def told() -> None:
        on_progress(share, f"{way.n_steps} steps")

    while waiting:
        scores = way.integrated([(part.start, part.end) for part in waiting], n_nodes=_N_NODES, told=told)
        known = [replace(part, scores=own) for part, own in zip(waiting, scores, strict=True)]
        rough = [part for part in known if abs(part.residue) > allowed * (part.end - part.start)]
        left = sum(abs(part.residue) for part in (*done, *known))
        share = max(share, min(0.99, max(allowed / left, way.n_steps / MOST_STEPS) if left else 0.99))
        on_progress(share, f"{way.n_steps} steps, {left:.2g} {way.unit} left over")
        if left <= allowed or not rough:
            return [*done, *known], ""
        if way.n_steps + 2 * _N_NODES * len(rough) > MOST_STEPS:
            return [*done, *known], f"After {way.n_steps} steps the tolerance is not reached; read the residue."
        done += [part for part in known if part not in rough]
        middles = way.values([(part.start + part.end) / 2 for part in rough])
        waiting = [half for part, value in zip(rough, middles, strict=True) for half in _halves(part, value)]
    return done, ""


def _halves(part: _Part, value: float) -> tuple[_Part, _Part]:
    middle = (part.start + part.end) / 2
    return _Part(part.start, middle, (part.values[0], value)), _Part(middle, part.end, (value, part.values[1]))


ANALYSIS = Analysis(
    slug="integrated-gradients",
    title="Integrated gradients",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=integrated_gradients,
    reference="https://arxiv.org/abs/1703.01365",
    caution=(
        "It explains the difference to a baseline: another baseline gives another picture. Read the residue first, and "
        "look whether two baselines agree."
    ),
    checks=(adds_up,),
)
