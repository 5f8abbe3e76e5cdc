"""Which tokens does attention carry to the answer, layer after layer, as far as it speaks for it?"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.at_attention import Patterns, patterns_with_gradients, reading_weights
from lmviz.analyses.attribution.scores import none_negative, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, as in `TargetParams`."""


def attention_relevance(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Carry relevance through self-attention by the rule of Chefer, Gur and Wolf (2021).

    In each layer the pattern is multiplied with the quantity's gradient by it, what is negative dropped, and the mean
    of the heads taken; that, times what came so far, is added to what came so far, beginning with the identity.

    Args:
        model: An encoder or a decoder with a head.
        params: The text and what is explained.
        on_progress: Told when the model has run.

    Returns:
        The relevance of each token where the answer is read, 0 or more, without what the position brings along by
        itself. It claims no sum, so the residue is NaN.

    Raises:
        NotForThisModel: Its patterns can only be looked at after the fact.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    target = explained(model, params)
    value, patterns, gradients = patterns_with_gradients(model, target)
    on_progress(0.9, "The model has run")
    weights, where = reading_weights(model, target)
    scores = weights @ (relevance(patterns, gradients) - np.eye(len(weights)))
    note = " ".join(filter(None, (where, "Relevance has no sign and adds up to nothing.")))
    return replace(token_scores(target, scores, value=value, note=note), unit="relevance")


def relevance(patterns: Patterns, gradients: Patterns) -> np.ndarray:
    """Give the relevance of each key for each query after the last layer, (query, key)."""
    found = np.eye(patterns.shape[-1])
    for pattern, gradient in zip(patterns, gradients, strict=True):
        moved = np.maximum(0.0, pattern.astype(np.float64) * gradient).mean(axis=0)
        found = found + moved @ found
    return found


ANALYSIS = Analysis(
    slug="attention-relevance",
    title="Attention relevance",
    group="attribution",
    needs=frozenset({"gradients", "pattern"}),
    params=Params,
    run=attention_relevance,
    reference="https://arxiv.org/abs/2103.15679",
    caution=(
        "A rule of thumb without a sum that it keeps: what speaks against the answer is dropped in every layer, and "
        "the MLPs are not looked at."
    ),
    checks=(none_negative,),
)
