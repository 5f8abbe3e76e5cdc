"""What all drawn figures share: title, room for labels, the colour bar, and the caption with its provenance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmviz.figures.colours import LINE, QUIET, Colouring
from lmviz.figures.provenance import caption, title
from lmviz.figures.scene import Box, Heat, Label, Scene, Shape
from lmviz.figures.wording import format_number, text_width, token_label
from lmviz.results import Result

MARGIN = 24.0
TOP = 56.0  # where the content starts, below the title
MIN_WIDTH = 480.0
_BAR = (160.0, 10.0)


@dataclass(frozen=True, eq=False)
class Content:
    """The middle of a figure: shapes between MARGIN and `right`, TOP and `bottom`, and what they show in a sentence."""

    shapes: Sequence[Shape]
    right: float
    bottom: float
    finding: str
    notes: Sequence[str] = ()


def framed(result: Result, content: Content) -> Scene:
    """Put title, notes and caption around the content of a figure."""
    width = max(MIN_WIDTH, content.right + MARGIN)
    notes = (*content.notes, caption(result))
    lines = [line for note in notes for line in wrapped(note, width=width - 2 * MARGIN, size=11)]
    shapes: list[Shape] = [Label(MARGIN, 28, title(result), 16, is_bold=True), *content.shapes]
    y = content.bottom + 20
    for line in lines:
        shapes.append(Label(MARGIN, y, line, 11, colour=QUIET))
        y += 16
    return Scene(width, y + 8, title(result), content.finding, shapes)


def empty(result: Result) -> Scene:
    """Draw a figure that says there is nothing to draw."""
    said = "There is nothing to draw: the input has no tokens."
    return framed(result, Content([Label(MARGIN, TOP + 12, said, 14, colour=QUIET)], 0, TOP + 24, said))


def colour_bar(colouring: Colouring, *, x: float, y: float, unit: str = "") -> list[Shape]:
    """Draw the ramp with the numbers at its ends, and say how to read it."""
    width, height = _BAR
    low, high = format_number(colouring.low), format_number(colouring.high)
    at = x + text_width(low, 11) + 6
    ramp = np.arange(255, dtype=np.uint8)[None, :]
    unit = f"{unit}; " if unit else ""
    return [
        Label(x, y + height / 2, low, 11),
        Heat(at, y, width, height, ramp, colouring.palette),
        Box(at, y, width, height, stroke=LINE),
        Label(at + width + 6, y + height / 2, f"{high}  ({unit}{colouring.note})", 11),
    ]


def wrapped(text: str, *, width: float, size: float) -> list[str]:
    """Break a text into lines that fit, between words where it can, inside a long word where it must."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if text_width(joined, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while text_width(word, size) > width:
            keep = max(1, int(len(word) * width / text_width(word, size)) - 1)
            while keep > 1 and text_width(word[:keep], size) > width:  # some characters are wider than others
                keep -= 1
            lines.append(word[:keep])
            word = word[keep:]  # noqa: PLW2901  the rest of the word is what is left to place
        line = word
    return [*lines, line] if line else lines


def label_width(tokens: Sequence[str], *, size: float = 12, limit: int = 24) -> float:
    """Give the room that the widest token label takes."""
    return max((text_width(token_label(token, limit), size, mono=True) for token in tokens), default=0.0)


def pooled(values: np.ndarray, limit: int, *axes: int) -> np.ndarray:
    """Take maxima over runs of an axis so that no named axis is longer than `limit`; NaN gives way to numbers."""
    for axis in axes:
        size = values.shape[axis]
        if size > limit:
            values = np.fmax.reduceat(values, np.arange(limit) * size // limit, axis=axis)
    return values
