"""What each token that a model wrote rests on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result, TokenTable, tidy


@dataclass(frozen=True, eq=False)
class GeneratedScores(Result):
    """One signed number for each token that was written and each token before it, in `unit`.

    The first `n_source` tokens are the text that was continued, the others what was written; each of these has a row.
    NaN from the row's own token on: it was not there yet. `values` are what is explained of each token, on the input
    and on the baseline (NaN for a method without), and `residues` what the tokens before do not explain of the
    difference.
    """

    tokens: tuple[str, ...]
    n_source: int
    scores: Float32[np.ndarray, "generated position"]
    values: Float32[np.ndarray, " generated"]
    baseline_values: Float32[np.ndarray, " generated"]
    residues: Float32[np.ndarray, " generated"]
    unit: str
    method: str  # its slug
    table: TokenTable | None = None
    note: str = ""

    @property
    def generated(self) -> tuple[str, ...]:
        """The tokens that were written."""
        return self.tokens[self.n_source :]

    def to_frame(self) -> pd.DataFrame:
        """Give one row per token that was written and position."""
        return tidy(self.scores, {"generated": self.generated, "position": self.tokens}, name="score")
