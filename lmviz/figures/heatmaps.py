"""Heat maps: all heads as a grid of small pictures, and single matrices with labelled rows and columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lmviz.figures.colours import LINE, QUIET, Colouring, amounts, fitting, ink_on, signed
from lmviz.figures.layout import MARGIN, TOP, Content, colour_bar, empty, framed, label_width, pooled
from lmviz.figures.query_key_payload import query_token
from lmviz.figures.scene import Box, Heat, Label, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import AttentionPattern, LayerHeadGrid, LayerPositionGrid, QueryKeyProducts, Result, TokenMatrix

MAX_KEYS = 40  # key positions drawn in a query–key figure
_WIDE = 1100.0  # a heat map is at most about this wide
_NUMBERED = 420  # up to so many cells hold their number


@dataclass(frozen=True, eq=False)
class Grid:
    """One matrix to draw: coloured cells with labels on the left and on top."""

    values: np.ndarray
    colouring: Colouring
    rows: Sequence[str]
    columns: Sequence[str]
    row_axis: str
    column_axis: str
    unit: str = ""
    finding: str = ""
    notes: Sequence[str] = ()
    beside: Sequence[tuple[str, Sequence[str]]] = field(default_factory=tuple)  # columns of text on the right


def attention_grid(result: AttentionPattern) -> Scene:
    """Draw every head as a small picture, layers downwards and heads to the right, all on one scale."""
    _, heads, queries, keys = result.pattern.shape
    if result.pattern.size == 0:
        return empty(result)
    drawn = pooled(result.pattern, head_side(heads), 2, 3)
    names = [f"L{layer}" for layer in range(len(drawn))], [f"H{head}" for head in range(heads)]
    shapes, right, bottom = head_pictures(amounts(drawn, scale="root"), names)
    notes = [_reading(result, queries, keys, is_pooled=drawn.shape != result.pattern.shape)]
    return framed(result, Content(shapes, right, bottom, _strongest(result), notes))


def head_side(heads: int) -> int:
    """Give the width of a head's picture so that all fit beside each other: in pixels, and the most cells it shows."""
    return int(np.clip(np.floor(_WIDE / heads) - 6, 24, 96))


def head_pictures(colouring: Colouring, names: tuple[Sequence[str], Sequence[str]]) -> tuple[list[Shape], float, float]:
    """Draw coloured heads (layer, head, row, column), layers downwards, with the colour bar.

    Args:
        colouring: The heads.
        names: The names of the layers and those of the heads.

    Returns:
        The shapes, and where they end on the right and at the bottom.
    """
    layers, heads = colouring.steps.shape[:2]
    side = float(head_side(heads))
    left, top = MARGIN + 34, TOP + 18
    shapes: list[Shape] = [
        Label(left + head * (side + 6) + side / 2, TOP + 6, name, 11, "middle", colour=QUIET)
        for head, name in enumerate(names[1])
    ]
    for layer, name in enumerate(names[0]):
        y = top + layer * (side + 6)
        shapes.append(Label(left - 8, y + side / 2, name, 11, "end", colour=QUIET))
        for head in range(heads):
            x = left + head * (side + 6)
            shapes += [
                Heat(x, y, side, side, colouring.steps[layer, head], colouring.palette, is_image=True),
                Box(x, y, side, side, stroke=LINE),
            ]
    bottom = top + layers * (side + 6) + 8
    shapes += colour_bar(colouring, x=left, y=bottom)
    return shapes, max(left + heads * (side + 6) - 6, left + 420), bottom + 10


def token_matrix(result: TokenMatrix) -> Scene:
    """Draw one number per query and key."""
    if result.values.size == 0:
        return empty(result)
    labels = [token_label(token) for token in result.tokens]
    query, key = np.unravel_index(int(np.nanargmax(_known(result.values))), result.values.shape)
    finding = (
        f"Largest: from {labels[query]} to {labels[key]}, {format_number(float(result.values[query, key]))}; "
        f"{len(labels)} tokens."
    )
    return single(result, Grid(result.values, fitting(result.values), labels, labels, "from", "to", "", finding))


def layer_head_grid(result: LayerHeadGrid) -> Scene:
    """Draw one number per layer and head, with the number in its cell."""
    if result.values.size == 0:
        return empty(result)
    layers, heads = result.values.shape
    place = int(np.nanargmax(_known(result.values)))
    top = format_number(float(result.values.flat[place]))
    return single(
        result,
        Grid(
            result.values, fitting(result.values), [f"L{i}" for i in range(layers)], [f"H{i}" for i in range(heads)],
            "layer", "head", result.unit, f"Largest: L{place // heads}H{place % heads}, {top} {result.unit}.",
            [result.note] if result.note else [],
        ),
    )  # fmt: skip


def layer_position_grid(result: LayerPositionGrid) -> Scene:
    """Draw one number per layer and position."""
    if result.values.size == 0:
        return empty(result)
    rows, positions = result.layer_names, result.values.shape[1]
    labels = [token_label(token) for token in result.tokens]
    place = int(np.nanargmax(_known(np.abs(result.values))))
    finding = (
        f"Largest in size: {rows[place // positions]} at {labels[place % positions]}, "
        f"{format_number(float(result.values.flat[place]))} {result.unit}."
    )
    explained = f"{shorten(visible(result.target), 60)}, in {result.unit}." if result.target else ""
    notes = list(filter(None, [explained, result.note]))
    colouring = signed(result.values) if result.target else fitting(result.values)
    return single(
        result, Grid(result.values, colouring, rows, labels, "layer", "position", result.unit, finding, notes)
    )


def query_key_products(result: QueryKeyProducts) -> Scene:
    """Draw query times key, dimension by dimension, for the keys that get most; scores and pattern beside them."""
    if result.products.size == 0:
        return empty(result)
    kept = np.sort(np.argsort(-np.nan_to_num(result.pattern), kind="stable")[:MAX_KEYS])
    left_out = len(result.tokens) - len(kept)
    values = result.products[kept]
    labels = [token_label(result.tokens[key]) for key in kept]
    best = int(np.nanargmax(_known(result.pattern)))
    token = query_token(result)
    query = f"position {result.query}" if token is None else token_label(token)
    share = format_number(float(result.pattern[best]))
    finding = f"From {query}: most to {token_label(result.tokens[best])}, pattern {share}."
    notes = [
        f"Sum of a row × {format_number(result.scale)} (scale) + mask and position bias = score; softmax = pattern."
    ]
    if left_out:
        share = format_number(float(np.nansum(result.pattern[kept])))
        notes.append(f"The {len(kept)} keys with most attention (together {share}); {left_out} more are not drawn.")
    beside = [
        ("sum", [format_number(float(row.sum())) for row in values]),
        ("score", [format_number(float(score)) for score in result.scores[kept]]),
        ("pattern", [format_number(float(share)) for share in result.pattern[kept]]),
    ]
    columns = [str(i) for i in range(values.shape[1])]
    grid = Grid(values, signed(values), labels, columns, f"from {query} to", "dimension", "", finding, notes, beside)
    return single(result, grid)


def single(result: Result, grid: Grid) -> Scene:
    """Lay out one labelled heat map."""
    rows, columns = grid.values.shape
    numbered = rows * columns <= _NUMBERED and columns <= 24
    inside = [format_number(float(value)) for value in grid.values.flat] if numbered else []
    fitted = float(np.clip(np.floor(_WIDE / columns), 1.5, 22))
    wide = max([text_width(text, 11) + 8 for text in inside], default=fitted)
    high = 24.0 if numbered else float(np.clip(np.floor(_WIDE / rows), 1.5, 20))
    upright = all(len(label) <= 3 for label in grid.columns)
    left = MARGIN + 18 + label_width(grid.rows) + 8
    top = TOP + 18 + (16 if upright else min(150.0, label_width(grid.columns)) + 8)
    shapes: list[Shape] = [
        Heat(left, top, columns * wide, rows * high, grid.colouring.steps, grid.colouring.palette),
        Box(left, top, columns * wide, rows * high, stroke=LINE),
        Label(left + columns * wide / 2, TOP + 4, f"{grid.column_axis} →", 12, "middle", colour=QUIET),
        Label(MARGIN + 4, top + rows * high / 2, f"← {grid.row_axis}", 12, "middle", -90, QUIET),
        *row_labels(grid.rows, x=left - 8, top=top, high=high),
        *column_labels(grid.columns, left=left, bottom=top - 6, wide=wide, upright=upright),
    ]
    if numbered:
        shapes += cell_numbers(grid, left=left, top=top, wide=wide, high=high)
    right = left + columns * wide
    for name, texts in grid.beside:
        right += 64
        shapes.append(Label(right, top - 12, name, 11, "end", colour=QUIET))
        shapes += row_labels(texts, x=right, top=top, high=high)
    bottom = top + rows * high + 14
    shapes += colour_bar(grid.colouring, x=left, y=bottom, unit=grid.unit)
    content = Content(shapes, max(right, left + 380), bottom + 10, grid.finding, grid.notes)
    return framed(result, content)


def row_labels(texts: Sequence[str], *, x: float, top: float, high: float) -> list[Shape]:
    """Write labels that end at `x`, one per row of height `high`; every few rows where they are too low."""
    size = min(12.0, max(9.0, high - 2))
    every = max(1, int(np.ceil(11 / high)))
    return [
        Label(x, top + (i + 0.5) * high, text, size, "end", is_mono=True)
        for i, text in enumerate(texts)
        if i % every == 0
    ]


def column_labels(texts: Sequence[str], *, left: float, bottom: float, wide: float, upright: bool) -> list[Shape]:
    """Write labels above `bottom`, one per column of width `wide`; every few columns where they are too narrow."""
    room = max((len(text) for text in texts), default=1) * 7 + 4 if upright else 12
    every = max(1, int(np.ceil(room / wide)))
    at = [(left + (i + 0.5) * wide, text) for i, text in enumerate(texts) if i % every == 0]
    if upright:
        return [Label(x, bottom - 6, text, 11, "middle", is_mono=True) for x, text in at]
    return [Label(x, bottom, text, min(12.0, max(9.0, wide - 2)), "start", -90, is_mono=True) for x, text in at]


def cell_numbers(grid: Grid, *, left: float, top: float, wide: float, high: float) -> list[Shape]:
    """Write each number into its cell."""
    return [
        Label(
            left + (column + 0.5) * wide, top + (row + 0.5) * high, format_number(float(grid.values[row, column])),
            11, "middle", colour=ink_on(grid.colouring.palette[grid.colouring.steps[row, column]]),
        )
        for row in range(grid.values.shape[0])
        for column in range(grid.values.shape[1])
    ]  # fmt: skip


def _known(values: np.ndarray) -> np.ndarray:
    """Put minus infinity where nothing is known, so that the largest can be asked for in any array."""
    return np.where(np.isnan(values), -np.inf, values)


def _reading(result: AttentionPattern, queries: int, keys: int, *, is_pooled: bool) -> str:
    said = "Rows look from a token, columns at a token"
    size = f"{queries} × {keys} tokens" if keys != queries else f"{queries} tokens"
    parts = [said, f"{result.part} attention", size]
    if is_pooled:
        parts.append("each cell shows the largest value of a block")
    if max(queries, keys) <= 40 and result.key_tokens is None:
        parts.append("tokens: " + " ".join(token_label(token) for token in result.tokens))
    return "; ".join(parts) + "."


def _strongest(result: AttentionPattern) -> str:
    layer, head, query, key = np.unravel_index(int(np.argmax(_known(result.pattern))), result.pattern.shape)
    keys = result.tokens if result.key_tokens is None else result.key_tokens
    value = format_number(float(result.pattern[layer, head, query, key]))
    shape = result.pattern.shape
    return (
        f"{shape[0]} layers of {shape[1]} heads. Largest: L{layer}H{head} from {token_label(result.tokens[query])} "
        f"to {token_label(keys[key])}, {value}."
    )
