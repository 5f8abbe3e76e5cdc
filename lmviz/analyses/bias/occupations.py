"""Occupations and the share of women in them: who is the majority, and what goes with that share."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lmviz.analyses.bias.items import ItemScore
from lmviz.datasets import winogender
from lmviz.datasets.tables import BrokenRow
from lmviz.statistics import bootstrap

_FEWEST = 3  # occupations: of two, every correlation is 1 or -1


def percent_female(files: Sequence[Path]) -> dict[str, float]:
    """Read how many per cent of each occupation are women; rows that cannot be read leave their occupation unknown."""
    rows = (row for file in files for row in winogender.read_occupations(file))
    return {row.occupation: row.bls_percent_female for row in rows if not isinstance(row, BrokenRow)}


def majority(percent: float | None) -> str:
    """Give "female" or "male"; "" where the share is not known or one half."""
    return "" if percent is None or percent == 50 else "female" if percent > 50 else "male"


def correlations(scores: Sequence[ItemScore]) -> dict[str, float]:
    """Correlate the log-odds of the female pronoun with the per cent of women, one point per occupation.

    Args:
        scores: Rows whose first text has the majority's pronoun; their details are its gender and the per cent.

    Returns:
        `pearson` and `spearman` with `_low` and `_high`, from a bootstrap over occupations, and `n_occupations`; NaN
        where there are fewer than three or all are alike.
    """
    odds: dict[str, list[float]] = {}
    percent: dict[str, float] = {}
    for score in scores:
        gender, share = score.item.details
        if share:
            sign = 1 if gender == "female" else -1
            odds.setdefault(score.item.cluster, []).append(sign * (score.scores[0] - score.scores[1]))
            percent[score.item.cluster] = float(share)
    points = np.array([(np.mean(values), percent[name]) for name, values in odds.items()]).reshape(-1, 2)
    found = {"n_occupations": float(len(points))}
    for name, statistic in (("pearson", _pearson), ("spearman", _spearman)):
        is_enough = len(points) >= _FEWEST
        low, high = bootstrap(points, statistic) if is_enough else (math.nan, math.nan)
        found |= {name: statistic(points) if is_enough else math.nan, f"{name}_low": low, f"{name}_high": high}
    return found


def _pearson(points: np.ndarray) -> float:
    x, y = points.T - points.T.mean(axis=1, keepdims=True)
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread if spread > 0 else math.nan


def _spearman(points: np.ndarray) -> float:
    from scipy.stats import rankdata  # slow to import

    return _pearson(rankdata(points, axis=0))


def accuracies(scores: Sequence[ItemScore]) -> dict[str, float]:
    """Give the accuracy by gender of the pronoun, and where the right answer goes with the majority or against it.

    Args:
        scores: Rows whose first text has the right answer; their second detail is "pro", "anti" or "".

    Returns:
        `accuracy_` of each gender, of pro and of anti ("gotcha"); the `average` of the last two, and the `difference`
        of pro and anti with its interval from a bootstrap over occupations. NaN where there are no such rows.
    """
    pairs = np.array([score.scores for score in scores], dtype=np.float32).reshape(-1, 2)  # as the result lists them
    is_right = (pairs[:, 0] > pairs[:, 1]).astype(np.float64)
    genders = [score.item.category for score in scores]
    sides = np.array([{"pro": 1.0, "anti": -1.0}.get(score.item.details[1], 0.0) for score in scores])
    found = {f"accuracy_{name}": _mean(is_right[[own == name for own in genders]]) for name in winogender.GENDERS}
    pro, anti = _mean(is_right[sides > 0]), _mean(is_right[sides < 0])
    clusters = [score.item.cluster for score in scores]
    low, high = bootstrap(np.stack([is_right, sides], axis=1), _difference, clusters=clusters)
    return {
        **found,
        "accuracy_pro": pro,
        "accuracy_anti": anti,
        "average": (pro + anti) / 2,
        "difference": pro - anti,
        "difference_low": low,
        "difference_high": high,
    }


def _difference(rows: np.ndarray) -> float:
    return _mean(rows[rows[:, 1] > 0, 0]) - _mean(rows[rows[:, 1] < 0, 0])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
