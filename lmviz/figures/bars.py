"""One bar per token, and the most probable tokens as a table of bars."""

import math

import numpy as np

from lmviz.figures.colours import BLUE, LINE, ORANGE, QUIET, amount_palette, hex_colour
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import TokenDistributions, TokenScores

MAX_BARS = 120
MAX_POSITIONS = 60
_ROW = 20.0
_BAR = 360.0


def token_scores(result: TokenScores) -> Scene:
    """Draw one bar per token from zero, blue to the left and orange to the right; long inputs: the largest."""
    count = len(result.tokens)
    if count == 0:
        return empty(result)
    size = np.where(np.isnan(result.scores), -1.0, np.abs(result.scores))
    kept = np.sort(np.argsort(-size, kind="stable")[:MAX_BARS])
    low = min(0.0, float(np.nanmin(result.scores, initial=0.0)))
    high = max(0.0, float(np.nanmax(result.scores, initial=0.0)))
    span = (high - low) or 1.0
    left = MARGIN + label_width(result.tokens) + 12
    zero = left + _BAR * -low / span
    top = TOP + 12
    shapes: list[Shape] = [Label(MARGIN, TOP, f"{shorten(visible(result.target), 60)}, in {result.unit}", colour=QUIET)]
    for row, position in enumerate(kept):
        y, score = top + (row + 0.5) * _ROW, float(result.scores[position])
        shapes.append(Label(left - 10, y, token_label(result.tokens[position]), anchor="end", is_mono=True))
        if not np.isnan(score):
            length = abs(score) / span * _BAR
            x = zero if score >= 0 else zero - length
            shapes.append(Box(x, y - 7, max(length, 0.5), 14, fill=ORANGE if score >= 0 else BLUE))
        shapes.append(Label(left + _BAR + 10, y, format_number(score), 11))
    bottom = top + len(kept) * _ROW + 4
    shapes.append(Box(zero, top, 0.5, bottom - top, fill=QUIET))
    most = int(np.argmax(size))
    finding = f"Largest: {token_label(result.tokens[most])}, {format_number(float(result.scores[most]))} {result.unit}."
    unexplained = f"Not explained by the tokens (residue): {format_number(result.residue)} {result.unit}."
    notes = [] if math.isnan(result.residue) else [unexplained]
    if len(kept) < count:
        notes.append(f"The {len(kept)} tokens with the largest scores, in order of the text; {count - len(kept)} more.")
    return framed(result, Content(shapes, left + _BAR + 90, bottom, finding, notes))


def token_distributions(result: TokenDistributions) -> Scene:
    """Draw the candidates of each position as a row of cells, filled as far as their probability goes."""
    rows = min(len(result.positions), MAX_POSITIONS)
    if rows == 0 or result.probabilities.size == 0:
        return empty(result)
    columns = min(result.probabilities.shape[1], 10)
    tokens = [result.tokens[position] for position in result.positions[:rows]]
    left = MARGIN + label_width(tokens) + 44
    names = [token_label(name, 14) for row in result.candidates[:rows] for name in row[:columns]]
    wide = max([text_width(name, 12, mono=True) for name in names] + [40.0]) + 56
    high = _ROW + 4
    top = TOP + 12
    shapes: list[Shape] = [Label(left + columns * wide + 60, TOP, "entropy, nats", 11, "end", colour=QUIET)]
    shapes += [Label(left + i * wide + 4, TOP, f"{i + 1}.", 11, colour=QUIET) for i in range(columns)]
    tint = hex_colour(amount_palette()[70])
    for row in range(rows):
        y = top + row * high
        shapes.append(Label(left - 36, y + high / 2, token_label(tokens[row]), anchor="end", is_mono=True))
        shapes.append(Label(left - 10, y + high / 2, str(result.positions[row]), 11, "end", colour=QUIET))
        for column in range(columns):
            x, share = left + column * wide, float(result.probabilities[row, column])
            filled = (wide - 4) * min(1.0, max(0.0, 0.0 if np.isnan(share) else share))
            shapes.append(Box(x, y + 1, filled, high - 3, fill=tint))
            shapes.append(Box(x, y + 1, wide - 4, high - 3, stroke=LINE))
            name = token_label(result.candidates[row][column], 14)
            shapes.append(Label(x + 5, y + high / 2, name, is_mono=True, is_bold=column == 0))
            shapes.append(Label(x + wide - 9, y + high / 2, format_number(share), 11, "end"))
        shapes.append(
            Label(left + columns * wide + 60, y + high / 2, format_number(float(result.entropy[row])), 11, "end")
        )
    first = f"{token_label(result.candidates[0][0])}, {format_number(float(result.probabilities[0, 0]))}"
    finding = f"Most probable at position {result.positions[0]}: {first}."
    notes = ["A full cell means probability 1."]
    if rows < len(result.positions):
        notes.append(f"The first {rows} of {len(result.positions)} positions.")
    return framed(result, Content(shapes, left + columns * wide + 60, top + rows * high, finding, notes))
