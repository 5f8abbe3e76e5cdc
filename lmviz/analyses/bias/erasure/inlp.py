"""Erase what one linear classifier after another finds, until none finds anything."""

import numpy as np
from numpy.typing import ArrayLike

from lmviz.analyses.bias.erasure.eraser import Eraser, checked_classes, orthogonal_eraser
from lmviz.analyses.bias.erasure.probes import fitted_rows, held_out, linear_accuracy, majority_share
from lmviz.errors import InvalidParameter


def inlp(x: ArrayLike, z: ArrayLike, *, groups: ArrayLike | None = None, max_rounds: int = 20, seed: int = 0) -> Eraser:
    """Fit iterative nullspace projection (Ravfogel et al., 2020).

    Round after round a logistic regression is fitted on the vectors as they are erased so far, and its rows join those
    that are erased. The subspace is that of all rows together, taken out of the original vectors (Ben-Israel, 2015).
    It ends once a probe tells no more of the vectors that are held out from all of this than the majority's share and a
    standard error. Were nothing held out, the probe would do worse than chance on what the rows were fitted to.
    Unlike there, what is left is centred on the mean and not on zero: the next layer of a model has seen the mean.

    Args:
        x: One vector per row.
        z: The class of each.
        groups: What was sampled, such as the pair of each row: a group is not both fitted and tested on.
        max_rounds: At which it ends in any case.
        seed: Of what is held out.

    Returns:
        An orthogonal eraser; its rank grows by one with each round for two classes.

    Raises:
        InvalidParameter: As `checked_classes`, no rounds, or too few rows or groups to test on.
    """
    if max_rounds < 1:
        raise InvalidParameter(f"{max_rounds} rounds erase nothing. Ask for 1 or more.")
    vectors, numbers, _ = checked_classes(x, z)
    fit, test = held_out(numbers, groups=groups, seed=seed)
    majority = majority_share(numbers[test])
    enough = majority + np.sqrt(majority * (1 - majority) / len(test))
    center, rows, erased = vectors.mean(axis=0), np.empty((0, vectors.shape[1])), vectors
    for _ in range(min(max_rounds, vectors.shape[1])):
        sides = ((erased[side], numbers[side]) for side in (fit, test))
        if len(rows) and linear_accuracy(*sides) <= enough:
            break
        rows = np.concatenate([rows, fitted_rows(erased[fit] - center, numbers[fit])])
        erased = orthogonal_eraser(rows, center, method="inlp")(vectors)
    return orthogonal_eraser(rows, center, method="inlp")
