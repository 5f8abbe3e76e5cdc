"""What changes in a model when something a probe reads is taken out of a layer, or more of it is added."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result

PerCondition = Float32[np.ndarray, " condition"]
_COLUMNS = ("surprisal", "change", "low", "high", "p", "fixed", "refitted", "removed")


@dataclass(frozen=True, eq=False)
class DirectionEffect(Result):
    """A model's own predictions and a probe under several conditions: "before", "after", and random directions.

    `surprisal` is the mean over `n_texts` held-out texts, in nats per token; `change` is what it has gained on
    "before", text by text, with its interval from `low` to `high` and the p of a paired permutation. `fixed` is what
    the probe tells of `n_test` unseen items as it was fitted before, `refitted` what one tells that is fitted on the
    changed vectors; `majority` is what guessing gets. `removed` is the share of the vectors' variance that is moved.
    """

    conditions: tuple[str, ...]
    surprisal: PerCondition
    change: PerCondition
    low: PerCondition
    high: PerCondition
    p: PerCondition
    fixed: PerCondition
    refitted: PerCondition
    removed: PerCondition
    majority: float
    n_train: int
    n_test: int
    n_texts: int
    how: str
    layer: int
    rank: int
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per condition."""
        return pd.DataFrame({"condition": self.conditions, **{name: getattr(self, name) for name in _COLUMNS}})
