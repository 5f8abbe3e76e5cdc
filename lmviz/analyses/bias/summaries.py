"""From the scores of rows to one result: which of two texts wins, how often, how clearly, and in which categories."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lmviz.analyses.bias.items import ItemScore, Way
from lmviz.analyses.bias.preference import pair_scores
from lmviz.results import Check, PairScores
from lmviz.statistics import paired_effect

_BOUNDED = frozenset({"nats", "probability"})  # units whose scores cannot exceed a number
_SMALLEST = 1e-300  # a probability below has no logarithm worth showing


def summarise_pairs(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Count the rows whose first text has the higher score, and say by how much, in nats.

    Args:
        scores: Rows with two scores or more; those beyond the second are not looked at.
        way: How they were scored.

    Returns:
        All rows, and each category; clusters are drawn where every row names one.
    """
    more, less = (compared(scores, way, place=place) for place in (0, 1))
    categories = [score.item.category for score in scores]
    clusters = [score.item.cluster for score in scores]
    named = {
        "categories": categories if any(categories) else (),
        "clusters": clusters if clusters and all(clusters) else None,
    }
    result = pair_scores(more, less, **named)  # type: ignore[arg-type]
    parts = {
        name: replace(part, unit=way.unit, numbers=effect([one for one in scores if one.item.category == name], way))
        for name, part in result.by_category.items()
    }
    texts = tuple((score.item.texts[0], score.item.texts[1]) for score in scores)
    return replace(result, by_category=parts, texts=texts, unit=way.unit, numbers=effect(scores, way))


def compared(scores: Sequence[ItemScore], way: Way, *, place: int) -> np.ndarray:
    """Give one score of every row as it is compared and listed: in float32, rounded where the benchmark rounds."""
    values = [score.scores[place] for score in scores]
    rounded = values if way.n_decimals is None else [round(value, way.n_decimals) for value in values]
    return np.array(rounded, dtype=np.float32)


def effect(scores: Sequence[ItemScore], way: Way) -> dict[str, float]:
    """Give the mean difference of a pair in nats with its interval, and in standard deviations."""
    differences = [_nats(score.scores[0], way) - _nats(score.scores[1], way) for score in scores]
    clusters = [score.item.cluster for score in scores]
    found = paired_effect(np.array(differences), clusters=clusters if clusters and all(clusters) else None)
    low, high = found.interval
    return {"effect_size": found.mean, "effect_low": low, "effect_high": high, "d_z": found.d_z}


def _nats(value: float, way: Way) -> float:
    return math.log(max(value, _SMALLEST)) if way.unit == "probability" else value


def with_numbers(result: PairScores, numbers: Mapping[str, float]) -> PairScores:
    """Add what a benchmark reports besides."""
    return replace(result, numbers={**result.numbers, **numbers})


def bounds_of_unit(result: PairScores) -> Check | None:
    """Compare scores with what their unit allows; None for a unit that has no bound."""
    return within_bounds(result) if result.unit in _BOUNDED else None


def within_bounds(result: PairScores) -> Check:
    """Compare scores with what such scores can be: log-probabilities are not above 0, probabilities not above 1."""
    limit = 1.0 if result.unit == "probability" else 0.0
    above = max((float(side.max(initial=limit)) - limit for side in (result.more, result.less)), default=0.0)
    return Check(
        slug="bounds",
        sentence=f"scores exceed {limit:g} by {above:.0e}",
        passed=above <= 1e-4,
        value=above,
        limit=1e-4,
        meaning="A probability cannot exceed 1, so its logarithm cannot be positive; the recording is wrong.",
    )


def counts_agree(result: PairScores) -> Check:
    """Compare the preference with a count of the pairs that are listed."""
    wins = float((result.more > result.less).mean()) if result.n else 0.0
    off = abs(wins - result.preference) if result.n else 0.0
    return Check(
        slug="counts",
        sentence=f"the share of listed pairs that go one way differs from the preference by {off:.0e}",
        passed=off <= 1e-6,
        value=off,
        limit=1e-6,
        meaning="The preference is not that of the pairs that are listed; do not use it.",
    )
