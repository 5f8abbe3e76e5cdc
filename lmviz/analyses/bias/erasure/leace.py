"""Erase what any linear probe could read, and change the vectors as little as that allows."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.analyses.bias.erasure.eraser import Eraser, checked_classes

Square = Float[np.ndarray, "width width"]
_NOTHING_SHARED = 0.01  # singular values of the whitened cross-covariance below this are noise


def leace(x: ArrayLike, z: ArrayLike, *, has_shrinkage: bool = True) -> Eraser:
    """Fit least-squares concept erasure (Belrose et al., 2023).

    With W = Σxx^(−1/2) and U the left singular vectors of W Σxz, x becomes x − W⁺ U Uᵀ W (x − μ). The covariance of
    what is left with the classes is zero, so that no linear probe fitted on these vectors beats the majority.

    Args:
        x: One vector per row.
        z: The class of each.
        has_shrinkage: Whether Σxx is shrunk towards a multiple of the identity, as few vectors of many dimensions need
            (Bodnar et al., 2014). It changes how much else is moved, not that the classes are erased.

    Returns:
        An eraser whose rank is at most the number of classes less one.

    Raises:
        InvalidParameter: As `checked_classes`.
    """
    vectors, numbers, classes = checked_classes(x, z)
    center = vectors.mean(axis=0)
    centred = vectors - center
    one_hot = np.eye(len(classes))[numbers]
    shared = centred.T @ (one_hot - one_hot.mean(axis=0)) / len(vectors)  # Σxz (width, class)
    covariance = centred.T @ centred / len(vectors)
    if has_shrinkage:
        covariance = shrunk(covariance, len(vectors))
    whiten, colour = _roots(covariance)
    left, sizes, _ = np.linalg.svd(whiten @ shared, full_matrices=False)
    kept = left[:, sizes > _NOTHING_SHARED]
    return Eraser(center, kept.T @ whiten, kept.T @ colour, "leace")


def shrunk(covariance: Square, n: int) -> Square:
    """Shrink a sample covariance to the multiple of the identity with its trace, optimally (Bodnar et al., 2014).

    Args:
        covariance: Of n vectors.
        n: How many there were.

    Returns:
        α Σ + β I tr(Σ) / width.
    """
    width, trace = len(covariance), float(np.trace(covariance))
    target = np.eye(width) * trace / width
    size, target_size = float((covariance**2).sum()), float((target**2).sum())
    shared = float((covariance * target).sum())
    spread = size * target_size - shared**2
    alpha = 1 - trace**2 * target_size / n / spread if spread > 0 else 0.0
    alpha = min(1.0, max(0.0, alpha))
    beta = (1 - alpha) * shared / target_size if target_size else 0.0
    return np.asarray(alpha * covariance + beta * target)


def _roots(covariance: Square) -> tuple[Square, Square]:
    """Give Σ^(−1/2) and its pseudo-inverse Σ^(1/2), without the directions in which nothing varies."""
    values, axes = np.linalg.eigh(covariance)
    varies = values > values[-1] * len(values) * np.finfo(np.float64).eps
    roots = np.sqrt(values[varies])
    axes = axes[:, varies]
    return (axes / roots) @ axes.T, (axes * roots) @ axes.T
