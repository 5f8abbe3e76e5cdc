"""Where in the model a preference sits: each head taken out or patched, the layers beside, with intervals."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.bias.localisation.running import LocalisationRun, localisation_run
from lmviz.capture import budget
from lmviz.components.panels import panels
from lmviz.figures.panels_payload import Panel, PanelAxis, PanelLook, panels_payload
from lmviz.figures.wording import token_label
from lmviz.results import BiasLocalisation
from lmviz.results.localisation import EffectGrid, HeadEffect
from lmviz.ui import bias_asked, bias_jobs, bias_pairs, frame, selection, ways
from lmviz.ui.bias_asked import Asked
from lmviz.ui.predicting import figure, files_and_method

NAME = "heads"
METHODS: Mapping[str, str] = {
    "ablation": "Take each head out",
    "patching": "Patch from the counterfactual",
}
MARGINS: Mapping[str, str] = {"shared-tokens": "both share", "modified-tokens": "that differ"}
WAYS: Mapping[str, str] = {"mean": "its mean", "zero": "zero"}
_TELLS: Mapping[str, str] = {
    "ablation": (
        "How the preference of the pairs above changes when one head gives its mean, or nothing. Negative: the "
        "preference shrinks without the head, so the head makes it."
    ),
    "patching": (
        "Causal mediation: while the model reads a prompt such as “The nurse said that”, one head attends as it does "
        "after “The man said that”; how far do the odds of the two continuations move (natural indirect effect)?"
    ),
}
_OF_PASSES = 0.2  # what one of many heads in one pass takes of the time of a pass of its own, about
FEW = 10
_ROWS = "bias_rows"
_PICKED = "_bias_head"


def localisation(asked: Asked) -> None:
    """Offer to look for the preference in the first model, and show what there is."""
    model = asked.runs[0].model
    method = str(
        st.segmented_control(
            "How", list(METHODS), key="bias_method", default="ablation", format_func=METHODS.__getitem__, required=True
        )
    )
    st.caption(_TELLS[method])
    run = _run(asked, method)
    if run is None:
        return
    seconds = _seconds(run)
    of = bias_asked.digest(["heads", run.signature, str(model.device)])
    bias_jobs.offer({NAME: run}, extent=(run.n_items, seconds), of=of, label="Look for it")
    job = bias_jobs.find(of)
    if job is not None:
        bias_jobs.watch(
            job, lambda: _drawn(bias_jobs.results({NAME: run}, job, of=of), is_done=not job.state.is_running)
        )


def _run(asked: Asked, method: str) -> LocalisationRun | None:
    """Ask for what the method takes besides; None where there are no rows."""
    chosen, model = selection.current(), asked.runs[0].model
    limit = chosen.limit if chosen.limit > 0 else None
    if method == "patching":
        typed = st.text_area(
            "Rows of your own: prompt, counterfactual prompt, stereotypical and other continuation, tabs or | between",
            key=_ROWS,
            height=80,
            placeholder="The nurse said that | The man said that | she | he",
            help="Empty: the prompts that ship with lmviz. For an encoder each prompt has a mask.",
        )
        rows = rows_of(typed)
        return localisation_run(model, pairs=rows or None, method=method, limit=limit)
    if asked.slug not in ("crows-pairs", "minimal-pairs"):
        st.info("This takes pairs of sentences: choose CrowS-Pairs or Minimal pairs above.")
        return None
    with st.container(horizontal=True, gap="medium"):
        how = st.segmented_control(
            "Instead of what the head gives", list(WAYS), key="bias_how", default="mean", format_func=WAYS.__getitem__,
            required=True,
        )  # fmt: skip
        margin = st.segmented_control(
            "Preference by the words", list(MARGINS), key="bias_margin", default="shared-tokens",
            format_func=MARGINS.__getitem__, required=True,
            help="Shared words are what the published metrics ask for; how frequent a word is does not count. Words "
            "that differ take an encoder far fewer passes, and a decoder needs nothing to follow them.",
        )  # fmt: skip
    source = None if chosen.source == "shipped" else str(asked.runs[0].files[0])
    return localisation_run(model, pairs=source, method=method, how=str(how), margin=str(margin), limit=limit)


def rows_of(typed: str) -> tuple[tuple[str, ...], ...]:
    """Read lines of texts with tabs or bars between them."""
    lines = (line for line in typed.splitlines() if line.strip())
    return tuple(tuple(part.strip() for part in line.split("\t" if "\t" in line else "|")) for line in lines)


def _seconds(run: LocalisationRun) -> float:
    model = run.model
    one = budget.estimate(model, 18, places=()).seconds
    is_masked = model.kind == "encoder" and run.params.method == "ablation"  # one by one, in either text
    n_inputs = (24 if run.params.margin == "shared-tokens" else 3) if is_masked else 2
    return one * n_inputs * model.n_layers * model.n_heads * run.n_items * _OF_PASSES


def _drawn(results: Mapping[str, BiasLocalisation], *, is_done: bool) -> None:
    result = results.get(NAME)
    if result is None:
        return
    bias_pairs.left_out(result, n=result.n, skipped=result.skipped)
    if not result.n:
        frame.hint("No row can be used by this model yet." if not is_done else "No row can be used by this model.")
        return
    _headline(result)
    _heads(result)
    if not is_done:
        return
    _top(result)
    for name, grid in result.grids.items():
        if name in ("mlp_out", "resid_pre"):
            _roles(name, grid)
    if result.note:
        frame.hint(result.note)
    files_and_method(result, name="bias-localisation")


def _headline(result: BiasLocalisation) -> None:
    """Say how large the preference is that is looked for, and how many heads carry it."""
    key = "total_effect" if result.method == "patching" else "margin"
    what = "total effect" if result.method == "patching" else "mean preference"
    mean, low, high = (float(result.numbers.get(f"{key}{end}", np.nan)) for end in ("", "_low", "_high"))
    interval = "" if np.isnan(low) else f" [{figure(low)}, {figure(high)}]"
    found = int(result.is_significant.sum())
    rows = "1 row" if result.n == 1 else f"{result.n:,} rows"
    st.markdown(
        f"**{found} of {result.values.size} heads** told from chance (max-T, p < 0.05 for all heads together), "
        f"n = {rows}; {what} {figure(mean)} nats{interval}."
    )
    if result.n < FEW:
        frame.hint("So few rows say little, and with fewer than six no head can be told from chance.")


def _heads(result: BiasLocalisation) -> None:
    """Draw every head, and beside it those that are told from chance; a click selects one."""
    layers, heads = result.values.shape
    told = np.where(result.is_significant, result.values, np.nan).astype(np.float32)
    best = result.top(1)
    describe = (
        f"The largest effect is that of L{best[0].layer}H{best[0].head}: {figure(best[0].value)} nats." if best else ""
    )
    payload = panels_payload(
        [Panel("Every head", result.values, "signed"), Panel("Told from chance", told, "signed")],
        rows=PanelAxis("layer", tuple(f"L{n}" for n in range(layers))),
        columns=PanelAxis("head", tuple(f"H{n}" for n in range(heads))),
        look=PanelLook("effect", "nats", describe=describe, undefined="not told from chance"),
    )
    event = panels(payload, key="bias_heads")
    if event is not None and event.is_selected:
        st.session_state[_PICKED] = (event.row, event.column)


def _top(result: BiasLocalisation) -> None:
    """List the heads with the largest effects, and offer to open one."""
    top = result.top(10)
    st.dataframe(
        pd.DataFrame([{"head": f"L{one.layer}H{one.head}", **_numbers(one)} for one in top]),
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3g") for name in ("effect, nats", "low", "high", "p (max-T)")
        },
    )
    if not top:
        return
    layer, head = st.session_state.get(_PICKED, (top[0].layer, top[0].head))
    if layer >= result.values.shape[0] or head >= result.values.shape[1]:
        layer, head = top[0].layer, top[0].head
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = f"Open L{layer}H{head} in Attention"
        ways.button(label, ways.ATTENTION, change=partial(_show, layer, head), key="bias_open_head")
        st.caption("Click a head in the picture to choose another.", width="content")


def _show(layer: int, head: int) -> None:
    selection.show(replace(selection.current().view, layer=layer, head=head, shown="head"))


def _numbers(one: HeadEffect) -> dict[str, float]:
    return {"effect, nats": one.value, "low": one.low, "high": one.high, "p (max-T)": one.p_adjusted}


def _roles(name: str, grid: EffectGrid) -> None:
    """Draw what layers carry, by the role of the position."""
    what = {"mlp_out": "What each MLP gives", "resid_pre": "The stream before each layer"}[name]
    payload = panels_payload(
        [Panel(what, grid.values, "signed")],
        rows=PanelAxis("layer", tuple(f"L{n}" for n in range(len(grid.values)))),
        columns=PanelAxis("position", tuple(map(token_label, grid.columns))),
        look=PanelLook("indirect effect", "nats", describe=f"{what}, patched at some positions."),
    )
    panels(payload, key=f"bias_{name}")
