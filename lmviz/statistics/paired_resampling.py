"""Several series over the same items: their means with intervals, and whether one of them is above all others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import check_between, cluster_codes
from lmviz.statistics.resampling import expanded_tail

_AT_ONCE = 20_000_000  # numbers of drawn counts that are held


@dataclass(frozen=True, eq=False)
class Resampled:
    """The mean of each series, and what it was in each resample; all series see the same resamples.

    `sizes` are those of the units that were drawn.
    """

    means: Float64[np.ndarray, " series"]
    draws: Float64[np.ndarray, "resample series"]
    sizes: np.ndarray

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Give the expanded percentile interval of each mean, as `bootstrap` does; NaN with fewer than two units."""
        return self.interval_of(self.draws, level)

    def interval_of(self, draws: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Give the interval of something worked out for each resample, (resample, …)."""
        check_between("The level", level)
        drawn = np.asarray(draws, dtype=np.float64)
        if len(self.sizes) < 2:
            empty = np.full(drawn.shape[1:], np.nan)
            return empty, empty.copy()
        tail = expanded_tail(self.sizes, (1 - level) / 2)
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0, method="weibull")
        return low, high

    def clear_best(self, level: float = 0.95) -> int | None:
        """Give the series whose mean is above all others', if the data say so.

        The differences to all others are looked at together: each must be above zero by more than the largest of their
        standardised deviations is in `level` of the resamples (max-T), so that having looked at many is paid for.

        Returns:
            The series; None where another one may be as good.
        """
        check_between("The level", level)
        if len(self.sizes) < 2 or len(self.means) < 2 or np.isnan(self.means).any():
            return None
        best = int(np.argmax(self.means))
        others = [place for place in range(len(self.means)) if place != best]
        found = self.means[best] - self.means[others]
        drawn = self.draws[:, [best]] - self.draws[:, others]
        spread = drawn.std(axis=0)
        if (found <= 0).any():
            return None
        moving = spread > 0
        if not moving.any():
            return best
        worst = (np.abs(drawn[:, moving] - found[moving]) / spread[moving]).max(axis=1)
        return best if (found[moving] > np.quantile(worst, level) * spread[moving]).all() else None


def resampled(
    values: ArrayLike, *, weights: ArrayLike | None = None, clusters: ArrayLike, n_resamples: int = 2000, seed: int = 0
) -> Resampled:
    """Draw clusters of items again, with replacement, and take the mean of every series over the same draws.

    Args:
        values: (series, item).
        weights: How much each item counts in each series, of the same shape, 0 or more; None: all alike.
        clusters: What each item belongs to, such as its sentence: whole clusters are drawn.
        n_resamples: How often.
        seed: The same seed gives the same draws.

    Raises:
        InvalidParameter: Shapes that do not fit, or no resamples.
    """
    series = np.atleast_2d(np.asarray(values, dtype=np.float64))
    heavy = np.ones_like(series) if weights is None else np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if heavy.shape != series.shape:
        raise InvalidParameter(f"The values are {series.shape} and their weights {heavy.shape}. Give one for each.")
    if n_resamples < 1:
        raise InvalidParameter(f"{n_resamples} resamples give no interval. Ask for 1,000 or more.")
    codes = cluster_codes(clusters, series.shape[1])
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    sums = np.add.reduceat((series * heavy)[:, order], starts, axis=1).T  # (cluster, series)
    masses = np.add.reduceat(heavy[:, order], starts, axis=1).T
    draws = _drawn(sums, masses, n_resamples=n_resamples, seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.sum(axis=0) / masses.sum(axis=0)
    return Resampled(means, draws, sizes)


def _drawn(sums: np.ndarray, masses: np.ndarray, *, n_resamples: int, seed: int) -> np.ndarray:
    """Take the means of each resample."""
    n = len(sums)
    generator = np.random.default_rng(seed)
    found = []
    for first in range(0, n_resamples, max(1, _AT_ONCE // n)):
        size = min(max(1, _AT_ONCE // n), n_resamples - first)
        units = generator.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(units.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append((counts @ sums) / (counts @ masses))
    return np.concatenate(found)
