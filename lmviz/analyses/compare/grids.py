"""Which heads or layers of A go with which of B: grids of one shape as they are, others by chosen pairs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lmviz.errors import InvalidParameter

_PLACE = re.compile(r"[Ll](\d+)(?:[Hh](\d+))?|mean")
_HOW = (
    "Name pairs in head_pairs, A first: {example}; 'L5' is the mean of a layer's heads, 'mean' that of all. Rollout "
    "and flow have no layers and heads and can be compared as they are."
)


@dataclass(frozen=True)
class _Place:
    """A head, all heads of a layer (head None), or all heads of all layers (layer None)."""

    name: str
    layer: int | None = None
    head: int | None = None


def paired_heads(
    a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."], *, head_pairs: Sequence[str] | None
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Give two grids (layer, head, ...) whose entries stand for each other.

    Args:
        a: The grid of A.
        b: The grid of B.
        head_pairs: Such as "L5H1:L29H3", "L5:L29" or "mean:mean"; None: every head goes with the one of its name.

    Returns:
        Both as they are, or one layer whose heads are the pairs.

    Raises:
        InvalidParameter: No pairs are named and the grids are not of one shape, or a pair cannot be read or is not
            there.
    """
    if head_pairs is None:
        if a.shape[:2] != b.shape[:2]:
            (n, heads), (other, other_heads) = a.shape[:2], b.shape[:2]
            example = _HOW.format(example=f"'L{n - 1}H0:L{other - 1}H0'")
            raise InvalidParameter(
                f"A has {n} layers of {heads} heads and B has {other} of {other_heads}, so no head stands for another. "
                f"{example}"
            )
        return a, b
    pairs = [_pair(text) for text in _some(head_pairs)]
    left, right = (
        np.stack([_heads(grid, pair[side]) for pair in pairs])[np.newaxis] for side, grid in enumerate((a, b))
    )
    return left, right


def paired_layers(
    a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."], *, head_pairs: Sequence[str] | None
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Give two grids (layer, ...) whose rows stand for each other; pairs name layers, as in "L5:L29".

    Raises:
        InvalidParameter: No pairs are named and there are not as many layers, or a pair cannot be read, names a head
            or is not there.
    """
    if head_pairs is None:
        if len(a) != len(b):
            raise InvalidParameter(
                f"A has {len(a)} layers and B has {len(b)}, so no layer stands for another. Name pairs in head_pairs, "
                f"A first: 'L{len(a) - 1}:L{len(b) - 1}'; 'mean' is the mean of all layers."
            )
        return a, b
    pairs = [_pair(text) for text in _some(head_pairs)]
    left, right = (np.stack([_row(grid, pair[side]) for pair in pairs]) for side, grid in enumerate((a, b)))
    return left, right


def _some(head_pairs: Sequence[str]) -> Sequence[str]:
    if not head_pairs:
        raise InvalidParameter("head_pairs is empty. Name at least one pair, as in 'L5H1:L29H3', or leave it out.")
    return head_pairs


def _pair(text: str) -> tuple[_Place, _Place]:
    names = [part.strip() for part in text.split(":")]
    found = [_PLACE.fullmatch(name) for name in names]
    if len(names) != 2 or not all(found):
        raise InvalidParameter(
            f"'{text}' is no pair of heads. Write one of A and one of B as in 'L5H1:L29H3', 'L5:L29' or 'mean:mean'."
        )
    left, right = (
        _Place(match[0], *(None if number is None else int(number) for number in match.groups()))
        for match in found
        if match is not None
    )
    return left, right


def _heads(grid: Float[np.ndarray, "..."], place: _Place) -> Float[np.ndarray, "..."]:
    """Pick a head or average several."""
    n_layers, n_heads = grid.shape[:2]
    if (place.layer or 0) >= n_layers or (place.head or 0) >= n_heads:
        raise InvalidParameter(
            f"There is no {place.name}: there are layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}."
        )
    if place.layer is None:
        return _mean(grid.reshape(-1, *grid.shape[2:]))
    return _mean(grid[place.layer]) if place.head is None else grid[place.layer, place.head]


def _row(grid: Float[np.ndarray, "..."], place: _Place) -> Float[np.ndarray, "..."]:
    """Pick a layer or average all."""
    if place.head is not None:
        raise InvalidParameter(f"{place.name} names a head, and here are layers only. Leave the head out.")
    if (place.layer or 0) >= len(grid):
        raise InvalidParameter(f"There is no {place.name}: there are layers 0 to {len(grid) - 1}.")
    return _mean(grid) if place.layer is None else grid[place.layer]


def _mean(grids: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    averaged: np.ndarray = grids.mean(axis=0, dtype=np.float64).astype(np.float32)
    return averaged
