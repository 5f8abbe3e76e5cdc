"""Answers about questions with three answers: the person a stereotype is about, another one, and "unknown"."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.pairs import PairScores


@dataclass(frozen=True, eq=False)
class ChoiceScores(PairScores):
    """A pair of scores as in `PairScores`: the answer that agrees with the stereotype, and the other person.

    Beside it the score of "unknown", in the same unit. `answers` and `labels` are what the model chose of each question
    and what is right: target, nontarget or unknown; `contexts` and `polarities` are what was asked: ambig or disambig,
    neg or nonneg. A category's own result has none of these texts.
    """

    unknown: Float32[np.ndarray, " pair"] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    answers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    polarities: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Give one row per question, with what was asked, what the model chose, and what is right."""
        frame = super().to_frame().assign(unknown=self.unknown)
        named = {
            "context": self.contexts,
            "polarity": self.polarities,
            "answer": self.answers,
            "label": self.labels,
        }
        return frame.assign(**{name: list(column) for name, column in named.items() if column})
