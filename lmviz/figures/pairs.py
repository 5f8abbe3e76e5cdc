"""The share of pairs that go one way: a dot with its interval against one half, for all and by category."""

import math

from lmviz.figures.colours import BLUE, LINE, ORANGE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, text_width, token_label
from lmviz.results import PairScores
from lmviz.results.pairs import FEWEST_PAIRS

MAX_CATEGORIES = 60
_ROW = 24.0
WIDTH = 360.0  # from 0 to 100 per cent
_DOT = 9.0
_FEW = "#9aa0b0"
_HOW_TO_READ = (
    "Preference on this benchmark. Orange or blue: the whole interval is above or below 50 %; "
    f"grey: fewer than {FEWEST_PAIRS} pairs, too few to say much."
)


def pair_scores(result: PairScores) -> Scene:
    """Draw one row for all pairs and one per category, grey where there are few pairs."""
    if result.n == 0:
        return empty(result)
    kept = list(result.by_category.items())[:MAX_CATEGORIES]
    rows = [("all pairs", result), *((token_label(name), part) for name, part in kept)]
    left, top = MARGIN + label_width([name for name, _ in rows]) + 16, TOP + 16
    bottom = top + len(rows) * _ROW + 4
    shapes = percent_axis(left, top=top, bottom=bottom)
    for row, (name, part) in enumerate(rows):
        y = top + (row + 0.5) * _ROW
        shapes.append(Label(left - 12, y, name, anchor="end", is_mono=row > 0, is_bold=row == 0, colour=_ink(part)))
        shapes += _dot(part, left, y)
    right = left + WIDTH + 16 + max(text_width(_numbers(part), 11) for _, part in rows)
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result, len(kept))))


def percent_axis(left: float, *, top: float, bottom: float) -> list[Shape]:
    """Draw the axis from 0 to 100 per cent, one half marked."""
    shapes: list[Shape] = []
    for percent in (0, 25, 50, 75, 100):
        x = left + percent / 100 * WIDTH
        shapes.append(Label(x, TOP + 2, f"{percent} %", 11, "middle", colour=QUIET))
        shapes.append(Box(x, top, 1.0, bottom - top, fill=QUIET if percent == 50 else LINE))
    return shapes


def _dot(part: PairScores, left: float, y: float) -> list[Shape]:
    """Draw one share with its interval; the cluster interval is a thin line around it."""
    shapes: list[Shape] = [Label(left + WIDTH + 16, y, _numbers(part), 11, colour=_ink(part))]
    if math.isnan(part.preference):
        return shapes
    colour = _colour(part)
    for ends, thickness in ((part.cluster_interval, 1.0), (part.interval, 3.0)):
        if ends is not None and not math.isnan(ends[0]):
            low, high = (left + min(1.0, max(0.0, end)) * WIDTH for end in ends)
            shapes.append(Box(low, y - thickness / 2, high - low, thickness, fill=colour))
    x = left + part.preference * WIDTH
    return [*shapes, Box(x - _DOT / 2, y - _DOT / 2, _DOT, _DOT, fill=colour)]


def _colour(part: PairScores) -> str:
    """Colour what lies above or below one half with all of its intervals."""
    if part.has_few_pairs:
        return _FEW
    low, high = part.extent
    return ORANGE if low > 0.5 else BLUE if high < 0.5 else TEXT


def _ink(part: PairScores) -> str:
    return QUIET if part.has_few_pairs else TEXT


def _percent(share: float) -> str:
    return "n/a" if math.isnan(share) else f"{100 * share:.1f}"


def _numbers(part: PairScores) -> str:
    low, high = part.interval
    ties = f", {part.ties} ties" if part.ties else ""
    return f"{_percent(part.preference)} %  [{_percent(low)}, {_percent(high)}]  n = {part.n}{ties}"


def _finding(result: PairScores) -> str:
    low, high = result.interval
    return (
        f"{_percent(result.preference)} % of {result.n} pairs score higher on the first text; "
        f"{100 * result.level:g} % interval {_percent(low)} to {_percent(high)} %."
    )


def _notes(result: PairScores, n_drawn: int) -> list[str]:
    notes = [_HOW_TO_READ]
    parts = (result, *result.by_category.values())
    if any(part.cluster_interval is not None for part in parts):
        notes.append("Thick line: pairs drawn one by one. Thin line: whole clusters drawn.")
    if result.numbers:
        named = (f"{name.replace('_', ' ')} {format_number(value)}" for name, value in result.numbers.items())
        notes.append(f"Besides: {', '.join(named)}.")
    if result.skipped:
        notes.append(f"Left out: {result.skipped} rows.")
    if n_drawn < len(result.by_category):
        notes.append(f"The first {n_drawn} of {len(result.by_category)} categories.")
    return [*notes, result.note] if result.note else notes
