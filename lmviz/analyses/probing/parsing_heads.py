"""Attention heads as dependency parsers: which word each head points at, and how often it is the right one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import ArrayLike

from lmviz.analyses.probing.trees import ROOT

DIRECTIONS = ("dependent to head", "head to dependent")
OFFSETS = (-3, -2, -1, 1, 2)  # a word is not its own head, so 0 is never right
ALL = "all"
NOT_COUNTED = frozenset({"", "root", "punct"})
NOWHERE = -2  # what is pointed at where nothing is attended to; no word and no root

Predicted = Int64[np.ndarray, "direction layer head word"]
Hits = Bool[np.ndarray, "word direction layer head"]


class HeadAt(NamedTuple):
    """One way of parsing: a direction, as an index of `DIRECTIONS`, of a head of a layer."""

    direction: int
    layer: int
    head: int


@dataclass(frozen=True, eq=False)
class Tree:
    """The heads of a sentence's words, counted from 0, -1 for the root, and the relation of each word to its own."""

    heads: Int64[np.ndarray, " word"]
    relations: tuple[str, ...]

    @property
    def counted(self) -> Int64[np.ndarray, " counted"]:
        """Which words are asked about: all but the root and punctuation; what they may point at is any word."""
        pairs = enumerate(zip(self.heads.tolist(), self.relations, strict=True))
        kept = [word for word, (head, relation) in pairs if head != ROOT and relation not in NOT_COUNTED]
        return np.array(kept, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Words:
    """The counted words of many sentences: whose they are, their relations, and who finds their heads.

    `sentences` does not fall, so words of a sentence stand together.
    """

    sentences: Int64[np.ndarray, " word"]
    relations: tuple[str, ...]
    hits: Hits
    offset_hits: Bool[np.ndarray, "word offset"]

    def of(self, relation: str) -> Bool[np.ndarray, " word"]:
        """Say which words have a relation; all have `ALL`."""
        if relation == ALL:
            return np.ones(len(self.relations), dtype=bool)
        return np.array([own == relation for own in self.relations], dtype=bool)


def predicted(pattern: ArrayLike, pieces: Sequence[Sequence[int]] | None = None) -> Predicted:
    """Let every head point from each word to another: the one it attends to most, and the one it is attended by most.

    A word does not point at itself, nor at one that shares a token with it: how much the two attend to each other
    cannot be told from how much each attends to itself. Of equal ones the first is taken (Clark et al., 2019).

    Args:
        pattern: (layer, head, word that attends, word that is attended to), zero or more.
        pieces: The tokens of each word; None: no two words share one.

    Returns:
        For each of `DIRECTIONS` the word that is pointed at; `NOWHERE` where there is no attention to or by others, as
        the first word of a decoder has none.
    """
    own = np.array(pattern, dtype=np.float32)
    own[..., _shared(pieces, own.shape[-1])] = 0.0
    return np.stack([_largest(own), _largest(np.swapaxes(own, -1, -2))])


def _shared(pieces: Sequence[Sequence[int]] | None, n_words: int) -> Bool[np.ndarray, "word word"]:
    if pieces is None:
        return np.eye(n_words, dtype=bool)
    sets = [frozenset(own) for own in pieces]
    rows = [[i == j or not one.isdisjoint(other) for j, other in enumerate(sets)] for i, one in enumerate(sets)]
    return np.array(rows, dtype=bool).reshape(n_words, n_words)


def _largest(own: np.ndarray) -> np.ndarray:
    if not own.size:
        return np.zeros(own.shape[:-1], dtype=np.int64)
    found: np.ndarray = np.where(own.max(axis=-1) > 0, own.argmax(axis=-1), NOWHERE)
    return found


def hits(points: Predicted, tree: Tree) -> Hits:
    """Say for each counted word which heads point at its head."""
    words = tree.counted
    found: np.ndarray = np.moveaxis(points[..., words] == tree.heads[words], -1, 0)
    return found


def offset_hits(tree: Tree) -> Bool[np.ndarray, "counted offset"]:
    """Say for each counted word which of `OFFSETS` leads to its head."""
    words = tree.counted
    found: np.ndarray = (tree.heads[words] - words)[:, None] == np.array(OFFSETS)
    return found


def gathered(trees: Sequence[Tree], found: Iterable[Hits], *, n_layers: int, n_heads: int) -> Words:
    """Put the counted words of all sentences under each other.

    Args:
        trees: One per sentence.
        found: What `hits` gave for each.
        n_layers: Of the model; what counts where there is no sentence.
        n_heads: Of a layer.
    """
    counts = [len(tree.counted) for tree in trees]
    none = np.zeros((0, len(DIRECTIONS), n_layers, n_heads), dtype=bool)
    return Words(
        sentences=np.repeat(np.arange(len(trees)), counts),
        relations=tuple(tree.relations[word] for tree in trees for word in tree.counted),
        hits=np.concatenate([none, *found]),
        offset_hits=np.concatenate([np.zeros((0, len(OFFSETS)), dtype=bool), *map(offset_hits, trees)]),
    )


def relations_of(dev: Words, test: Words, *, min_words: int) -> tuple[str, ...]:
    """Name the relations with enough test words and at least one dev word, all together first, then the commonest."""
    counts = {relation: test.relations.count(relation) for relation in set(test.relations) & set(dev.relations)}
    enough = [relation for relation, count in counts.items() if count >= min_words]
    named = sorted(enough, key=lambda relation: (-counts[relation], relation))
    has_all = min(len(dev.relations), 1) and len(test.relations) >= min_words
    return (ALL, *named) if has_all else tuple(named)


def accuracies(words: Words, relation: str) -> Float64[np.ndarray, "direction layer head"]:
    """Give the share of a relation's words whose head each head finds; NaN where there is no word."""
    own = words.hits[words.of(relation)]
    return own.mean(axis=0) if len(own) else np.full(own.shape[1:], np.nan)


def best_head(dev: Words, relation: str) -> HeadAt:
    """Choose the head that finds most on the dev split; of equal ones the first."""
    counts = dev.hits[dev.of(relation)].sum(axis=0)
    return HeadAt(*(int(at) for at in np.unravel_index(int(counts.argmax()), counts.shape)))


def best_offset(dev: Words, relation: str) -> int:
    """Choose the place in `OFFSETS` that finds most on the dev split; of equal ones the nearest."""
    counts = dev.offset_hits[dev.of(relation)].sum(axis=0)
    return max(range(len(OFFSETS)), key=lambda at: (counts[at], -abs(OFFSETS[at])))
