"""Answers of heads and of generation: labels, answers in a text, ways to fill masks, a continuation with its tree."""

from collections.abc import Sequence

import numpy as np

from lmviz.figures.colours import BLUE, LINE, ORANGE, QUIET, amount_palette, hex_colour
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed, label_width
from lmviz.figures.scene import Box, Label, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import AnswerSpans, ContinuationTree, LabelProbabilities, MaskFillings

MAX_ROWS = 60
_COLUMNS = 6
_ROW = 22.0
_BAR = 320.0


def label_probabilities(result: LabelProbabilities) -> Scene:
    """Draw one bar per label, the largest first; of a head that gives values, the values from zero."""
    if not result.labels:
        return empty(result)
    is_value = result.kind == "value"
    numbers = result.logits if is_value else result.probabilities
    order = np.argsort(-numbers, kind="stable")[:MAX_ROWS]
    names = [result.labels[i] for i in order]
    full = max(float(np.abs(numbers).max(initial=0.0)), 1e-12) if is_value else 1.0
    shapes, right, bottom = amount_bars(names, numbers[order], full=full)
    finding = f"Largest: {token_label(names[0])}, {format_number(float(numbers[order[0]]))}."
    notes = ["Values; this head gives no probabilities." if is_value else "A full bar means probability 1."]
    if len(order) < len(result.labels):
        notes.append(f"The first {len(order)} of {len(result.labels)} labels.")
    return framed(result, Content(shapes, right, bottom, finding, notes))


def mask_fillings(result: MaskFillings) -> Scene:
    """Draw one bar per filling for its joint probability, with the product of the single ones beside it."""
    if not result.fillings:
        return empty(result)
    names = [" ".join(token_label(token, 20).strip() for token in row) for row in result.fillings[:MAX_ROWS]]
    top = max(float(result.joint.max(initial=0.0)), 1e-12)
    shapes, right, bottom = amount_bars(names, result.joint[:MAX_ROWS], full=top)
    shapes.append(Label(right + 10, TOP, "by themselves", 11, colour=QUIET))
    for row, value in enumerate(result.independent[:MAX_ROWS]):
        shapes.append(Label(right + 10, TOP + 12 + (row + 0.5) * _ROW, format_number(float(value)), 11))
    finding = f"Most probable: {names[0]}, {format_number(float(result.joint[0]))}."
    notes = [f"A full bar means joint probability {format_number(top)}."]
    return framed(result, Content(shapes, right + 100, bottom, finding, notes))


def amount_bars(names: Sequence[str], numbers: np.ndarray, *, full: float) -> tuple[list[Shape], float, float]:
    """Draw a bar per name; give the shapes, where they end on the right and at the bottom."""
    left, top = MARGIN + label_width(names) + 12, TOP + 12
    shapes: list[Shape] = []
    for row, (name, number) in enumerate(zip(names, numbers, strict=True)):
        y, value = top + (row + 0.5) * _ROW, float(number)
        shapes.append(Label(left - 10, y, token_label(name), anchor="end", is_mono=True))
        length = 0.0 if np.isnan(value) else min(1.0, abs(value) / full) * _BAR
        shapes.append(Box(left, y - 7, max(length, 0.5), 14, fill=ORANGE if value >= 0 else BLUE))
        shapes.append(Label(left + _BAR + 10, y, format_number(value), 11))
    return shapes, left + _BAR + 80, top + len(names) * _ROW + 4


def answer_spans(result: AnswerSpans) -> Scene:
    """Draw per token how probable it is that the answer begins (blue) and ends (orange) there; the largest ones."""
    size = len(result.tokens)
    if size == 0:
        return empty(result)
    kept = np.sort(np.argsort(-np.maximum(result.start, result.end), kind="stable")[:MAX_ROWS])
    left, top = MARGIN + label_width([result.tokens[i] for i in kept]) + 12, TOP + 12
    shapes: list[Shape] = [Label(left, TOP, "begins (blue) · ends (orange)", 11, colour=QUIET)]
    for row, position in enumerate(kept):
        y = top + (row + 0.5) * _ROW
        shapes.append(Label(left - 10, y, token_label(result.tokens[position]), anchor="end", is_mono=True))
        for shift, values, colour in ((-8, result.start, BLUE), (1, result.end, ORANGE)):
            length = min(1.0, max(0.0, float(values[position]))) * _BAR
            shapes.append(Box(left, y + shift, max(length, 0.5), 7, fill=colour))
        both = f"{format_number(float(result.start[position]))} · {format_number(float(result.end[position]))}"
        shapes.append(Label(left + _BAR + 10, y, both, 11))
    bottom = top + len(kept) * _ROW + 4
    finding = "No answer was found."
    if result.spans:
        best = result.spans[0]
        finding = f"Best answer: {shorten(visible(best.text), 80)}, {format_number(best.probability)}."
    notes = [finding, "A full bar means probability 1."]
    if len(kept) < size:
        notes.append(f"The {len(kept)} most likely of {size} tokens, in order of the text.")
    return framed(result, Content(shapes, left + _BAR + 130, bottom, finding, notes))


def continuation_tree(result: ContinuationTree) -> Scene:
    """Draw the main continuation, one token a row, with the tokens that might have stood there instead."""
    path = result.chosen[:MAX_ROWS]
    if not path:
        return empty(result)
    others = [_siblings(result, node) for node in path]
    names = [token_label(result.tokens[node], 14) for row in others for node in row]
    wide = max([text_width(name, 12, mono=True) for name in names] + [40.0]) + 60
    top, tint = TOP + 4, hex_colour(amount_palette()[70])
    shapes: list[Shape] = []
    for row, (chosen, nodes) in enumerate(zip(path, others, strict=True)):
        y = top + row * _ROW
        for column, node in enumerate(nodes):
            x, share = MARGIN + column * wide, float(result.probability[node])
            shapes.append(Box(x, y + 1, (wide - 4) * min(1.0, max(0.0, share)), _ROW - 3, fill=tint))
            shapes.append(Box(x, y + 1, wide - 4, _ROW - 3, stroke=LINE))
            name = token_label(result.tokens[node], 14)
            shapes.append(Label(x + 5, y + _ROW / 2, name, is_mono=True, is_bold=node == chosen))
            shapes.append(Label(x + wide - 9, y + _ROW / 2, format_number(share), 11, "end"))
    finding = f"It goes on: {shorten(visible(result.text), 120)}"
    notes = [finding, "The chosen token comes first, in bold. A full cell means probability 1."]
    more = len(result.tokens) - sum(map(len, others))
    if more:
        notes.append(f"{more} more tokens of the tree are in its table.")
    right = MARGIN + max(map(len, others)) * wide
    return framed(result, Content(shapes, right, top + len(path) * _ROW, finding, notes))


def _siblings(result: ContinuationTree, node: int) -> list[int]:
    """Give a node and the most probable others at its place."""
    here = np.flatnonzero(result.parent == result.parent[node])
    rest = sorted((int(i) for i in here if i != node), key=lambda i: -float(result.probability[i]))
    return [node, *rest[: _COLUMNS - 1]]
