"""Trees of words: distances and depths in them, and how well a tree is found in distances."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import ArrayLike

from lmviz.errors import InvalidParameter

Edge = tuple[int, int]
ROOT = -1  # the head of the word that has none
SHORTEST, LONGEST = 5, 50  # words of the sentences that rank correlations are averaged over


def spanning_tree(distances: ArrayLike) -> tuple[Edge, ...]:
    """Find the tree over all words whose edges are shortest together, by Prim's algorithm.

    Args:
        distances: (word, word), symmetric; of equal ones the first is taken.

    Returns:
        One edge less than words, each with the smaller word first, in order.

    Raises:
        InvalidParameter: It is no square of numbers, or not symmetric.
    """
    matrix = _square(distances)
    n_words = len(matrix)
    if n_words < 2:
        return ()
    is_in = np.zeros(n_words, dtype=bool)
    is_in[0] = True
    nearest, away = np.zeros(n_words, dtype=np.int64), matrix[0].copy()
    edges = []
    for _ in range(n_words - 1):
        new = int(np.where(is_in, np.inf, away).argmin())
        if is_in[new]:  # all that is left is infinitely far away
            new = int(np.flatnonzero(~is_in)[0])
        edges.append((min(new, int(nearest[new])), max(new, int(nearest[new]))))
        is_in[new] = True
        is_nearer = matrix[new] < away
        nearest[is_nearer], away[is_nearer] = new, matrix[new][is_nearer]
    return tuple(sorted(edges))


def _square(distances: ArrayLike) -> Float[np.ndarray, "word word"]:
    matrix = np.asarray(distances, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidParameter(f"Distances are a square of words by words; this is {matrix.shape}.")
    if np.isnan(matrix).any():
        raise InvalidParameter("Some of the distances are no numbers.")
    if not np.array_equal(matrix, matrix.T):
        raise InvalidParameter("Distances are the same in both directions; these are not. Give (d + d.T) / 2.")
    return matrix


def checked_heads(heads: Sequence[int]) -> Int64[np.ndarray, " word"]:
    """Give the heads of a sentence if they are a tree: one word without a head, and a way from every word to it.

    Args:
        heads: The head of each word, counted from 0; `ROOT` for the word that has none.

    Raises:
        InvalidParameter: They are no tree.
    """
    found = np.asarray(heads, dtype=np.int64)
    n_roots = int((found == ROOT).sum())
    if n_roots != 1:
        raise InvalidParameter(f"A tree has one root; this one has {n_roots}.")
    if ((found < ROOT) | (found >= len(found))).any():
        raise InvalidParameter("A head is a word of the sentence; one of these is not.")
    depths(found)
    return found


def depths(heads: ArrayLike) -> Int64[np.ndarray, " word"]:
    """Count the edges from each word up to the root, which has 0.

    Args:
        heads: As for `checked_heads`.

    Raises:
        InvalidParameter: A word is its own ancestor.
    """
    up = np.asarray(heads, dtype=np.int64)
    found, at = np.zeros(len(up), dtype=np.int64), np.arange(len(up))
    for _ in range(len(up) + 1):
        at = np.where(at == ROOT, ROOT, up[at])
        if (at == ROOT).all():
            return found
        found += at != ROOT
    raise InvalidParameter("A word is its own ancestor: these heads are no tree.")


def tree_distances(heads: ArrayLike) -> Int64[np.ndarray, "word word"]:
    """Count the edges between every two words.

    Args:
        heads: As for `checked_heads`.
    """
    up = np.asarray(heads, dtype=np.int64)
    deep = depths(up)
    n_words = len(up)
    ancestors = np.zeros((n_words, n_words), dtype=bool)  # [word, ancestor], itself included
    at = np.arange(n_words)
    while (at != ROOT).any():
        there = at != ROOT
        ancestors[np.flatnonzero(there), at[there]] = True
        at = np.where(there, up[at], ROOT)
    shared = ancestors[:, None, :] & ancestors[None, :, :]
    lowest = np.where(shared, deep, -1).max(axis=-1, initial=-1)
    apart: np.ndarray = deep[:, None] + deep[None, :] - 2 * lowest
    return apart


def edges_of(heads: ArrayLike, *, kept: Iterable[int] | None = None) -> frozenset[Edge]:
    """Give the edges of a tree without their direction; with `kept`, those between two of these words."""
    up = np.asarray(heads, dtype=np.int64)
    words = set(range(len(up)) if kept is None else kept)
    pairs = ((word, int(head)) for word, head in enumerate(up) if head != ROOT)
    return frozenset((min(pair), max(pair)) for pair in pairs if words.issuperset(pair))


def recovered_edges(distances: ArrayLike, heads: ArrayLike, *, kept: Sequence[int] | None = None) -> tuple[int, int]:
    """Count how many edges of a tree are in the spanning tree of some distances, and how many there are.

    UUAS is the sum of the former over the sum of the latter for many sentences (Hewitt & Manning, 2019).

    Args:
        distances: (word, word).
        heads: The tree.
        kept: The words that count, such as all but punctuation; the spanning tree is over these. None: all.
    """
    matrix = _square(distances)
    words = list(range(len(matrix)) if kept is None else kept)
    found = {(words[a], words[b]) for a, b in spanning_tree(matrix[np.ix_(words, words)])}
    gold = edges_of(heads, kept=words)
    return len(gold & {(min(edge), max(edge)) for edge in found}), len(gold)


def mean_by_length(values: Sequence[float], lengths: Sequence[int]) -> float:
    """Average first within each length of sentence, then over the lengths from 5 to 50 words; NaN where there is none.

    So DSpr and NSpr are averaged (Hewitt & Manning, 2019): long sentences do not count more than short ones.
    """
    groups: dict[int, list[float]] = {}
    for value, length in zip(values, lengths, strict=True):
        if SHORTEST <= length <= LONGEST and np.isfinite(value):
            groups.setdefault(length, []).append(value)
    return float(np.mean([np.mean(group) for group in groups.values()])) if groups else float("nan")
