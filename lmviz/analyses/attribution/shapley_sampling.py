"""What does each token add, whoever else is there? Its mean gain over the orders in which tokens may come in."""

from collections.abc import Iterator
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

Gains = Float64[np.ndarray, " player"]


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, what stands for a token that is taken away, whether words go whole, and how many orders.

    `baseline` is "pad", "zero", "mask", "mean" or "delete"; `by` is "token" or "word".
    """

    n_samples: int = 25
    baseline: str = "pad"
    by: str = "token"
    seed: int = 0


def shapley_sampling(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Give the mean gain of each token, or word, over orders of coming in (Shapley, 1953; Castro et al., 2009).

    Orders are drawn at random. Where all sets of tokens are fewer than the passes of that many orders, every set is
    asked and the values are exact.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats that add up to the quantity on the input less that with all tokens taken away;
        the pieces of a word share its score. Special tokens, and the mask that asks, stay and have 0. The provenance
        has both values and `passes`.

    Raises:
        InvalidParameter: No such baseline or unit, or an impossible number of samples or seed.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    check_draws(n_samples=params.n_samples, seed=params.seed)
    check_game(model, baseline=params.baseline, by=params.by)
    target = explained(model, params)
    play = game(model, target, baseline=params.baseline, by=params.by)
    n_players = len(play.players)
    every = all_sets(n_players, most=params.n_samples * max(1, n_players))
    found = play.asked(_on_the_way(n_players, params) if every is None else every, on_progress)
    gains = _sampled(found, n_players, params) if every is None else _exact(found, n_players)
    none, whole = (found[np.full(n_players, is_there).tobytes()] for is_there in (False, True))
    how = f"{params.n_samples} random orders." if every is None else "Every set of tokens was asked."
    note = f"{play.note} {how}"
    return token_scores(
        target, play.spread(gains), value=whole, baseline_value=none, note=note, passes=float(len(found))
    )


def _orders(n_players: int, params: Params) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(params.seed)
    for _ in range(params.n_samples):
        yield generator.permutation(n_players)


def _steps(order: np.ndarray) -> Bool[np.ndarray, "set player"]:
    """Give the sets that an order passes through, none and all among them."""
    n_players = len(order)
    rank = np.empty(n_players, dtype=np.int64)
    rank[order] = np.arange(n_players)
    steps: np.ndarray = rank[None, :] < np.arange(n_players + 1)[:, None]
    return steps


def _on_the_way(n_players: int, params: Params) -> Iterator[np.ndarray]:
    for order in _orders(n_players, params):
        yield from _steps(order)


def _sampled(found: dict[bytes, float], n_players: int, params: Params) -> Gains:
    """Average the gains over the orders."""
    total = np.zeros(n_players)
    for order in _orders(n_players, params):
        values = np.array([found[own.tobytes()] for own in _steps(order)])
        total[order] += np.diff(values)
    return total / params.n_samples


def _exact(found: dict[bytes, float], n_players: int) -> Gains:
    """Weigh every gain by the share of orders in which it comes."""
    gains = np.zeros(n_players)
    for name, value in found.items():
        own = np.frombuffer(name, dtype=bool)
        n_there = int(own.sum())
        if n_there:  # the last one to come in found the others there
            gains[own] += value / (n_players * comb(n_players - 1, n_there - 1))
        if n_there < n_players:
            gains[~own] -= value / (n_players * comb(n_players - 1, n_there))
    return gains


ANALYSIS = Analysis(
    slug="shapley-sampling",
    title="Shapley values",
    group="attribution",
    needs=frozenset({"logits"}),
    params=Params,
    run=shapley_sampling,
    reference="https://arxiv.org/abs/1705.07874",
    caution=(
        "Texts with gaps are ones that the model may never have seen. With few orders another seed gives other scores; "
        "they add up in any case, so the sum says nothing about how good they are."
    ),
    checks=(adds_up,),
)
