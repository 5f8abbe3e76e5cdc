"""Answers about attention: numbers per query and key, or per layer and head."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float32

from lmviz.results.base import Result, TokenTable, tidy


@dataclass(frozen=True, eq=False)
class AttentionPattern(Result):
    """Attention after the softmax, or anything else with one number per layer, head, query and key."""

    tokens: tuple[str, ...]  # the queries' tokens
    pattern: Float32[np.ndarray, "layer head query key"]
    key_tokens: tuple[str, ...] | None = None  # None: the same as tokens; cross attention has others
    table: TokenTable | None = None
    key_table: TokenTable | None = None
    part: str = "encoder"  # encoder, decoder or cross

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer, head, query and key."""
        keys = self.tokens if self.key_tokens is None else self.key_tokens
        axes = {"layer": None, "head": None, "query": self.tokens, "key": keys}
        return tidy(self.pattern, axes, name="pattern")


@dataclass(frozen=True, eq=False)
class TokenMatrix(Result):
    """One number per query and key."""

    tokens: tuple[str, ...]
    values: Float32[np.ndarray, "query key"]
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per query and key."""
        return tidy(self.values, {"query": self.tokens, "key": self.tokens}, name="value")


@dataclass(frozen=True, eq=False)
class LayerHeadGrid(Result):
    """One number per layer and head, in `unit`; NaN where it is not defined, and `note` says why."""

    values: Float32[np.ndarray, "layer head"]
    unit: str
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Give one row per layer and head."""
        return tidy(self.values, {"layer": None, "head": None}, name="value")


@dataclass(frozen=True, eq=False)
class QueryKeyProducts(Result):
    """What makes the scores of one query in one head: q times k, dimension by dimension.

    `scores` = `products` summed over dimensions times `scale`, passed through the soft cap where the model has one,
    plus `added` (mask, position bias). Rotary models: vectors are the rotated ones.
    """

    tokens: tuple[str, ...]
    layer: int
    head: int
    query: int
    query_vector: Float32[np.ndarray, " dimension"]
    key_vectors: Float32[np.ndarray, "key dimension"]
    products: Float32[np.ndarray, "key dimension"]
    added: Float32[np.ndarray, " key"]
    scores: Float32[np.ndarray, " key"]
    pattern: Float32[np.ndarray, " key"]
    scale: float
    table: TokenTable | None = None

    def to_frame(self) -> pd.DataFrame:
        """Give one row per key and dimension."""
        return tidy(self.products, {"key": self.tokens, "dimension": None}, name="product")
