"""Runs under each other in one forward pass: each row with its own interventions, inside its own length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from lmviz.capture.intervene_kinds import Intervention
from lmviz.models.context import MASK, STREAM_PLACES

Extent = tuple[int, int]  # queries and keys
Window = tuple[slice, ...]
_SQUARE = ("pattern", "added", MASK)
_OF_KEYS = ("key", "moved_norm")


def window(place: str, extent: Extent) -> Window:
    """Say which part of a row is not padding; the row is (position, width) or (head, position, …)."""
    queries, keys = (slice(length) for length in extent)
    if place in STREAM_PLACES:
        return (queries,)
    if place in _SQUARE:
        return (slice(None), queries, keys)
    return (slice(None), keys if place in _OF_KEYS else queries)


@dataclass(eq=False)
class RowEdits:
    """What the rows of one pass have replaced at one place of one layer."""

    edits: list[tuple[int, Window, Intervention]] = field(default_factory=list)
    is_applied: bool = False

    def apply(self, value: Tensor) -> Tensor:
        """Give a copy in which each row is changed by its own interventions; `value` is (row, …)."""
        edited = value.clone()
        for row, own, intervention in self.edits:
            intervention.write(edited[row][own])
        self.is_applied = True
        return edited


def row_edits(rows: Sequence[tuple[Extent, Sequence[Intervention]]], *, entry: int) -> dict[tuple[str, int], RowEdits]:
    """Sort the interventions of all rows by place and layer.

    Args:
        rows: The extent of each row and its interventions.
        entry: The layer at which the pass begins; what comes before it is moot.
    """
    found: dict[tuple[str, int], RowEdits] = {}
    for number, (extent, interventions) in enumerate(rows):
        for one in interventions:
            if one.layer >= entry:
                edits = found.setdefault((one.place, one.layer), RowEdits())
                edits.edits.append((number, window(one.place, extent), one))
    return found


def check_applied(edits: Mapping[tuple[str, int], RowEdits]) -> None:
    """Fail loudly where the pass has not come by a place: an intervention that does nothing looks like a finding."""
    missed = [f"{place} of layer {layer}" for (place, layer), edit in edits.items() if not edit.is_applied]
    if missed:
        raise RuntimeError(f"the forward pass did not come by {', '.join(missed)}")
