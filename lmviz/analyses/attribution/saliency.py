"""How much does the answer move with each token's embedding? The length of the gradient."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.at_input import gradient_at_input
from lmviz.analyses.attribution.scores import none_negative, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, as in `TargetParams`."""


def saliency(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Give the length of the quantity's gradient by each token's embedding (Simonyan et al., 2014).

    Args:
        model: An encoder or a decoder with a head.
        params: The text and what is explained.
        on_progress: Told when the model has run.

    Returns:
        Lengths, 0 or more, in logits or nats per unit of the embedding. They have no sign and add up to nothing, so the
        residue is NaN.

    Raises:
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    target = explained(model, params)
    value, _, gradient = gradient_at_input(model, target)
    on_progress(0.9, "The model has run")
    lengths = np.linalg.norm(gradient.astype(np.float64), axis=1)
    note = "Lengths of the gradient: they have no sign and do not add up to anything."
    return token_scores(target, lengths, value=value, note=note)


ANALYSIS = Analysis(
    slug="saliency",
    title="Saliency",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=saliency,
    reference="https://arxiv.org/abs/1312.6034",
    caution=(
        "A gradient says what a tiny change of the embedding would do, not what the token does: where the answer is "
        "certain it is small everywhere."
    ),
    checks=(none_negative,),
)
