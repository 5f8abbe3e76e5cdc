"""One layer of a probe: what it mistakes for what, how sure it is, what is hardest, and its vectors to look at."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.probing.probe_run import ProbeRun
from lmviz.analyses.probing.projecting import methods, projected
from lmviz.engine.local import gate
from lmviz.figures.curves import OTHERS
from lmviz.figures.scatter import MOST_COLOURS, REST
from lmviz.results import LayerScatter, ProbeCurve
from lmviz.ui import frame, memory, probing_direction
from lmviz.ui.probing_grid import grid

_MOST_LABELS = 24  # of a confusion matrix
_GREY = "#868da0"
_VIEWS = {
    "confusion": "What for what",
    "calibration": "How sure",
    "hardest": "Hardest",
    "vectors": "Vectors",
    "removed": "What if it is removed",
}
_WAYS = {"pca": "Principal components", "umap": "UMAP"}


def layer(result: ProbeCurve, run: ProbeRun, *, clicked: int | None) -> None:
    """Draw one layer: the one that was clicked, else the one with the highest accuracy."""
    top = result.layers[int(np.nanargmax(result.series["accuracy"]))]
    wanted = clicked if clicked in result.layers else top
    if (
        st.session_state.get("_probing_clicked") != clicked
        or st.session_state.get("probing_layer") not in result.layers
    ):
        st.session_state["_probing_clicked"] = clicked
        st.session_state["probing_layer"] = wanted
    st.markdown("#### One layer")
    chosen = st.select_slider("Layer", result.layers, key="probing_layer", width=320) if len(result.layers) > 1 else top
    view = st.segmented_control(
        "View",
        list(_VIEWS),
        default="confusion",
        format_func=_VIEWS.__getitem__,
        key="probing_view",
        required=True,
        label_visibility="collapsed",
    )
    draw = {"confusion": _confusion, "calibration": _calibration, "hardest": _hardest}
    if view == "vectors":
        _vectors(run, int(chosen))
    elif view == "removed":
        probing_direction.direction(run, int(chosen))
    else:
        draw[str(view)](result, int(chosen))


def _confusion(result: ProbeCurve, layer_: int) -> None:
    """Draw how often each label was taken for each, in shares of the right label."""
    n = min(len(result.labels), _MOST_LABELS)
    counts = result.confusion(layer_)[:n, :n].astype(np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    names = [frame_name(name) for name in result.labels[:n]]
    grid(
        100 * shares,
        labels=(names, names),
        names=("right", "told", "% of the right label"),
        key="probing_confusion",
        counts=counts,
    )
    more = f" The {n} most frequent of {len(result.labels)} labels." if n < len(result.labels) else ""
    st.caption(f"Rows: the right label; columns: what the first seed's probe told. Test {result.item}s.{more}")


def frame_name(name: str) -> str:
    """Write a label on one short line."""
    line = " ".join(name.split())
    return line if len(line) <= 24 else f"{line[:23]}…"


def _calibration(result: ProbeCurve, layer_: int) -> None:
    bins = result.calibration(layer_)
    table = pd.DataFrame(
        {
            "sure": [100 * one.confidence for one in bins],
            "right": [100 * one.accuracy for one in bins],
            "items": [one.n for one in bins],
        }
    )
    shared = {
        "x": {**_percent("sure"), "title": "how sure the probe was (%)"},
        "y": {**_percent("right"), "title": "how often it was right (%)"},
    }
    tooltip = [{"field": name, "format": ".1f"} for name in ("sure", "right")] + [{"field": "items"}]
    diagonal = {
        "data": {"values": [{"sure": 0, "right": 0}, {"sure": 100, "right": 100}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _GREY},
        "encoding": shared,
    }
    dots = {
        "mark": {"type": "circle", "opacity": 0.9, "color": "#0072b2"},
        "encoding": {
            **shared,
            "tooltip": tooltip,
            "size": {"field": "items", "type": "quantitative", "legend": None, "scale": {"range": [30, 500]}},
        },
    }
    st.vega_lite_chart(
        table, {"height": 320, "width": 380, "layer": [diagonal, dots]}, key="probing_calibration", width="content"
    )
    st.caption(
        f"On the dashed line a probe is as often right as it is sure. Expected calibration error: "
        f"{100 * result.calibration_error(layer_):.1f} points."
    )


def _percent(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "scale": {"domain": [0, 100]}}


def _hardest(result: ProbeCurve, layer_: int) -> None:
    """List the test items whose right label is the least probable."""
    row = result.layers.index(layer_)
    chosen = result.hardest(layer_, count=50)
    names = np.array([*result.labels, "—"], dtype=object)
    table = pd.DataFrame(
        {
            result.item: [_marked(result, int(item)) for item in chosen],
            "right": names[result.label[chosen]],
            "told": names[result.predicted[row][chosen]],
            "p of the right": result.probability[row][chosen],
            "sentence": [result.texts[int(result.text_of[item])] for item in chosen],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height=380,
        column_config={
            "p of the right": st.column_config.NumberColumn(format="%.2g", width="small"),
            "sentence": st.column_config.TextColumn(width="large"),
        },
    )
    st.caption("Hardest first: the right label has the smallest probability, averaged over the seeds.")


def _marked(result: ProbeCurve, item: int) -> str:
    return result.forms[item] if result.item != "text" else result.texts[int(result.text_of[item])][:60]


def _vectors(run: ProbeRun, layer_: int) -> None:
    """Draw the test items of a layer in two dimensions."""
    ways = methods()
    way = ways[0]
    if len(ways) > 1:
        way = str(st.segmented_control("How", ways, default=ways[0], format_func=_WAYS.__getitem__, key="probing_way"))
    key = ("probing-scatter", run.material.fingerprint, run.capture.folder.name, layer_, way, run.params.pooling)
    with st.spinner("Reading the vectors …"):
        found: LayerScatter = memory.result(key, partial(_scatter, run, layer_, way))
    names = [frame_name(name) for name in found.labels[:MOST_COLOURS]]
    table = found.to_frame()
    table["label"] = [
        frame_name(found.labels[label]) if 0 <= label < MOST_COLOURS else "others" for label in map(int, found.label)
    ]
    domain = [*names, *(["others"] if "others" in set(table["label"]) else [])]
    spec = {
        "height": 440,
        "mark": {"type": "circle", "size": 28, "opacity": 0.7},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": found.axes[0], "axis": {"grid": False}},
            "y": {"field": "y", "type": "quantitative", "title": found.axes[1], "axis": {"grid": False}},
            "color": {
                "field": "label",
                "type": "nominal",
                "legend": {"orient": "top", "title": None, "columns": 5},
                "scale": {"domain": domain, "range": [*_colours()[: len(names)], REST]},
            },
            "tooltip": [{"field": "form"}, {"field": "label"}, {"field": "text"}],
        },
    }
    st.vega_lite_chart(table, spec, key="probing_vectors")
    frame.hint(f"{len(table):,} test items. {found.note}")


def _colours() -> list[str]:
    """Give the colours of labels; black is white on a dark page."""
    is_dark = st.context.theme.type == "dark"
    return ["#ffffff" if is_dark and colour == "#000000" else colour for colour in OTHERS]


def _scatter(run: ProbeRun, layer_: int, way: str) -> LayerScatter:
    with gate(run.model.device).entered():
        return projected(run, layer_, on_progress=_ignored, method=way)


def _ignored(fraction: float, message: str = "") -> None:
    """Be told: the activations are there already."""
