"""A drawing as plain shapes, and its SVG: texts stay texts, so that they can be searched and edited."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from lmviz.figures.colours import BACKGROUND, TEXT, hex_colour
from lmviz.figures.wording import visible

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_VECTOR_CELLS = 5_000  # a larger heat map goes into the SVG as an image


@dataclass(frozen=True)
class Label:
    """One line of text; `y` is its middle. A positive angle turns clockwise around the anchor."""

    x: float
    y: float
    text: str
    size: float = 12
    anchor: Literal["start", "middle", "end"] = "start"
    angle: float = 0
    colour: str = TEXT
    is_mono: bool = False
    is_bold: bool = False


@dataclass(frozen=True, eq=False)
class Heat:
    """Cells of one size, each with a step of a palette."""

    x: float
    y: float
    width: float
    height: float
    steps: UInt8[np.ndarray, "row column"]
    palette: UInt8[np.ndarray, "256 3"]
    is_image: bool = False  # one of many: goes into the SVG as an image however small


@dataclass(frozen=True)
class Box:
    """A rectangle, filled or outlined."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None


@dataclass(frozen=True)
class Line:
    """Points joined in their order; with a fill they are the corners of an area."""

    points: tuple[tuple[float, float], ...]
    stroke: str | None = None
    fill: str | None = None
    width: float = 1.5


Shape = Label | Heat | Box | Line


@dataclass(frozen=True, eq=False)
class Scene:
    """A drawing in pixels; `title` and `description` are what a screen reader says."""

    width: float
    height: float
    title: str
    description: str
    shapes: Sequence[Shape]


def lowered(shape: Shape, down: float) -> Shape:
    """Give a shape that stands so many pixels lower."""
    if isinstance(shape, Line):
        return replace(shape, points=tuple((x, y + down) for x, y in shape.points))
    return replace(shape, y=shape.y + down)


def to_svg(scene: Scene) -> str:
    """Write a scene as one SVG document without scripts, links or fonts of its own."""
    size = f'width="{_n(scene.width)}" height="{_n(scene.height)}" viewBox="0 0 {_n(scene.width)} {_n(scene.height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{SANS}" fill="{TEXT}">\n'
        f"<title>{_text(scene.title)}</title>\n<desc>{_text(scene.description)}</desc>\n"
        f'<rect width="100%" height="100%" fill="{BACKGROUND}"/>\n'
        + "\n".join(_svg(shape) for shape in scene.shapes)
        + "\n</svg>\n"
    )


def _svg(shape: Shape) -> str:
    if isinstance(shape, Label):
        return _svg_label(shape)
    if isinstance(shape, Heat):
        is_image = shape.is_image or shape.steps.size > _VECTOR_CELLS
        return _svg_image(shape) if is_image else _svg_cells(shape)
    if isinstance(shape, Line):
        return _svg_line(shape)
    fill = shape.fill or "none"
    stroke = f' stroke="{shape.stroke}"' if shape.stroke else ""
    return f'<rect {_place(shape)} fill="{fill}"{stroke}/>'


def _svg_line(line: Line) -> str:
    path = "L".join(f"{_n(x)} {_n(y)}" for x, y in line.points)
    stroke = f' stroke="{line.stroke}" stroke-width="{_n(line.width)}" stroke-linejoin="round"' if line.stroke else ""
    return f'<path d="M{path}{"z" if line.fill else ""}" fill="{line.fill or "none"}"{stroke}/>'


def _svg_label(label: Label) -> str:
    turn = f' transform="rotate({_n(label.angle)} {_n(label.x)} {_n(label.y)})"' if label.angle else ""
    family = f' font-family="{MONO}"' if label.is_mono else ""
    weight = ' font-weight="600"' if label.is_bold else ""
    return (
        f'<text x="{_n(label.x)}" y="{_n(label.y)}" dy="0.35em" font-size="{_n(label.size)}" '
        f'text-anchor="{label.anchor}" fill="{label.colour}"{family}{weight}{turn} '
        f'style="white-space:pre;unicode-bidi:isolate">{_text(label.text)}</text>'
    )


def _svg_cells(heat: Heat) -> str:
    """Draw cells as shapes: one path per colour, neighbours in a row joined."""
    rows, columns = heat.steps.shape
    if not heat.steps.size:
        return ""
    wide, high = heat.width / columns, heat.height / rows
    paths: dict[int, list[str]] = {}
    for row in range(rows):
        edges = np.flatnonzero(np.diff(heat.steps[row].astype(np.int16))) + 1
        starts, ends = [0, *edges.tolist()], [*edges.tolist(), columns]
        for start, end in zip(starts, ends, strict=True):
            length = (end - start) * wide
            place = f"M{_n(heat.x + start * wide)} {_n(heat.y + row * high)}"
            paths.setdefault(int(heat.steps[row, start]), []).append(f"{place}h{_n(length)}v{_n(high)}h{_n(-length)}z")
    drawn = (f'<path fill="{hex_colour(heat.palette[step])}" d="{"".join(parts)}"/>' for step, parts in paths.items())
    return f'<g shape-rendering="crispEdges">{"".join(drawn)}</g>'


def _svg_image(heat: Heat) -> str:
    data = base64.b64encode(palette_png(heat.steps, heat.palette)).decode()
    return (
        f'<image {_place(heat)} preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>'
    )


def palette_png(steps: UInt8[np.ndarray, "row column"], palette: UInt8[np.ndarray, "256 3"]) -> bytes:
    """Write an image of palette steps as PNG, one byte per cell before compression."""
    rows, columns = steps.shape

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = np.zeros((rows, columns + 1), dtype=np.uint8)  # each line starts with its filter, 0
    lines[:, 1:] = steps
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", np.ascontiguousarray(palette).tobytes())
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def _place(shape: Heat | Box) -> str:
    return f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'


def _text(text: str) -> str:
    return escape(visible(text), quote=True)


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
