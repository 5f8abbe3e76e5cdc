"""Where did the heads look that made the answer? Attention, times what a little more of it would do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.at_attention import patterns_with_gradients
from lmviz.analyses.attribution.scores import are_finite, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, as in `TargetParams`."""


def attention_x_gradient(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Multiply each pattern with the quantity's gradient by it, and add up what falls on each key.

    The sum runs over all layers, heads and queries. The pattern is what attention has become after the softmax, and the
    gradient that by the pattern itself, as in Barkan et al. (2021).

    Args:
        model: An encoder or a decoder with a head.
        params: The text and what is explained.
        on_progress: Told when the model has run.

    Returns:
        Signed scores, special tokens included. They claim no sum, so the residue is NaN.

    Raises:
        NotForThisModel: Its patterns can only be looked at after the fact.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    target = explained(model, params)
    value, patterns, gradients = patterns_with_gradients(model, target)
    on_progress(0.9, "The model has run")
    scores = np.einsum("lhqk,lhqk->k", patterns, gradients, dtype=np.float64)
    note = "Added up over layers, heads and queries: what a later layer reads at a position may come from elsewhere."
    return token_scores(target, scores, value=value, note=note)


ANALYSIS = Analysis(
    slug="attention-x-gradient",
    title="Attention × gradient",
    group="attribution",
    needs=frozenset({"gradients", "pattern"}),
    params=Params,
    run=attention_x_gradient,
    reference="https://arxiv.org/abs/2204.11073",
    caution=(
        "It counts a position as the token that stands there, also in late layers, where much of what is read there "
        "has come from other tokens; and it sees attention alone, not the MLPs."
    ),
    checks=(are_finite,),
)
