"""How alike two sets of vectors are, whatever their directions are called: linear CKA without bias."""

import numpy as np
from jaxtyping import Float

FEWEST_UNITS = 4  # the estimator divides by n − 3

_ROUNDING = 1e-12  # of the squared length; vectors that differ by rounding of float32 alone have no direction
Layers = Float[np.ndarray, "layer unit width"]


def linear_cka(a: Layers, b: Layers) -> Float[np.ndarray, "layer_a layer_b"]:
    """Compare every layer of A with every layer of B over the same units.

    CKA is the cosine between two Gram matrices X Xᵀ and Y Yᵀ once their means are taken off (Kornblith et al., 2019):
    1 where one space is the other turned, mirrored or scaled. With fewer units than dimensions that cosine is large
    even for noise, so the unbiased estimator of HSIC is used (Song et al., 2012): its diagonals are left out and the
    means are corrected for it, which again makes it an inner product (Székely & Rizzo, 2014). Values lie between −1
    and 1; unrelated spaces lie around 0.

    Args:
        a: The layers of A; widths may differ between A and B.
        b: The layers of B, at the same units.

    Returns:
        One number per pair of layers; NaN where a layer has the same vector everywhere, or for fewer than 4 units.
    """
    n_units = a.shape[1]
    if n_units < FEWEST_UNITS:
        return np.full((len(a), len(b)), np.nan)
    left, right = (np.stack([_direction(layer) for layer in side]) for side in (a, b))
    cosines: np.ndarray = left @ right.T
    return cosines


def _direction(vectors: Float[np.ndarray, "unit width"]) -> Float[np.ndarray, " pair"]:
    """Give the U-centred Gram matrix as one vector of length one."""
    own = vectors.astype(np.float64)
    scale = float((own**2).sum())
    own -= own.mean(axis=0)
    flat = u_centred(own @ own.T).ravel()
    length = float(np.linalg.norm(flat))
    unit: np.ndarray = flat / length if length > _ROUNDING * scale else np.full_like(flat, np.nan)
    return unit


def u_centred(gram: Float[np.ndarray, "unit unit"]) -> Float[np.ndarray, "unit unit"]:
    """Take the means off a Gram matrix without its diagonal, so that the sum over each row is zero."""
    n = len(gram)
    hollow = gram.astype(np.float64)
    np.fill_diagonal(hollow, 0.0)
    sums = hollow.sum(axis=0) / (n - 2)
    centred: np.ndarray = hollow - sums[:, np.newaxis] - sums[np.newaxis, :] + sums.sum() / (n - 1)
    np.fill_diagonal(centred, 0.0)
    return centred
