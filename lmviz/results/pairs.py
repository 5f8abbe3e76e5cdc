"""Answers about pairs of texts that differ in one thing: which of the two a model prefers, and how sure that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result

FEWEST_PAIRS = 100  # below, a 95 per cent interval is wider than 20 points


@dataclass(frozen=True, eq=False)
class PairScores(Result):
    """Two scores per pair, in `unit`, and the share of pairs whose `more` is the larger one.

    `preference` counts ties among the pairs but not as wins: wins / n, from 0 to 1, NaN without pairs. `interval` takes
    pairs as independent; `cluster_interval` draws whole clusters, and is None where no clusters are known. What a
    benchmark reports besides is in `numbers`. A category's own result has neither texts nor categories.
    """

    more: Float32[np.ndarray, " pair"]
    less: Float32[np.ndarray, " pair"]
    preference: float
    interval: tuple[float, float]
    n: int
    ties: int
    skipped: int = 0  # rows that could not be read or scored; `note` says why
    by_category: Mapping[str, "PairScores"] = field(default_factory=dict)
    categories: tuple[str, ...] = ()  # one per pair, or none
    texts: tuple[tuple[str, str], ...] = ()  # more and less of each pair, or none
    cluster_interval: tuple[float, float] | None = None
    level: float = 0.95  # of the intervals
    numbers: Mapping[str, float] = field(default_factory=dict)
    unit: str = "nats"
    note: str = ""

    @property
    def has_few_pairs(self) -> bool:
        """Whether there are so few pairs that a preference is shown in grey."""
        return self.n < FEWEST_PAIRS

    @property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest end of all intervals there are."""
        both = (*self.interval, *(self.cluster_interval or ()))
        ends = [end for end in both if not math.isnan(end)]
        return min(ends), max(ends)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per pair, with its texts and its category where they are known."""
        columns: dict[str, object] = {"pair": np.arange(len(self.more))}
        if self.categories:
            columns["category"] = self.categories
        if self.texts:
            columns["more_text"], columns["less_text"] = zip(*self.texts, strict=True)
        return pd.DataFrame({**columns, "more": self.more, "less": self.less, "difference": self.more - self.less})
