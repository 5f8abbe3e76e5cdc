"""Answers about what a model writes of persons: completions of sentences, and the words of a lexicon in them."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.pairs import PairScores


@dataclass(frozen=True)
class Completed:
    """A sentence with what the model put into it, most probable first where it filled in a mask.

    `matched` has for each completion the word of the lexicon that is in it, or "".
    """

    text: str
    identity: str
    group: str
    category: str
    completions: tuple[str, ...]
    matched: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CompletionScores(PairScores):
    """Pairs of one sentence about two groups: the share of completions that a lexicon knows, of either group.

    `sentences` are all sentences behind it, and `probabilities` those of their completions.
    """

    sentences: tuple[Completed, ...] = ()
    probabilities: Float32[np.ndarray, "sentence completion"] = field(
        default_factory=lambda: np.empty((0, 0), dtype=np.float32)
    )

    def to_frame(self) -> pd.DataFrame:
        """Give one row per completion, with its sentence and the word of the lexicon that is in it."""
        rows = [
            (own.group, own.identity, own.category, own.text, rank, completion, word, probability)
            for own, chances in zip(self.sentences, self.probabilities, strict=True)
            for rank, (completion, word, probability) in enumerate(
                zip(own.completions, own.matched, chances.tolist(), strict=True)
            )
        ]
        columns = ["group", "identity", "category", "sentence", "rank", "completion", "matched", "probability"]
        return pd.DataFrame(rows, columns=columns)
