"""Probes: offered with the time they take, run in the background, drawn over the layers with everything beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.probing.linear_probe import completed
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.errors import Cancelled
from lmviz.figures.curves import finding, telling
from lmviz.results import CodelengthCurve, LayerCurve, ProbeCurve
from lmviz.ui import (
    attribution_run,
    compare_table,
    controls,
    frame,
    memory,
    probing_asked,
    probing_curve,
    probing_layer,
    probing_learning,
    selection,
)
from lmviz.ui import probing_history as history
from lmviz.ui.predicting import files_and_method
from lmviz.ui.probing_asked import Asked

KEY, _SO_FAR = "probing", "_probing_so_far"


def probes() -> None:
    """Ask what is probed, and show it."""
    st.caption(
        "A probe is a small classifier on the vectors of one layer. What it tells beyond its **control** (labels that "
        "mean nothing) and beyond **random weights** is what the layer knows; whether the model uses it is another "
        "matter."
    )
    is_there, source = probing_asked.what()
    given = probing_asked.details()
    if not is_there:
        return
    chosen = selection.current()
    models = [controls.model()]
    if chosen.model_b and chosen.model_b != chosen.model:
        models.append(controls.model_b())
    questions = [probing_asked.asked(model, source, given=given) for model in models]
    key = tuple(one.key for one in questions)
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    missing = [one for one in questions if memory.RESULTS.peek(one.key) is None]
    if missing and not is_running:
        _offer(questions, missing, key=key)
    st.fragment(partial(_drawn, task, questions, was_running=is_running), run_every=1.0 if is_running else None)()


def _offer(questions: Sequence[Asked], missing: Sequence[Asked], *, key: object) -> None:
    """Offer to run what is missing, saying what it takes."""
    so_far: dict[memory.Key, LayerCurve] = st.session_state.setdefault(_SO_FAR, {})

    def begin() -> None:
        task = Task(partial(_work, missing, so_far), gate=gate(questions[0].model.device), name=KEY)
        memory.jobs().start(KEY, task, of=key)

    seconds = sum(one.seconds for one in missing)
    room = sum(one.run.n_bytes for one in missing if not one.run.capture.is_there)
    run = questions[0].run
    sides = [f"{len(run.parts(side)):,}" for side in range(3)]
    kept = f"; {room / 1e9:.2g} GB of activations are kept on this computer" if room > 5e7 else ""
    was_stopped = any(one.key in so_far for one in missing)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Go on" if was_stopped else "Probe every layer", key="probing_start", type="primary", on_click=begin)
        st.caption(
            f"{sides[0]} {run.item}s to train on, {sides[1]} to choose by, {sides[2]} to test on, "
            f"{len(run.material.labels)} labels: about {compare_table.duration(seconds)}{kept}. It can be stopped.",
            width="content",
        )


def _work(missing: Sequence[Asked], so_far: dict[memory.Key, LayerCurve], tell: Telling) -> None:
    """Answer one question after the other; of one that is stopped the layers that are complete are kept."""
    for number, one in enumerate(missing):

        def told(fraction: float, message: str = "", *, one: Asked = one, number: int = number) -> None:
            tell((number + fraction) / len(missing), f"{one.model.id}: {message}")

        told(0.0, "begins")
        try:
            result = _answer(one, told)
        except Cancelled as stopped:
            if stopped.so_far is not None:
                so_far[one.key] = stopped.so_far  # type: ignore[assignment]
            raise
        memory.result(one.key, partial(_same, result))


def _same(result: LayerCurve) -> LayerCurve:
    return result


def _answer(one: Asked, told: Telling) -> LayerCurve:
    if one.slug in ("linear-probe", "mlp-probe"):
        return completed(one.run, on_progress=told)
    found: LayerCurve = ANALYSES[one.slug].answer(one.model, asdict(one.params), on_progress=told)
    return found


def _drawn(task: Task | None, questions: Sequence[Asked], *, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="probing_stop")
    found: dict[str, LayerCurve] = {}
    for one in questions:
        result: Any = memory.RESULTS.peek(one.key)
        if result is None and not was_running:
            result = st.session_state.get(_SO_FAR, {}).get(one.key)
        if result is not None:
            found[one.model.id] = result
    if found:
        history.keep(found)
        _shown(found, {one.model.id: one for one in questions})
    history.table()


def _shown(found: Mapping[str, LayerCurve], questions: Mapping[str, Asked]) -> None:
    """Draw the curves, and below them one layer of the first model."""
    _headline(found)
    layer = probing_curve.curves(found)
    first = next(iter(found))
    result, asked = found[first], questions[first]
    if isinstance(result, ProbeCurve):
        probing_layer.layer(result, asked.run, clicked=layer)
    elif isinstance(result, CodelengthCurve):
        probing_learning.learning(result)
    checks = ANALYSES[asked.slug].check(result)
    frame.badge(checks)
    if result.note:
        frame.hint(result.note)
    files_and_method(result, name=f"{asked.slug}-{result.provenance['model']}")


def _headline(found: Mapping[str, LayerCurve]) -> None:
    for name, result in found.items():
        if isinstance(result, ProbeCurve):
            st.markdown(f"**{frame.plain(name)}**: {probe_sentence(result)}")
        elif isinstance(result, CodelengthCurve):
            row = telling(result, "task")
            st.markdown(
                f"**{frame.plain(name)}**: shortest at layer {result.layers[row]}, "
                f"**{result.series['task'][row]:.3g} bits a label** where the uniform code takes "
                f"{result.baselines['uniform_code']:.3g} ({result.compression[row]:.3g} times shorter) and the "
                f"control {result.series['control'][row]:.3g}."
            )
        else:
            st.markdown(f"**{frame.plain(name)}**: {finding(result)}")


def probe_sentence(result: ProbeCurve) -> str:
    """Say what was found, with intervals; a best layer only where it is clear of the others."""
    row = int(result.series["accuracy"].argmax())
    layer = result.layers[row]

    def share(name: str) -> str:
        low, high = result.low[name][row], result.high[name][row]
        return f"{100 * result.series[name][row]:.1f} % ({100 * low:.1f}–{100 * high:.1f})"

    clear = "clear of all other layers" if result.best is not None else "no layer is clear of all others"
    random = f", random weights {share('random_weights')}" if "random_weights" in result.series else ""
    return (
        f"at layer {layer} a {result.probe} probe tells **{share('accuracy')}** of the {result.item}s ({clear}); "
        f"control {share('control')}, **selectivity {share('selectivity')}**{random}; most frequent label "
        f"{100 * result.baselines['majority']:.1f} %, of each form {100 * result.baselines['type_majority']:.1f} %."
    )
