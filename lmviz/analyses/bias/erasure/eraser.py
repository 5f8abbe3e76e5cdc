"""What all erasures come to: an affine map of low rank, and the random one of equal rank to compare it with."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import checked_values

Rows = Float[np.ndarray, "rank width"]
_NO_LENGTH = 1e-6  # relative: directions that differ by less are one


@dataclass(frozen=True, eq=False)
class Eraser:
    """x becomes x − Σ writer · (reader · (x − center)): the concept is read, and what was read is taken out.

    The projection is orthogonal where readers and writers are the same orthonormal rows, and oblique otherwise. In
    either case reader · writer is 1 for a pair and 0 across pairs, so erasing twice is erasing once.
    """

    center: Float[np.ndarray, " width"]
    readers: Rows
    writers: Rows
    method: str

    @property
    def rank(self) -> int:
        """How many directions are taken out."""
        return len(self.readers)

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return len(self.center)

    def __call__(self, x: ArrayLike) -> Float[np.ndarray, "*row width"]:
        """Erase from vectors, (…, width).

        Raises:
            InvalidParameter: They have another width.
        """
        vectors = np.asarray(x, dtype=np.float64)
        if vectors.shape[-1:] != (self.width,):
            raise InvalidParameter(f"The vectors are {vectors.shape}; this eraser is for a width of {self.width}.")
        erased: np.ndarray = vectors - ((vectors - self.center) @ self.readers.T) @ self.writers
        return erased

    def removed(self, x: ArrayLike) -> float:
        """Give the share of the vectors' variance around the center that erasing moves: how much else may go."""
        vectors = np.asarray(x, dtype=np.float64)
        total = float(((vectors - self.center) ** 2).sum())
        return float(((vectors - self(vectors)) ** 2).sum()) / total if total else 0.0


def orthogonal_eraser(rows: ArrayLike, center: ArrayLike, *, method: str) -> Eraser:
    """Erase the subspace that some rows span, (row, width).

    Raises:
        InvalidParameter: The rows are all zero.
    """
    _, sizes, basis = np.linalg.svd(np.atleast_2d(np.asarray(rows, dtype=np.float64)), full_matrices=False)
    if sizes[0] == 0.0:
        raise InvalidParameter("A direction of length zero cannot be erased. Give vectors in which the classes differ.")
    kept = basis[sizes > _NO_LENGTH * sizes[0]]
    return Eraser(np.asarray(center, dtype=np.float64), kept, kept, method)


def random_eraser(like: Eraser, *, seed: int, spread: ArrayLike | None = None) -> Eraser:
    """Erase a subspace drawn at random, of the rank and around the center of another eraser.

    What an erasure does beyond this control is due to the concept, as far as the rank goes; compare `removed` too.

    Args:
        like: The other eraser.
        seed: Of the draw.
        spread: Vectors, one per row. Directions are then drawn as these spread, with their covariance, so that about
            as much of the variance goes as with any direction that matters; None: all directions are as likely.
    """
    if not like.rank:
        return replace(like, method="random")
    return orthogonal_eraser(random_rows(like.rank, like.width, seed=seed, spread=spread), like.center, method="random")


def random_rows(rank: int, width: int, *, seed: int, spread: ArrayLike | None = None) -> Rows:
    """Draw directions, from a normal distribution with the covariance of some vectors if they are given."""
    generator = np.random.default_rng(seed)
    if spread is None:
        return generator.normal(size=(rank, width))
    vectors = np.asarray(spread, dtype=np.float64)
    rows: np.ndarray = generator.normal(size=(rank, len(vectors))) @ (vectors - vectors.mean(axis=0))
    return rows


def checked_classes(x: ArrayLike, z: ArrayLike) -> tuple[Float[np.ndarray, "row width"], np.ndarray, np.ndarray]:
    """Check vectors with their classes.

    Args:
        x: One vector per row.
        z: The class of each: names or numbers.

    Returns:
        The vectors in float64, the number of each row's class from 0, and the classes in order.

    Raises:
        InvalidParameter: No table, numbers that are not finite, not one class per row, or fewer than two classes.
    """
    vectors, named = checked_values(x).astype(np.float64), np.asarray(z)
    if vectors.ndim != 2 or not vectors.size:
        raise InvalidParameter(f"The vectors are {vectors.shape}. Give one row per text and one column per dimension.")
    if named.shape != (len(vectors),):
        raise InvalidParameter(f"There are {len(vectors)} vectors and {named.size} classes. Give one class per vector.")
    classes, numbers = np.unique(named, return_inverse=True)
    if len(classes) < 2:
        raise InvalidParameter(f"All {len(vectors)} vectors are of one class. Give vectors of two classes or more.")
    return vectors, numbers, classes
