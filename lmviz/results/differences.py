"""Two answers side by side: which positions belong together, what differs, how alike the layers are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result, tidy

_COLUMNS = {
    "pattern": "pattern",
    "values": "value",
    "scores": "score",
    "probabilities": "probability",
    "logits": "logit",
    "start": "start",
}
_OWN = ("candidate_id", "end", *_COLUMNS.values())  # columns that are other numbers in A than in B


@dataclass(frozen=True)
class Alignment:
    """Which positions of two inputs, A and B, belong together.

    Every field but `unit` has one entry per unit, in reading order. Each position of A and of B is in exactly one
    unit; a unit that has no positions on one side is a gap there.
    """

    texts: tuple[str, ...]  # as A has it, or B where A has a gap
    a: tuple[tuple[int, ...], ...]
    b: tuple[tuple[int, ...], ...]
    special: tuple[bool, ...]  # [CLS], <s> and the like that a tokenizer put there by itself
    unit: str  # "token" where both sides cut what they share alike, else "word"

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def common(self) -> tuple[int, ...]:
        """The units that both sides have."""
        return tuple(unit for unit, (a, b) in enumerate(zip(self.a, self.b, strict=True)) if a and b)


@dataclass(frozen=True, eq=False)
class Difference(Result):
    """Two results brought onto common units, and B − A.

    `a` and `b` are results of one type whose field `compared` has the shape of `delta`; where one of them has a gap it
    is NaN there and so is `delta`, and `note` says so. `numbers` describe the whole, `per_unit` has arrays with one
    entry per unit, NaN where nothing is compared. Names that end in _a and _b, or in _ab and _ba for KL(A‖B) and
    KL(B‖A), change places when A and B do; the others stay.
    """

    a: Result
    b: Result
    delta: Float32[np.ndarray, "..."]
    compared: str  # the field of a and b that delta is the difference of
    tokens_a: tuple[str, ...]  # what the positions in `alignment` count; none where there are no tokens
    tokens_b: tuple[str, ...]
    alignment: Alignment | None
    key_alignment: Alignment | None = None  # of the keys where they are another text, as in cross attention
    numbers: Mapping[str, float] = field(default_factory=dict)
    per_unit: Mapping[str, Float32[np.ndarray, " unit"]] = field(default_factory=dict)
    head_pairs: tuple[str, ...] = ()  # what the head axis counts where pairs of heads were chosen: 'L5H1:L29H3'
    note: str = ""

    @property
    def change(self) -> Result:
        """B − A as a result of the same type as A and B, for who draws it."""
        changed: Any = {self.compared: self.delta}
        return replace(self.a, **changed)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per number of delta, with what it is in A and in B."""
        frame, other, name = self.a.to_frame(), self.b.to_frame(), _COLUMNS[self.compared]
        axes = frame.drop(columns=[column for column in _OWN if column in frame])
        return axes.assign(a=frame[name], b=other[name], delta=self.delta.ravel())


@dataclass(frozen=True, eq=False)
class LayerMatrix(Result):
    """One number per layer of A and layer of B, in `unit`, from `n_units` words; NaN where `note` says why."""

    values: Float32[np.ndarray, "layer_a layer_b"]
    unit: str
    n_units: int
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per pair of layers."""
        return tidy(self.values, {"layer_a": None, "layer_b": None}, name="value")
