"""Answers about where in a model a preference sits: mean effects over many rows, head by head and layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32

from lmviz.results.attention import LayerHeadGrid
from lmviz.results.base import Result, tidy

SIGNIFICANT = 0.05  # the adjusted p below which a cell is told from chance


class HeadEffect(NamedTuple):
    """One head and what it does, as in the grids."""

    layer: int
    head: int
    value: float
    low: float
    high: float
    p_adjusted: float


@dataclass(frozen=True, eq=False)
class EffectGrid(Result):
    """A mean effect per layer and column, in nats, with its interval and a p adjusted for all cells of the grid.

    `ratios` is the same on the odds: the mean over rows of the ratio of odds, less one (Vig et al., 2020).
    """

    columns: tuple[str, ...]
    values: Float32[np.ndarray, "layer column"]
    low: Float32[np.ndarray, "layer column"]
    high: Float32[np.ndarray, "layer column"]
    p_adjusted: Float32[np.ndarray, "layer column"]
    ratios: Float32[np.ndarray, "layer column"]
    ratios_low: Float32[np.ndarray, "layer column"]
    ratios_high: Float32[np.ndarray, "layer column"]

    @property
    def is_significant(self) -> Bool[np.ndarray, "layer column"]:
        """Which cells are told from chance."""
        found: np.ndarray = self.p_adjusted < SIGNIFICANT
        return found

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and column."""
        frame = tidy(self.values, {"layer": None, "column": None}, name="value")
        names = ("low", "high", "p_adjusted", "ratios", "ratios_low", "ratios_high")
        named = np.asarray(self.columns, dtype=object)[frame["column"]]
        return frame.assign(column=named, **{name: getattr(self, name).ravel() for name in names})


@dataclass(frozen=True, eq=False, kw_only=True)
class BiasLocalisation(LayerHeadGrid):
    """What each head contributes to a preference: the mean over rows, in nats.

    `method` "ablation": how the preference changes when the head is taken out. "patching": the natural indirect effect
    on the log odds of the two continuations. `p_adjusted` knows that all heads were looked at; intervals, at `level`,
    do not. `numbers` has the plain preference as `margin`, for patching also `total_effect` in nats and `total_ratio`,
    each with `_low` and `_high`. `grids` of patching: "indirect" and "direct" by head, "mlp_out" and "resid_pre" by
    role of the positions. Numbers are NaN where rows are too few for them.
    """

    low: Float32[np.ndarray, "layer head"]
    high: Float32[np.ndarray, "layer head"]
    p_adjusted: Float32[np.ndarray, "layer head"]
    method: str
    n: int
    skipped: int = 0  # rows that could not be read or asked; `note` says why
    level: float = 0.95
    numbers: Mapping[str, float] = field(default_factory=dict)
    grids: Mapping[str, EffectGrid] = field(default_factory=dict)

    @property
    def is_significant(self) -> Bool[np.ndarray, "layer head"]:
        """Which heads are told from chance."""
        found: np.ndarray = self.p_adjusted < SIGNIFICANT
        return found

    def top(self, k: int = 10) -> tuple[HeadEffect, ...]:
        """Give the heads with the largest effects in size, largest first; none where there are no rows."""
        grids = (self.values, self.low, self.high, self.p_adjusted)
        order = np.argsort(-np.abs(self.values), axis=None, kind="stable")[:k]
        places = (np.unravel_index(int(at), self.values.shape) for at in order if not np.isnan(self.values.flat[at]))
        return tuple(HeadEffect(int(at[0]), int(at[1]), *(float(grid[at]) for grid in grids)) for at in places)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and head."""
        frame = super().to_frame()
        columns = {"low": self.low, "high": self.high, "p_adjusted": self.p_adjusted}
        if "indirect" in self.grids:
            columns |= {
                "ratio": self.grids["indirect"].ratios,
                "direct": self.grids["direct"].values,
                "direct_ratio": self.grids["direct"].ratios,
            }
        return frame.assign(**{name: grid.ravel() for name, grid in columns.items()})
