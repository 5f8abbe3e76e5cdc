"""A scene as PNG, drawn by matplotlib's Agg canvas without any of its global state."""

import io
import re
import threading
import unicodedata
from functools import cache
from typing import Final, Literal

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from lmviz.figures.colours import BACKGROUND
from lmviz.figures.scene import Heat, Label, Line, Scene, Shape
from lmviz.figures.wording import visible

_DPI = 72  # one pixel of the scene is one point
_MAX_PIXELS = 16_000  # per side
_BASE = ("Noto Sans", "DejaVu Sans")
_BASE_MONO = ("DejaVu Sans Mono", "DejaVu Sans")
# Asked in this order for characters that the base fonts do not have; those not installed are passed over.
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei",
    "Noto Sans Arabic", "Noto Naskh Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali",
    "Noto Sans Tamil", "Noto Sans Telugu", "Noto Sans Thai", "Noto Sans Georgian", "Noto Sans Armenian",
    "Noto Sans Ethiopic", "Noto Sans Khmer", "Noto Emoji", "Symbola", "Noto Sans Symbols", "Noto Sans Symbols2",
    "Noto Sans Symbols 2", "Noto Sans Math", "Segoe UI Symbol", "Apple Symbols", "Arial Unicode MS",
)  # fmt: skip
_ALIGNMENT: Final[dict[str, Literal["left", "center", "right"]]] = {"start": "left", "middle": "center", "end": "right"}
_LOCK = threading.Lock()  # FreeType faces are shared inside matplotlib


def to_png(scene: Scene, *, zoom: float = 2.0) -> bytes:
    """Draw a scene as PNG.

    Args:
        scene: What to draw.
        zoom: Pixels per unit of the scene; lowered where a side would pass 16,000 pixels.

    Returns:
        The bytes of the file.
    """
    zoom = min(zoom, _MAX_PIXELS / max(scene.width, scene.height, 1.0))
    with _LOCK:
        figure = Figure(figsize=(scene.width / _DPI, scene.height / _DPI), dpi=_DPI * zoom, facecolor=BACKGROUND)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0, scene.width), ylim=(scene.height, 0), autoscale_on=False)
        axes.set_axis_off()
        for shape in scene.shapes:
            _draw(axes, shape)
        file = io.BytesIO()
        title = scene.title.encode("latin-1", "replace").decode("latin-1")
        canvas.print_png(file, metadata={"Title": title})  # type: ignore[no-untyped-call]
    return file.getvalue()


def _draw(axes: Axes, shape: Shape) -> None:
    if isinstance(shape, Label):
        axes.add_artist(_text(shape))
    elif isinstance(shape, Heat):
        if shape.steps.size:
            extent = (shape.x, shape.x + shape.width, shape.y + shape.height, shape.y)
            axes.imshow(shape.palette[shape.steps], extent=extent, aspect="auto", interpolation="nearest")
            axes.set(xlim=axes.get_xlim(), autoscale_on=False)
    elif isinstance(shape, Line):
        _draw_line(axes, shape)
    else:
        axes.add_patch(
            Rectangle(
                (shape.x, shape.y), shape.width, shape.height,
                facecolor=shape.fill or "none", edgecolor=shape.stroke or "none", linewidth=1 if shape.stroke else 0,
            )
        )  # fmt: skip


def _draw_line(axes: Axes, line: Line) -> None:
    if line.fill:
        axes.add_patch(
            Polygon(
                line.points, closed=True,
                facecolor=line.fill, edgecolor=line.stroke or "none", linewidth=line.width if line.stroke else 0,
            )
        )  # fmt: skip
    elif line.stroke:
        x, y = zip(*line.points, strict=True)
        axes.add_line(Line2D(x, y, color=line.stroke, linewidth=line.width, solid_joinstyle="round"))


def _text(label: Label) -> Text:
    base = _BASE_MONO if label.is_mono else _BASE
    text, families = _drawable(visible(label.text), base)
    return Text(
        label.x, label.y, text,
        color=label.colour, rotation=-label.angle, rotation_mode="anchor", parse_math=False,
        horizontalalignment=_ALIGNMENT[label.anchor],
        verticalalignment="center_baseline",
        fontproperties=FontProperties(family=list(families), size=label.size, weight=700 if label.is_bold else 400),
    )  # fmt: skip


def _drawable(text: str, base: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Give the families that have every character; where no font has one, its code point stands for it."""
    families = [name for name in base if _path(name)] or ["DejaVu Sans"]
    written = []
    for character in text:
        family = _family_with(character, tuple(families))
        if family is not None:
            if family not in families:
                families.append(family)
            written.append(character)
        elif unicodedata.category(character) not in ("Cf", "Mn"):  # joiners and variation marks say nothing alone
            written.append(f"⟨{ord(character):X}⟩")
    return re.sub(r"(⟨[0-9A-F]+)⟩(?:⟨[0-9A-F]+⟩)+", r"\1…⟩", "".join(written)), tuple(families)


@cache
def _family_with(character: str, families: tuple[str, ...]) -> str | None:
    for name in (*families, *_FALLBACKS):
        path = _path(name)
        if path is not None and ord(character) in _characters(path):
            return name
    return None


@cache
def _characters(path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(path).get_charmap())


@cache
def _path(family: str) -> str | None:
    """Find the regular font of a family among those installed, without matplotlib's warnings."""
    entries = [entry for entry in font_manager.fontManager.ttflist if entry.name == family and entry.style == "normal"]
    entries.sort(key=lambda entry: abs(int(entry.weight) - 400) if str(entry.weight).isdigit() else 0)
    return entries[0].fname if entries else None
