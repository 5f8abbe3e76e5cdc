"""The learning curve of an online code: how many bits the next labels take for a probe fitted on so many."""

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.results import CodelengthCurve
from lmviz.ui.probing_curve import page_colours


def learning(result: CodelengthCurve) -> None:
    """Draw task and control at one layer, on a logarithmic axis of training labels."""
    top = result.layers[int(np.argmin(result.series["task"]))]
    st.markdown("#### Learning curve")
    layer = (
        st.select_slider("Layer", result.layers, value=top, key="probing_learning", width=320)
        if len(result.layers) > 1
        else top
    )
    row = result.layers.index(layer)
    rows = [
        {"labels": int(size), "bits": float(values[row, block]), "of": name}
        for name, values in result.learning.items()
        for block, size in enumerate(result.sizes)
    ]
    encoding = {
        "x": {
            "field": "labels",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False, "padding": 12},
            "title": "labels to train on",
        },
        "y": {"field": "bits", "type": "quantitative", "title": "bits a label of the next block"},
        "color": {
            "field": "of",
            "type": "nominal",
            "scale": {"domain": list(result.learning), "range": list(page_colours(result.learning).values())},
            "legend": {"orient": "top", "title": None},
        },
        "tooltip": [{"field": "of"}, {"field": "labels"}, {"field": "bits", "format": ".3f"}],
    }
    uniform = {
        "data": {"values": [{"bits": result.baselines["uniform_code"]}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#868da0"},
        "encoding": {"y": {"field": "bits", "type": "quantitative"}},
    }
    lines = {"mark": {"type": "line", "point": True, "strokeWidth": 2}, "encoding": encoding}
    st.vega_lite_chart(pd.DataFrame(rows), {"height": 280, "layer": [uniform, lines]}, key="probing_learning_curve")
    st.caption("What is easily read is learnt from few labels. Dashed: the uniform code, all labels alike.")
