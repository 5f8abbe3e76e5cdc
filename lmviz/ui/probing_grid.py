"""A grid of amounts: further from the page's colour is more, what is no number is left empty."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

_LIGHT, _DARK = ("#eaf1fb", "#08488f"), ("#1a2233", "#9cc4f5")  # from least to most, on each page


def grid(
    values: np.ndarray,
    *,
    labels: tuple[Sequence[str], Sequence[str]],
    names: tuple[str, str, str],
    key: str,
    counts: np.ndarray | None = None,
) -> None:
    """Draw a grid.

    Args:
        values: (row, column).
        labels: What each row and each column is called.
        names: What rows and columns are, and the unit of the values.
        key: Name of the widget.
        counts: How many each cell stands for, to show on it.
    """
    rows, columns = labels
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0)) or 1.0
    cells = [
        {
            "row": rows[row],
            "column": columns[column],
            "value": float(values[row, column]),
            "n": 0 if counts is None else int(counts[row, column]),
        }
        for row, column in np.ndindex(*values.shape)
        if np.isfinite(values[row, column])
    ]
    colour = {
        "field": "value",
        "type": "quantitative",
        "scale": {
            "range": list(_DARK if st.context.theme.type == "dark" else _LIGHT),
            "interpolate": "lab",
            "domain": [low, high],
        },
        "legend": {"title": names[2], "orient": "top", "gradientLength": 160},
    }
    shown = [
        {"field": "row", "title": names[0]},
        {"field": "column", "title": names[1]},
        {"field": "value", "title": names[2], "format": ".3~f"},
        *([] if counts is None else [{"field": "n"}]),
    ]
    spec = {
        "height": {"step": 20},
        "width": {"step": 24},
        "mark": "rect",
        "encoding": {
            "x": {"field": "column", "type": "nominal", "sort": list(columns), "title": names[1]},
            "y": {"field": "row", "type": "nominal", "sort": list(rows), "title": names[0]},
            "color": colour,
            "tooltip": shown,
        },
    }
    st.vega_lite_chart(pd.DataFrame(cells), spec, key=key, width="content")
