"""A concept taken out: the preference of each condition with its interval, and what it costs and leaves beside it."""

import math

import numpy as np

from lmviz.figures.colours import BLUE, LINE, ORANGE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, token_label
from lmviz.results import ConceptRemoval

MAX_CONDITIONS = 24
_ROW, _WIDTH, _DOT, _COLUMN = 24.0, 260.0, 9.0, 86.0
_COLUMNS = (
    ("gained", "difference"),
    ("p", "p_difference"),
    ("surprisal", "surprisal"),
    ("linear probe", "linear_probe"),
    ("MLP probe", "mlp_probe"),
    ("removed", "removed"),
)
_SHARES = ("linear_probe", "mlp_probe", "removed")


def concept_removal(result: ConceptRemoval) -> Scene:
    """Draw one row per condition: a dot with its interval, and a column for each number."""
    if not result.conditions:
        return empty(result)
    kept = result.conditions[:MAX_CONDITIONS]
    left, top = MARGIN + label_width(kept) + 16, TOP + 16
    bottom = top + len(kept) * _ROW + 4
    shapes = _axis(left, top, bottom)
    for row, name in enumerate(kept):
        y = top + (row + 0.5) * _ROW
        shapes.append(Label(left - 12, y, token_label(name), anchor="end", is_bold=row < 2))
        shapes += _dot(result, row, (left, y))
        for column, (_, field) in enumerate(_COLUMNS):
            x = left + _WIDTH + (column + 1) * _COLUMN
            shapes.append(Label(x, y, _number(result, field, row), 11, "end", colour=TEXT if row < 2 else QUIET))
    right = left + _WIDTH + len(_COLUMNS) * _COLUMN
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result)))


def _axis(left: float, top: float, bottom: float) -> list[Shape]:
    shapes: list[Shape] = []
    for percent in (0, 50, 100):
        x = left + percent / 100 * _WIDTH
        shapes.append(Label(x, TOP + 2, f"{percent} %", 11, "middle", colour=QUIET))
        shapes.append(Box(x, top, 1.0, bottom - top, fill=QUIET if percent == 50 else LINE))
    for column, (title, _) in enumerate(_COLUMNS):
        shapes.append(Label(left + _WIDTH + (column + 1) * _COLUMN, TOP + 2, title, 11, "end", colour=QUIET))
    return shapes


def _dot(result: ConceptRemoval, row: int, place: tuple[float, float]) -> list[Shape]:
    """Draw one preference with its interval; nothing where there is none."""
    left, y = place
    share = float(result.preference[row])
    if math.isnan(share):
        return []
    ends = [float(end[row]) for end in (result.low, result.high)]
    colour = QUIET if row > 1 else ORANGE if min(ends) > 0.5 else BLUE if max(ends) < 0.5 else TEXT
    low, high = (left + min(1.0, max(0.0, end)) * _WIDTH for end in ends)
    x = left + share * _WIDTH
    return [Box(low, y - 1.5, high - low, 3.0, fill=colour), Box(x - _DOT / 2, y - _DOT / 2, _DOT, _DOT, fill=colour)]


def _number(result: ConceptRemoval, field: str, row: int) -> str:
    value = float(getattr(result, field)[row])
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if field in _SHARES else format_number(value)


def _finding(result: ConceptRemoval) -> str:
    """Say the preference before and after."""
    shares = [f"{100 * float(share):.1f} %" for share in result.preference[:2] if not np.isnan(share)]
    return f"Preference on this benchmark before and after: {' and '.join(shares) or 'n/a'}."


def _notes(result: ConceptRemoval) -> list[str]:
    preference = (
        f"Preference on this benchmark; grey: a random control of equal rank ({result.rank}). Gained: the change of "
        f"the difference within a pair against before, in {result.unit}. Surprisal of neutral texts in nats per token."
    )
    probes = (
        f"Probes tell {result.n_test} vectors of words they have not seen; the majority is "
        f"{_share(result.majority)}. Removed: the share of these vectors' variance that is moved."
    )
    notes = [preference, probes]
    if len(result.conditions) > MAX_CONDITIONS:
        notes.append(f"The first {MAX_CONDITIONS} of {len(result.conditions)} conditions.")
    return [*notes, result.note] if result.note else notes


def _share(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{100 * value:.1f} %"
