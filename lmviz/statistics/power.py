"""What a number of pairs can show at all."""

import math
from bisect import bisect_left

from lmviz.statistics.inputs import check_between, check_counts
from lmviz.statistics.proportions import sign_test


def minimum_detectable_difference(n: int, *, power: float = 0.8, level: float = 0.95) -> float:
    """Give how far from one half a share must be to be found by the exact sign test with a given power.

    The test rejects from k successes on; the share at which k or more come up with probability `power` is a quantile
    of a beta distribution, so nothing is approximated. About 1.4 / √n: 0.07 at n = 400, 0.03 at n = 2,500.

    Args:
        n: Pairs without ties.
        power: How often the difference is to be found.
        level: One minus the level of the two-sided test.

    Returns:
        The distance from one half, at most one half. NaN where even n of n would not be significant.

    Raises:
        InvalidParameter: A negative or broken n, or a power or level that does not lie between 0 and 1.
    """
    check_counts(0, n)
    check_between("The power", power)
    check_between("The level", level)
    fewest = _fewest_significant(n, 1 - level)
    from scipy.special import betaincinv  # slow to import

    return math.nan if fewest is None else abs(float(betaincinv(fewest, n - fewest + 1, power)) - 0.5)


def _fewest_significant(n: int, alpha: float) -> int | None:
    """Give the smallest number above n / 2 that the sign test rejects; its p falls from there on."""
    candidates = range(n // 2 + 1, n + 1)
    place = bisect_left(candidates, True, key=lambda k: sign_test(k, n) <= alpha)
    return candidates[place] if place < len(candidates) else None
