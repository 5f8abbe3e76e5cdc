"""What a person did to panels, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from lmviz.figures.panels_payload import panels_header


@dataclass(frozen=True)
class PanelEvent:
    """A cell that a person selected, or freed where `is_selected` is False.

    `number` rises with every event, also from one visit of the page to the next: handle an event once by remembering
    the number of the last.
    """

    row: int
    column: int
    number: int
    is_selected: bool


def read_event(state: Mapping[str, object] | None, payload: bytes) -> PanelEvent | None:
    """Read what the browser reported; None for anything that the panels shown now do not allow.

    Args:
        state: What the component holds as its event.
        payload: What is shown; an event about other rows, columns or titles is over.
    """
    header = panels_header(payload)
    if not isinstance(state, Mapping) or state.get("of") != header["of"]:
        return None
    row, column, number, is_selected = (state.get(name) for name in ("row", "column", "number", "is_selected"))
    if not (_is_whole(number) and _is_inside(row, header["rows"]) and _is_inside(column, header["columns"])):
        return None
    return PanelEvent(row, column, number, is_selected) if isinstance(is_selected, bool) else None


def _is_inside(place: object, axis: Mapping[str, list[str]]) -> TypeGuard[int]:
    return _is_whole(place) and 0 <= place < len(axis["labels"])


def _is_whole(value: object) -> TypeGuard[int]:
    """Say whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)
