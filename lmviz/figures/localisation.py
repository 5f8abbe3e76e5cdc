"""Where a preference sits: heat maps of heads, MLPs and the residual stream, pale where an effect may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmviz.figures.colours import LINE, TEXT, UNDEFINED_STEP, Colouring, hex_colour, signed
from lmviz.figures.heatmaps import column_labels, row_labels
from lmviz.figures.layout import MARGIN, TOP, Content, colour_bar, empty, framed, label_width
from lmviz.figures.scene import Box, Heat, Label, Scene, Shape
from lmviz.figures.wording import format_number, text_width
from lmviz.results import BiasLocalisation
from lmviz.results.localisation import SIGNIFICANT, HeadEffect

MAX_TOP = 5  # heads that are named below the figure
_WIDE = 1100.0
_CELL = (6.0, 22.0)  # the narrowest and the widest cell
_HIGH = (8.0, 20.0)
_GAP = 36.0
_BAR = 380.0  # room for a colour bar with its sentence
_PALE = 0.55  # how far towards the background
_TITLES = {
    "indirect": "Heads, indirect effect",
    "direct": "Heads, direct effect",
    "mlp_out": "MLPs",
    "resid_pre": "Residual stream",
}


@dataclass(frozen=True, eq=False)
class _Panel:
    title: str
    columns: Sequence[str]
    values: np.ndarray
    is_clear: np.ndarray


def bias_localisation(result: BiasLocalisation) -> Scene:
    """Draw the heads, and for patching also what MLPs and the residual stream carry, layers downwards."""
    if result.values.size == 0:
        return empty(result)
    panels = _panels(result)
    layers = [f"L{layer}" for layer in range(len(result.values))]
    left = MARGIN + label_width(layers) + 10
    room = _WIDE - _GAP * (len(panels) - 1)
    wide = float(np.clip(np.floor(room / sum(len(panel.columns) for panel in panels)), *_CELL))
    high = float(np.clip(np.floor(640 / len(layers)), *_HIGH))
    top = TOP + 24 + max(16.0, *(label_width(panel.columns) for panel in panels)) + 6
    shapes: list[Shape] = row_labels(layers, x=left - 8, top=top, high=high)
    bottom, x = top + len(layers) * high, left
    for panel in panels:
        shapes += _drawn(panel, at=(x, top), cell=(wide, high))
        x += max(len(panel.columns) * wide, text_width(panel.title, 13)) + _GAP
    for number, panel in enumerate(panels):
        y = bottom + 14 + 18 * number
        shapes.append(Label(left, y + 5, panel.title, 11))
        shapes += colour_bar(signed(panel.values), x=left + 150, y=y, unit=result.unit)
    right = max(x - _GAP, left + 150 + _BAR)
    return framed(result, Content(shapes, right, bottom + 6 + 18 * len(panels), _finding(result), _notes(result)))


def _panels(result: BiasLocalisation) -> list[_Panel]:
    if result.grids:
        return [
            _Panel(_TITLES.get(name, name), grid.columns, grid.values, grid.is_significant)
            for name, grid in result.grids.items()
        ]
    heads = [f"H{head}" for head in range(result.values.shape[1])]
    return [_Panel("Heads", heads, result.values, result.is_significant)]


def _drawn(panel: _Panel, *, at: tuple[float, float], cell: tuple[float, float]) -> list[Shape]:
    """Draw one heat map: all cells pale, those that are told from chance again in full colour."""
    (x, y), (wide, high) = at, cell
    rows, columns = panel.values.shape
    colouring = signed(panel.values)
    upright = all(len(column) * 7 <= wide for column in panel.columns)
    return [
        Label(x, TOP + 6, panel.title, 13, is_bold=True),
        Heat(x, y, columns * wide, rows * high, colouring.steps, _pale(colouring)),
        Box(x, y, columns * wide, rows * high, stroke=LINE),
        *_clear(panel, colouring, at=at, cell=cell),
        *column_labels(panel.columns, left=x, bottom=y - 6, wide=wide, upright=upright),
    ]


def _clear(panel: _Panel, colouring: Colouring, *, at: tuple[float, float], cell: tuple[float, float]) -> list[Shape]:
    (x, y), (wide, high) = at, cell
    return [
        Box(
            x + column * wide,
            y + row * high,
            wide,
            high,
            fill=hex_colour(colouring.palette[colouring.steps[row, column]]),
            stroke=TEXT,
        )
        for row, column in np.argwhere(panel.is_clear).tolist()
    ]


def _pale(colouring: Colouring) -> np.ndarray:
    """Blend the palette towards the background, but for the colour of what is not defined."""
    pale: np.ndarray = np.rint(colouring.palette * (1 - _PALE) + 255 * _PALE).astype(np.uint8)
    pale[UNDEFINED_STEP] = colouring.palette[UNDEFINED_STEP]
    return pale


def _finding(result: BiasLocalisation) -> str:
    top = result.top(1)
    if not top:
        return "No row could be asked, so nothing is known of any head."
    n_clear, n_heads = int(result.is_significant.sum()), result.values.size
    return f"{n_clear} of {n_heads} heads are told from chance over {result.n} rows; largest: {_said(top[0])}."


def _said(one: HeadEffect) -> str:
    low, high = format_number(one.low), format_number(one.high)
    p = format_number(one.p_adjusted)
    return f"L{one.layer}H{one.head} {format_number(one.value)} [{low}, {high}], p {p}"


def _notes(result: BiasLocalisation) -> list[str]:
    level = f"{100 * result.level:g} % intervals are of each cell by itself."
    notes = [f"Outlined: p below {SIGNIFICANT:g}, adjusted for all cells of its heat map. Pale: may be chance. {level}"]
    if result.top(MAX_TOP):
        notes.append(f"Largest heads: {'; '.join(_said(one) for one in result.top(MAX_TOP))}.")
    numbers = [_number(result, name) for name in ("margin", "total_effect", "total_ratio") if name in result.numbers]
    if numbers:
        notes.append(f"{'; '.join(numbers)}.")
    if result.skipped:
        notes.append(f"Left out: {result.skipped} rows.")
    return [*notes, result.note] if result.note else notes


def _number(result: BiasLocalisation, name: str) -> str:
    value, low, high = (format_number(result.numbers[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{name.replace('_', ' ').capitalize()} {value} [{low}, {high}]"
