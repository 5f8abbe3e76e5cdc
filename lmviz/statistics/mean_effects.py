"""The means of many effects measured on the same items: intervals, and p-values that know of all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import check_between, checked_values, cluster_codes
from lmviz.statistics.permutation import max_t
from lmviz.statistics.resampling import expanded_tail

_N_RESAMPLES = 2000
_BATCH = 4_000_000  # units that are drawn at a time


@dataclass(frozen=True, eq=False)
class MeanEffects:
    """The mean of each effect with its interval; `p_adjusted` is the chance that any of them comes so far from zero."""

    mean: Float[np.ndarray, " effect"]
    low: Float[np.ndarray, " effect"]
    high: Float[np.ndarray, " effect"]
    p_adjusted: Float[np.ndarray, " effect"]


def mean_effects(
    table: ArrayLike, *, clusters: ArrayLike | None = None, least: float = 0.0, level: float = 0.95, seed: int = 0
) -> MeanEffects:
    """Describe the mean of every column of a table of items and effects.

    Intervals are those of `bootstrap` with the mean, each column drawn alike; they are not adjusted for the number of
    columns. The p's are: they come from `max_t`, the signs of whole clusters flipped together, on columns that are
    divided by their root mean square first. That compares t-statistics, as these only depend on the ratio of a sum to
    its root mean square, which no flip changes; so one large effect does not hide small ones that are as certain.

    Args:
        table: One row per item, one column per effect, all in one unit.
        clusters: The name of each item's cluster; whole clusters are drawn and flipped.
        least: A root mean square below which effects may be rounding; columns are divided by no less.
        level: Of the intervals.
        seed: The same seed gives the same answer.

    Returns:
        One number of each kind per column. Means are NaN without items, intervals with fewer than two units.

    Raises:
        InvalidParameter: Numbers that are not finite, no table, not one cluster per item, or an impossible level.
    """
    check_between("The level", level)
    values = checked_values(table).astype(np.float64)
    if values.ndim != 2:
        raise InvalidParameter(f"The effects have {values.ndim} axes. Give one row per item, one column per effect.")
    codes = cluster_codes(clusters, len(values))
    sizes = np.bincount(codes)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, codes, values)  # (unit, effect)
    p_adjusted = max_t(_scaled(sums, sizes, least=least), seed=seed)
    nothing = np.full(values.shape[1], np.nan)
    mean = values.mean(axis=0) if len(values) else nothing
    if len(sizes) < 2:
        return MeanEffects(mean, nothing, nothing, p_adjusted)
    drawn = np.concatenate(list(_replicates(sums, sizes, seed=seed)))
    tail = expanded_tail(sizes, (1 - level) / 2)
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0, method="weibull")
    return MeanEffects(mean, low, high, p_adjusted)


def _scaled(sums: np.ndarray, sizes: np.ndarray, *, least: float) -> np.ndarray:
    """Divide the sums of units by their root mean square, or by that of effects which are all the least."""
    if not len(sizes):
        return sums
    scale = np.maximum(np.sqrt((sums**2).mean(axis=0)), least * np.sqrt((sizes**2).mean()))
    scaled: np.ndarray = np.divide(sums, scale, out=np.zeros_like(sums), where=scale > 0)
    return scaled


def _replicates(sums: np.ndarray, sizes: np.ndarray, *, seed: int) -> Iterator[np.ndarray]:
    """Give the means of each resample, (resample, effect), batch by batch."""
    generator, n_units = np.random.default_rng(seed), len(sizes)
    batch = max(1, _BATCH // n_units)
    for first in range(0, _N_RESAMPLES, batch):
        n_drawn = min(batch, _N_RESAMPLES - first)
        units = generator.integers(0, n_units, size=(n_drawn, n_units))
        places = units + n_units * np.arange(n_drawn)[:, None]
        counts = np.bincount(places.ravel(), minlength=n_drawn * n_units).reshape(n_drawn, n_units)
        yield (counts @ sums) / (counts @ sizes)[:, None]
