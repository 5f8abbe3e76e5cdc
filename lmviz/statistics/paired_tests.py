"""Are paired differences zero on average? Student's t and Wilcoxon's ranks, as published studies report them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmviz.statistics.inputs import checked_values


@dataclass(frozen=True)
class PairedTests:
    """Student's t with its two-sided p, and that of Wilcoxon's signed ranks; NaN where there is no number."""

    t: float
    p_t: float
    p_wilcoxon: float
    n: int


def paired_tests(differences: ArrayLike) -> PairedTests:
    """Test paired differences.

    The t test takes the mean to be normal, Wilcoxon's the differences to be symmetric around their middle (Wilcoxon,
    1945); differences of zero say nothing in the latter. Neither knows of clusters: where pairs share a template,
    `paired_permutation` with clusters is the test to trust.

    Args:
        differences: One per pair.

    Returns:
        Both tests. NaN for t with fewer than two pairs, or where all differences are alike; p = 1 of Wilcoxon's where
        all are zero.

    Raises:
        InvalidParameter: Differences that are not finite.
    """
    values = checked_values(differences).astype(np.float64)
    return PairedTests(*_student(values), _wilcoxon(values[values != 0]), len(values))


def _student(values: np.ndarray) -> tuple[float, float]:
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    if spread == 0:
        return math.nan, math.nan
    from scipy.special import stdtr  # slow to import

    t = float(values.mean()) / (spread / math.sqrt(n))
    return t, float(2 * stdtr(n - 1, -abs(t)))


def _wilcoxon(values: np.ndarray) -> float:
    if not len(values):
        return 1.0
    from scipy.stats import wilcoxon  # slow to import

    return float(wilcoxon(values).pvalue)
