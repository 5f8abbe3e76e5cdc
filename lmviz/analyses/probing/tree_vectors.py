"""Sentences with their trees and, layer by layer, the vectors of their words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.probing.attachment import control_heads
from lmviz.analyses.probing.material import Row
from lmviz.analyses.probing.structural import Tree
from lmviz.analyses.probing.tasks import heads_of, universal_pos
from lmviz.analyses.probing.vectors import Pieces, joined, pooled, vectors

if TYPE_CHECKING:
    from lmviz.capture.activation_files import Activations
    from lmviz.capture.activations import Capture


@dataclass(frozen=True, eq=False)
class Words:
    """The words of all sentences, one after the other, and where each sentence begins."""

    rows: tuple[Row, ...]
    starts: np.ndarray
    found: Pieces
    usable: np.ndarray  # sentences all of whose words have tokens

    def on(self, side: int) -> list[int]:
        """Give the sentences of a side that can be asked about, as numbers."""
        return [number for number, row in enumerate(self.rows) if row.side == side and self.usable[number]]

    def trees(self, activations: "Activations", layer: int, *, side: int) -> list[Tree]:
        """Give the sentences of a side with the vectors of a layer."""
        chosen = self.on(side)
        if not chosen:
            return []
        lengths = [len(self.rows[number].targets) for number in chosen]
        parts = np.concatenate([self.starts[number] + np.arange(n) for number, n in zip(chosen, lengths, strict=True)])
        x = vectors(activations, layer, pieces=self.found, parts=parts)
        found, at = [], 0
        for number, n in zip(chosen, lengths, strict=True):
            targets = self.rows[number].targets
            found.append(Tree(x[at : at + n], tuple(map(heads_of, targets)), _kept(self.rows[number])))
            at += n
        return found

    def controls(self, trees: Sequence[Tree], *, side: int, seed: int) -> list[Tree]:
        """Give what `trees` gave with the trees that the word forms have drawn."""
        forms = ([target.form for target in self.rows[number].targets] for number in self.on(side))
        return [
            Tree(tree.vectors, control_heads(own, tree.kept, seed=seed), tree.kept)
            for tree, own in zip(trees, forms, strict=True)
        ]


def words_of(rows: Sequence[Row], capture: "Capture", *, pooling: str) -> Words:
    """Find the tokens of every word."""
    runs = joined(
        [
            pooled(capture.tokens.pieces(number, list(target.spans)), pooling)
            for number, row in enumerate(rows)
            for target in row.targets
        ]
    )
    lengths = np.array([len(row.targets) for row in rows], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    there = runs.counts > 0
    extents = zip(starts, lengths, strict=True)
    usable = np.array([bool(there[start : start + n].all()) and n > 1 for start, n in extents], dtype=bool)
    return Words(tuple(rows), starts, Pieces((runs,), there), usable)


def bare(row: Row) -> Tree:
    """Give the tree of a sentence without vectors."""
    nothing = np.empty((len(row.targets), 0), dtype=np.float32)
    return Tree(nothing, tuple(map(heads_of, row.targets)), _kept(row))


def _kept(row: Row) -> tuple[int, ...]:
    return tuple(place for place, target in enumerate(row.targets) if universal_pos(target) != "PUNCT")
