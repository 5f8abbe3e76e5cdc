"""A, B and B − A beside or below each other, on one scale: bars, heat maps and grids of heads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmviz.figures.colours import ACCENT, BLUE, LINE, ORANGE, QUIET, Colouring, amounts, signed
from lmviz.figures.heatmaps import Grid, cell_numbers, column_labels, head_pictures, head_side, row_labels
from lmviz.figures.layout import MARGIN, TOP, colour_bar, label_width, pooled
from lmviz.figures.panels_payload import Panel, PanelAxis
from lmviz.figures.scene import Box, Heat, Label, Shape, lowered
from lmviz.figures.sides import Sides
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible

_WIDE = 1100.0  # the figure is at most about this wide
_GAP = 28.0
_ROW = 22.0
_BARS = 560.0  # the bars of all panels together
_NUMBER = 60.0  # room for a number beside a bar
_CELLS = (4.0, 22.0)  # the least and the largest cell of panels beside each other

Drawn = tuple[list[Shape], float, float]  # shapes, and where they end on the right and at the bottom


def bars(found: Sides) -> Drawn:
    """Draw a row per name with a bar in each panel; a unit is as long in all of them."""
    names = _written(found.axes[0])
    spans = [_span(panel.values) for panel in found.panels]
    unit = _BARS / (sum(high - low for low, high in spans) or 1.0)
    top = TOP + 30
    bottom = top + len(names) * _ROW
    x = MARGIN + label_width(names) + 16
    shapes: list[Shape] = row_labels(names, x=x - 12, top=top, high=_ROW)
    for panel, (low, high) in zip(found.panels, spans, strict=True):
        room = max((high - low) * unit, 12.0)
        shapes += _heading(panel, x=x, room=room + _NUMBER)
        zero = x - low * unit
        for row, value in enumerate(panel.values.tolist()):
            shapes += _bar(panel, value, zero=zero, y=top + (row + 0.5) * _ROW, unit=unit)
            shapes.append(Label(x + room + 8, top + (row + 0.5) * _ROW, format_number(value), 11))
        shapes.append(Box(zero, top, 0.5, bottom - top, fill=QUIET))
        x += max(room + _NUMBER, _heading_width(panel)) + _GAP
    return shapes, x - _GAP, bottom + 4


def _span(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return float(finite.min(initial=0.0)), float(finite.max(initial=0.0))


def _bar(panel: Panel, value: float, *, zero: float, y: float, unit: float) -> list[Shape]:
    if not np.isfinite(value):
        return []
    colour = ACCENT if panel.kind == "amount" else ORANGE if value >= 0 else BLUE
    length = abs(value) * unit
    return [Box(zero if value >= 0 else zero - length, y - 7, max(length, 0.5), 14, fill=colour)]


def matrices(found: Sides) -> Drawn:
    """Draw a heat map per panel, beside each other where cells stay large enough, else below each other.

    Numbers stand in the cells where all panels still fit beside each other.
    """
    plan = _plan(found)
    x, y = plan.left, TOP
    shapes: list[Shape] = []
    for number, panel in enumerate(found.panels):
        drawn = _matrix(found, panel, plan, x=x, y=y)
        shapes += [*drawn, *(_rows(found, plan, y=y) if number == 0 or not plan.beside else [])]
        x, y = (x + plan.pitch, y) if plan.beside else (x, y + plan.height + _GAP)
    right = x - _GAP if plan.beside else x + plan.size[0]
    bottom = y + plan.height if plan.beside else y - _GAP
    return _with_scales(found, shapes, x=plan.left, right=right, bottom=bottom)


@dataclass(frozen=True)
class _Plan:
    """How large cells are and where heat maps stand."""

    wide: float
    high: float
    left: float
    header: float  # from the top of a panel to its cells
    size: tuple[float, float]  # of one heat map
    pitch: float  # from one panel to the next beside it
    beside: bool
    numbered: bool
    upright: bool

    @property
    def height(self) -> float:
        """The height of a panel with its heading."""
        return self.header + self.size[1]


def _plan(found: Sides) -> _Plan:
    rows, columns = (len(axis.labels) for axis in found.axes)
    names = [_written(axis) for axis in found.axes]
    left = MARGIN + 18 + label_width(names[0]) + 8
    heading = max(_heading_width(panel) for panel in found.panels)
    room = (_WIDE - left - 2 * _GAP) / len(found.panels)
    texts = [format_number(float(v)) for panel in found.panels for v in panel.values.flat] if columns <= 24 else []
    inside = max([text_width(text, 11) + 8 for text in texts], default=_WIDE)
    numbered = inside * columns <= room and rows <= 24
    beside = numbered or room / columns >= _CELLS[0]
    fitted = np.floor((room if beside else _WIDE - left) / columns)
    wide = inside if numbered else float(np.clip(fitted, 1.5, _CELLS[1]))
    high = 24.0 if numbered else wide if rows > 6 else max(wide, 18.0)
    upright = all(len(name) <= 3 for name in names[1])
    header = 44 + (14.0 if upright else min(150.0, label_width(names[1])) + 8)
    pitch = max(columns * wide, min(heading, room)) + _GAP
    return _Plan(wide, high, left, header, (columns * wide, rows * high), pitch, beside, numbered, upright)


def _matrix(found: Sides, panel: Panel, plan: _Plan, *, x: float, y: float) -> list[Shape]:
    """Draw one panel with its heading and its columns."""
    colouring = _coloured(panel, panel.values, found.top)
    names = [_written(axis) for axis in found.axes]
    top, (width, height) = y + plan.header, plan.size
    shapes: list[Shape] = [
        *_heading(panel, x=x, room=plan.pitch - _GAP, y=y),
        Label(x + width, y + 26, f"{found.axes[1].name} →", 11, "end", colour=QUIET),
        Heat(x, top, width, height, colouring.steps, colouring.palette),
        Box(x, top, width, height, stroke=LINE),
        *column_labels(names[1], left=x, bottom=top - 6, wide=plan.wide, upright=plan.upright),
    ]
    if plan.numbered:
        grid = Grid(panel.values, colouring, names[0], names[1], "", "")
        shapes += cell_numbers(grid, left=x, top=top, wide=plan.wide, high=plan.high)
    return shapes


def _rows(found: Sides, plan: _Plan, *, y: float) -> list[Shape]:
    axis, top = found.axes[0], y + plan.header
    return [
        Label(MARGIN + 4, top + plan.size[1] / 2, f"← {axis.name}" if axis.name else "", 12, "middle", -90, QUIET),
        *row_labels(_written(axis), x=plan.left - 8, top=top, high=plan.high),
    ]


def head_grids(found: Sides) -> Drawn:
    """Draw the heads of each panel as a grid of small pictures, the panels below each other."""
    layers, heads = (axis.labels for axis in found.axes[:2])
    shapes: list[Shape] = []
    down, right = 0.0, 0.0
    for panel in found.panels:
        drawn = _coloured(panel, _strongest(panel.values, head_side(len(heads))), found.top)
        pictures, right, bottom = head_pictures(drawn, (layers, heads))
        shapes += _heading(panel, x=MARGIN, room=right - MARGIN, y=TOP + down)
        down += 26
        shapes += [lowered(shape, down) for shape in pictures]
        down += bottom - TOP + _GAP
    return shapes, right, TOP + down - _GAP


def _strongest(values: np.ndarray, limit: int) -> np.ndarray:
    """Pool the last two axes so that of each run the number farthest from zero stays, with its sign."""
    above, below = pooled(values, limit, 2, 3), -pooled(-values, limit, 2, 3)
    return np.where(np.nan_to_num(np.abs(above)) >= np.nan_to_num(np.abs(below)), above, below)


def _coloured(panel: Panel, values: np.ndarray, top: float) -> Colouring:
    return amounts(values, top=top) if panel.kind == "amount" else signed(values, top=top)


def _heading(panel: Panel, *, x: float, room: float, y: float = TOP) -> list[Shape]:
    """Write the title of a panel, and what it is as far as there is room."""
    at = x + text_width(panel.title, 14) + 10
    fitting = max(4, int((room - (at - x)) / text_width("n", 11)))
    subtitle = shorten(visible(panel.subtitle), fitting)
    return [Label(x, y + 6, panel.title, 14, is_bold=True), Label(at, y + 6, subtitle, 11, colour=QUIET)]


def _heading_width(panel: Panel) -> float:
    return text_width(panel.title, 14) + 10 + text_width(panel.subtitle, 11)


def _with_scales(found: Sides, shapes: list[Shape], *, x: float, right: float, bottom: float) -> Drawn:
    """Put the colour bars below, one per kind of panel."""
    y = bottom + 16
    for kind in ("amount", "signed"):
        mine = [panel for panel in found.panels if panel.kind == kind]
        if mine:
            name = ", ".join(panel.title for panel in mine)
            shapes.append(Label(x, y + 5, name, 11, is_bold=True))
            bar = colour_bar(_coloured(mine[0], mine[0].values, found.top), x=x + 64, y=y, unit=found.unit)
            shapes += bar
            y += 20
    return shapes, max(right, x + 460), y - 10


def _written(axis: PanelAxis) -> Sequence[str]:
    return [token_label(label) for label in axis.labels] if axis.holds_text else axis.labels
