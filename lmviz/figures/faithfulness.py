"""Explanations put to the test: what becomes of the answer in their order of words, and a row of numbers for each."""

import math

import numpy as np

from lmviz.figures.colours import LINE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Line, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import Faithfulness

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a00")  # Okabe and Ito
_WIDTH, _HEIGHT, _GAP = 300.0, 180.0, 76.0
_ROW, _COLUMN = 20.0, 92.0
_BAND = "#e4e6ee"
_HOW = (
    "Deletion: the sooner it falls the better; insertion: the sooner it rises the better. "
    "p: how often a random order does as well, one-sided."
)
_COLUMNS = ("verdict", "residue", "steps doubled", "2nd baseline", "p deletion", "p insertion", "shuffled")


def faithfulness(result: Faithfulness) -> Scene:
    """Draw deletion and insertion curves over the band of random orders, and a table of the tests."""
    if not result.players or not result.methods:
        return empty(result)
    left = MARGIN + 56
    said = f"{shorten(visible(result.target), 60)}: {format_number(result.value)} {result.unit}"
    shapes: list[Shape] = [Label(MARGIN, TOP, said, colour=QUIET)]
    for number, curve in enumerate(("deletion", "insertion")):
        shapes += _panel(result, curve, (left + number * (_WIDTH + _GAP), TOP + 40))
    top = TOP + 40 + _HEIGHT + 64
    table, right = _table(result, top)
    bottom = top + (len(result.methods) + 1) * _ROW
    notes = [f"Grey: 95 of 100 random orders lie there (n = {result.n_random}). {_HOW}"]
    notes += [f"{title}: {' '.join(why)}" for title, why in zip(result.titles, result.reasons, strict=True)]
    notes += [result.note] if result.note else []
    right = max(right, left + 2 * _WIDTH + _GAP)
    return framed(result, Content([*shapes, *table], right, bottom, result.summary, notes))


def _panel(result: Faithfulness, curve: str, place: tuple[float, float]) -> list[Shape]:
    """Draw the curves of one kind; a number on each says whose it is."""
    x, y = place
    values, n = getattr(result, curve), len(result.methods)
    low, high = _extent(values)

    def at(step: int, value: float) -> tuple[float, float]:
        return x + float(result.fractions[step]) * _WIDTH, y + _HEIGHT * (high - value) / (high - low)

    steps = range(len(result.fractions))
    below, above = result.band(curve)
    edge = [at(step, float(above[step])) for step in steps]
    back = [at(step, float(below[step])) for step in reversed(steps)]
    shapes: list[Shape] = [
        Line((*edge, *back), fill=_BAND),
        Box(x, y, _WIDTH, _HEIGHT, stroke=LINE),
        Label(x, y - 14, f"{curve.capitalize()} curve", 12, is_bold=True),
        Label(x + _WIDTH / 2, y + _HEIGHT + 30, f"share of words {_DONE[curve]}", 11, "middle", colour=QUIET),
        *(Label(x - 6, y + up * _HEIGHT, format_number(end), 11, "end") for up, end in ((0, high), (1, low))),
        *(Label(x + s * _WIDTH, y + _HEIGHT + 14, f"{s:g}", 11, "middle") for s in (0, 0.5, 1)),
    ]
    for row in reversed(range(n)):
        points = tuple(at(step, float(values[row, step])) for step in steps)
        shapes.append(Line(points, stroke=_colour(row), width=2.0))
        mark = points[min(1 + row, len(points) - 1)]
        shapes.append(Label(mark[0] + 4, mark[1] - 8, str(row + 1), 11, colour=_colour(row), is_bold=True))
    return shapes


_DONE = {"deletion": "taken away", "insertion": "put in"}


def _extent(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _colour(row: int) -> str:
    return COLOURS[row % len(COLOURS)]


def _table(result: Faithfulness, top: float) -> tuple[list[Shape], float]:
    """Write one row of numbers for each attribution; gives the right edge as well."""
    left = MARGIN + label_width(result.titles) + 48
    right, words = left + len(_COLUMNS) * _COLUMN, [_top_words(result, row) for row in range(len(result.methods))]
    shapes: list[Shape] = [
        Label(left + (column + 1) * _COLUMN, top, name, 11, "end", colour=QUIET) for column, name in enumerate(_COLUMNS)
    ]
    shapes.append(Label(right + 24, top, "largest scores", 11, colour=QUIET))
    for row, title in enumerate(result.titles):
        y = top + (row + 1) * _ROW
        shapes.append(Label(MARGIN, y, str(row + 1), 12, colour=_colour(row), is_bold=True))
        shapes.append(Label(MARGIN + 18, y, title))
        for column, cell in enumerate(_cells(result, row)):
            shapes.append(Label(left + (column + 1) * _COLUMN, y, cell, 11, "end", colour=TEXT, is_bold=column == 0))
        shapes.append(Label(right + 24, y, words[row], 11, is_mono=True))
    return shapes, right + 24 + max(90.0, *(text_width(own, 11, mono=True) for own in words))


def _top_words(result: Faithfulness, row: int) -> str:
    """Name the words with the largest scores, each with its sign."""
    scores = result.scores[row]
    largest = np.argsort(-np.abs(scores), kind="stable")[: result.n_top]
    return "  ".join(f"{'−' if scores[at] < 0 else '+'}{token_label(result.players[at], 14)}" for at in largest)


def _cells(result: Faithfulness, row: int) -> tuple[str, ...]:
    numbers = (
        float(result.residues[row]),
        float(result.doubling[row]),
        float(result.other_baseline[row]),
        float(result.p_deletion[row]),
        float(result.p_insertion[row]),
        float(result.randomised[row].mean()),
    )
    return result.verdicts[row], *("–" if math.isnan(number) else format_number(number) for number in numbers)
