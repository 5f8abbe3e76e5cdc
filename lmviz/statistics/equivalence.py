"""Two one-sided tests: evidence that an effect is small, which a large p of a test for a difference is not."""

import math

import numpy as np
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import check_counts, checked_values


def tost(values: ArrayLike, *, low: float, high: float) -> float:
    """Give the p that the mean lies outside a stated band, by two one-sided t tests (Schuirmann, 1987).

    A small p is evidence that the mean is inside. It is below 0.05 exactly when the 90 per cent t interval is.

    Args:
        values: One number per independent item; of clustered items give the clusters' means.
        low: The lower end of what counts as no effect, in the unit of the values.
        high: The upper end.

    Returns:
        The larger p of the two tests. NaN with fewer than two values; without any spread 0 inside the band, else 1.

    Raises:
        InvalidParameter: Values that are not finite, or a band that is empty.
    """
    _check_band(low, high)
    numbers = checked_values(values).astype(np.float64)
    if len(numbers) < 2:
        return math.nan
    mean, error = float(numbers.mean()), float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
    if error == 0:
        return 0.0 if low < mean < high else 1.0
    degrees = len(numbers) - 1
    from scipy.special import stdtr  # slow to import

    return float(max(stdtr(degrees, (low - mean) / error), stdtr(degrees, (mean - high) / error)))


def tost_share(successes: int, n: int, *, low: float = 0.45, high: float = 0.55) -> float:
    """Give the p that a share lies outside a stated band, by two exact one-sided binomial tests.

    Args:
        successes: How many succeeded.
        n: Of how many.
        low: The lower end of what counts as no preference.
        high: The upper end.

    Returns:
        The larger p of the two tests; 1 with n = 0.

    Raises:
        InvalidParameter: Impossible counts, or a band that is empty or leaves 0 to 1.
    """
    check_counts(successes, n)
    _check_band(low, high)
    if not (low >= 0 and high <= 1):
        raise InvalidParameter(f"A share cannot lie between {low} and {high}. Give a band inside 0 to 1.")
    if n == 0:
        return 1.0
    from scipy.special import bdtr, bdtrc  # slow to import

    at_least = float(bdtrc(successes - 1, int(n), low)) if successes else 1.0  # P(X ≥ successes)
    return max(at_least, float(bdtr(successes, int(n), high)))


def _check_band(low: float, high: float) -> None:
    if not low < high:
        raise InvalidParameter(f"The band from {low} to {high} is empty. Give its lower end first.")
