"""The scores of the attribution page as tokens or words, as bars, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.components.tokens import StripToken, strip_tokens
from lmviz.results import TokenScores
from lmviz.ui.attribution_asked import Asked, Row
from lmviz.ui.attribution_words import word_scores, word_tokens
from lmviz.ui.predicting import named


def scored(asked: Asked, result: TokenScores) -> tuple[tuple[StripToken, ...], np.ndarray]:
    """Give what the strip shows, tokens or whole words, with a score for each; fixed ones have none."""
    own = asked.explained.encoding.table
    scores = np.where(asked.explained.is_fixed & (result.scores == 0), np.nan, result.scores)
    if asked.chosen.level == "token":
        return strip_tokens(own, values=scores), np.nan_to_num(scores)
    sums = word_scores(own, scores)
    return word_tokens(own, sums), np.nan_to_num(sums)


def bars(asked: Asked, scores: Mapping[Row, TokenScores]) -> None:
    """Draw bars from zero, a column for each method."""
    rows = []
    for row, result in scores.items():
        tokens, values = scored(asked, result)
        names = _distinct([named(token.text) for token in tokens])
        rows += [
            {"method": row.title, "word": name, "score": float(value), "unit": result.unit}
            for name, value in zip(names, values, strict=True)
        ]
    order = list(dict.fromkeys(entry["word"] for entry in rows))
    colour = {"condition": {"test": "datum.score < 0", "value": "#0072b2"}, "value": "#d55e00"}
    spec = {
        "mark": {"type": "bar"},
        "height": {"step": 18},
        "width": 170,
        "encoding": {
            "y": {"field": "word", "type": "nominal", "sort": order, "title": None},
            "x": {"field": "score", "type": "quantitative", "title": None, "axis": {"tickCount": 3}},
            "color": colour,
            "column": {
                "field": "method",
                "type": "nominal",
                "sort": [row.title for row in scores],
                "title": None,
                "header": {"labelLimit": 170},
            },
            "tooltip": [
                {"field": "method"},
                {"field": "word"},
                {"field": "score", "format": ".4g"},
                {"field": "unit"},
            ],
        },
        "resolve": {"scale": {"x": "independent"}},
    }
    st.vega_lite_chart(pd.DataFrame(rows), spec, key="why_bars", width="content")


def _distinct(names: Sequence[str]) -> list[str]:
    """Number words that occur more than once, so that each has a row of its own."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if names.count(name) == 1 else f"{name} {seen[name]}")
    return found


def table(asked: Asked, scores: Mapping[Row, TokenScores]) -> None:
    """Write the numbers, a column for each method."""
    columns: dict[str, Any] = {}
    for row, result in scores.items():
        tokens, values = scored(asked, result)
        columns.setdefault("word", [named(token.text) for token in tokens])
        columns[row.title] = values
    form = {row.title: st.column_config.NumberColumn(format="%.4g") for row in scores}
    st.dataframe(pd.DataFrame(columns), hide_index=True, height="content", column_config=form)
