"""What an answer rests on, seen from the input of each layer: integrated gradients layer by layer."""

from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.results import LayerPositionGrid
from lmviz.ui import attribution_asked, attribution_heat, attribution_run, compare_table, frame, memory, selection
from lmviz.ui.predicting import figure, files_and_method
from lmviz.ui.predictions import Answer

KEY, SLUG = "layers", "layer-integrated-gradients"
_N_STEPS = 32


def draw(model: Any) -> None:
    """Offer to explain the answer from every layer, and show the scores of each token in each layer."""
    chosen = selection.current()
    baseline = attribution_asked.embedded(attribution_asked.baselines_of(chosen))[0]
    target = {
        name: value for name, value in asdict(attribution_asked.target_of(model, chosen)).items() if value is not None
    }
    given = {**target, "baseline": baseline, "n_steps": _N_STEPS}
    key: memory.Key = (KEY, chosen.model, chosen.dtype, chosen.device, repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(model, given, key=key)
    drawn = partial(_drawn, task, key=key, was_running=is_running)
    st.fragment(drawn, run_every=1.0 if is_running else None)()


def _offer(model: Any, given: dict[str, Any], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        analysis = ANALYSES[SLUG]
        timed = memory.timed(lambda: analysis.answer(model, given, on_progress=tell))
        memory.result(key, lambda: Answer(timed.value, analysis.check(timed.value), timed.seconds))

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(model.device), name=KEY), of=key)

    n_tokens = max(1, len(given["text"]) // 4)
    n_passes = attribution_asked.GRADIENT * _N_STEPS * model.n_layers / 2  # earlier layers do not run
    seconds = attribution_asked.seconds_for(model, n_passes, n_tokens=n_tokens)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Explain layer by layer", key="layers_start", type="primary", on_click=begin)
        said = f"{model.n_layers} layers, {_N_STEPS} steps each, about {compare_table.duration(seconds)}."
        st.caption(f"{said} It can be stopped.", width="content")


def _drawn(task: Task | None, *, key: memory.Key, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="layers_stop")
    answer: Answer | None = memory.RESULTS.peek(key)
    if answer is None:
        return
    result: LayerPositionGrid = answer.result
    facts = result.provenance
    difference = abs(float(facts["value"]) - float(facts["baseline_value"])) or 1.0
    shares = sorted(100 * abs(float(residue)) / difference for residue in facts["residues"])
    st.markdown(
        f"{frame.plain(result.target)}: **{figure(float(facts['value']))}** with all words, "
        f"{figure(float(facts['baseline_value']))} without. The layers leave {shares[0]:.2g} to {shares[-1]:.2g} % of "
        "the difference over."
    )
    n_layers = len(result.values)
    attribution_heat.heat(
        result.values,
        labels=([f"L{layer}" for layer in range(n_layers)], result.tokens),
        names=("layer", "token", result.unit),
        key="layers_grid",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        frame.badge(answer.checks)
        st.caption(frame.seconds(answer.seconds), width="content")
    frame.hint(result.note)
    files_and_method(result, name=SLUG)
