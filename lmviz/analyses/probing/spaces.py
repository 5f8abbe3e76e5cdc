"""How alike two sets of vectors are, and what shape one has: arrays in, numbers out."""

import numpy as np
from jaxtyping import Float, Int64

FEWEST = 4  # the estimator of CKA divides by n − 3
_BLOCK = 1024
Vectors = Float[np.ndarray, "item width"]
Pairs = Int64[np.ndarray, "pair 2"]


def cross_hsic(a: Vectors, b: Vectors) -> float:
    """Give the unbiased HSIC of two linear kernels (Song et al., 2012), without a matrix of items by items.

    With centred vectors and squared lengths s, t it is ‖AᵀB‖² − Σ s t − 2 Σ s t / (n − 2) + Σ s Σ t / ((n − 1)(n − 2)),
    over n (n − 3).

    Args:
        a: Centred vectors of at least `FEWEST` items.
        b: Others of the same items, centred.
    """
    n = len(a)
    s, t = (a**2).sum(axis=1), (b**2).sum(axis=1)
    shared = float(((a.T @ b) ** 2).sum())
    both = float(s @ t)
    corrected = shared - both - 2 * both / (n - 2) + float(s.sum()) * float(t.sum()) / ((n - 1) * (n - 2))
    return corrected / (n * (n - 3))


def debiased_cka(a: Vectors, b: Vectors) -> float:
    """Compare two spaces over the same items by linear CKA without bias (Kornblith et al., 2019).

    Returns:
        At most 1, around 0 for spaces that have nothing to do with each other; NaN where one has no spread, or for
        fewer than 4 items.
    """
    if len(a) < FEWEST:
        return float("nan")
    own, other = centred(a), centred(b)
    size = cross_hsic(own, own) * cross_hsic(other, other)
    return cross_hsic(own, other) / float(np.sqrt(size)) if size > 0 else float("nan")


def centred(x: Vectors) -> Vectors:
    """Take the mean off, in float64, and scale so that sums of squares stay small numbers."""
    own = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt((own**2).mean()))
    found: np.ndarray = own / scale if scale > 0 else own
    return found


def drawn_pairs(n: int, *, most: int, seed: int) -> Pairs:
    """Draw different pairs of items, the same for the same seed; all there are where these are not more."""
    total = n * (n - 1) // 2
    if total <= most:
        return np.stack(np.triu_indices(n, 1), axis=1)
    chosen = np.random.default_rng(seed).choice(total, size=most, replace=False)
    first = np.floor((2 * n - 1 - np.sqrt((2 * n - 1) ** 2 - 8 * chosen.astype(np.float64))) / 2).astype(np.int64)
    start = first * (2 * n - first - 1) // 2
    return np.stack([first, chosen - start + first + 1], axis=1)


def cosines(x: Vectors, pairs: Pairs) -> Float[np.ndarray, " pair"]:
    """Give the cosine of each pair; 0 where a vector has no length."""
    lengths = np.linalg.norm(x.astype(np.float64), axis=1)
    unit = x / np.where(lengths > 0, lengths, np.inf)[:, None]
    found: np.ndarray = np.einsum("ij,ij->i", unit[pairs[:, 0]], unit[pairs[:, 1]])
    return found


def ranks(values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " pair"]:
    """Give centred ranks of length one, so that the product of two is Spearman's correlation; NaN without spread."""
    from scipy.stats import rankdata

    own = rankdata(values)
    own -= own.mean()
    length = float(np.linalg.norm(own))
    found: np.ndarray = own / length if length > 0 else np.full_like(own, np.nan)
    return found


def rsa(a: Vectors, b: Vectors, *, most: int = 20_000, seed: int = 0) -> float:
    """Compare two spaces by Spearman's correlation of the cosines of pairs (Kriegeskorte et al., 2008)."""
    pairs = drawn_pairs(len(a), most=most, seed=seed)
    return float(ranks(cosines(a, pairs)) @ ranks(cosines(b, pairs)))


def intrinsic_dimension(x: Vectors) -> float:
    """Estimate along how many directions vectors vary locally, from each one's two nearest neighbours (TwoNN).

    The ratio of the distances to the second and the first follows a power law whose exponent is the dimension (Facco et
    al., 2017); its maximum-likelihood estimate without bias is (n − 1) / Σ ln ratio. Vectors that are equal count once.

    Returns:
        NaN with fewer than 3 different vectors.
    """
    own = np.unique(x.astype(np.float64), axis=0)
    n = len(own)
    if n < 3:
        return float("nan")
    lengths = (own**2).sum(axis=1)
    logs = 0.0
    for first in range(0, n, _BLOCK):
        rows = own[first : first + _BLOCK]
        apart = lengths[None, :] + lengths[first : first + _BLOCK, None] - 2 * rows @ own.T
        apart[np.arange(len(rows)), np.arange(first, first + len(rows))] = np.inf
        nearest = np.argpartition(apart, 2, axis=1)[:, :3]
        exact = np.sort(((rows[:, None] - own[nearest]) ** 2).sum(axis=2), axis=1)  # rounding ruins the product form
        exact[exact == 0] = np.inf  # itself
        exact.sort(axis=1)
        logs += float(0.5 * np.log(exact[:, 1] / exact[:, 0]).sum())
    return (n - 1) / logs if logs > 0 else float("nan")


def anisotropy(x: Vectors, *, most: int = 20_000, seed: int = 0) -> float:
    """Give the mean cosine of random pairs (Ethayarajh, 2019): 0 where directions are used alike, near 1 in a cone."""
    return float(cosines(x, drawn_pairs(len(x), most=most, seed=seed)).mean())


def participation_ratio(x: Vectors) -> float:
    """Give how many directions share the variance about equally: (Σ λ)² / Σ λ² of the covariance; NaN without any."""
    own = centred(x)
    gram = own.T @ own if own.shape[1] <= len(own) else own @ own.T
    total, squares = float(np.trace(gram)), float((gram**2).sum())
    return total**2 / squares if squares > 0 else float("nan")
