"""From two scores per pair to the share of pairs that go one way, with its intervals, for all and by category."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.results import PairScores
from lmviz.statistics import bootstrap, mcnemar, paired_effect, paired_permutation, wilson
from lmviz.statistics.inputs import checked_values

Scores = Float[np.ndarray, " pair"]


def pair_scores(
    more: ArrayLike,
    less: ArrayLike,
    *,
    categories: Sequence[str] = (),
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
) -> PairScores:
    """Count how often the first score of a pair is the larger one.

    Scores are compared as they are given; a benchmark that rounds before it compares rounds before it calls.

    Args:
        more: The score of each pair's first text, such as a log-probability in nats.
        less: The score of its second text.
        categories: The name of each pair's category, or none.
        clusters: What was sampled: the name of each pair's template, writer or target term.
        level: Of the intervals.

    Returns:
        Scores, share, Wilson interval, and the cluster bootstrap's where clusters are given; the categories in order of
        their names.

    Raises:
        InvalidParameter: Scores that are not finite, or not one score, category and cluster per pair.
    """
    first, second = (checked_values(side).astype(np.float64) for side in (more, less))
    groups = np.array(categories, dtype=object)
    units = None if clusters is None else np.array(clusters, dtype=object)
    _check_lengths(len(first), second=second, categories=groups if categories else None, clusters=units)
    parts = {}
    for name in sorted(set(categories)):
        chosen = groups == name
        parts[name] = _scored(first[chosen], second[chosen], units if units is None else units[chosen], level=level)
    whole = _scored(first, second, units, level=level)
    return replace(whole, by_category=parts, categories=tuple(categories))


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the pairs that both have scored, `n` of them.

    `only_a` and `only_b` count the pairs that only one model decides for the first text, and `p_preference` is
    McNemar's. `difference` is the mean of what A prefers the first text by less what B does, in their unit, with its
    interval; `p_difference` is that of a paired permutation.
    """

    n: int
    preference_a: float
    preference_b: float
    only_a: int
    only_b: int
    p_preference: float
    difference: float
    interval: tuple[float, float]
    p_difference: float


def compare_models(a: PairScores, b: PairScores, *, seed: int = 0) -> ModelComparison:
    """Ask whether two models prefer different things, on the pairs that both have scored.

    Args:
        a: What one model says; its pairs are told apart by their texts.
        b: What the other says, by the same way of scoring.
        seed: Of the resamples and the permutations.

    Returns:
        Both preferences, how often the models disagree each way, and how likely that is by chance.

    Raises:
        InvalidParameter: The results have no pair in common, or were scored in different units.
    """
    if a.unit != b.unit:
        raise InvalidParameter(f"One result is in {a.unit} and the other in {b.unit}. Score both in the same way.")
    places_a, places_b = ({texts: place for place, texts in enumerate(side.texts)} for side in (a, b))
    shared = [texts for texts in places_a if texts in places_b]
    if not shared:
        raise InvalidParameter("The two results have no pair in common. Ask both models about the same source.")
    left, right = [places_a[texts] for texts in shared], [places_b[texts] for texts in shared]
    first = a.more[left].astype(np.float64) - a.less[left]
    second = b.more[right].astype(np.float64) - b.less[right]
    only_a, only_b = int(((first > 0) & ~(second > 0)).sum()), int((~(first > 0) & (second > 0)).sum())
    found = paired_effect(first - second, seed=seed)
    return ModelComparison(
        n=len(shared),
        preference_a=float((first > 0).mean()),
        preference_b=float((second > 0).mean()),
        only_a=only_a,
        only_b=only_b,
        p_preference=mcnemar(only_a, only_b),
        difference=found.mean,
        interval=found.interval,
        p_difference=paired_permutation(first - second, seed=seed),
    )


def _check_lengths(n: int, **columns: np.ndarray | None) -> None:
    for name, column in columns.items():
        if column is not None and len(column) != n:
            raise InvalidParameter(f"There are {n} first scores and {len(column)} {name}. Give one of each per pair.")


def _scored(more: Scores, less: Scores, clusters: np.ndarray | None, *, level: float) -> PairScores:
    """Describe the pairs of one category, or all of them."""
    wins = more > less
    n = len(wins)
    return PairScores(
        more=more.astype(np.float32),
        less=less.astype(np.float32),
        preference=float(wins.mean()) if n else math.nan,
        interval=wilson(int(wins.sum()), n, level),
        n=n,
        ties=int((more == less).sum()),
        cluster_interval=None if clusters is None else bootstrap(wins, np.mean, clusters=clusters, level=level),
        level=level,
    )
