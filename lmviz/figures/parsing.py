"""Heads as parsers: for each relation the best head's accuracy beside the best fixed distance and random weights."""

import math

from lmviz.figures.colours import ACCENT, LINE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import text_width, token_label
from lmviz.results import HeadParsing

MOST = 40
_ROW, _WIDTH, _DOT = 26.0, 360.0, 8.0
_OFFSET, _RANDOM = "#e69f00", "#7a7a7a"


def head_parsing(result: HeadParsing) -> Scene:
    """Draw one row per relation: the head, the offset and the random head, each with its interval."""
    if not result.relations:
        return empty(result)
    kept = result.relations[:MOST]
    left, top = MARGIN + label_width(kept) + 16, TOP + 16
    bottom = top + len(kept) * _ROW + 4
    shapes: list[Shape] = []
    for percent in (0, 25, 50, 75, 100):
        x = left + percent / 100 * _WIDTH
        shapes += [
            Label(x, TOP + 2, f"{percent} %", 11, "middle", colour=QUIET),
            Box(x, top, 1, bottom - top, fill=LINE),
        ]
    texts = [_numbers(result, row) for row in range(len(kept))]
    for row, name in enumerate(kept):
        y = top + (row + 0.5) * _ROW
        shapes.append(Label(left - 12, y, token_label(name), anchor="end"))
        shapes += _dot(
            left, y + 7, (result.random_accuracy[row], result.random_low[row], result.random_high[row]), _RANDOM
        )
        shapes += _dot(left, y, (result.offset_accuracy[row], result.offset_low[row], result.offset_high[row]), _OFFSET)
        shapes += _dot(left, y - 7, (result.accuracy[row], result.low[row], result.high[row]), ACCENT)
        shapes.append(Label(left + _WIDTH + 16, y, texts[row], 11, colour=TEXT))
    right = left + _WIDTH + 16 + max(text_width(text, 11) for text in texts)
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result)))


def _dot(left: float, y: float, values: tuple[float, float, float], colour: str) -> list[Shape]:
    share, low, high = map(float, values)
    if math.isnan(share):
        return []
    shapes: list[Shape] = []
    if math.isfinite(low) and math.isfinite(high):
        shapes.append(Box(left + low * _WIDTH, y - 1, max(high - low, 0.0) * _WIDTH, 2.0, fill=colour))
    return [*shapes, Box(left + share * _WIDTH - _DOT / 2, y - _DOT / 2, _DOT, _DOT, fill=colour)]


def _numbers(result: HeadParsing, row: int) -> str:
    p = float(result.p_any_head[row])
    known = "" if math.isnan(p) else f", p = {p:.2g}"
    return (
        f"L{result.layer[row]}H{result.head[row]} {result.directions[int(result.direction[row])]}: "
        f"{100 * result.accuracy[row]:.1f} %; offset {int(result.offset[row]):+d}: "
        f"{100 * result.offset_accuracy[row]:.1f} %; n = {result.n[row]:,}{known}"
    )


def _finding(result: HeadParsing) -> str:
    n_told = int(result.is_significant.sum())
    return f"{n_told} of {len(result.relations)} relations have a head that is told from the best fixed distance."


def _notes(result: HeadParsing) -> list[str]:
    colours = (
        "Violet: the best head, chosen on dev and judged on test; orange: the best fixed distance in words; grey: the "
        "best head with random weights."
    )
    counts = (
        f"{result.n_sentences_dev:,} sentences to choose by, {result.n_sentences:,} to judge by. p: against the "
        "offset, for any head having been the best."
    )
    notes = [colours, counts, _finding(result)]
    if len(result.relations) > MOST:
        notes.append(f"The first {MOST} of {len(result.relations)} relations.")
    return [*notes, result.note] if result.note else notes
