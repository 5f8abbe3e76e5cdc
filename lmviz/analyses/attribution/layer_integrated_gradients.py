"""Where does the answer sit on its way up? Integrated gradients by what arrives at each layer, layer by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from lmviz.analyses.attribution.baselines import Embeddings, baseline_note, check_baseline, ends
from lmviz.analyses.attribution.integrated_gradients import MOST_STEPS
from lmviz.analyses.attribution.scores import each_adds_up
from lmviz.analyses.attribution.targets import Explained, TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import LayerPositionGrid

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MUCH = 0.1  # of the difference


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, at how many points of the way, from which baseline, and at which layers; None: at all.

    `baseline` is "pad", "zero", "mask" or "mean".
    """

    n_steps: int = 32
    baseline: str = "pad"
    layers: tuple[int, ...] | None = None


def layer_integrated_gradients(
    model: "LoadedModel", params: Params, *, on_progress: Progress = ignore
) -> LayerPositionGrid:
    """Integrate the gradient by the residual stream before each layer, between baseline and input.

    At each layer the way is a straight line from the stream of the baseline to that of the input (Sundararajan et al.,
    2017; of inner layers, Dhamdhere et al., 2019). What enters there begins at that layer; earlier blocks do not run.

    Args:
        model: An encoder or a decoder with a head, whose residual stream is known.
        params: The text, what is explained, and how.
        on_progress: Told after every layer.

    Returns:
        Signed numbers in logits or nats, (layer, position). Each layer's row adds up, but for its residue, to the
        quantity on the input less that on the baseline. The provenance has both values and the `residues`, one for
        each layer.

    Raises:
        InvalidParameter: No such baseline or layer, no layer at all, or an impossible number of steps.
        NotForThisModel: Where the model keeps its residual stream is not known.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    from lmviz.capture.entering import layers_to_enter, streams
    from lmviz.capture.gradients import values

    if not 1 <= params.n_steps <= MOST_STEPS:
        raise InvalidParameter(f"n_steps is {params.n_steps}; ask for 1 to {MOST_STEPS}.")
    if params.layers == ():
        raise InvalidParameter("layers is empty. Name at least one, such as 0, or leave it out for all.")
    check_baseline(model, params.baseline)
    target = explained(model, params)
    layers = layers_to_enter(model, params.layers)
    points = ends(model, target, baseline=params.baseline)
    found = values(model, target.encoding, points=points, quantity=target.quantity)
    low, high = (float(value) for batch in found for value in batch)
    arriving = streams(model, target.encoding, points=points, layers=layers)
    rows = []
    for layer, (start, end) in zip(layers, arriving, strict=True):
        rows.append(_integrated(model, target, layer, way=(start, end - start), n_steps=params.n_steps))
        on_progress(0.99 * len(rows) / len(layers), f"Layer {layer}")
    residues = [high - low - float(row.sum()) for row in rows]
    return LayerPositionGrid(
        tokens=target.encoding.table.tokens,
        values=np.stack(rows).astype(np.float32),
        unit=target.unit,
        table=target.encoding.table,
        target=target.name,
        layers=None if params.layers is None else layers,
        note=f"{baseline_note(model, params.baseline)} {_said(target, layers, residues=residues, step=high - low)}",
        provenance={"value": high, "baseline_value": low, "residues": residues},
    )


def _integrated(
    model: "LoadedModel", target: Explained, layer: int, *, way: tuple[Embeddings, Embeddings], n_steps: int
) -> Float64[np.ndarray, " position"]:
    """Integrate along the way at one layer, by Gauss and Legendre."""
    from lmviz.capture.entering import gradients_from

    start, step = way
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)

    def points() -> Iterator[Embeddings]:
        for node in nodes:
            yield (start + np.float32((1 + node) / 2) * step).astype(np.float32)

    scores, done = np.zeros(len(start)), 0
    for _, gradient in gradients_from(model, target.encoding, layer=layer, points=points(), quantity=target.quantity):
        own = weights[done : done + len(gradient)] / 2
        scores += np.einsum("r,rpw,pw->p", own, gradient, step, dtype=np.float64)
        done += len(gradient)
    return scores


def _said(target: Explained, layers: tuple[int, ...], *, residues: list[float], step: float) -> str:
    """Say what each row adds up to, and how nearly."""
    worst = max(range(len(layers)), key=lambda row: abs(residues[row]))
    left = abs(residues[worst])
    said = f"Each layer adds up to {step:+.3g} {target.unit}s, but for at most {left:.3g} (layer {layers[worst]})."
    more = " More n_steps leave less." if left > _MUCH * abs(step) else ""
    return f"{said}{more} Above the first layer, tokens that stay hold what they gathered from the others."


ANALYSIS = Analysis(
    slug="layer-integrated-gradients",
    title="Layer integrated gradients",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=layer_integrated_gradients,
    reference="https://arxiv.org/abs/1805.12233",
    caution=(
        "Read the residues first. A position at a layer holds what it gathered from other tokens below, so a column is "
        "not a word; and the streams on the way from the baseline are those of no text."
    ),
    checks=(each_adds_up,),
)
