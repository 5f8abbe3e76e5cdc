"""A probe's direction removed or added: the change of the model's surprisal in each condition, and what probes tell."""

import math

from lmviz.figures.colours import ACCENT, LINE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, token_label
from lmviz.results import DirectionEffect

MOST = 24
_ROW, _WIDTH, _DOT, _COLUMN = 24.0, 280.0, 9.0, 92.0
_COLUMNS = (("change", "change"), ("p", "p"), ("same probe", "fixed"), ("new probe", "refitted"), ("moved", "removed"))
_SHARES = ("fixed", "refitted", "removed")


def direction_effect(result: DirectionEffect) -> Scene:
    """Draw one row per condition: the change with its interval, and a column for each number."""
    if not result.conditions:
        return empty(result)
    kept = result.conditions[:MOST]
    left, top = MARGIN + label_width(kept) + 16, TOP + 16
    bottom = top + len(kept) * _ROW + 4
    ends = [float(end) for side in (result.low, result.high) for end in side[:MOST] if math.isfinite(end)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return left + (value - low) / span * _WIDTH

    shapes: list[Shape] = [Box(at(0.0), top, 1.0, bottom - top, fill=LINE), Label(at(0.0), TOP + 2, "0", 11, "middle")]
    for column, (name, _) in enumerate(_COLUMNS):
        shapes.append(Label(left + _WIDTH + (column + 1) * _COLUMN, TOP + 2, name, 11, "end", colour=QUIET))
    for row, name in enumerate(kept):
        y = top + (row + 0.5) * _ROW
        shapes.append(Label(left - 12, y, token_label(name), anchor="end", is_bold=row < 2))
        if math.isfinite(result.low[row]):
            colour = ACCENT if row == 1 else QUIET
            shapes.append(
                Box(at(result.low[row]), y - 1.5, at(result.high[row]) - at(result.low[row]), 3.0, fill=colour)
            )
            shapes.append(Box(at(float(result.change[row])) - _DOT / 2, y - _DOT / 2, _DOT, _DOT, fill=colour))
        for column, (_, field) in enumerate(_COLUMNS):
            x = left + _WIDTH + (column + 1) * _COLUMN
            shapes.append(Label(x, y, _number(result, field, row), 11, "end", colour=TEXT if row < 2 else QUIET))
    right = left + _WIDTH + len(_COLUMNS) * _COLUMN
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result)))


def _number(result: DirectionEffect, field: str, row: int) -> str:
    value = float(getattr(result, field)[row])
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" if field in _SHARES else format_number(value)


def _finding(result: DirectionEffect) -> str:
    if len(result.conditions) < 2:
        return "Nothing was changed."
    return (
        f"Surprisal of {result.n_texts} held-out texts changes by {format_number(float(result.change[1]))} nats a "
        f"token when it is done at layer {result.layer}."
    )


def _notes(result: DirectionEffect) -> list[str]:
    change = (
        f"Change of surprisal against before, nats a token, text by text; grey: random directions of equal rank "
        f"({result.rank})."
    )
    probes = (
        f"Probes tell {result.n_test:,} unseen items (guessing: {100 * result.majority:.1f} %): the same probe as "
        "before, and a new one fitted on the changed vectors. Moved: share of the variance."
    )
    return [change, probes, *([result.note] if result.note else [])]
