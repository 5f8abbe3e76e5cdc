"""Answers about minimal pairs of grammar: which sentences a model takes for the better ones, paradigm by paradigm."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from lmviz.results.pairs import PairScores


@dataclass(frozen=True, eq=False, kw_only=True)
class GrammarScores(PairScores):
    """A score of the grammatical and of the ungrammatical sentence of each pair; ties count as wrong.

    `by_category` has the phenomena, and each of them its paradigms. Cluster intervals draw whole paradigms.
    `references` are shares of others, by who they are and then by phenomenon, from 0 to 1; "all" is over everything.
    """

    paradigms: tuple[str, ...] = ()  # one per pair
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per pair, with its sentences, its phenomenon and its paradigm."""
        frame = super().to_frame()
        frame.insert(1, "paradigm", self.paradigms)
        return frame.rename(columns={"category": "phenomenon", "more_text": "good_text", "less_text": "bad_text"})
