"""Attention patterns and token tables for tests: random ones, and what hypothesis draws."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from lmviz.results import TokenTable


def random_pattern(
    shape: tuple[int, int, int], seed: int, *, is_causal: bool = False, sharpness: float = 2.0
) -> np.ndarray:
    """Make a pattern (layer, head, query, key) with rows that sum to one."""
    n_layers, n_heads, n = shape
    scores = sharpness * np.random.default_rng(seed).normal(size=(n_layers, n_heads, n, n))
    if is_causal:
        scores = np.where(np.tril(np.ones((n, n), dtype=bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    pattern: np.ndarray = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    return pattern


def table_of(ids: Sequence[int], *, tokens: Sequence[str] = (), special: Sequence[bool] = ()) -> TokenTable:
    """Make the table of some token ids."""
    names = tuple(tokens) or tuple(f"t{i}" for i in ids)
    n = len(ids)
    return TokenTable(
        text=" ".join(names),
        text_pair=None,
        ids=tuple(ids),
        tokens=names,
        raw=names,
        spans=((0, 0),) * n,
        words=tuple(range(n)),
        segments=(0,) * n,
        special=tuple(special) or (False,) * n,
    )


def shapes(longest: int = 6) -> st.SearchStrategy[tuple[int, int, int]]:
    """Draw numbers of layers, heads and tokens."""
    return st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, longest))
