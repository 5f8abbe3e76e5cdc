"""Items of a layer in two dimensions, coloured by their label."""

import numpy as np

from lmviz.figures.colours import LINE, QUIET
from lmviz.figures.curves import OTHERS
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import shorten, text_width, token_label, visible
from lmviz.results import LayerScatter

MOST_COLOURS = len(OTHERS)
REST = "#b6bac6"
_SIZE, _DOT = 420.0, 4.0


def layer_scatter(result: LayerScatter) -> Scene:
    """Draw every item as a dot; of more labels than colours the rarest are grey."""
    if not len(result.places):
        return empty(result)
    left, top = MARGIN, TOP
    low, high = result.places.min(axis=0), result.places.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    shapes: list[Shape] = [Box(left, top, _SIZE, _SIZE, stroke=LINE)]
    for place, label in zip((result.places - low) / span, result.label, strict=True):
        x, y = left + 8 + float(place[0]) * (_SIZE - 16), top + _SIZE - 8 - float(place[1]) * (_SIZE - 16)
        shapes.append(Box(x - _DOT / 2, y - _DOT / 2, _DOT, _DOT, fill=colour(int(label))))
    said = " · ".join(visible(axis) for axis in result.axes)
    shapes.append(Label(left, top + _SIZE + 16, said, 11, colour=QUIET))
    names = [token_label(name) for name in result.labels[:MOST_COLOURS]]
    rows = [*names, *(["others"] if len(result.labels) > MOST_COLOURS else [])]
    for row, name in enumerate(rows):
        y = top + 10 + 20 * row
        own = colour(row if row < len(names) else -1)
        shapes += [Box(left + _SIZE + 20, y - 4, 8, 8, fill=own), Label(left + _SIZE + 36, y, name, 12)]
    right = left + _SIZE + 36 + max((text_width(name, 12) for name in rows), default=0.0)
    finding = f"{len(result.places):,} items at layer {result.layer}, by {shorten(said, 80)}."
    notes = [finding, visible(result.note)] if result.note else [finding]
    return framed(result, Content(shapes, right, top + _SIZE + 28, finding, notes))


def colour(label: int) -> str:
    """Give the colour of a label: its own while there are colours."""
    return OTHERS[label] if 0 <= label < MOST_COLOURS else REST
