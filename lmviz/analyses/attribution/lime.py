"""What does the model do near this text? A linear picture of it, fitted to the text with random tokens left out."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from lmviz.analyses.attribution.coalitions import check_draws, check_game, game
from lmviz.analyses.attribution.scores import are_finite, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Sets = Bool[np.ndarray, "set player"]
PerSet = Float64[np.ndarray, " set"]
_ALIKE = 1e-12  # a spread below it is none


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, what stands for a token that is taken away, whether words go whole, and how it is fitted.

    `n_samples` texts are drawn, the whole one first. A text at the distance d, 1 less the cosine between what is there
    and the whole, weighs exp(-d² / 2·kernel_width²). `penalty` is that of the ridge regression, on squared scores.
    `baseline` is "pad", "zero", "mask", "mean" or "delete"; `by` is "token" or "word".
    """

    n_samples: int = 256
    kernel_width: float = 0.25
    penalty: float = 0.001
    baseline: str = "pad"
    by: str = "token"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """A linear picture: a number to begin with, what each player adds, and the share of the spread that it explains.

    `explained` is NaN where there is no spread.
    """

    intercept: float
    scores: Float64[np.ndarray, " player"]
    explained: float


def lime(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Fit a weighted ridge regression to the quantity on texts with random gaps (Ribeiro et al., 2016).

    As the authors' own program for texts draws them: how many tokens go is drawn first, each number from one to all
    alike, then which. Gaps that come up again are asked for once and count as often as they came.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats, the regression's weights; the pieces of a word share its score. They claim no
        sum, so the residue is NaN; `r_squared` in the provenance, and the note, say how well the linear picture fits.
        Special tokens, and the mask that asks, stay and have 0.

    Raises:
        InvalidParameter: No such baseline or unit, or an impossible number of samples, seed, width or penalty.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    check_draws(n_samples=params.n_samples, seed=params.seed)
    for name, value in (("kernel_width", params.kernel_width), ("penalty", params.penalty)):
        if not 0 < value < math.inf:
            raise InvalidParameter(f"{name} is {value}; give a number above 0, such as {getattr(Params, name)}.")
    check_game(model, baseline=params.baseline, by=params.by)
    target = explained(model, params)
    play = game(model, target, baseline=params.baseline, by=params.by)
    sets = _drawn(len(play.players), params)
    found = play.asked(sets, on_progress)
    values = np.array([found[own.tobytes()] for own in sets])
    picture = fitted(sets, values, weights=nearness(sets, width=params.kernel_width), penalty=params.penalty)
    facts = {"intercept": picture.intercept, "passes": float(len(found))}
    if math.isnan(picture.explained):
        said = "The quantity does not move."
    else:
        facts["r_squared"] = picture.explained
        said = f"The linear picture explains {picture.explained:.0%} of how the quantity moves near this text."
    note = f"{play.note} {said} The scores claim no sum."
    return token_scores(target, play.spread(picture.scores), value=float(values[0]), note=note, **facts)


def nearness(sets: Sets, *, width: float) -> PerSet:
    """Weigh sets by how near they are to all players; nobody is at the distance 1."""
    distances = 1 - np.sqrt(sets.mean(axis=1)) if sets.shape[1] else np.zeros(len(sets))
    weights: np.ndarray = np.exp(-(distances**2) / (2 * width**2))
    return weights


def fitted(sets: Sets, values: PerSet, *, weights: PerSet, penalty: float) -> Picture:
    """Fit a weighted ridge regression; what it begins with is not penalised.

    Args:
        sets: Who is there.
        values: The quantity for each set.
        weights: How much each counts.
        penalty: On the sum of squared scores, in the units of the weights.
    """
    total = weights.sum()
    middle, mean = weights @ sets / total, float(weights @ values / total)
    rows, rests = sets - middle, values - mean
    weighted = rows.T * weights
    scores = np.linalg.solve(weighted @ rows + penalty * np.eye(sets.shape[1]), weighted @ rests)
    spread, left = (float(weights @ part**2) for part in (rests, rests - rows @ scores))
    has_spread = spread > _ALIKE * max(1.0, mean**2) * total
    return Picture(float(mean - middle @ scores), scores, 1 - left / spread if has_spread else math.nan)


def _drawn(n_players: int, params: Params) -> Sets:
    """Draw who is there, all in the first row."""
    generator = np.random.default_rng(params.seed)
    sets = np.ones((params.n_samples, n_players), dtype=bool)
    if n_players:
        for own in sets[1:]:
            own[generator.permutation(n_players)[: generator.integers(1, n_players, endpoint=True)]] = False
    return sets


ANALYSIS = Analysis(
    slug="lime",
    title="LIME",
    group="attribution",
    needs=frozenset({"logits"}),
    params=Params,
    run=lime,
    reference="https://arxiv.org/abs/1602.04938",
    caution=(
        "It explains a linear picture of the model, not the model: read how much of it the picture explains. The width "
        "of the kernel is a choice, and with few texts another seed gives other scores."
    ),
    checks=(are_finite,),
)
