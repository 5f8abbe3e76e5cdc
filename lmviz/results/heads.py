"""Answers of heads that read a whole text: labels, and where an answer stands."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result, TokenTable, tidy


@dataclass(frozen=True, eq=False)
class LabelProbabilities(Result):
    """What a head says about a whole input, label by label.

    `kind` is "one of" (the labels share one), "each" (each has a probability of its own) or "value" (`logits` are
    values, probabilities are NaN and `note` says so).
    """

    labels: tuple[str, ...]
    probabilities: Float32[np.ndarray, " label"]
    logits: Float32[np.ndarray, " label"]
    kind: str
    note: str = ""
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per label."""
        columns = {"label": self.labels, "probability": self.probabilities, "logit": self.logits}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class AnswerSpan:
    """A stretch of the text that may be the answer: its first and last position, and the probability of just these."""

    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class AnswerSpans(Result):
    """Where in a text the answer to a question may begin and end; `spans` are the most probable, best first.

    `start` and `end` are shares of one over the tokens of the text, zero elsewhere. `no_answer` is the share of the
    first position, [CLS], when it competes with them as it does in models trained on questions without answers; NaN
    where there is no [CLS].
    """

    tokens: tuple[str, ...]
    start: Float32[np.ndarray, " position"]
    end: Float32[np.ndarray, " position"]
    spans: tuple[AnswerSpan, ...]
    no_answer: float
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position."""
        frame = tidy(self.start, {"position": self.tokens}, name="start")
        return frame.assign(end=self.end)
