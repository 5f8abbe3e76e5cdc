"""What describes a difference in a few numbers: as a whole, and unit by unit."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32

from lmviz.analyses.compare.divergences import jensen_shannon, rank_correlation, total_variation
from lmviz.analyses.compare.merging import mean_size
from lmviz.results import Alignment

MOST_RANKED = 1_000_000  # entries; more take seconds to rank and say nothing more
Values = Float32[np.ndarray, "..."]


def amounts(a: Values, b: Values) -> dict[str, float]:
    """Describe B − A: mean and largest |B − A|, and Spearman's correlation of A's and B's numbers.

    Args:
        a: The numbers of A.
        b: Those of B, of the same shape; what is NaN on either side is left out.

    Returns:
        `mean_absolute`, `largest_absolute`, and `rank_correlation` where there are at most a million numbers.
    """
    delta = b - a
    is_defined = ~np.isnan(delta)
    found = {
        "mean_absolute": float(mean_size(delta)[0]),
        "largest_absolute": float(np.abs(delta).max(where=is_defined, initial=0.0)) if is_defined.any() else np.nan,
    }
    if delta.size <= MOST_RANKED:
        found["rank_correlation"] = float(rank_correlation(a[is_defined], b[is_defined]))
    return found


def shares(
    a: Float32[np.ndarray, "*grid query key"], b: Float32[np.ndarray, "*grid query key"], *, keys: Alignment
) -> dict[str, Float[np.ndarray, " query"]]:
    """Compare rows of shares query by query, over the keys that both sides have, averaged over heads.

    Args:
        a: Rows of A, NaN at gaps.
        b: Rows of B.
        keys: The units of the keys.

    Returns:
        `js` in nats and `total_variation` between rows scaled to one over the common keys; `outside_a` and
        `outside_b`, what each gives to keys that the other does not have.
    """
    common = list(keys.common)
    n_queries = a.shape[-2]
    total: dict[str, np.ndarray] = {}
    count = np.zeros(n_queries)
    for left, right in zip(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]), strict=True):
        p, q = left[:, common].astype(np.float64), right[:, common].astype(np.float64)
        inside = (p.sum(axis=1), q.sum(axis=1))
        is_there = (inside[0] > 0) & (inside[1] > 0)  # false for NaN
        p, q = p[is_there] / inside[0][is_there, np.newaxis], q[is_there] / inside[1][is_there, np.newaxis]
        count[is_there] += 1
        parts = {
            "js": jensen_shannon(p, q),
            "total_variation": total_variation(p, q),
            "outside_a": np.nansum(left[is_there], axis=1, dtype=np.float64) - inside[0][is_there],
            "outside_b": np.nansum(right[is_there], axis=1, dtype=np.float64) - inside[1][is_there],
        }
        for name, part in parts.items():
            total.setdefault(name, np.zeros(n_queries))[is_there] += part
    nothing = np.full(n_queries, np.nan)
    return {name: np.divide(sums, count, out=nothing.copy(), where=count > 0) for name, sums in total.items()}


def means(per_unit: Mapping[str, Float[np.ndarray, " unit"]]) -> dict[str, float]:
    """Average each of several arrays over the units where it is defined."""
    return {name: _mean(values) for name, values in per_unit.items()}


def _mean(values: Float[np.ndarray, " unit"]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else np.nan
