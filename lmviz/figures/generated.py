"""What each written token rests on: a row for each, a column for each token that was there."""

import numpy as np

from lmviz.figures.colours import signed
from lmviz.figures.heatmaps import Grid, single
from lmviz.figures.layout import empty
from lmviz.figures.scene import Scene
from lmviz.figures.wording import format_number, token_label
from lmviz.results import GeneratedScores

MAX_ROWS = 60
MAX_COLUMNS = 120


def generated_scores(result: GeneratedScores) -> Scene:
    """Draw scores, blue below and orange above zero; of long texts the first rows and the last tokens before them."""
    rows = min(len(result.scores), MAX_ROWS)
    if rows == 0 or not np.isfinite(result.scores).any():
        return empty(result)
    end = result.n_source + rows - 1  # the last token that is drawn was written, and explains nothing that is drawn
    start = max(0, end - MAX_COLUMNS)
    values = result.scores[:rows, start:end]
    size = np.where(np.isnan(result.scores), -1.0, np.abs(result.scores))
    row, column = np.unravel_index(int(size.argmax()), size.shape)
    names = [token_label(token) for token in result.tokens]
    written = names[result.n_source :]
    finding = (
        f"Largest: {written[row]} rests on {names[column]}, {format_number(float(result.scores[row, column]))} "
        f"{result.unit}; {len(written)} tokens were written."
    )
    notes = [f"Grey: not there yet. {result.note}"]
    if rows < len(result.scores):
        notes.append(f"The first {rows} of {len(result.scores)} tokens that were written.")
    if start:
        notes.append(f"The first {start} tokens of the text are not drawn; their scores are in the table.")
    columns = names[start:end]
    grid = Grid(values, signed(values), written[:rows], columns, "written", "rests on", result.unit, finding, notes)
    return single(result, grid)
