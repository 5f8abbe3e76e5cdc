"""The word embedding association test: are two sets of targets nearer to different attributes (Caliskan et al., 2017)?

SEAT asks the same of sentence vectors (May et al., 2019).
"""

import math
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter
from lmviz.statistics.inputs import checked_values

N_SAMPLES = 100_000  # up to so many partitions are all tried; of more, so many less one are drawn
_BATCH = 2_000_000  # random numbers at a time
_ROUNDING = 1e-12  # sums of the same numbers in another order are ties

Vectors = Float[np.ndarray, "word dimension"]


def associations(words: ArrayLike, a: ArrayLike, b: ArrayLike) -> Float[np.ndarray, " word"]:
    """Give how much nearer each word is to A than to B: its mean cosine with A less that with B.

    Args:
        words: One vector per word, as rows.
        a: The vectors of the first attribute's words.
        b: The vectors of the second's.

    Returns:
        One number per word, from −2 to 2.

    Raises:
        InvalidParameter: Not a table of vectors of one width, an empty set, or a vector of zeros.
    """
    units, first, second = (_unit(vectors, name) for vectors, name in ((words, "words"), (a, "a"), (b, "b")))
    if not units.shape[1] == first.shape[1] == second.shape[1]:
        widths = sorted({units.shape[1], first.shape[1], second.shape[1]})
        raise InvalidParameter(f"The vectors have different widths: {widths}. Take all of them from one model.")
    difference: np.ndarray = (units @ first.T).mean(axis=1) - (units @ second.T).mean(axis=1)
    return difference


def effect_size(x: ArrayLike, y: ArrayLike, a: ArrayLike, b: ArrayLike) -> float:
    """Give d: the difference of mean association of X and Y, in standard deviations over both (ddof = 1).

    Args:
        x: The vectors of the first targets, one per row.
        y: The vectors of the second targets.
        a: The vectors of the first attribute's words.
        b: The vectors of the second's.

    Returns:
        A number from −2 to 2 for sets of one size; NaN where all words are associated alike.

    Raises:
        InvalidParameter: Not tables of vectors of one width, an empty set, or a vector of zeros.
    """
    return effect_size_of(associations(x, a, b), associations(y, a, b))


def effect_size_of(of_x: ArrayLike, of_y: ArrayLike) -> float:
    """Give d, as `effect_size`, from the associations of both sets of targets.

    Args:
        of_x: One association per word of the first targets.
        of_y: One per word of the second.

    Returns:
        A number from −2 to 2 for sets of one size; NaN where all words are associated alike.

    Raises:
        InvalidParameter: Associations that are not finite.
    """
    first, second = (checked_values(values).astype(np.float64) for values in (of_x, of_y))
    both = np.concatenate([first, second])
    spread = float(both.std(ddof=1)) if len(both) > 1 else 0.0
    return float(first.mean() - second.mean()) / spread if spread > 0 else math.nan


def permutation_p(x: ArrayLike, y: ArrayLike, a: ArrayLike, b: ArrayLike, *, seed: int = 0) -> float:
    """Give the one-sided p that X is nearer to A than Y is, over partitions of X ∪ Y into halves.

    The statistic is the sum of the associations of the first half. Up to 100,000 partitions, which is nine words a
    side, are all tried. Of more, 99,999 are drawn and p = (1 + hits) / 100,000, so that it is never zero. A partition
    that reaches the observed sum exactly is a hit.

    Args:
        x: The vectors of the first targets, one per row.
        y: The vectors of the second targets, as many.
        a: The vectors of the first attribute's words.
        b: The vectors of the second's.
        seed: Of the draws.

    Returns:
        The p; small where X goes with A and Y with B.

    Raises:
        InvalidParameter: X and Y of different sizes, or what `effect_size` refuses.
    """
    return permutation_p_of(associations(x, a, b), associations(y, a, b), seed=seed)


def permutation_p_of(of_x: ArrayLike, of_y: ArrayLike, *, seed: int = 0) -> float:
    """Give the one-sided p, as `permutation_p`, from the associations of both sets of targets.

    Args:
        of_x: One association per word of the first targets.
        of_y: One per word of the second, as many.
        seed: Of the draws.

    Returns:
        The p.

    Raises:
        InvalidParameter: Sets of different sizes, or associations that are not finite.
    """
    first, second = (checked_values(values).astype(np.float64) for values in (of_x, of_y))
    if len(first) != len(second):
        raise InvalidParameter(
            f"The test exchanges words between sets of one size, and there are {len(first)} and {len(second)}. "
            "Leave words out of the larger set, and say which."
        )
    both = np.concatenate([first, second])
    least = float(first.sum()) - _ROUNDING * float(np.abs(both).sum())
    if math.comb(len(both), len(first)) <= N_SAMPLES:
        halves = np.array(list(combinations(range(len(both)), len(first))))
        return float((both[halves].sum(axis=1) >= least).mean())
    return (1 + _hits(both, least, seed)) / N_SAMPLES


def _hits(both: np.ndarray, least: float, seed: int) -> int:
    """Count the random halves whose sum is at least `least`."""
    generator, batch, hits = np.random.default_rng(seed), max(1, _BATCH // len(both)), 0
    for first in range(0, N_SAMPLES - 1, batch):
        keys = generator.random((min(batch, N_SAMPLES - 1 - first), len(both)))
        halves = np.argpartition(keys, len(both) // 2, axis=1)[:, : len(both) // 2]
        hits += int((both[halves].sum(axis=1) >= least).sum())
    return hits


def _unit(vectors: ArrayLike, name: str) -> Vectors:
    """Give vectors of length one."""
    rows = checked_values(vectors).astype(np.float64)
    if rows.ndim != 2 or not rows.size:
        raise InvalidParameter(f"The set '{name}' is no table with a vector in each row. Give one vector per word.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not lengths.all():
        row = int(np.argmin(lengths))
        raise InvalidParameter(f"Vector {row} of '{name}' is zero and has no direction. Leave that word out.")
    unit: np.ndarray = rows / lengths
    return unit
