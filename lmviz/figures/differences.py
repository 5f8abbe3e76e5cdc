"""Two answers side by side as a picture of B − A, and how alike the layers of two models are."""

from collections.abc import Sequence

import numpy as np

from lmviz.figures.answers import signed_bars
from lmviz.figures.colours import fitting, signed
from lmviz.figures.heatmaps import Grid, head_pictures, head_side, single
from lmviz.figures.layout import Content, empty, framed, pooled
from lmviz.figures.scene import Scene
from lmviz.figures.wording import format_number, token_label
from lmviz.results import Difference, LayerMatrix

MAX_ROWS = 60
MAX_CELLS = 120


def difference(result: Difference) -> Scene:
    """Draw B − A: bars for one number per unit, a heat map for two axes, every head for attention."""
    if result.delta.size == 0 or np.isnan(result.delta).all():
        return empty(result)
    draw = {1: _line, 2: _plane}.get(result.delta.ndim, _heads)
    return draw(result)


def _notes(result: Difference) -> list[str]:
    numbers = ", ".join(f"{name.replace('_', ' ')} {format_number(value)}" for name, value in result.numbers.items())
    said = ["B − A: orange where B has more, blue where A has more."]
    return [*said, *([f"Overall: {numbers}."] if numbers else []), *([result.note] if result.note else [])]


def _finding(result: Difference) -> str:
    place = int(np.nanargmax(np.abs(result.delta)))
    return f"Largest difference: {format_number(float(result.delta.flat[place]))}."


def _names(result: Difference, size: int) -> list[str]:
    """Name what an axis counts: units where it has as many entries, else numbers."""
    for known in (result.alignment, result.key_alignment):
        if known is not None and len(known) == size:
            return list(known.texts)
    labels: Sequence[str] = getattr(result.a, "labels", ())
    return list(labels) if len(labels) == size else [str(number) for number in range(size)]


def _line(result: Difference) -> Scene:
    names = _names(result, len(result.delta))
    size = np.nan_to_num(np.abs(result.delta), nan=-1.0)
    kept = np.sort(np.argsort(-size, kind="stable")[:MAX_ROWS])
    shapes, right, bottom = signed_bars([names[i] for i in kept], result.delta[kept])
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result)))


def _plane(result: Difference) -> Scene:
    values = result.delta[:MAX_CELLS, :MAX_CELLS]
    rows = [token_label(name) for name in _names(result, result.delta.shape[0])[:MAX_CELLS]]
    columns = [token_label(name) for name in _names(result, result.delta.shape[1])[:MAX_CELLS]]
    notes = _notes(result)
    if values.shape != result.delta.shape:
        notes.append(
            f"The first {values.shape[0]} × {values.shape[1]} of {result.delta.shape[0]} × {result.delta.shape[1]}."
        )
    axes = "rows", "columns"
    return single(result, Grid(values, signed(values), rows, columns, *axes, "", _finding(result), notes))


def _heads(result: Difference) -> Scene:
    """Draw every head, or pair of heads, as a small picture on one scale."""
    heads = result.delta.shape[1]
    names = result.head_pairs if len(result.head_pairs) == heads else [f"H{head}" for head in range(heads)]
    shapes, right, bottom = head_pictures(signed(_strongest(result.delta, head_side(heads))), names)
    return framed(result, Content(shapes, right, bottom, _finding(result), _notes(result)))


def _strongest(values: np.ndarray, limit: int) -> np.ndarray:
    """Pool the last two axes so that of each run the number farthest from zero stays, with its sign."""
    above, below = pooled(values, limit, 2, 3), -pooled(-values, limit, 2, 3)
    return np.where(np.nan_to_num(np.abs(above)) >= np.nan_to_num(np.abs(below)), above, below)


def layer_matrix(result: LayerMatrix) -> Scene:
    """Draw one number per layer of A and layer of B."""
    if result.values.size == 0 or np.isnan(result.values).all():
        return empty(result)
    rows, columns = result.values.shape
    place = int(np.nanargmax(result.values))
    top = format_number(float(result.values.flat[place]))
    finding = f"Most alike: layer {place // columns} of A and layer {place % columns} of B, {top} {result.unit}."
    notes = [f"From {result.n_units} words.", *([result.note] if result.note else [])]
    names = [f"L{i}" for i in range(rows)], [f"L{i}" for i in range(columns)]
    axes = "layer of A", "layer of B"
    return single(result, Grid(result.values, fitting(result.values), *names, *axes, result.unit, finding, notes))
