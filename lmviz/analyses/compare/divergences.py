"""How far apart two distributions or two rankings are: arrays in, numbers out, over the last axis, in nats."""

import numpy as np
from jaxtyping import Bool, Float

Shares = Float[np.ndarray, "*row outcome"]
Numbers = Float[np.ndarray, "*row"]


def kl(p: Shares, q: Shares) -> Numbers:
    """Give KL(P‖Q) = Σ p ln(p / q): infinite where P has what Q excludes (Kullback & Leibler, 1951)."""
    p, q = p.astype(np.float64), q.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(q)), 0.0)
    divergence: np.ndarray = terms.sum(axis=-1)
    return divergence


def jensen_shannon(p: Shares, q: Shares) -> Numbers:
    """Give half KL(P‖M) + half KL(Q‖M) with M in the middle: from 0 to ln 2 (Lin, 1991)."""
    together = p.astype(np.float64) + q.astype(np.float64)
    least = np.nextafter(0.0, 1.0)  # half of it would be zero, which excludes what P has
    middle = np.where(together > 0, np.maximum(together / 2, least), 0.0)
    half: np.ndarray = (kl(p, middle) + kl(q, middle)) / 2
    return half


def total_variation(p: Shares, q: Shares) -> Numbers:
    """Give half of Σ |p − q|: the largest difference in the probability of any event, from 0 to 1."""
    half: np.ndarray = np.abs(p.astype(np.float64) - q.astype(np.float64)).sum(axis=-1) / 2
    return half


def rank_correlation(x: Float[np.ndarray, "*row entry"], y: Float[np.ndarray, "*row entry"]) -> Numbers:
    """Give Spearman's ρ: the correlation of the ranks, equal values sharing theirs; NaN where one side is constant."""
    if x.shape[-1] == 0:
        return np.full(x.shape[:-1], np.nan)
    from scipy.stats import rankdata  # half a second to import: not for who only asks what there is

    left, right = (rankdata(side, axis=-1) - (side.shape[-1] + 1) / 2 for side in (x, y))  # mean rank taken off
    scale = np.sqrt((left**2).sum(axis=-1) * (right**2).sum(axis=-1))
    together = (left * right).sum(axis=-1)
    correlation: np.ndarray = np.divide(together, scale, out=np.full(scale.shape, np.nan), where=scale > 0)
    return correlation


def top_overlap(p: Shares, q: Shares, *, k: int) -> Numbers:
    """Give the share of P's k most probable outcomes that are among Q's k; of equal ones the first counts."""
    k = min(k, p.shape[-1])
    n_both = (_among_top(p, k) & _among_top(q, k)).sum(axis=-1)
    share: np.ndarray = n_both / k if k else np.full(n_both.shape, np.nan)
    return share


def _among_top(p: Shares, k: int) -> Bool[np.ndarray, "*row outcome"]:
    """Mark the k largest; a partition finds the smallest of them much faster than a sort."""
    least = np.partition(p, -k, axis=-1)[..., -k, np.newaxis] if k else np.full((*p.shape[:-1], 1), np.inf)
    is_above, is_least = p > least, p == least
    n_missing = k - is_above.sum(axis=-1, keepdims=True)
    marked: np.ndarray = is_above | (is_least & (is_least.cumsum(axis=-1) <= n_missing))
    return marked
