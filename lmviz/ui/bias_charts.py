"""Pictures of preferences: a dot with its intervals for each category, and how far apart the texts of pairs are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.results import PairScores
from lmviz.results.pairs import FEWEST_PAIRS
from lmviz.ui.frame import plain

ALL = "all pairs"
_ABOVE, _BELOW, _OPEN, FEW = "above 50 %", "below 50 %", "not told from 50 %", f"fewer than {FEWEST_PAIRS} pairs"
_GREY = "#868da0"  # reads on light and dark
_FAINT = {"light": "#c6cad4", "dark": "#5b6275"}  # of few pairs
_HIGHER = {"second text": "#0072b2", "first text": "#d55e00"}
_ROW, _MOST = 26, 60
_BINS = 31
_LONGEST = 32  # characters of a name


def label(name: str) -> str:
    """Write the name of a category on one short line."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def verdict(part: PairScores) -> str:
    """Say where both intervals of a preference lie."""
    if part.has_few_pairs:
        return FEW
    low, high = part.extent
    return _ABOVE if low > 0.5 else _BELOW if high < 0.5 else _OPEN


def dots(results: Mapping[str, PairScores], *, first: str) -> None:
    """Draw each category's share with its intervals against one half; those of few pairs in grey.

    Args:
        results: By what they are called; two models lie above each other in each row.
        first: What the share is of.
    """
    rows = [
        {"model": model, **_row(name, part)}
        for model, result in results.items()
        for name, part in ((ALL, result), *list(result.by_category.items())[:_MOST])
        if part.n
    ]
    if rows:
        _drawn(pd.DataFrame(rows), list(results), first=first, key="bias_dots")


def several(results: Mapping[str, PairScores], *, first: str) -> None:
    """Draw one row for each result: the same pairs scored in several ways.

    Args:
        results: By what they are called.
        first: What the share is of.
    """
    rows = [{"model": "", **_row(name, part)} for name, part in results.items() if part.n]
    if rows:
        _drawn(pd.DataFrame(rows), [""], first=first, key="bias_several")


def _drawn(frame: pd.DataFrame, models: list[str], *, first: str, key: str) -> None:
    names, is_pair = list(dict.fromkeys(frame["category"])), len(models) > 1
    y: dict[str, Any] = {"field": "category", "type": "nominal", "sort": names, "title": None}
    offset = {"yOffset": {"field": "model", "type": "nominal", "sort": models}} if is_pair else {}
    shared = {"y": y, **offset, "color": _colour(), "tooltip": _TOOLTIP}
    dot = {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": {"x": _X, **shared, **_shape(models)}}
    half = {"mark": {"type": "rule", "strokeDash": [3, 3], "color": _GREY}, "encoding": {"x": {"datum": 50}}}
    spec = {
        "height": {"step": _ROW * (0.8 if is_pair else 1)},
        "layer": [
            half,
            _interval("cluster_low", "cluster_high", shared, width=1),
            _interval("low", "high", shared, width=3.5),
            dot,
        ],
        "resolve": {"scale": {"shape": "independent"}},
    }
    st.vega_lite_chart(frame, spec, key=key)
    st.caption(" ".join(_told(frame, models, first=first)))


def _told(frame: pd.DataFrame, models: list[str], *, first: str) -> list[str]:
    """Say what is drawn; a legend inside the picture is cut off on a narrow screen."""
    told = [
        f"Share of pairs with the higher score on {first}.",
        "Orange: all of the interval lies above 50 %; blue: below; grey: neither.",
        f"Faint: fewer than {FEWEST_PAIRS} pairs, an interval wider than 20 points, so no verdict.",
        "Thick line: 95 % interval of independent pairs (Wilson).",
    ]
    if not frame["cluster_low"].isna().all():
        told.append("Thin line: whole clusters drawn (templates, writers or terms); read this one where it is wider.")
    if len(models) > 1:
        told.append(f"Circle: {plain(models[0])}; diamond: {plain(models[1])}.")
    return told


_X: dict[str, Any] = {
    "field": "share",
    "type": "quantitative",
    "title": "share of pairs (%)",  # a longer title leaves no room for the plot on a narrow screen
    "scale": {"domain": [0, 100]},
    "axis": {"tickCount": 5},
}
_TOOLTIP = [
    {"field": "model"},
    {"field": "category"},
    *({"field": name, "format": ".1f"} for name in ("share", "low", "high", "cluster_low", "cluster_high")),
    *({"field": name} for name in ("n", "ties", "verdict")),
]


def _colour() -> dict[str, Any]:
    """Colour by verdict; few pairs are faint on the page as it is, light or dark."""
    faint = _FAINT["dark" if st.context.theme.type == "dark" else "light"]
    colours = {_ABOVE: "#d55e00", _BELOW: "#0072b2", _OPEN: _GREY, FEW: faint}
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"field": "verdict", "type": "nominal", "scale": scale, "legend": None}


def _shape(models: list[str]) -> dict[str, Any]:
    if len(models) < 2:
        return {}
    scale = {"domain": models, "range": ["circle", "diamond"]}
    return {"shape": {"field": "model", "type": "nominal", "scale": scale, "legend": None}}


def _interval(low: str, high: str, shared: Mapping[str, Any], *, width: float) -> dict[str, Any]:
    ends = {"x": {**_X, "field": low}, "x2": {"field": high}}
    return {"mark": {"type": "rule", "strokeWidth": width}, "encoding": {**ends, **shared}}


def _row(name: str, part: PairScores) -> dict[str, Any]:
    nan = float("nan")
    cluster = part.cluster_interval or (nan, nan)
    shares = {
        "share": part.preference,
        "low": part.interval[0],
        "high": part.interval[1],
        "cluster_low": cluster[0],
        "cluster_high": cluster[1],
    }
    percent = {key: 100 * value for key, value in shares.items()}
    return {"category": label(name), **percent, "n": part.n, "ties": part.ties, "verdict": verdict(part)}


def differences(result: PairScores, *, name: str) -> None:
    """Draw how many pairs differ by how much; left of zero the second text has the higher score."""
    apart = result.more.astype(np.float64) - result.less
    apart = apart[np.isfinite(apart)]
    if not apart.size:
        return
    reach = float(np.quantile(np.abs(apart), 0.99)) or float(np.abs(apart).max()) or 1.0
    edges = np.linspace(-reach, reach, _BINS)
    counts, _ = np.histogram(np.clip(apart, -reach, reach), edges)
    frame = pd.DataFrame(
        {
            "from": edges[:-1],
            "to": edges[1:],
            "pairs": counts,
            "higher": np.where(edges[:-1] + edges[1:] > 0, "first text", "second text"),
        }
    )
    colour = {"domain": list(_HIGHER), "range": list(_HIGHER.values())}
    spec = {
        "height": 200,
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "title": f"difference of scores ({result.unit})",
                "bin": {"binned": True},
            },
            "x2": {"field": "to"},
            "y": {"field": "pairs", "type": "quantitative", "title": "pairs"},
            "color": {
                "field": "higher",
                "type": "nominal",
                "scale": colour,
                "legend": {"orient": "top", "title": "higher score on the"},
            },
            "tooltip": [{"field": "from", "format": ".3g"}, {"field": "to", "format": ".3g"}, {"field": "pairs"}],
        },
    }  # fmt: skip
    st.vega_lite_chart(frame, spec, key=f"bias_differences_{name}")
