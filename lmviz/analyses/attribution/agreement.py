"""How alike two explanations are: in the order of their words, and in those they put first."""

import numpy as np
from jaxtyping import Float, Int64

Scores = Float[np.ndarray, " player"]
N_TOP = 5
_N_DRAWS = 2000


def spearman(a: Scores, b: Scores) -> float:
    """Give Spearman's rank correlation, ties sharing their ranks; NaN where one of them is all the same."""
    ranks = [_ranks(values) - (len(values) + 1) / 2 for values in (a, b)]
    lengths = [float(np.linalg.norm(own)) for own in ranks]
    return float(ranks[0] @ ranks[1]) / (lengths[0] * lengths[1]) if min(lengths, default=0.0) > 0 else float("nan")


def _ranks(values: Scores) -> Scores:
    """Give each value its place in the order, from 1; equal ones the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Scores = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def compared(a: Scores, b: Scores, *, is_signed: bool) -> float:
    """Correlate two explanations; where one of them has no signs, the sizes are compared."""
    return spearman(a, b) if is_signed else spearman(np.abs(a), np.abs(b))


def n_top(n_players: int) -> int:
    """Say how many words count as the first: five, of short texts half."""
    return min(N_TOP, max(1, n_players // 2))


def shared_top(a: Scores, b: Scores, *, is_signed: bool) -> int:
    """Count the words among the largest of both; with signs they must have the same one."""
    most = n_top(len(a))
    first, second = (set(np.argsort(-np.abs(values), kind="stable")[:most].tolist()) for values in (a, b))
    return sum(not is_signed or bool(np.sign(a[one]) == np.sign(b[one])) for one in first & second)


def chance(n_players: int, n_averaged: int, *, seed: int) -> float:
    """Give what the mean of some rank correlations of unrelated orders stays under in 95 of 100 cases.

    NaN where there are too few players to have an order.
    """
    if n_players < 2:
        return float("nan")
    generator = np.random.default_rng(seed)
    orders: Int64[np.ndarray, "draw player"] = np.argsort(generator.random((_N_DRAWS * n_averaged, n_players)), axis=1)
    centred = np.arange(n_players) - (n_players - 1) / 2
    found = (orders - (n_players - 1) / 2) @ centred / (centred @ centred)
    return float(np.quantile(found.reshape(_N_DRAWS, n_averaged).mean(axis=1), 0.95))
