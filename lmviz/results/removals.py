"""What changes when a concept is taken out of a model: its preference, its quality, and what probes still find."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result
from lmviz.results.pairs import PairScores

_COLUMNS = (
    "preference", "low", "high", "effect", "effect_low", "effect_high", "difference", "difference_low",
    "difference_high", "p_difference", "p_preference", "surprisal", "linear_probe", "linear_low",
    "linear_high", "mlp_probe", "mlp_low", "mlp_high", "removed",
)  # fmt: skip
PerCondition = Float32[np.ndarray, " condition"]


@dataclass(frozen=True, eq=False)
class ConceptRemoval(Result):
    """A benchmark, texts and probes under several conditions: "before", "after", and random controls of equal rank.

    `preference` is the share of pairs whose first text scores higher, with its interval from `low` to `high`; `effect`
    is the mean difference within a pair in nats. `difference` is what the scores' own difference, in `unit`, has gained
    on "before", pair by pair; `p_difference` is of a paired permutation and `p_preference` McNemar's. `surprisal` is
    per token of neutral texts, in nats: more is worse. Probes are fitted on `n_train` vectors and asked about `n_test`
    of other words, with intervals over words; `majority` is what guessing gets. `removed` is the share of these
    vectors' variance that is moved. NaN where a number is not there (yet); `note` says why.
    """

    conditions: tuple[str, ...]
    scores: tuple[PairScores, ...]
    preference: PerCondition
    low: PerCondition
    high: PerCondition
    effect: PerCondition
    effect_low: PerCondition
    effect_high: PerCondition
    difference: PerCondition
    difference_low: PerCondition
    difference_high: PerCondition
    p_difference: PerCondition
    p_preference: PerCondition
    surprisal: PerCondition
    linear_probe: PerCondition
    linear_low: PerCondition
    linear_high: PerCondition
    mlp_probe: PerCondition
    mlp_low: PerCondition
    mlp_high: PerCondition
    removed: PerCondition
    majority: float
    n_train: int
    n_test: int
    method: str
    layer: int
    rank: int
    unit: str = "nats"
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per condition."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        counted = {"n": [score.n for score in self.scores], "ties": [score.ties for score in self.scores]}
        return pd.DataFrame({"condition": self.conditions, **columns, **counted, "majority": self.majority})
