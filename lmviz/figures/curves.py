"""Curves over the layers with their bands, baselines as dashed lines, and a legend with the numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from types import MappingProxyType

import numpy as np

from lmviz.figures.colours import LINE, QUIET, TEXT
from lmviz.figures.layout import MARGIN, TOP, Content, empty, framed
from lmviz.figures.scene import Box, Label, Line, Scene, Shape
from lmviz.figures.wording import format_number, shorten, text_width, token_label, visible
from lmviz.results import CodelengthCurve, LayerCurve, ProbeCurve

COLOURS: Mapping[str, str] = MappingProxyType(  # Okabe and Ito: told apart by readers who see few colours
    {
        "accuracy": "#0072b2",
        "task": "#0072b2",
        "control": "#d55e00",
        "selectivity": "#009e73",
        "unseen": "#56b4e9",
        "macro_f1": "#cc79a7",
        "random_weights": "#7a7a7a",
        "information": "#0072b2",
        "uuas": "#0072b2",
        "uuas_control": "#d55e00",
        "uuas_random_weights": "#7a7a7a",
    }
)
OTHERS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a00")
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "task",
        "control": "control task",
        "selectivity": "selectivity",
        "unseen": "unseen words",
        "macro_f1": "macro F1",
        "random_weights": "random weights",
        "majority": "most frequent label",
        "type_majority": "most frequent label of the form",
        "information": "information",
        "beyond_embeddings": "beyond the embeddings",
        "entropy_of_the_label": "entropy of the label",
        "uniform_code": "uniform code",
        "uuas": "edges found (UUAS)",
        "uuas_random_weights": "edges found, random weights",
        "uuas_control": "edges found, control trees",
        "dspr": "distances (DSpr)",
        "root": "root found",
        "nspr": "depths (NSpr)",
        "neighbours": "ties between neighbours",
        "mix": "share of the mix",
        "cumulative_f1": "micro F1 of layers up to here",
        "gain": "what the layer adds",
        "equal_shares": "equal shares",
        "layer_0": "layer 0 (embeddings)",
    }
)
_WIDTH, _HEIGHT = 460.0, 260.0
_DASH = 6.0
_MOST_TICKS = 16
At = Callable[[int, float], tuple[float, float]]  # from a layer and a value to a place


def titled(name: str) -> str:
    """Write what a series or a baseline is called."""
    if name in TITLES:
        return TITLES[name]
    return shorten(visible(name.replace("_", " ")), 40) if "_" in name else token_label(name, 40)


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """Give each series its colour: its own, or the next that none of them has."""
    taken = {COLOURS[name] for name in names if name in COLOURS}
    free = cycle(colour for colour in OTHERS if colour not in taken)
    return {name: COLOURS.get(name) or next(free) for name in names}


def layer_curve(result: LayerCurve) -> Scene:
    """Draw every series over the layers."""
    names = [name for name, values in result.series.items() if not np.isnan(values).all()]
    if not result.layers or not names:
        return empty(result)
    left, top = MARGIN + 52, TOP + 12
    low, high = _extent(result)

    def at(layer: int, value: float) -> tuple[float, float]:
        span = max(1, result.layers[-1] - result.layers[0])
        share = (layer - result.layers[0]) / span if len(result.layers) > 1 else 0.5
        return left + share * _WIDTH, top + _HEIGHT * (high - value) / (high - low)

    shapes: list[Shape] = [Box(left, top, _WIDTH, _HEIGHT, stroke=LINE), *_axes(result, at, (low, high))]
    colours = colours_of(names)
    for name, colour in colours.items():
        shapes += _band(result, name, at, colour)
    shapes += [shape for value in result.baselines.values() for shape in _dashed(at, result.layers, value)]
    for name, colour in colours.items():
        shapes += _curve(result, name, at, colour)
    legend, right = _legend(result, colours, (left + _WIDTH + 28, top))
    bottom = max(top + _HEIGHT + 44, top + 22 * (len(names) + len(result.baselines)) + 8)
    return framed(result, Content([*shapes, *legend], right, bottom, finding(result), _notes(result)))


def _extent(result: LayerCurve) -> tuple[float, float]:
    """Give the ends of the axis: 0 to 1 for shares, else what there is with some room."""
    arrays = [*result.series.values(), *result.low.values(), *result.high.values()]
    values = np.concatenate([*arrays, np.array(list(result.baselines.values()), dtype=np.float64)])
    values = values[np.isfinite(values)]
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if result.unit == "share":
        return min(0.0, low), max(1.0, high)
    room = 0.05 * (high - low) or 1.0
    return (low - room if low < 0 else 0.0), high + room


def _axes(result: LayerCurve, at: At, ends: tuple[float, float]) -> list[Shape]:
    layers = result.layers
    step = max(1, math.ceil(len(layers) / _MOST_TICKS))
    shapes: list[Shape] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = ends[0] + share * (ends[1] - ends[0])
        x, y = MARGIN + 46, at(layers[0], value)[1]
        text = f"{100 * value:.0f} %" if result.unit == "share" else format_number(value)
        shapes += [Label(x, y, text, 11, "end", colour=QUIET), Box(MARGIN + 52, y, _WIDTH, 0.6, fill=LINE)]
    bottom = at(layers[0], ends[0])[1]
    shapes += [
        Label(at(layer, 0.0)[0], bottom + 14, str(layer), 11, "middle", colour=QUIET) for layer in layers[::step]
    ]
    said = f"layer (0: what enters the first block)   ·   {'per cent' if result.unit == 'share' else result.unit}"
    return [*shapes, Label(MARGIN + 52, bottom + 32, said, 11, colour=QUIET)]


def _runs(values: Sequence[bool]) -> list[list[int]]:
    """Cut what is there into runs without gaps."""
    runs: list[list[int]] = []
    for place, is_there in enumerate(values):
        if is_there and runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        elif is_there:
            runs.append([place])
    return runs


def _band(result: LayerCurve, name: str, at: At, colour: str) -> list[Shape]:
    """Draw the interval of a series, pale."""
    if name not in result.low:
        return []
    low, high = result.low[name], result.high[name]
    shapes: list[Shape] = []
    for run in _runs([bool(one) for one in np.isfinite(low) & np.isfinite(high)]):
        above = [at(result.layers[place], float(high[place])) for place in run]
        below = [at(result.layers[place], float(low[place])) for place in reversed(run)]
        if len(run) == 1:
            (x, up), (_, down) = above[0], below[0]
            shapes.append(Box(x - 1, up, 2, max(down - up, 0.5), fill=colour))
        else:
            shapes.append(Line((*above, *below), fill=_pale(colour)))
    return shapes


def _pale(colour: str) -> str:
    """Mix a colour with much white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * 0.22):02x}" for part in parts)


def _curve(result: LayerCurve, name: str, at: At, colour: str) -> list[Shape]:
    values = result.series[name]
    shapes: list[Shape] = []
    for run in _runs([bool(one) for one in np.isfinite(values)]):
        points = tuple(at(result.layers[place], float(values[place])) for place in run)
        if len(points) > 1:
            shapes.append(Line(points, stroke=colour, width=2.0))
        shapes += [Box(x - 2.5, y - 2.5, 5, 5, fill=colour) for x, y in points]
    return shapes


def _dashed(at: At, layers: Sequence[int], value: float) -> list[Shape]:
    """Draw a baseline."""
    if not math.isfinite(value):
        return []
    y = at(layers[0], value)[1]
    left = MARGIN + 52
    return [Box(left + start, y - 0.6, _DASH, 1.2, fill=QUIET) for start in np.arange(0, _WIDTH - _DASH, 2 * _DASH)]


def _legend(result: LayerCurve, colours: Mapping[str, str], place: tuple[float, float]) -> tuple[list[Shape], float]:
    x, y = place
    shapes: list[Shape] = []
    texts = []
    for row, (name, colour) in enumerate(colours.items()):
        values, top = result.series[name], telling(result, name)
        texts.append(f"{titled(name)}: {_number(result, float(values[top]))} at layer {result.layers[top]}")
        shapes += [
            Box(x, y + 22 * row + 4, 14, 4, fill=colour),
            Label(x + 22, y + 22 * row + 6, texts[-1], 11, colour=TEXT),
        ]
    for row, (name, value) in enumerate(result.baselines.items(), start=len(colours)):
        texts.append(f"{titled(name)}: {_number(result, value)}")
        shapes += [
            Box(x, y + 22 * row + 5, _DASH, 1.2, fill=QUIET), Box(x + 8, y + 22 * row + 5, _DASH, 1.2, fill=QUIET),
            Label(x + 22, y + 22 * row + 6, texts[-1], 11, colour=QUIET),
        ]  # fmt: skip
    return shapes, x + 22 + max(text_width(text, 11) for text in texts)


def _is_cost(result: LayerCurve, name: str) -> bool:
    return isinstance(result, CodelengthCurve) and name in result.codes


def telling(result: LayerCurve, name: str) -> int:
    """Give the place of the layer where a series is highest, or lowest where it counts what a code takes."""
    values = result.series[name]
    return int(np.nanargmin(values) if _is_cost(result, name) else np.nanargmax(values))


def _number(result: LayerCurve, value: float) -> str:
    if not math.isfinite(value):
        return "n/a"
    return f"{100 * value:.1f} %" if result.unit == "share" else format_number(value)


def finding(result: LayerCurve) -> str:
    """Say in a sentence what the first series does, or a probe on all layers together."""
    if "micro_f1" in result.numbers:
        named = (("micro_f1", "micro F1 with all layers"), ("control_f1", "control"), ("selectivity", "selectivity"))
        return f"{', '.join(_f1(result, *pair) for pair in named)}."
    name = next(iter(result.series))
    values, top = result.series[name], telling(result, name)
    which = "lowest" if _is_cost(result, name) else "highest"
    said = f"{titled(name)}: {which} at layer {result.layers[top]} with {_number(result, float(values[top]))}"
    said = said if result.unit == "share" else f"{said} {result.unit}"
    if not isinstance(result, ProbeCurve):
        return f"{said}{_selectivity(result, top)}."
    if result.best is None:
        return f"{said}; no layer is clear of all others."
    return f"{said}, clear of all other layers."


def _f1(result: LayerCurve, name: str, said: str) -> str:
    value, low, high = (_number(result, result.numbers[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{said} {value} ({low} to {high})"


def _selectivity(result: LayerCurve, row: int) -> str:
    """Say how much of it is not learnt by heart, where there is a control."""
    if "selectivity" not in result.series:
        return ""
    value, low, high = (
        _number(result, float(own["selectivity"][row])) for own in (result.series, result.low, result.high)
    )
    return f"; selectivity there {value} ({low} to {high})"


def _notes(result: LayerCurve) -> list[str]:
    notes = [f"{finding(result)[:1].upper()}{finding(result)[1:]}"]
    if result.low:
        notes.append(f"Bands: {100 * result.level:g} % intervals, test sentences drawn again.")
    if isinstance(result, ProbeCurve):
        counts = [f"{result.numbers[f'n_{side}']:,.0f} {side}" for side in ("train", "dev", "test")
                  if f"n_{side}" in result.numbers]  # fmt: skip
        notes.append(
            f"{visible(result.task)}, {result.probe} probe; {', '.join(counts)} {result.item}s of "
            f"{len(result.labels)} labels. Control: labels that mean nothing, one for each form; selectivity: task "
            "less control."
        )
    return [*notes, visible(result.note)] if result.note else notes
