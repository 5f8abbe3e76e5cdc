"""What if what a probe reads is taken out of the layer, or more of it is added: the model's predictions then."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.probing.probe_direction import SLUG
from lmviz.analyses.probing.probe_run import ProbeRun
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.errors import NotForThisModel
from lmviz.results import DirectionEffect
from lmviz.ui import attribution_run, compare_table, controls, frame, memory, selection
from lmviz.ui.predicting import figure, files_and_method

KEY = "probing-direction"
HOWS = {"probe": "Project the probe's rows out", "leace": "Erase all that is linear (LEACE)", "add": "Add more of it"}
ALL, SUGGESTED = "all labels", ("minilm-mlm", "smollm2-135m")
_OVERHEAD = 8.0  # seconds for the probes, about


def direction(run: ProbeRun, layer: int) -> None:
    """Ask how, and show what the model predicts then."""
    try:
        require(run.model, "surprisal")
    except NotForThisModel as error:
        frame.sentence(str(error))
        titles = controls.titles()
        with st.container(horizontal=True, gap="small"):
            for name in SUGGESTED:
                st.button(titles[name], key=f"probing_on_{name}", on_click=_take_model, args=(name,))
        return
    given = _asked(run, layer)
    key: memory.Key = (KEY, run.model.id, str(run.model.device), run.model.dtype, run.material.fingerprint, repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(run, given, key=key)
    st.fragment(partial(_drawn, task, key, was_running=is_running), run_every=1.0 if is_running else None)()


def _take_model(name: str) -> None:
    selection.agree()
    selection.change(model=name)


def _asked(run: ProbeRun, layer: int) -> dict[str, Any]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        how = str(st.selectbox("How", list(HOWS), format_func=HOWS.__getitem__, key="probing_how", width=280))
        names = [*([] if how == "add" else [ALL]), *run.material.labels]
        label = str(st.selectbox("Label", names, key=f"probing_label_{how == 'add'}_{len(names)}", width=200))
        strength = 1.0
        if how == "add":
            strength = st.number_input(
                "Strength", -20.0, 20.0, 1.0, step=0.5, key="probing_strength", width=120,
                help="In steps from the mean of all other items to the mean of those with the label.",
            )  # fmt: skip
    params = run.params
    return {
        "source": params.source, "task": params.task, "pooling": params.pooling, "seed": params.seed, "layer": layer,
        "limit": min(params.limit or 2000, 2000), "how": how, "label": None if label == ALL else label,
        "strength": float(strength),
    }  # fmt: skip


def _offer(run: ProbeRun, given: dict[str, Any], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        found = ANALYSES[SLUG].answer(run.model, given, on_progress=tell)
        memory.result(key, lambda: found)

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(run.model.device), name=KEY), of=key)

    from lmviz.capture import budget

    one = budget.estimate(run.model, 20, places=()).seconds
    seconds = 7 * (100 * one * (3 if run.model.kind == "encoder" else 1) + _OVERHEAD / 2)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Do it", key="probing_do", type="primary", on_click=begin)
        st.caption(
            f"100 held-out texts, beside 5 random directions: about {compare_table.duration(seconds)}. "
            "It can be stopped.",
            width="content",
        )


def _drawn(task: Task | None, key: memory.Key, *, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="probing_direction_stop")
    result: DirectionEffect | None = memory.RESULTS.peek(key)
    if result is None:
        return
    random = result.change[2:]
    ends = [figure(float(end)) for end in (random.min(initial=0.0), random.max(initial=0.0))]
    beside = f"; random directions change it by {ends[0]} to {ends[1]}" if len(random) else ""
    st.markdown(
        f"Surprisal of {result.n_texts} held-out texts: **{figure(float(result.surprisal[0]))} nats a token before, "
        f"{figure(float(result.surprisal[1]))} after**, a change of {figure(float(result.change[1]))} "
        f"[{figure(float(result.low[1]))}, {figure(float(result.high[1]))}], p = {figure(float(result.p[1]))}{beside}."
    )
    st.markdown(
        f"The same probe tells {100 * result.fixed[0]:.1f} % before and {100 * result.fixed[1]:.1f} % after; a new one "
        f"fitted on what is left **{100 * result.refitted[1]:.1f} %** (guessing: {100 * result.majority:.1f} %)."
    )
    table = result.to_frame()
    shares = ["fixed", "refitted", "removed"]
    table[shares] = (table[shares] * np.float32(100)).astype(np.float32)
    names = {
        "surprisal": ("surprisal, nats", "%.3f"), "change": ("change", "%.3g"), "low": ("low", "%.3g"),
        "high": ("high", "%.3g"), "p": ("p", "%.3g"), "fixed": ("same probe, %", "%.1f"),
        "refitted": ("new probe, %", "%.1f"), "removed": ("variance moved, %", "%.2f"),
    }  # fmt: skip
    st.dataframe(
        table, hide_index=True, height="content",
        column_config={
            name: st.column_config.NumberColumn(title, format=form) for name, (title, form) in names.items()
        },
    )  # fmt: skip
    frame.badge(ANALYSES[SLUG].check(result))
    files_and_method(result, name=SLUG)
