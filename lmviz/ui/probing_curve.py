"""Curves over the layers with their bands, on the page; a click on a point chooses the layer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.figures.curves import colours_of, titled
from lmviz.results import CodelengthCurve, LayerCurve, ProbeCurve
from lmviz.ui.frame import plain

_GREY = "#868da0"  # reads on light and dark
_PAGES = ("#ffffff", "#0d0f14")  # light and dark, as in .streamlit/config.toml
_DARK = {  # what a colour is on a dark page, where it would be hard to see
    "#0072b2": "#56a7e0", "#d55e00": "#f58b4c", "#009e73": "#2fbf93", "#56b4e9": "#9fd3f5", "#7a7a7a": "#9a9fae",
    "#000000": "#ffffff",
}  # fmt: skip
_ORDER = (
    "accuracy", "task", "information", "uuas", "control", "uuas_control", "selectivity", "random_weights",
    "uuas_random_weights", "unseen", "macro_f1",
)  # fmt: skip
_HIDDEN = ("macro_f1",)  # drawn when it is asked for


def curves(found: Mapping[str, LayerCurve]) -> int | None:
    """Draw one model or two over their layers; give the layer that was clicked.

    Two models are drawn by relative depth: 0 is what enters the first block, 1 what leaves the last.
    """
    first = next(iter(found.values()))
    names = [name for name in dict.fromkeys((*_ORDER, *first.series)) if name in first.series]
    picked = st.pills(
        "Curves",
        names,
        selection_mode="multi",
        default=[name for name in names if name not in _HIDDEN],
        format_func=titled,
        key=f"probing_curves_{'-'.join(names)}",
        label_visibility="collapsed",
    )
    is_pair = len(found) > 1
    rows = [row for model, result in found.items() for row in _rows(model, result, picked, is_pair=is_pair)]
    if not rows:
        st.caption("Choose a curve.")
        return None
    table = pd.DataFrame(rows)
    event: Any = st.vega_lite_chart(
        table, _spec(table, found, is_pair=is_pair), key="probing_curve", on_select="rerun", selection_mode="layer"
    )
    st.caption(_told(found))
    chosen = event.get("selection", {}).get("layer") or [] if event else []
    return int(chosen[0]["layer"]) if chosen and "layer" in chosen[0] else None


def _rows(model: str, result: LayerCurve, names: Any, *, is_pair: bool) -> list[dict[str, Any]]:
    scale = 100.0 if result.unit == "share" else 1.0
    rows = []
    for name in names:
        if name not in result.series:
            continue
        missing = np.full(len(result.layers), np.nan)
        for row, layer in enumerate(result.layers):
            value = float(result.series[name][row])
            if not np.isfinite(value):
                continue
            rows.append(
                {
                    "model": model,
                    "curve": titled(name),
                    "layer": layer,
                    "depth": layer / result.n_layers if is_pair else layer,
                    "value": value * scale,
                    "low": float(result.low.get(name, missing)[row]) * scale,
                    "high": float(result.high.get(name, missing)[row]) * scale,
                }
            )
    return rows


def _spec(table: pd.DataFrame, found: Mapping[str, LayerCurve], *, is_pair: bool) -> dict[str, Any]:
    first = next(iter(found.values()))
    is_share = first.unit == "share"
    unit = "%" if is_share else first.unit
    layers = sorted(set(table["layer"]))
    x = {
        "field": "depth",
        "type": "quantitative",
        "title": "relative depth" if is_pair else "layer (0: what enters the first block)",
        "axis": {"grid": False, **({} if is_pair else {"values": layers if len(layers) <= 16 else layers[::4]})},
        "scale": {"nice": False, "padding": 12},
    }
    axis = (
        {"title": unit, "scale": {"domain": [min(0.0, float(table["low"].min())), 100]}}
        if is_share
        else {"title": unit}
    )
    y = {"field": "value", "type": "quantitative", **axis}
    legend = {
        "orient": "top",
        "title": None,
        "columns": 2,
        "labelLimit": 300,
        "symbolOpacity": 1,
        "symbolStrokeWidth": 0,
    }
    colour = {
        "field": "curve",
        "type": "nominal",
        "scale": _colours(list(dict.fromkeys(table["curve"])), found),
        "legend": legend,
    }
    detail = {"detail": {"field": "model"}}
    dash = {"strokeDash": {"field": "model", "type": "nominal", "sort": list(found), "legend": None}} if is_pair else {}
    tooltip = [
        *([{"field": "model"}] if is_pair else []),
        {"field": "curve"},
        {"field": "layer"},
        *({"field": name, "format": ".3~f"} for name in ("value", "low", "high")),
    ]
    band = {
        "mark": {"type": "area", "opacity": 0.18},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour, **detail},
    }
    line = {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y, "color": colour, **detail, **dash}}
    point = {
        "mark": {"type": "point", "filled": True, "size": 60, "cursor": "pointer"},
        "params": [{"name": "layer", "select": {"type": "point", "fields": ["layer"]}}],
        "encoding": {
            "x": x,
            "y": y,
            "color": colour,
            **detail,
            "tooltip": tooltip,
            "opacity": {"condition": {"param": "layer", "value": 1}, "value": 0.45},
        },
    }
    scale = 100 if is_share else 1
    rules = [_rule(value * scale) for value in first.baselines.values()]
    names = [layer for name, value in first.baselines.items() for layer in _named(name, value * scale)]
    return {"height": 340, "layer": [band, *rules, line, point, *names]}


def _rule(value: float) -> dict[str, Any]:
    """Draw a baseline."""
    return {
        "data": {"values": [{"value": value}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": _GREY},
        "encoding": {"y": {"field": "value", "type": "quantitative"}},
    }


def _named(name: str, value: float) -> list[dict[str, Any]]:
    """Write the name of a baseline above it, on a halo in the colour of the page so that curves do not cross it."""
    page = _PAGES[st.context.theme.type == "dark"]
    text = {"type": "text", "align": "right", "dx": -4, "dy": -8, "x": "width", "fontSize": 11}
    looks: tuple[dict[str, Any], ...] = (
        {"stroke": page, "strokeWidth": 4, "color": page, "opacity": 0.8},
        {"color": _GREY},
    )
    return [
        {
            "data": {"values": [{"value": value, "name": titled(name)}]},
            "mark": {**text, **look},
            "encoding": {"y": {"field": "value", "type": "quantitative"}, "text": {"field": "name"}},
        }
        for look in looks
    ]


def page_colours(names: Iterable[str]) -> dict[str, str]:
    """Give each series its colour; on a dark page those that would be hard to see are lighter."""
    is_dark = st.context.theme.type == "dark"
    return {name: _DARK.get(own, own) if is_dark else own for name, own in colours_of(list(names)).items()}


def _colours(drawn: Sequence[str], found: Mapping[str, LayerCurve]) -> dict[str, Any]:
    """Give the curves that are drawn their colours, which stay when others are hidden."""
    own = page_colours(dict.fromkeys(name for result in found.values() for name in result.series))
    by_title = {titled(name): colour for name, colour in own.items()}
    return {"domain": list(drawn), "range": [by_title[title] for title in drawn]}


def _told(found: Mapping[str, LayerCurve]) -> str:
    first = next(iter(found.values()))
    told = [
        "Bands: 95 % t intervals." if isinstance(first, CodelengthCurve) else "Bands: 95 % intervals.",
        "Dashed: what can be had without a model." if first.baselines else "",
        "Test sentences are drawn again for them." if first.unit in ("share", "bits") else "",
        "Click a point to look into its layer." if isinstance(first, ProbeCurve) else "",
    ]
    if len(found) > 1:
        names = [plain(name) for name in found]
        told.append(f"Solid: {names[0]}; dashed: {names[1]}.")
    return " ".join(one for one in told if one)
