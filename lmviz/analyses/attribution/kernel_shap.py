"""What does each token add, whoever else is there? The weights of a linear fit to the model on sets of tokens."""

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from lmviz.analyses.attribution.coalitions import all_sets, check_draws, check_game, game
from lmviz.analyses.attribution.scores import adds_up, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MOST_DRAWS = 20  # for each set that is asked for: then those that are known already are enough


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, what stands for a token that is taken away, whether words go whole, and how many sets.

    `n_samples` counts passes: sets of tokens, nobody and all of them among these. `baseline` is "pad", "zero", "mask",
    "mean" or "delete"; `by` is "token" or "word".
    """

    n_samples: int = 256
    baseline: str = "pad"
    by: str = "token"
    seed: int = 0


def kernel_shap(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Fit a sum over tokens to the quantity on sets, weighed by the Shapley kernel (Lundberg & Lee, 2017).

    The fit to all sets has the Shapley values for its weights. Sets are drawn by their size as the kernel weighs them,
    each with the set of all others (Covert & Lee, 2021); where every set fits in `n_samples`, each is asked once. That
    the scores add up is no part of the fit: what is fitted is how they differ from equal shares.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats that add up to it on the input less that with all tokens taken away; the pieces
        of a word share its score. Special tokens, and the mask that asks, stay and have 0. The provenance has both
        values and `passes`.

    Raises:
        InvalidParameter: No such baseline or unit, or an impossible number of samples or seed.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    check_draws(n_samples=params.n_samples, seed=params.seed)
    check_game(model, baseline=params.baseline, by=params.by)
    target = explained(model, params)
    play = game(model, target, baseline=params.baseline, by=params.by)
    n_players = len(play.players)
    every = all_sets(n_players, most=params.n_samples)
    sets, weights = _drawn(n_players, params) if every is None else (every[1:-1], _kernel(every[1:-1]))
    both = np.repeat([[False], [True]], n_players, axis=1)
    found = play.asked([*both, *sets], on_progress)
    none, whole = (found[own.tobytes()] for own in both)
    values = np.array([found[own.tobytes()] for own in sets])
    scores = _fitted(sets, values - none, weights=weights, total=whole - none)
    how = "Every set of tokens was asked." if every is not None else f"{len(found)} sets of tokens were asked."
    is_vague = every is None and len(found) < 2 * n_players
    vague = f" They do not settle {n_players} scores; ask for {2 * n_players} or more." if is_vague else ""
    return token_scores(
        target,
        play.spread(scores),
        value=whole,
        baseline_value=none,
        note=f"{play.note} {how}{vague}",
        passes=float(len(found)),
    )


def _kernel(sets: Bool[np.ndarray, "set player"]) -> Float64[np.ndarray, " set"]:
    """Weigh sets, neither empty nor whole, as the Shapley kernel does."""
    n_players = sets.shape[1]
    sizes = range(n_players + 1)
    by_size = [1 / (comb(n_players, size) * max(1, size * (n_players - size))) for size in sizes]
    weights: np.ndarray = np.array(by_size)[sets.sum(axis=1)]
    return weights


def _drawn(n_players: int, params: Params) -> tuple[Bool[np.ndarray, "set player"], Float64[np.ndarray, " set"]]:
    """Draw sets in pairs until they are as many as may be asked for; the weight of a set is how often it came."""
    generator = np.random.default_rng(params.seed)
    sizes = np.arange(1, n_players)
    chances = 1 / (sizes * (n_players - sizes))
    counts: dict[bytes, int] = {}
    for _ in range(_MOST_DRAWS * params.n_samples):
        if len(counts) + 4 > max(4, params.n_samples):  # the next pair, nobody and all
            break
        own = np.zeros(n_players, dtype=bool)
        own[generator.permutation(n_players)[: generator.choice(sizes, p=chances / chances.sum())]] = True
        for side in (own, ~own):
            counts[side.tobytes()] = counts.get(side.tobytes(), 0) + 1
    sets = np.array([np.frombuffer(name, dtype=bool) for name in counts], dtype=bool).reshape(len(counts), n_players)
    return sets, np.array(list(counts.values()), dtype=np.float64)


def _fitted(
    sets: Bool[np.ndarray, "set player"], gains: np.ndarray, *, weights: np.ndarray, total: float
) -> Float64[np.ndarray, " player"]:
    """Fit scores that add up to the total.

    A score is an equal share plus a rest, and the rests add up to nothing: each row less its mean says how a set counts
    the rests, and among all rests that fit the shortest are such.
    """
    n_players = sets.shape[1]
    if n_players < 2:  # one player has all of it
        return np.full(n_players, total)
    shares = sets.mean(axis=1)
    rows, root = sets - shares[:, None], np.sqrt(weights)
    rests = np.linalg.lstsq(rows * root[:, None], (gains - shares * total) * root, rcond=None)[0]
    fitted: np.ndarray = total / n_players + rests - rests.mean()
    return fitted


ANALYSIS = Analysis(
    slug="kernel-shap",
    title="Kernel SHAP",
    group="attribution",
    needs=frozenset({"logits"}),
    params=Params,
    run=kernel_shap,
    reference="https://arxiv.org/abs/1705.07874",
    caution=(
        "Texts with gaps are ones that the model may never have seen. With few sets another seed gives other scores; "
        "they add up in any case, so the sum says nothing about how good they are."
    ),
    checks=(adds_up,),
)
