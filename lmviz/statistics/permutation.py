"""Two models or two runs on the same items: is the sign of each item's difference a matter of chance?"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import checked_values, cluster_codes

_BATCH = 2_000_000  # signs that are drawn at a time
_ROUNDING = 1e-12  # relative: sums of the same numbers in another order are ties


def paired_permutation(
    differences: ArrayLike, *, clusters: ArrayLike | None = None, n_draws: int = 10_000, seed: int = 0
) -> float:
    """Give the two-sided p that paired differences have mean zero, by flipping their signs (Fisher, 1935).

    If the two sides were the same, each difference could as well have had the other sign. All sign patterns are tried
    where there are at most `n_draws` of them, which makes p exact; otherwise random ones are, and
    p = (1 + hits) / (1 + draws), which is never zero (Phipson & Smyth, 2010).

    Args:
        differences: One score difference per item.
        clusters: The name of each item's cluster; a cluster's items are flipped together.
        n_draws: Random sign patterns.
        seed: The same seed gives the same p.

    Returns:
        The share of patterns whose mean is at least as far from zero. 1 where there are no items.

    Raises:
        InvalidParameter: Differences that are not finite, or not one cluster per difference.
    """
    values = checked_values(differences).astype(np.float64)
    codes = cluster_codes(clusters, len(values))
    sums = np.bincount(codes, weights=values)
    return float(max_t(sums[:, None], n_draws=n_draws, seed=seed)[0]) if len(sums) else 1.0


def max_t(differences: ArrayLike, *, n_draws: int = 10_000, seed: int = 0) -> Float[np.ndarray, " test"]:
    """Give p-values that know that the best of many tests was looked for (Westfall & Young, 1993).

    The signs of whole items are flipped, so tests keep their dependence, and each sum is compared with the largest one
    in size over all tests of the same pattern. The tests should be in one unit, as the heads of a model are. With a
    single test this is `paired_permutation`.

    Args:
        differences: One row per item, one column per test.
        n_draws: Random sign patterns; all patterns are tried where there are no more than these.
        seed: The same seed gives the same p.

    Returns:
        One p per test, two-sided; the chance that any test at all reaches as far.

    Raises:
        InvalidParameter: Differences that are not finite, or not a table of items and tests.
    """
    values = checked_values(differences).astype(np.float64)
    if values.ndim != 2:
        raise InvalidParameter(f"The differences have {values.ndim} axes. Give one row per item, one column per test.")
    if n_draws < 1:
        raise InvalidParameter(f"{n_draws} draws give no p. Ask for 1,000 or more.")
    if not values.size:
        return np.ones(values.shape[1])
    least = np.abs(values.sum(axis=0)) - _ROUNDING * np.abs(values).sum(axis=0)
    is_exact = len(values) < n_draws.bit_length() and 2 ** len(values) <= n_draws
    hits, n_tried = np.zeros(values.shape[1], dtype=np.int64), 0
    for signs in _all_signs(len(values)) if is_exact else _random_signs(len(values), n_draws, seed):
        reached = np.abs(signs @ values).max(axis=1)
        hits += (reached[:, None] >= least).sum(axis=0)
        n_tried += len(signs)
    shares: np.ndarray = hits / n_tried if is_exact else (1 + hits) / (1 + n_tried)
    return shares


def _all_signs(n: int) -> Iterator[np.ndarray]:
    """Give every pattern of n signs: the bits of 0, 1, …, 2ⁿ − 1."""
    bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    yield 1.0 - 2.0 * bits


def _random_signs(n: int, n_draws: int, seed: int) -> Iterator[np.ndarray]:
    generator, batch = np.random.default_rng(seed), max(1, _BATCH // n)
    for first in range(0, n_draws, batch):
        yield 1.0 - 2.0 * generator.integers(0, 2, size=(min(batch, n_draws - first), n))
