"""From positions to units: several entries of an array become one."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

Groups = Sequence[tuple[int, ...]]  # the positions of each unit


def merged(values: Float[np.ndarray, "..."], groups: Groups, *, axis: int, how: str) -> Float32[np.ndarray, "..."]:
    """Bring one axis from positions to units.

    Args:
        values: Any array.
        groups: The positions of each unit; none for a gap.
        axis: The axis that counts positions.
        how: "sum" for amounts that a word has as its pieces have them together (attention to it, its surprisal),
            "mean" for what each piece has by itself (attention from it, a norm).

    Returns:
        The same with one entry per unit on that axis, NaN at gaps.
    """
    if list(groups) == [(position,) for position in range(values.shape[axis])]:
        return values.astype(np.float32, copy=False)
    source = np.moveaxis(values, axis, -1)
    found = np.full((*source.shape[:-1], len(groups)), np.nan, dtype=np.float32)
    for unit, positions in enumerate(groups):
        if len(positions) == 1:
            found[..., unit] = source[..., positions[0]]
        elif positions:
            pieces = source[..., list(positions)]
            total = pieces.sum(axis=-1, dtype=np.float64)
            found[..., unit] = total if how == "sum" else total / len(positions)
    return np.ascontiguousarray(np.moveaxis(found, -1, axis))


def merged_attention(
    pattern: Float[np.ndarray, "... query key"], queries: Groups, *, keys: Groups
) -> Float32[np.ndarray, "... query key"]:
    """Bring attention from positions to units: summed over "to", averaged over "from" (Clark et al., 2019).

    A query that gives its keys one in all still does so as a unit.
    """
    return merged(merged(pattern, keys, axis=-1, how="sum"), queries, axis=-2, how="mean")


def mean_size(delta: Float[np.ndarray, "..."], axis: int | None = None) -> Float[np.ndarray, " unit"]:
    """Average |delta| over every axis but one, or over all, where it is defined; NaN where it never is."""
    rows = delta[np.newaxis] if axis is None else np.moveaxis(delta, axis, 0)
    found = np.full(len(rows), np.nan)
    for unit, row in enumerate(rows):
        is_defined = ~np.isnan(row)
        if is_defined.any():
            found[unit] = np.abs(row).mean(where=is_defined, dtype=np.float64)
    return found
