"""A share of successes: its interval, and exact tests of whether it is one half."""

import math

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import check_between, check_counts


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give the interval of shares that a score test would not reject (Wilson, 1927).

    Unlike share ± z · standard error it never leaves [0, 1], has a width when all or none succeed, and covers about as
    often as it says already at small n.

    Args:
        successes: How many succeeded.
        n: Of how many. With n = 0 nothing is excluded: (0, 1), which is also the formula's limit.
        level: The share of such intervals that cover the truth.

    Returns:
        The lower and the upper end, as shares.

    Raises:
        InvalidParameter: The counts are impossible, or the level does not lie between 0 and 1.
    """
    check_counts(successes, n)
    return _wilson(successes, n, level=level)


def wilson_of_share(share: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Give Wilson's interval of a share that is no count, such as the mean of n shares of one observation each.

    Args:
        share: From 0 to 1.
        n: How many observations it is of.
        level: The share of such intervals that cover the truth, or more where observations are no coins but vary less.

    Returns:
        The lower and the upper end, as shares.

    Raises:
        InvalidParameter: The share or the level is impossible, or n is negative or not whole.
    """
    check_counts(0, n)
    if not 0 <= share <= 1:
        raise InvalidParameter(f"A share of {share} is not between 0 and 1.")
    return _wilson(share * n, n, level=level)


def _wilson(successes: float, n: int, *, level: float) -> tuple[float, float]:
    check_between("The level", level)
    from scipy.special import ndtri  # slow to import

    z = float(ndtri((1 + level) / 2))
    among = successes * (n - successes) / n if n else 0.0
    half = z * math.sqrt(among + z**2 / 4)
    low, high = ((successes + z**2 / 2 + sign * half) / (n + z**2) for sign in (-1, 1))
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


def sign_test(successes: int, n: int) -> float:
    """Give the exact two-sided p of this many successes when each is a toss of a fair coin.

    Ties belong in neither number. The distribution is symmetric, so twice the smaller tail is exact (Dixon & Mood,
    1946).

    Args:
        successes: How many pairs went one way.
        n: How many went either way; with n = 0 nothing speaks against the coin and p is 1.

    Returns:
        The probability of a result at least as uneven.

    Raises:
        InvalidParameter: The counts are impossible.
    """
    check_counts(successes, n)
    fewer = min(successes, n - successes)
    from scipy.special import bdtr  # slow to import

    return min(1.0, 2 * float(bdtr(fewer, int(n), 0.5))) if n else 1.0


def mcnemar(b: int, c: int) -> float:
    """Give the exact two-sided p that two raters of the same items succeed equally often (McNemar, 1947).

    Items on which both succeed or both fail say nothing; the rest are tosses of a fair coin under the null.

    Args:
        b: Items where only the first succeeds.
        c: Items where only the second does.

    Returns:
        The p of the sign test on the discordant items; 1 where there are none.

    Raises:
        InvalidParameter: A count is negative or not whole.
    """
    return sign_test(b, b + c)
