"""Which tokens could attention have carried to where the answer is read, whatever the answer is?"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmviz.analyses.attention.attention_rollout import rollout
from lmviz.analyses.attribution.at_attention import patterns_with_gradients, reading_weights
from lmviz.analyses.attribution.scores import none_negative, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, as in `TargetParams`; only where it is read counts here."""


def rollout_scores(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Give the row of attention rollout (Abnar & Zuidema, 2020) where the answer is read.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, and the answer that says where it is read.
        on_progress: Told when the model has run.

    Returns:
        Shares of one per token. They do not depend on the answer itself, only on its place; the residue is NaN.

    Raises:
        NotForThisModel: Its patterns can only be looked at after the fact.
        InvalidParameter: The pattern's rows are not distributions over the keys.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    target = explained(model, params)
    value, patterns, _ = patterns_with_gradients(model, target)
    on_progress(0.9, "The model has run")
    weights, where = reading_weights(model, target)
    note = " ".join(filter(None, (where, "Shares of attention: they are the same for every answer at this place.")))
    scores = weights @ rollout(patterns)
    return replace(token_scores(target, scores, value=value, note=note), unit="share")


ANALYSIS = Analysis(
    slug="rollout-scores",
    title="Attention rollout to the answer",
    group="attribution",
    needs=frozenset({"gradients", "pattern"}),
    params=Params,
    run=rollout_scores,
    reference="https://arxiv.org/abs/2005.00928",
    caution=(
        "It knows nothing of the answer: what is looked at is not what counts. Half of every layer is taken for the "
        "residual connection, and all heads count alike."
    ),
    checks=(none_negative,),
)
