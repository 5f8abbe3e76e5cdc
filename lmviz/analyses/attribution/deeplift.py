"""Which tokens make the difference to an empty text? The gradient, with slopes taken between both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.baselines import baseline_note, check_baseline, ends
from lmviz.analyses.attribution.scores import adds_up, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, and from which baseline: "pad", "zero", "mask" or "mean"."""

    baseline: str = "pad"


def deeplift(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Go back through activation functions by the rescale rule of DeepLIFT (Shrikumar et al., 2017).

    The slope of an activation function is that between its value on the baseline and on the input. Everything else,
    which is products of attention, norms, softmax and gates, has its plain gradient at the input: the rule says nothing
    of those, and what it misses by that is the residue.

    Args:
        model: An encoder or a decoder with a head, whose activation functions are modules.
        params: The text, what is explained, and from which baseline.
        on_progress: Told when the model has run.

    Returns:
        Signed scores; special tokens, and the mask that asks, have 0. The provenance has both values.

    Raises:
        NotForThisModel: The model does not show its activation functions.
        InvalidParameter: No such baseline.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    from lmviz.capture.rescaling import multipliers, rescaled

    check_baseline(model, params.baseline)
    target = explained(model, params)
    points = ends(model, target, baseline=params.baseline)
    (low, high), slopes = multipliers(rescaled(model), target.encoding, ends=points, quantity=target.quantity)
    on_progress(0.9, "The model has run")
    scores = np.einsum("pw,pw->p", slopes, points[1] - points[0], dtype=np.float64)
    note = f"{baseline_note(model, params.baseline)} Attention, norms and gates have their plain gradient."
    return token_scores(target, scores, value=high, baseline_value=low, note=note)


ANALYSIS = Analysis(
    slug="deeplift",
    title="DeepLIFT",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=deeplift,
    reference="https://arxiv.org/abs/1704.02685",
    caution=(
        "The rule covers activation functions alone. A transformer multiplies, in attention, norms and gates, and "
        "there it falls back to the plain gradient: read the residue before the picture."
    ),
    checks=(adds_up,),
)
