"""The direction in which the members of pairs differ, such as she and he, woman and man."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import checked_values


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction of length one, from the second members of pairs to the first, and whether it means anything.

    `explained` is the share of the differences' variance that lies along it. `null` has the same share for random
    pairings of the same vectors, and `p` says how often such a pairing explains as much.
    """

    vector: Float[np.ndarray, " width"]
    explained: float
    null: Float[np.ndarray, " draw"]
    p: float


def direction(first: ArrayLike, second: ArrayLike, *, n_draws: int = 1000, seed: int = 0) -> Direction:
    """Find the top principal component of definitional pairs, each centred on its own mean (Bolukbasi et al., 2016).

    A centred pair is ±(first − second) / 2, so that the component is the top right singular vector of the differences.
    The null pairs the same vectors at random, whichever side they are of; p = (1 + hits) / (1 + draws).

    Args:
        first: One vector per pair.
        second: The other member of each pair.
        n_draws: Random pairings; 0 for none, p is then NaN.
        seed: Of the pairings.

    Returns:
        The direction; its sign is that of the mean difference.

    Raises:
        InvalidParameter: Not as many vectors on both sides, numbers that are not finite, or pairs that do not differ.
    """
    sides = [checked_values(side).astype(np.float64) for side in (first, second)]
    if sides[0].ndim != 2 or sides[0].shape != sides[1].shape:
        raise InvalidParameter(
            f"The first vectors are {sides[0].shape}, the second {sides[1].shape}. Give one row per pair on both sides."
        )
    differences = sides[0] - sides[1]
    explained, vector = _top(differences)
    if not explained:
        raise InvalidParameter("The members of all pairs are the same. Give pairs that differ.")
    if differences.mean(axis=0) @ vector < 0:
        vector = -vector
    generator, pooled = np.random.default_rng(seed), np.concatenate(sides)
    null = np.array([_top(_paired(generator.permutation(pooled)))[0] for _ in range(n_draws)])
    p = (1 + int((null >= explained).sum())) / (1 + n_draws) if n_draws else float("nan")
    return Direction(vector, explained, null, p)


def _paired(vectors: np.ndarray) -> np.ndarray:
    half = len(vectors) // 2
    differences: np.ndarray = vectors[:half] - vectors[half:]
    return differences


def _top(differences: np.ndarray) -> tuple[float, np.ndarray]:
    """Give the share of the largest component and the component, by the smaller of the two products."""
    total = float((differences**2).sum())
    if total == 0.0:
        return 0.0, np.zeros(differences.shape[1])
    if len(differences) <= differences.shape[1]:
        sizes, left = np.linalg.eigh(differences @ differences.T)
        top = left[:, -1] @ differences
        return float(sizes[-1]) / total, top / np.linalg.norm(top)
    sizes, right = np.linalg.eigh(differences.T @ differences)
    return float(sizes[-1]) / total, right[:, -1]
