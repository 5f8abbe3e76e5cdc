"""Two answers side by side as a picture of A, B and B − A, and how alike the layers of two models are."""

import numpy as np

from lmviz.figures.colours import fitting
from lmviz.figures.heatmaps import Grid, single
from lmviz.figures.layout import Content, empty, framed
from lmviz.figures.scene import Scene
from lmviz.figures.side_by_side import bars, head_grids, matrices
from lmviz.figures.sides import Sides, one_head, sides
from lmviz.figures.wording import format_number
from lmviz.results import Difference, LayerMatrix

MAX_ROWS = 60  # bars
MAX_CELLS = 120  # rows and columns of a heat map
MAX_LAYERS = 12  # of a grid of heads
MAX_PAIRS = 12
_PLURALS = {"layer": "layers", "pair": "pairs", "from": "queries", "to": "keys", "position": "positions"}


def difference(result: Difference) -> Scene:
    """Draw A, B and B − A on one scale: bars, heat maps, or for attention every head.

    Of long inputs the part with the largest differences is drawn, and a note says so.
    """
    if result.delta.size == 0 or np.isnan(result.delta).all():
        return empty(result)
    found = sides(result)
    finding = _finding(found)
    drawn, notes = _limited(found)
    draw = {1: bars, 2: matrices}.get(len(drawn.axes), head_grids)
    shapes, right, bottom = draw(drawn)
    return framed(result, Content(shapes, right, bottom, finding, [finding, *notes, *_notes(result, found)]))


def _notes(result: Difference, found: Sides) -> list[str]:
    unit = f", in {found.unit}" if found.unit else ""
    said = [f"One scale for A, B and B − A{unit}. Orange: more in B; blue: more in A."]
    if np.isnan(result.delta).any():
        said[0] += " Grey or n/a: not on both sides."
    numbers = ", ".join(f"{name.replace('_', ' ')} {format_number(value)}" for name, value in result.numbers.items())
    return [*said, *([f"Overall: {numbers}."] if numbers else []), *([result.note] if result.note else [])]


def _finding(found: Sides) -> str:
    delta = found.panels[-1].values
    return f"Largest difference: {found.place(int(np.nanargmax(np.abs(delta))))}."


def _limited(found: Sides) -> tuple[Sides, list[str]]:
    """Give what is drawn, and what is said of the rest."""
    if len(found.axes) == 4 and found.panels[0].values.shape[:2] == (1, 1):
        found = one_head(found, layer=0, head=0)
    limits = {1: (MAX_ROWS,), 2: (MAX_CELLS, MAX_CELLS)}.get(len(found.axes), (MAX_LAYERS, MAX_PAIRS))
    notes: list[str] = []
    for axis, limit in enumerate(limits):
        count = len(found.axes[axis].labels)
        if count > limit and found.axes[axis].name != "head":
            found = found.taken(_largest(found.panels[-1].values, axis, limit), axis=axis)
            what = _PLURALS.get(found.axes[axis].name, "rows")
            notes.append(f"Of {count} {what} the {limit} with the largest differences are drawn, in their order.")
    return found, notes


def _largest(delta: np.ndarray, axis: int, limit: int) -> np.ndarray:
    """Give the entries of an axis with the largest difference in size, in their order."""
    others = tuple(i for i in range(delta.ndim) if i != axis)
    size = np.nan_to_num(np.abs(delta), nan=-1.0).max(axis=others)
    return np.sort(np.argsort(-size, kind="stable")[:limit])


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
