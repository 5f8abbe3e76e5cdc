"""Which tokens push the answer up or down, to first order? The embedding times the gradient."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.at_input import gradient_at_input
from lmviz.analyses.attribution.scores import are_finite, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, as in `TargetParams`."""


def input_x_gradient(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Multiply each token's embedding by the quantity's gradient there and add up (Shrikumar et al., 2016).

    Args:
        model: An encoder or a decoder with a head.
        params: The text and what is explained.
        on_progress: Told when the model has run.

    Returns:
        Signed scores in logits or nats: the first-order estimate of what goes when an embedding shrinks to zero. They
        claim no sum, so the residue is NaN.

    Raises:
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    target = explained(model, params)
    value, own, gradient = gradient_at_input(model, target)
    on_progress(0.9, "The model has run")
    scores = (own.astype(np.float64) * gradient).sum(axis=1)
    return token_scores(target, scores, value=value, note="A first-order estimate; the scores claim no sum.")


ANALYSIS = Analysis(
    slug="input-x-gradient",
    title="Input × gradient",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=input_x_gradient,
    reference="https://arxiv.org/abs/1605.01713",
    caution="It takes the model for a straight line through zero; integrated gradients asks along the whole way.",
    checks=(are_finite,),
)
