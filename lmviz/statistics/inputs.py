"""What every statistic asks of its input, and the sentence when it is something else."""

import numpy as np
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter


def check_counts(successes: float, n: float) -> None:
    """Refuse what is not a whole number of successes among a whole number of trials.

    Raises:
        InvalidParameter: One of them is negative or not whole, or there are more successes than trials.
    """
    if not (float(successes).is_integer() and float(n).is_integer() and 0 <= successes <= n):
        raise InvalidParameter(
            f"{successes:g} of {n:g} is not a count of successes among trials. "
            "Give two whole numbers of zero or more, the first not larger than the second."
        )


def check_between(name: str, value: float) -> None:
    """Refuse a share that does not lie strictly between 0 and 1.

    Raises:
        InvalidParameter: It is 0 or less, 1 or more, or NaN.
    """
    if not 0 < value < 1:
        raise InvalidParameter(f"{name} must lie between 0 and 1, and {value} does not. Give 0.95 for 95 per cent.")


def checked_values(values: ArrayLike) -> np.ndarray:
    """Give an array with one entry per item on its first axis.

    Raises:
        InvalidParameter: It is a single number, or some of it is NaN or infinite.
    """
    array = np.asarray(values)
    if array.ndim == 0:
        raise InvalidParameter(f"{array} is a single number. Give one value per item, as a list.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        n_bad = int((~np.isfinite(array)).sum())
        raise InvalidParameter(
            f"{n_bad} of {array.size} values are not finite numbers. Leave these items out and count them as skipped."
        )
    return array


def cluster_codes(clusters: ArrayLike | None, n: int) -> np.ndarray:
    """Number the clusters from 0 and give the number of each item; without clusters each item is its own.

    Raises:
        InvalidParameter: There is not one cluster per item.
    """
    if clusters is None:
        return np.arange(n)
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise InvalidParameter(f"There are {n} values and {names.size} clusters. Give one cluster per value.")
    return np.unique(names, return_inverse=True)[1]
