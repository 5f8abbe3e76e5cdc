"""Signed numbers of tokens as a grid of colours: blue against the answer, orange for it, zero neutral."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.ui.predicting import named

BLUE, ORANGE = "#0b5fa5", "#c45100"
_NEUTRAL = {"light": "#f3f3f5", "dark": "#2a2e39"}
_CELL, _MOST_WIDE = 26, 60


def heat(
    values: np.ndarray,
    *,
    labels: tuple[Sequence[str], Sequence[str]],
    names: tuple[str, str, str],
    key: str,
    marked: int | None = None,
) -> None:
    """Draw a grid; what is no number is left empty.

    Args:
        values: (row, column).
        labels: What each row is called, and the token of each column.
        names: What rows and columns are, and the unit of the values.
        key: Name of the widget.
        marked: A row with a frame, if any.
    """
    rows, columns = labels
    down, across = (grid.ravel() for grid in np.indices(values.shape))
    frame = pd.DataFrame({"row": down, "column": across, "value": values.ravel().astype(np.float64)})
    frame["of"] = [named(rows[at]) for at in down.tolist()]
    frame["token"] = [named(columns[at]) for at in across.tolist()]
    frame = frame[np.isfinite(frame["value"])]
    top = float(frame["value"].abs().max()) if len(frame) else 1.0
    neutral = _NEUTRAL["dark" if st.context.theme.type == "dark" else "light"]
    x = {"field": "column", "type": "ordinal", "title": names[1], "axis": _axis(columns, angle=-60)}
    y = {"field": "row", "type": "ordinal", "title": names[0], "axis": _axis(rows, angle=0)}
    colour = {
        "field": "value",
        "type": "quantitative",
        "title": names[2],
        "scale": {"domain": [-(top or 1.0), 0, top or 1.0], "range": [BLUE, neutral, ORANGE], "interpolate": "rgb"},
        "legend": {"orient": "top", "gradientLength": 160, "format": ".3g"},
    }
    tooltip = [{"field": "of", "title": names[0]}, {"field": "token"}, {"field": "value", "format": ".4g"}]
    stroke = {
        "condition": {"test": f"datum.row === {-1 if marked is None else marked}", "value": "#6d5ef5"},
        "value": None,
    }
    spec: dict[str, Any] = {
        "width": {"step": _CELL if len(columns) <= _MOST_WIDE else 12},
        "height": {"step": 22},
        "mark": {"type": "rect", "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y, "color": colour, "stroke": stroke, "tooltip": tooltip},
    }
    st.vega_lite_chart(frame, spec, key=key, width="content")


def _axis(labels: Sequence[str], *, angle: int) -> dict[str, Any]:
    """Write tokens at an axis whose values are positions, for a token may stand there more than once."""
    return {
        "labelExpr": f"{json.dumps([named(label) for label in labels])}[datum.value]",
        "labelAngle": angle,
        "labelLimit": 120,
        "labelOverlap": False,
    }
