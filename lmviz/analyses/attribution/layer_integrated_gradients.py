"""Where in the model is it still this token that makes the difference? Integrated gradients from every layer on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.baselines import check_baseline, ends
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import Check, LayerPositionGrid

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

MOST_STEPS = 1024
_CLOSE = 1e-3  # of the numbers added, which are in single precision


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, from which baseline, at how many points of the way, and for which layers (None: all)."""

    n_steps: int = 32
    baseline: str = "pad"
    layers: tuple[int, ...] | None = None


def layer_integrated_gradients(
    model: "LoadedModel", params: Params, *, on_progress: Progress = ignore
) -> LayerPositionGrid:
    """Integrate the gradient by the residual stream before each layer, from the baseline's stream to the text's.

    As integrated gradients (Sundararajan et al., 2017) at the input of every layer. What stands at a position in a
    later layer has come from other tokens as well: the scores say where the difference is then, not whence it came.

    Args:
        model: An encoder or a decoder with a head, whose residual stream is known.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores, a row for each layer, that add up, but for a residue, to the quantity on the text less that on
        the baseline. The provenance has both values, `target`, `layers` and the `residues` of the layers.

    Raises:
        InvalidParameter: No such baseline or layer, or an impossible number of steps.
        NotForThisModel: Where the model keeps its stream is not known.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    from lmviz.capture.layer_gradients import gradients_at, streams
    from lmviz.capture.trace import chosen_layers

    if not 1 <= params.n_steps <= MOST_STEPS:
        raise InvalidParameter(f"n_steps is {params.n_steps}; ask for 1 to {MOST_STEPS}.")
    check_baseline(model, params.baseline)
    layers = chosen_layers(model, model.part_named(None), layers=params.layers)
    target = explained(model, params)
    points = ends(model, target, baseline=params.baseline)
    (low, high), found = streams(model, target.encoding, points=points, quantity=target.quantity)
    nodes, weights = np.polynomial.legendre.leggauss(params.n_steps)
    scores = np.zeros((len(layers), found.shape[2]))
    n_done, n_all = 0, params.n_steps * len(layers)
    for row, layer in enumerate(layers):
        start, step = found[0, layer], found[1, layer] - found[0, layer]
        way = _points(start, step, shares=((1 + nodes) / 2).tolist())
        done = 0
        for gradient in gradients_at(model, target.encoding, layer=layer, points=way, quantity=target.quantity):
            own = weights[done : done + len(gradient)] / 2
            scores[row] += np.einsum("r,rpw,pw->p", own, gradient, step, dtype=np.float64)
            done, n_done = done + len(gradient), n_done + len(gradient)
            on_progress(min(0.99, n_done / n_all), f"layer {layer}: {done} of {params.n_steps} steps")
    value, baseline_value = float(high), float(low)
    residues = (value - baseline_value - scores.sum(axis=1)).tolist()
    facts = {"value": value, "baseline_value": baseline_value, "residues": residues}
    return LayerPositionGrid(
        tokens=target.encoding.table.tokens,
        values=scores.astype(np.float32),
        unit=target.unit,
        table=target.encoding.table,
        provenance={**facts, "target": target.name, "layers": list(layers)},
    )


def _points(start: np.ndarray, step: np.ndarray, *, shares: Sequence[float]) -> Iterator[np.ndarray]:
    for share in shares:
        yield (start + np.float32(share) * step).astype(np.float32)


def layers_add_up(result: LayerPositionGrid) -> Check:
    """Compare the sum of each layer's scores and its residue with the difference of the quantity."""
    facts = result.provenance
    difference = facts["value"] - facts["baseline_value"]
    sums = result.values.sum(axis=1, dtype=np.float64) + np.array(facts["residues"])
    apart = float(np.abs(sums - difference).max(initial=0.0))
    limit = _CLOSE * max(1.0, float(np.abs(result.values).sum(axis=1).max(initial=0.0)), abs(difference))
    return Check(
        slug="adds-up",
        sentence=f"scores and residue of each layer add up to the difference within {apart:.0e}",
        passed=apart <= limit,
        value=apart,
        limit=limit,
        meaning="What the tokens are given and what is left over is the whole difference; the bookkeeping is wrong.",
    )


ANALYSIS = Analysis(
    slug="layer-integrated-gradients",
    title="Layer integrated gradients",
    group="attribution",
    needs=frozenset({"gradients", "resid_pre"}),
    params=Params,
    run=layer_integrated_gradients,
    reference="https://arxiv.org/abs/1703.01365",
    caution=(
        "A position of a later layer is no longer the token that stands there. The way between two streams goes "
        "through streams that no text has: read the residues."
    ),
    checks=(layers_add_up,),
)
