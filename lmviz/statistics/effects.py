"""How large a preference is, beside how often it wins: a model can prefer 60 per cent of pairs by 0.01 nats."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmviz.statistics.inputs import check_between, checked_values
from lmviz.statistics.resampling import bootstrap


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Give Student's t interval of a mean of independent values; (NaN, NaN) for fewer than two.

    Raises:
        InvalidParameter: Values that are not finite, or an impossible level.
    """
    from scipy.special import stdtrit  # slow to import

    check_between("The level", level)
    items = checked_values(values).astype(np.float64)
    n = len(items)
    if n < 2:
        return math.nan, math.nan
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * float(items.std(ddof=1)) / math.sqrt(n)
    return float(items.mean()) - reach, float(items.mean()) + reach


@dataclass(frozen=True)
class PairedEffect:
    """The mean difference of pairs with its interval, in their unit, and d_z: the mean in standard deviations."""

    mean: float
    interval: tuple[float, float]
    d_z: float
    n: int


def paired_effect(
    differences: ArrayLike, *, clusters: ArrayLike | None = None, level: float = 0.95, seed: int = 0
) -> PairedEffect:
    """Describe the size of paired differences, such as log-probabilities of two sentences, in nats.

    Args:
        differences: One difference per pair.
        clusters: The name of each pair's cluster, for the interval.
        level: Of the interval.
        seed: Of the bootstrap that gives the interval.

    Returns:
        Mean, bootstrap interval, and d_z = mean / standard deviation (ddof = 1; Lakens, 2013). NaN where there are
        too few pairs for the number; d_z also where the pairs do not differ from each other.

    Raises:
        InvalidParameter: Differences that are not finite, or not one cluster per difference.
    """
    values = checked_values(differences).astype(np.float64)
    interval = bootstrap(values, np.mean, clusters=clusters, level=level, seed=seed)
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    mean = float(values.mean()) if len(values) else math.nan
    return PairedEffect(mean, interval, mean / spread if spread else math.nan, len(values))
