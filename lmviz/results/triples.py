"""Answers about sentences that come in threes: two that differ in a stereotype, and one that makes no sense."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.pairs import PairScores


@dataclass(frozen=True, eq=False)
class TripleScores(PairScores):
    """A pair of scores as in `PairScores`, and beside it the score of an unrelated text, in the same unit."""

    unrelated: Float32[np.ndarray, " pair"] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    unrelated_texts: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Give one row per example, with the unrelated text beside the pair."""
        frame = super().to_frame()
        if self.unrelated_texts:
            frame["unrelated_text"] = self.unrelated_texts
        return frame.assign(unrelated=self.unrelated)
