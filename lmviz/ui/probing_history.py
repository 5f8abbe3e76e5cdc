"""What this visitor has probed: one line for each run, the newest first."""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.probing.sources import ALL
from lmviz.results import CodelengthCurve, LayerCurve, ProbeCurve

_KEPT, _MOST = "_probing_history", 50


def keep(found: Mapping[str, LayerCurve]) -> None:
    """Remember what was found; the same again is not a new line."""
    kept: OrderedDict[str, dict[str, object]] = st.session_state.setdefault(_KEPT, OrderedDict())
    for result in found.values():
        row = _row(result)
        key = repr(sorted((name, str(value)) for name, value in row.items()))
        kept[key] = row
    while len(kept) > _MOST:
        kept.popitem(last=False)


def _row(result: LayerCurve) -> dict[str, object]:
    signed = result.provenance
    given = dict(signed["parameters"])
    shared = {
        "model": signed["model"],
        "task": ALL.get(str(given.get("task", "")), ""),
        "source": "shipped" if given.get("source") is None else str(given["source"])[-40:],
        "held out": given.get("held_out", "sentence"),
        "sentences": given.get("limit") or "all",
    }
    if isinstance(result, ProbeCurve):
        top = int(result.series["accuracy"].argmax())
        numbers = {name: 100 * float(result.series[name][top]) for name in ("accuracy", "control", "selectivity")}
        return {**shared, "probe": result.probe, "layer": result.layers[top], **numbers, "bits a label": None}
    if isinstance(result, CodelengthCurve):
        top = int(result.series["task"].argmin())
        bits = float(result.series["task"][top])
        return {
            **shared,
            "probe": "MDL",
            "layer": result.layers[top],
            **dict.fromkeys(("accuracy", "control", "selectivity")),
            "bits a label": bits,
        }
    name, values = next(iter(result.series.items()))
    top = int(np.nanargmax(values))
    return {
        **shared,
        "probe": str(signed.get("title", name)),
        "layer": result.layers[top],
        "accuracy": 100 * float(values[top]) if result.unit == "share" else None,
        "control": None,
        "selectivity": None,
        "bits a label": float(values[top]) if result.unit == "bits" else None,
    }


def table() -> None:
    """Draw the lines, where there is more than the run that is looked at."""
    kept: OrderedDict[str, dict[str, object]] = st.session_state.get(_KEPT, OrderedDict())
    if len(kept) < 2:
        return
    st.markdown("#### Probed in this visit")
    percent = {
        name: st.column_config.NumberColumn(f"{name}, %", format="%.1f")
        for name in ("accuracy", "control", "selectivity")
    }
    st.dataframe(
        pd.DataFrame(list(kept.values())[::-1]),
        hide_index=True,
        height="content",
        column_config={**percent, "bits a label": st.column_config.NumberColumn(format="%.3g")},
    )
    st.caption(
        "At the layer with the highest accuracy, or the shortest code; whether it is clear of others is said above."
    )
