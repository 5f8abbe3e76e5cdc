"""What this visitor has probed: one line for each run, the newest first."""

from collections import OrderedDict
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from lmviz.analyses.probing.sources import ALL
from lmviz.figures.curves import telling, titled
from lmviz.results import LayerCurve, ProbeCurve

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
    probe, measure, layer, numbers = _numbers(result)
    scale = 100 if result.unit == "share" else 1
    told = {
        name: None if number is None else number * scale
        for name, number in zip(("found", "control", "selectivity"), numbers, strict=True)
    }
    return {**shared, "probe": probe, "layer": layer, "measure": measure, **told}


def _numbers(result: LayerCurve) -> tuple[str, str, str, tuple[float, float | None, float | None]]:
    """Give the probe, what it is measured by, the layer that it found most at, and the numbers there."""
    probe = str(result.provenance.get("title", "probe"))
    if "micro_f1" in result.numbers:  # one probe on all layers
        own = tuple(result.numbers[name] for name in ("micro_f1", "control_f1", "selectivity"))
        return probe, "micro F1, %", "all", own  # type: ignore[return-value]
    name = next(iter(result.series))
    values = result.series[name]
    top = telling(result, name)
    control = next((one for one in (f"{name}_control", "control") if one in result.series), "")
    others = (result.series.get(one) for one in (control, "selectivity"))
    measure = f"{titled(name)}, %" if result.unit == "share" else result.unit
    if isinstance(result, ProbeCurve):
        measure = "accuracy, %"
    rest = tuple(None if own is None else float(own[top]) for own in others)
    return probe, measure, str(result.layers[top]), (float(values[top]), *rest)  # type: ignore[return-value]


def table() -> None:
    """Draw the lines, where there is more than the run that is looked at."""
    kept: OrderedDict[str, dict[str, object]] = st.session_state.get(_KEPT, OrderedDict())
    if len(kept) < 2:
        return
    st.markdown("#### Probed in this visit")
    st.dataframe(
        pd.DataFrame(list(kept.values())[::-1]),
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3g") for name in ("found", "control", "selectivity")
        },
    )
    st.caption(
        "At the layer where most was found, or the code was shortest; whether it is clear of others is said above."
    )
