"""Erase what one linear classifier after another finds, until none finds anything."""

import numpy as np
from numpy.typing import ArrayLike

from lmviz.analyses.bias.erasure.eraser import Eraser, checked_classes, orthogonal_eraser
from lmviz.analyses.bias.erasure.probes import cross_validated, fitted_rows, majority_share
from lmviz.errors import InvalidParameter


def inlp(x: ArrayLike, z: ArrayLike, *, groups: ArrayLike | None = None, max_rounds: int = 20, seed: int = 0) -> Eraser:
    """Fit iterative nullspace projection (Ravfogel et al., 2020).

    Round after round a logistic regression is fitted on the vectors as they are erased so far, and its rows join those
    that are erased. The subspace is that of all rows together, taken out of the original vectors (Ben-Israel, 2015).
    It ends once a probe on standardised vectors, asked about those it has not seen, is within a standard error of the
    majority's share.
    Unlike there, what is left is centred on the mean and not on zero: the next layer of a model has seen the mean.

    Args:
        x: One vector per row.
        z: The class of each.
        groups: What was sampled, such as the pair of each row: a group is not both fitted and tested on.
        max_rounds: At which it ends in any case.
        seed: Of the folds.

    Returns:
        An orthogonal eraser; its rank grows by one with each round for two classes.

    Raises:
        InvalidParameter: As `checked_classes`, no rounds, or too few rows or groups to test on.
    """
    if max_rounds < 1:
        raise InvalidParameter(f"{max_rounds} rounds erase nothing. Ask for 1 or more.")
    vectors, numbers, _ = checked_classes(x, z)
    majority = majority_share(numbers)
    enough = majority + np.sqrt(majority * (1 - majority) / len(numbers))
    center, rows = vectors.mean(axis=0), np.empty((0, vectors.shape[1]))
    erased = vectors
    for _ in range(min(max_rounds, vectors.shape[1])):
        if len(rows) and cross_validated(erased, numbers, groups=groups, seed=seed) <= enough:
            break
        rows = np.concatenate([rows, fitted_rows(erased - center, numbers)])
        erased = orthogonal_eraser(rows, center, method="inlp")(vectors)
    return orthogonal_eraser(rows, center, method="inlp")
