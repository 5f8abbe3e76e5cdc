"""Many texts with the answers of two sides: those that are furthest apart."""

import numpy as np

from lmviz.figures.answers import amount_bars
from lmviz.figures.layout import Content, empty, framed
from lmviz.figures.scene import Label, Scene
from lmviz.figures.wording import format_number, shorten, visible
from lmviz.results import RowAnswers

MAX_ROWS = 40
_ROW = 22.0


def row_answers(result: RowAnswers) -> Scene:
    """Draw a bar for each of the rows that disagree most, with what both sides say of it."""
    good = [row for row in result.rows if not np.isnan(row.disagreement)]
    if not good:
        return empty(result)
    kept = sorted(good, key=lambda row: -row.disagreement)[:MAX_ROWS]
    names = [shorten(visible(row.text), 40) for row in kept]
    top = max(kept[0].disagreement, 1e-12)
    shapes, right, bottom = amount_bars(names, np.array([row.disagreement for row in kept]), full=top)
    first = bottom - 4 - len(kept) * _ROW
    for number, row in enumerate(kept):
        said = f"{shorten(visible(row.answer_a), 24)} | {shorten(visible(row.answer_b), 24)}"
        shapes.append(Label(right + 6, first + (number + 0.5) * _ROW, said, 11, is_mono=True))
    finding = f"Furthest apart: {names[0]}, {format_number(kept[0].disagreement)}."
    n_problems = sum(bool(row.problem) for row in result.rows)
    notes = [
        f"Bars: {result.disagreement}. Beside them what A and B say.",
        f"{len(good)} rows answered, {n_problems} could not be read; the {len(kept)} furthest apart are drawn.",
    ]
    return framed(result, Content(shapes, right + 380, bottom, finding, notes))
