"""Answers per token: scores, grids over layers, distributions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

from lmviz.results.base import Result, TokenTable, tidy


@dataclass(frozen=True, eq=False)
class TokenScores(Result):
    """One signed number per token, in `unit`; `residue` is what the tokens do not explain.

    NaN where it is not defined, and `note` says why.
    """

    tokens: tuple[str, ...]
    scores: Float32[np.ndarray, " position"]
    target: str
    residue: float
    unit: str
    table: TokenTable | None = None
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position."""
        return tidy(self.scores, {"position": self.tokens}, name="score")


@dataclass(frozen=True, eq=False)
class LayerPositionGrid(Result):
    """One number per layer and position, in `unit`; with a `target`, they are signed shares of it that add up.

    `layers` says which layers the rows are; None: the first, the second and so on.
    """

    tokens: tuple[str, ...]
    values: Float32[np.ndarray, "layer position"]
    unit: str
    table: TokenTable | None = None
    target: str = ""
    layers: tuple[int, ...] | None = None
    note: str = ""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers as a person reads them: "L0", "L1"."""
        return tuple(f"L{layer}" for layer in self.layers or range(len(self.values)))

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and position."""
        frame = tidy(self.values, {"layer": None, "position": self.tokens}, name="value")
        if self.layers is not None:
            frame["layer"] = np.asarray(self.layers, dtype=np.int64)[frame["layer"].to_numpy()]
        return frame


@dataclass(frozen=True, eq=False)
class TokenDistributions(Result):
    """The most probable tokens at some positions; probabilities are natural, best first.

    What is not known of the whole distribution, as from a server that lists a few tokens alone, `note` says.
    """

    tokens: tuple[str, ...]
    positions: tuple[int, ...]
    candidates: tuple[tuple[str, ...], ...]
    candidate_ids: Int64[np.ndarray, "position candidate"]
    probabilities: Float32[np.ndarray, "position candidate"]
    entropy: Float32[np.ndarray, " position"]  # of the whole distribution, in nats
    table: TokenTable | None = None
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per position and candidate, with its rank from 0."""
        frame = tidy(self.probabilities, {"position": None, "rank": None}, name="probability")
        row, rank = frame["position"].to_numpy(), frame["rank"].to_numpy()
        frame["candidate"] = [self.candidates[r][c] for r, c in zip(row, rank, strict=True)]
        frame["candidate_id"] = self.candidate_ids[row, rank]
        frame["position"] = np.asarray(self.positions, dtype=np.int64)[row]
        return frame


@dataclass(frozen=True, eq=False)
class MaskFillings(Result):
    """The most probable ways to fill several masks, best first.

    `joint` is the probability of a filling from left to right, `independent` the product over masks asked one by one.
    """

    tokens: tuple[str, ...]
    positions: tuple[int, ...]
    fillings: tuple[tuple[str, ...], ...]
    filling_ids: Int64[np.ndarray, "filling mask"]
    joint: Float32[np.ndarray, " filling"]
    independent: Float32[np.ndarray, " filling"]
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per filling."""
        columns = {f"mask_{number}": row for number, row in enumerate(zip(*self.fillings, strict=True))}
        return pd.DataFrame({**columns, "joint": self.joint, "independent": self.independent})
