"""How often the grammatical sentence wins: a row per phenomenon, its paradigms below it, people and others beside."""

import math
from collections.abc import Mapping

from lmviz.figures.colours import BLUE, ORANGE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.pairs import WIDTH, percent_axis
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import GrammarScores, PairScores

MAX_ROWS = 120
_ROW, _DOT = 22.0, 8.0
_TICK = 14.0
PEOPLE = "people"
Row = tuple[str, PairScores, str]  # what it is called, its pairs, and the phenomenon that references know; "" for none


def grammar_scores(result: GrammarScores) -> Scene:
    """Draw one row for all pairs, one per phenomenon, and one for each of its paradigms."""
    if result.n == 0:
        return empty(result)
    every = _rows(result)
    rows = every[:MAX_ROWS]
    left = MARGIN + label_width([f"  {name}" for name, *_ in rows]) + 16
    top = TOP + 16
    bottom = top + len(rows) * _ROW + 4
    shapes = percent_axis(left, top=top, bottom=bottom)
    for number, (name, part, known_as) in enumerate(rows):
        y = top + (number + 0.5) * _ROW
        is_paradigm = not known_as
        shapes.append(
            Label(left - 12, y, name, anchor="end", is_bold=not is_paradigm, colour=QUIET if is_paradigm else TEXT)
        )
        shapes += _share(part, (left, y), is_small=is_paradigm)
        shapes += _people(result.references, known_as, (left, y))
    right = left + WIDTH + 16 + max(text_width(_numbers(part), 11) for _, part, _ in rows)
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result, len(every) - len(rows))))


def _rows(result: GrammarScores) -> list[Row]:
    rows: list[Row] = [("all pairs", result, "all")]
    for name, part in result.by_category.items():
        rows.append((spelled(name), part, name))
        own = part.by_category.items()
        rows += [(spelled(paradigm), one, "") for paradigm, one in own if len(own) > 1 or paradigm != name]
    return rows


def spelled(name: str) -> str:
    """Write a name as words, cut where it is long."""
    return shorten(visible(name.replace("_", " ")), 40) if "_" in name else token_label(name, 40)


def _share(part: PairScores, at: tuple[float, float], *, is_small: bool) -> list[Shape]:
    left, y = at
    shapes: list[Shape] = [Label(left + WIDTH + 16, y, _numbers(part), 11, colour=QUIET if is_small else TEXT)]
    if math.isnan(part.preference):
        return shapes
    low, high = part.interval
    colour = BLUE if low > 0.5 else ORANGE if high < 0.5 else TEXT
    size = _DOT - 2 if is_small else _DOT
    shapes.append(Box(left + low * WIDTH, y - 1.5, max(high - low, 0.0) * WIDTH, 3.0, fill=colour))
    shapes.append(Box(left + part.preference * WIDTH - size / 2, y - size / 2, size, size, fill=colour))
    return shapes


def _people(references: Mapping[str, Mapping[str, float]], known_as: str, at: tuple[float, float]) -> list[Shape]:
    """Draw a line where people are."""
    share = references.get(PEOPLE, {}).get(known_as)
    if share is None:
        return []
    return [Box(at[0] + share * WIDTH - 1, at[1] - _TICK / 2, 2.0, _TICK, fill=TEXT)]


def _numbers(part: PairScores) -> str:
    if math.isnan(part.preference):
        return "n/a"
    low, high = part.interval
    ties = f", {part.ties} ties" if part.ties else ""
    return f"{100 * part.preference:.1f} %  [{100 * low:.1f}, {100 * high:.1f}]  n = {part.n:,}{ties}"


def _finding(result: GrammarScores) -> str:
    low, high = result.interval
    return (
        f"The grammatical sentence wins in {100 * result.preference:.1f} % of {result.n:,} pairs; "
        f"{100 * result.level:g} % interval {100 * low:.1f} to {100 * high:.1f} %."
    )


def _notes(result: GrammarScores, n_left: int) -> list[str]:
    notes = ["Blue: the whole interval is above 50 %, where guessing is; orange: below it. Ties count as wrong."]
    known = [
        f"{who} {format_number(100 * shares['all'])} %" for who, shares in result.references.items() if "all" in shares
    ]
    if known:
        notes.append(
            "Upright lines: people (Warstadt et al., 2020). "
            f"Published, over everything: {', '.join(known)}; see the methods for whose numbers."
        )
    if n_left > 0:
        notes.append(f"{n_left} rows are not drawn; the table has them.")
    if result.skipped:
        notes.append(f"Left out: {result.skipped:,} rows.")
    return [*notes, result.note] if result.note else notes
