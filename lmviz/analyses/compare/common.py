"""What two results on common units are made of, whatever their type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from lmviz.analyses.compare.alignment import align
from lmviz.errors import InvalidParameter
from lmviz.results import Alignment, Result, TokenTable

Masks = tuple[str | None, str | None]


@dataclass(frozen=True)
class Asked:
    """How two results are brought together: what each model's mask looks like, and which heads go together."""

    masks: Masks = (None, None)
    head_pairs: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Joined:
    """Two results on common units; `axis` is the one of `compared` that counts units of `alignment`."""

    a: Result
    b: Result
    compared: str
    alignment: Alignment | None = None
    axis: int | None = None
    key_alignment: Alignment | None = None
    tokens: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    per_unit: Mapping[str, Float[np.ndarray, " unit"]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def aligned(a: TokenTable | None, b: TokenTable | None, *, masks: Masks = (None, None)) -> Alignment:
    """Align the tokens of two results.

    Raises:
        InvalidParameter: They have no word in common, or a result does not say what its tokens are.
    """
    if a is None or b is None:
        raise InvalidParameter("This analysis does not say where its tokens stand in the text; it cannot be compared.")
    alignment = align(a, b, masks=masks)
    if not any(not alignment.special[unit] for unit in alignment.common):
        raise InvalidParameter("The two texts have no word in common, so nothing can be set side by side. Change one.")
    return alignment


def labelled(
    alignment: Alignment, positions: tuple[tuple[int, ...], ...], *, table: TokenTable | None
) -> dict[str, Any]:
    """Give tokens and table of a result on units: its own where the units are its tokens."""
    is_own = alignment.unit == "token" and table is not None and positions == tuple((p,) for p in range(len(table)))
    return {"tokens": alignment.texts, "table": table if is_own else None}


def refuse_pairs(asked: Asked) -> None:
    """Refuse pairs of heads where there are no heads."""
    if asked.head_pairs is not None:
        raise InvalidParameter("This analysis has no layers and heads to pair. Leave head_pairs out.")
