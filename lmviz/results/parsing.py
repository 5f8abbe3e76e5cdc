"""Answers about attention heads as parsers: for each relation of words the best head, beside what needs no learning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Int64

from lmviz.results.base import Result

SIGNIFICANT = 0.05  # the adjusted p below which a head is told from the offset


class ParsingHead(NamedTuple):
    """The head that was chosen for a relation, and the share of test words whose syntactic head it finds."""

    relation: str
    layer: int
    head: int
    direction: str
    accuracy: float


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadParsing(Result):
    """For each relation the attention head that finds most syntactic heads: chosen on dev, all numbers on test.

    `direction` is an index of `directions`. `offset` is the best fixed distance in words, chosen on dev as well.
    `difference` is the head's accuracy less the offset's. `p_adjusted` knows that there are many relations;
    `p_any_head` knows besides that any head in any direction might have been the best. `random_…` is the best head of
    a model that has learnt nothing, chosen on dev too; NaN and -1 where none was asked. `grids` has under "dev" and
    "test" the accuracies of every head, (relation, direction, layer, head). Ends of intervals are `low` and `high`, at
    `level`; numbers are NaN where there are too few sentences for them.
    """

    relations: tuple[str, ...]
    directions: tuple[str, ...]
    n: Int64[np.ndarray, " relation"]  # test words
    n_dev: Int64[np.ndarray, " relation"]
    direction: Int64[np.ndarray, " relation"]
    layer: Int64[np.ndarray, " relation"]
    head: Int64[np.ndarray, " relation"]
    accuracy: Float32[np.ndarray, " relation"]
    low: Float32[np.ndarray, " relation"]
    high: Float32[np.ndarray, " relation"]
    offset: Int64[np.ndarray, " relation"]
    offset_accuracy: Float32[np.ndarray, " relation"]
    offset_low: Float32[np.ndarray, " relation"]
    offset_high: Float32[np.ndarray, " relation"]
    difference: Float32[np.ndarray, " relation"]
    difference_low: Float32[np.ndarray, " relation"]
    difference_high: Float32[np.ndarray, " relation"]
    p_adjusted: Float32[np.ndarray, " relation"]
    p_any_head: Float32[np.ndarray, " relation"]
    random_direction: Int64[np.ndarray, " relation"]
    random_layer: Int64[np.ndarray, " relation"]
    random_head: Int64[np.ndarray, " relation"]
    random_accuracy: Float32[np.ndarray, " relation"]
    random_low: Float32[np.ndarray, " relation"]
    random_high: Float32[np.ndarray, " relation"]
    grids: Mapping[str, Float32[np.ndarray, "relation direction layer head"]] = field(default_factory=dict)
    n_sentences: int = 0  # of the test split
    n_sentences_dev: int = 0
    skipped: int = 0  # sentences that could not be read or asked; `note` says why
    level: float = 0.95
    note: str = ""

    @property
    def is_significant(self) -> Bool[np.ndarray, " relation"]:
        """Which relations have a head that is better than the best fixed offset, and told from it."""
        found: np.ndarray = (self.p_adjusted < SIGNIFICANT) & (self.difference > 0)
        return found

    def best(self) -> tuple[ParsingHead, ...]:
        """Give the chosen head of each relation."""
        chosen = zip(self.layer.tolist(), self.head.tolist(), self.direction.tolist(), strict=True)
        pairs = zip(self.relations, chosen, self.accuracy.tolist(), strict=True)
        return tuple(ParsingHead(name, at[0], at[1], self.directions[at[2]], value) for name, at, value in pairs)

    def grid(self, relation: str, direction: str, *, split: str = "test") -> Float32[np.ndarray, "layer head"]:
        """Give the accuracy of every head for one relation in one direction.

        Args:
            relation: One of `relations`.
            direction: One of `directions`.
            split: "dev" or "test".
        """
        found: np.ndarray = self.grids[split][self.relations.index(relation), self.directions.index(direction)]
        return found

    def to_frame(self) -> pd.DataFrame:
        """Give one row per relation."""
        names = [name for name, value in vars(self).items() if isinstance(value, np.ndarray)]
        columns = {name: getattr(self, name) for name in names}
        for name in ("direction", "random_direction"):
            labels = [self.directions[at] if at >= 0 else "" for at in columns[name].tolist()]
            columns[name] = np.array(labels, dtype=object)
        return pd.DataFrame({"relation": np.array(self.relations, dtype=object), **columns})
