"""Where two models are asked about the same thing: the positions of A and of B that stand for each other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmviz.analyses.predictions.token_distributions import mask_positions
from lmviz.errors import InvalidParameter
from lmviz.results import Alignment, TokenTable

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Positions = tuple[int, ...]
Reader = tuple["LoadedModel", TokenTable]


@dataclass(frozen=True)
class Slot:
    """A unit, and the position on each side where a distribution is read for it."""

    unit: int
    a: int
    b: int


def slots(
    a: Reader, b: Reader, *, alignment: Alignment, asked: tuple[Positions | None, Positions | None]
) -> tuple[Slot, ...]:
    """Find the positions at which the distributions of two models are about the same thing.

    Two models that continue text are read after each unit that both have, and at the end, whatever the last word. Two
    that fill in masks are read at masks. Of one of each, the one that continues is read just before the other's mask.

    Args:
        a: The model of A and its tokens.
        b: The same for B.
        alignment: The units of both.
        asked: Positions of A that the choice is limited to, masks or not; with positions of B, they go together one by
            one as they are. None: all there are.

    Raises:
        NoMaskToken: A model that fills in masks has none in its text.
        InvalidParameter: A position has no partner, or there is none at all.
    """
    if asked[1] is not None:
        return _one_by_one(alignment, asked[0] or (), asked[1])
    fills = (a[0].kind == "encoder", b[0].kind == "encoder")
    masks = [
        frozenset(mask_positions(model, table.ids)) if does and asked[0] is None else None
        for (model, table), does in zip((a, b), fills, strict=True)
    ]
    found = []
    for unit in alignment.common:
        left = _reads_at(alignment.a[unit], a[1], fills=fills, masks=masks[0])
        right = _reads_at(alignment.b[unit], b[1], fills=fills[::-1], masks=masks[1])
        if left is not None and right is not None:
            found.append(Slot(unit, left, right))
    end = Slot(len(alignment) - 1, len(a[1]) - 1, len(b[1]) - 1)
    if not any(fills) and end not in found:
        found.append(end)
    kept = tuple(slot for slot in found if asked[0] is None or slot.a in asked[0])
    lonely = sorted(set(asked[0] or ()) - {slot.a for slot in kept})
    if lonely or not kept:
        raise InvalidParameter(_no_partner(lonely, [slot.a for slot in found]))
    return kept


def lonely_masks(a: Reader, b: Reader, *, places: tuple[Slot, ...]) -> int:
    """Count the masks that are not compared, on the side that has more of them."""
    there = ((a, {slot.a for slot in places}), (b, {slot.b for slot in places}))
    return max(
        len({p for p, token in enumerate(table.ids) if token == model.tokenizer.mask_token_id} - compared)
        if model.kind == "encoder"
        else 0
        for (model, table), compared in there
    )


def _reads_at(
    positions: Positions, table: TokenTable, *, fills: tuple[bool, bool], masks: frozenset[int] | None
) -> int | None:
    """Say where a model says something about a unit; None where it does not.

    `fills` says of it, and then of the other model, whether it fills in masks. Beside a mask a text is continued from
    before the blank that the word begins with.
    """
    if fills[0]:
        bare = _bare(positions, table)
        is_asked = len(bare) == 1 if masks is None else bare[0] in masks
        return bare[0] if is_asked else None
    if fills[1]:
        return positions[0] - 1 if positions[0] > 0 else None
    return positions[-1]


def _bare(positions: Positions, table: TokenTable) -> Positions:
    """Leave out the blanks that a unit begins with; one of nothing but blanks stays as it is."""
    start = next((n for n, position in enumerate(positions) if table.tokens[position].strip()), 0)
    return positions[start:]


def _one_by_one(alignment: Alignment, a: Positions, b: Positions) -> tuple[Slot, ...]:
    """Pair the positions of both sides as they were given; the unit is that of A's."""
    if len(a) != len(b) or not a:
        raise InvalidParameter(
            f"There are {len(a)} positions of A and {len(b)} of B, which go together one by one. Name as many of each."
        )
    unit_of = [
        {position: unit for unit, own in enumerate(side) for position in own} for side in (alignment.a, alignment.b)
    ]
    for name, known, positions in (("A", unit_of[0], a), ("B", unit_of[1], b)):
        wrong = [position for position in positions if position not in known]
        if wrong:
            raise InvalidParameter(f"{name} has no position {wrong[0]}. Choose from 0 to {len(known) - 1}.")
    return tuple(Slot(unit_of[0][left], left, right) for left, right in zip(a, b, strict=True))


def _no_partner(lonely: list[int], there: list[int]) -> str:
    """Say that what was asked for cannot be compared, and what can."""
    choice = (
        f"Choose from {', '.join(map(str, there))}, or name positions of both sides."
        if there
        else ("Put a word that both texts have before the place that is compared.")
    )
    if not lonely:
        return f"No position of A has a partner in B. {choice}"
    return f"Position {lonely[0]} of A has no partner in B: they cut the text differently there. {choice}"
