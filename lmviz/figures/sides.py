"""The sides of a difference, A, B and B − A, as panels with names for what their rows and columns count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmviz.figures.panels_payload import Panel, PanelAxis
from lmviz.figures.wording import format_number, shorten, token_label
from lmviz.results import (
    Alignment,
    AttentionPattern,
    Difference,
    LayerHeadGrid,
    LayerPositionGrid,
    Result,
    TokenDistributions,
    TokenMatrix,
)

_TITLES = ("A", "B", "B − A")
_MORE = "orange: more in B, blue: in A"
_TYPED = 40  # characters of a text in a subtitle


@dataclass(frozen=True, eq=False)
class Sides:
    """A, B and B − A of one shape, and one axis per dimension of it."""

    panels: tuple[Panel, ...]
    axes: tuple[PanelAxis, ...]
    unit: str

    @property
    def top(self) -> float:
        """The largest finite size in any panel: the end of the one scale."""
        return max(float(np.abs(p.values[np.isfinite(p.values)]).max(initial=0.0)) for p in self.panels)

    def taken(self, indices: np.ndarray, *, axis: int) -> "Sides":
        """Give these entries of an axis alone."""
        kept = self.axes[axis]
        fewer = PanelAxis(kept.name, tuple(kept.labels[i] for i in indices), kept.holds_text)
        panels = [Panel(p.title, p.values.take(indices, axis), p.kind, p.subtitle) for p in self.panels]
        return Sides(tuple(panels), (*self.axes[:axis], fewer, *self.axes[axis + 1 :]), self.unit)

    def place(self, index: int) -> str:
        """Say in words where the number with this flat index stands, and what it is in every panel."""
        where = np.unravel_index(index, self.panels[0].values.shape)
        names = [_named(axis, int(i)) for axis, i in zip(self.axes, where, strict=True) if axis.labels[int(i)]]
        numbers = [f"{panel.title} {format_number(float(panel.values[where]))}" for panel in self.panels]
        unit = f" {self.unit}" if self.unit else ""
        return f"{', '.join(names)}: {', '.join(numbers)}{unit}"


def sides(result: Difference) -> Sides:
    """Give A, B and B − A with their axes.

    A and B are amounts where neither has a negative number. The one candidate axis of distributions becomes part of
    the other, because every position has candidates of its own.
    """
    axes = _axes(result)
    values = [getattr(side, result.compared) for side in (result.a, result.b)]
    is_signed = any(np.nanmin(side, initial=0.0) < 0 for side in values)
    shape = tuple(len(axis.labels) for axis in axes)
    panels = [
        Panel(title, side.reshape(shape), "signed" if is_signed or title == _TITLES[2] else "amount", subtitle)
        for title, side, subtitle in zip(_TITLES, (*values, result.delta), _subtitles(result), strict=True)
    ]
    return Sides(tuple(panels), axes, getattr(result.a, "unit", ""))


def one_head(found: Sides, *, layer: int, head: int) -> Sides:
    """Give the pattern of one head, or pair of heads, from the sides of attention."""
    panels = [Panel(p.title, p.values[layer, head], p.kind, p.subtitle) for p in found.panels]
    return Sides(tuple(panels), found.axes[2:], found.unit)


def _subtitles(result: Difference) -> tuple[str, str, str]:
    """Name the models where they are not the same, else the texts."""
    known = result.provenance
    model, other = str(known.get("model") or ""), str(known.get("model_b") or "")
    if other and model != other:
        return model, other, _MORE
    given = known.get("parameters") or {}
    text, other_text = str(given.get("text") or ""), str(given.get("text_b") or "")
    if other_text and text != other_text:
        return shorten(text, _TYPED), shorten(other_text, _TYPED), _MORE
    return "", "", _MORE


def _axes(result: Difference) -> tuple[PanelAxis, ...]:
    """Name what each dimension of the numbers counts."""
    side, shape = result.a, result.delta.shape
    units = _units(result.alignment, side, shape[-1])
    if isinstance(side, TokenDistributions):
        return (_candidates(side),)
    if isinstance(side, LayerHeadGrid):
        return _heads(result)
    if isinstance(side, LayerPositionGrid):
        return PanelAxis("layer", result.head_pairs or side.layer_names), PanelAxis("position", units, True)
    if isinstance(side, (AttentionPattern, TokenMatrix)):
        queries = PanelAxis("from", _units(result.alignment, side, shape[-2]), holds_text=True)
        keys = PanelAxis("to", _units(result.key_alignment or result.alignment, side, shape[-1]), holds_text=True)
        return (*_heads(result), queries, keys) if isinstance(side, AttentionPattern) else (queries, keys)
    return (PanelAxis("", units, True),)


def _heads(result: Difference) -> tuple[PanelAxis, PanelAxis]:
    layers, heads = result.delta.shape[:2]
    if result.head_pairs:
        return PanelAxis("", ("",)), PanelAxis("pair", result.head_pairs)
    return PanelAxis("layer", _numbered("L", layers)), PanelAxis("head", _numbered("H", heads))


def _candidates(side: TokenDistributions) -> PanelAxis:
    tokens = [side.tokens[position] for position in side.positions]
    rows = zip(tokens, side.candidates, strict=True)
    return PanelAxis("", tuple(f"{_short(token)} → {_short(name)}" for token, row in rows for name in row))


def _short(text: str) -> str:
    return token_label(text, 16)


def _units(alignment: Alignment | None, side: Result, size: int) -> tuple[str, ...]:
    """Give the names of units, tokens or labels, whichever there are as many of, else numbers."""
    found: Sequence[Sequence[str]] = (
        () if alignment is None else alignment.texts,
        getattr(side, "labels", ()),
        getattr(side, "tokens", ()),
    )
    return tuple(next((names for names in found if len(names) == size), _numbered("", size)))


def _numbered(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for number in range(count))


def _named(axis: PanelAxis, index: int) -> str:
    label = token_label(axis.labels[index]) if axis.holds_text else axis.labels[index]
    return f"{axis.name} {label}".strip() if axis.holds_text or axis.name == "pair" else label
