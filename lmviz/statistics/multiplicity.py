"""Many tests at once: p-values adjusted so that the best of them is no longer surprising by itself.

A NaN is a test that was not made: it stays NaN and does not count among the tests.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter


def holm(p: ArrayLike) -> Float[np.ndarray, "*test"]:
    """Adjust so that the chance of even one false finding stays at its level (Holm, 1979); for few tests.

    The smallest p is multiplied by the number of tests m, the next by m − 1, and so on; none is smaller than the one
    before it.

    Args:
        p: One p-value per test, in any order.

    Returns:
        The adjusted ones in the same order, at most 1.

    Raises:
        InvalidParameter: A value lies outside 0 to 1.
    """
    return _adjusted(p, _holm)


def benjamini_hochberg(p: ArrayLike) -> Float[np.ndarray, "*test"]:
    """Adjust so that the expected share of false ones among the findings stays at its level; for many tests.

    The k-th smallest of m is multiplied by m / k; none is larger than the one after it. The promise holds for tests
    that are independent or positively dependent (Benjamini & Hochberg, 1995; Benjamini & Yekutieli, 2001).

    Args:
        p: One p-value per test, in any order.

    Returns:
        The adjusted ones in the same order, at most 1.

    Raises:
        InvalidParameter: A value lies outside 0 to 1.
    """
    return _adjusted(p, _benjamini_hochberg)


def _holm(ordered: np.ndarray) -> np.ndarray:
    size = len(ordered)
    return np.maximum.accumulate(ordered * (size - np.arange(size)))


def _benjamini_hochberg(ordered: np.ndarray) -> np.ndarray:
    size = len(ordered)
    scaled = ordered * size / np.arange(1, size + 1)
    return np.minimum.accumulate(scaled[::-1])[::-1]


def _adjusted(p: ArrayLike, adjust: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sort the tests that were made, adjust them, and put each back where it was."""
    given = np.asarray(p, dtype=np.float64)
    if ((given < 0) | (given > 1)).any():
        raise InvalidParameter("A p-value lies outside 0 to 1. Give probabilities, and NaN for tests not made.")
    made = given[~np.isnan(given)]
    order = np.argsort(made, kind="stable")
    back = np.empty_like(made)
    back[order] = np.minimum(adjust(made[order]), 1.0)
    adjusted = given.copy()
    adjusted[~np.isnan(given)] = back
    return adjusted
