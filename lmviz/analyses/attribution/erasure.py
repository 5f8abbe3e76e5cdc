"""What is lost when a token is not there? Each taken away by itself."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.coalitions import check_game, game
from lmviz.analyses.attribution.scores import are_finite, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, what stands for a token that is taken away, and whether words go whole.

    `baseline` is "pad", "zero", "mask", "mean" or "delete"; `by` is "token" or "word".
    """

    baseline: str = "pad"
    by: str = "token"


def erasure(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Take away each token, or word, by itself: the score is how much of the quantity goes (Li et al., 2016).

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats: the quantity on the input less that without the token; the pieces of a word
        share its score. They claim no sum, so the residue is NaN. Special tokens, and the mask that asks, stay and have
        0.

    Raises:
        InvalidParameter: No such baseline or unit.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    check_game(model, baseline=params.baseline, by=params.by)
    target = explained(model, params)
    play = game(model, target, baseline=params.baseline, by=params.by)
    n_players = len(play.players)
    coalitions = np.concatenate([np.ones((1, n_players), dtype=bool), ~np.eye(n_players, dtype=bool)])
    found: list[float] = []
    for batch in play.values(coalitions):
        found.extend(batch.tolist())
        on_progress(min(0.99, len(found) / len(coalitions)), f"{len(found)} of {len(coalitions)} passes")
    whole, without = found[0], np.array(found[1:])
    note = f"{play.note} The scores claim no sum: what two tokens say together is counted for both, or for none."
    return token_scores(target, play.spread(whole - without), value=whole, note=note)


ANALYSIS = Analysis(
    slug="erasure",
    title="Erasure",
    group="attribution",
    needs=frozenset({"logits"}),
    params=Params,
    run=erasure,
    reference="https://arxiv.org/abs/1612.08220",
    caution=(
        "A text with a gap is one the model may never have seen; and where two words say the same, taking away either "
        "changes nothing."
    ),
    checks=(are_finite,),
)
