"""The bootstrap: how far a statistic would move if other items, or other clusters of items, had been drawn."""

import inspect
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import check_between, checked_values, cluster_codes

_BATCH = 4_000_000  # items that are drawn at a time: bounds the memory, whatever the number of resamples


def bootstrap(
    values: ArrayLike,
    statistic: Callable[..., float],
    *,
    clusters: ArrayLike | None = None,
    n_resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Give an interval for any statistic by drawing the items again, with replacement (Efron, 1979).

    Items of one template, writer or target term resemble each other. Where such clusters are given, whole clusters are
    drawn, each with all its items: the unit that the authors sampled is the unit that is resampled. For a mean over
    clusters give the clusters' own means as values: a statistic that tells clusters apart by a label would take one
    that was drawn twice for one that is twice as large.

    The interval is the expanded percentile interval (Hesterberg, 2015): the percentiles of the resampled statistic, at
    tails of Φ(−√(u / (u − 1)) · t) with Student's t at u − 1 degrees of freedom for u units; of units of different
    sizes s, u is their effective number (Σ s)² / Σ s² (Kish, 1965). The plain percentile interval is too narrow by
    √((u − 1) / u) and by taking the normal for Student's quantile, so that with ten clusters a 95 per cent interval
    covers about 90 per cent; from a hundred units on the two differ by less than two per cent. BCa intervals correct
    for skew but not for this.

    Args:
        values: One item per entry of the first axis.
        statistic: From resampled values to a number. One that takes `axis`, as NumPy's do, is asked once for many
            resamples of one size.
        clusters: The name of each item's cluster; None: every item is drawn by itself.
        n_resamples: How often all units are drawn.
        level: The share of such intervals that cover the truth.
        seed: The same seed gives the same interval.

    Returns:
        The lower and the upper end. (NaN, NaN) with fewer than two units, which say nothing about the spread between
        units, or when the statistic is not defined on some resample. A statistic that is the same in every resample
        gives an interval of no width: for a share that may be 0 or 1 ask `wilson`.

    Raises:
        InvalidParameter: Values that are not finite, not one cluster per value, no resamples, or an impossible level.
    """
    check_between("The level", level)
    if n_resamples < 1:
        raise InvalidParameter(f"{n_resamples} resamples give no interval. Ask for 1,000 or more.")
    items = checked_values(values)
    codes = cluster_codes(clusters, len(items))
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        return math.nan, math.nan
    drawn = np.concatenate(list(_replicates(items, statistic, codes=codes, n_resamples=n_resamples, seed=seed)))
    tail = expanded_tail(sizes, (1 - level) / 2)
    low, high = np.quantile(drawn, [tail, 1 - tail], method="weibull")  # (n + 1) · share: not biased inwards
    return float(low), float(high)


def expanded_tail(sizes: np.ndarray, tail: float) -> float:
    """Give the tail of the resampled statistic that has the coverage asked for, as `bootstrap` says.

    Args:
        sizes: How many items each unit has that is drawn.
        tail: The share of intervals that should miss the truth on one side.

    Returns:
        The share of resamples to leave out on that side.
    """
    units = float(sizes.sum()) ** 2 / float((sizes.astype(np.float64) ** 2).sum())
    degrees = max(units - 1, 1.0)
    from scipy.special import ndtr, stdtrit  # slow to import

    return float(ndtr(math.sqrt((degrees + 1) / degrees) * stdtrit(degrees, tail)))


def _replicates(
    items: np.ndarray, statistic: Callable[..., float], *, codes: np.ndarray, n_resamples: int, seed: int
) -> Iterator[np.ndarray]:
    """Give the statistic of each resample, batch by batch."""
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    sorted_items, starts = items[order], np.cumsum(sizes) - sizes
    is_even = bool((sizes == sizes[0]).all()) and items.ndim == 1 and _takes_axis(statistic)
    generator, batch = np.random.default_rng(seed), max(1, _BATCH // len(items))
    sums = np.bincount(codes, weights=items) if statistic is np.mean and items.ndim == 1 else None
    for first in range(0, n_resamples, batch):
        shape = min(batch, n_resamples - first), len(sizes)
        units = generator.integers(0, len(sizes), size=shape)
        if sums is not None:  # of a mean the sums of the units are enough, however many items they have
            yield sums[units].sum(axis=1) / sizes[units].sum(axis=1)
            continue
        chosen = sorted_items[_places(starts[units].ravel(), sizes[units].ravel())]
        if is_even:
            yield np.asarray(statistic(chosen.reshape(shape[0], -1), axis=-1), dtype=np.float64)
        else:
            ends = np.cumsum(sizes[units].sum(axis=1))[:-1]
            yield np.array([statistic(resample) for resample in np.split(chosen, ends)], dtype=np.float64)


def _places(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Give the places of runs one behind the other: start, start + 1, … for each run."""
    shifts = starts - (np.cumsum(sizes) - sizes)
    return np.repeat(shifts, sizes) + np.arange(int(sizes.sum()))


def _takes_axis(statistic: Callable[..., float]) -> bool:
    try:
        return "axis" in inspect.signature(statistic).parameters
    except (TypeError, ValueError):  # some functions written in C do not say what they take
        return False
