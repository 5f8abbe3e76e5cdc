"""A text that the model writes, each token of it explained by those before it."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.attribution.methods import METHODS, UNSIGNED
from lmviz.components.tokens import StripLook, strip_tokens, token_strip
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.results import GeneratedScores
from lmviz.ui import attribution_heat, attribution_run, attribution_target, compare_table, frame, memory, selection
from lmviz.ui.attribution_asked import TOLERANCE, passes, seconds_for
from lmviz.ui.predicting import figure, files_and_method, named
from lmviz.ui.predictions import Answer

KEY, SLUG = "written", "generation-attribution"
_HANDLED = "_written_event"
_FIRST = "input-x-gradient"


def draw(model: Any) -> None:
    """Ask what is written and how it is explained, and show each token with what it rests on."""
    given = _given()
    chosen = selection.current()
    key: memory.Key = (KEY, chosen.model, chosen.dtype, chosen.device, repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(model, given, key=key)
    drawn = partial(_drawn, task, key=key, was_running=is_running)
    st.fragment(drawn, run_every=1.0 if is_running else None)()


def _given() -> dict[str, Any]:
    """Ask how long the text is, or which it is, and by which method its tokens are explained."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        slug = st.selectbox(
            "Method",
            list(METHODS),
            index=list(METHODS).index(_FIRST),
            key="written_method",
            format_func=lambda name: METHODS[name].title,
            width=260,
        )
        n_tokens = st.number_input("Tokens to write", 1, 200, 20, key="written_tokens", width=140)
        attribution_target.ask_continuation("or explain this continuation")
    chosen = selection.current()
    given: dict[str, Any] = {"text": chosen.text, "method": str(slug), "tolerance": TOLERANCE}
    if chosen.continuation:
        return {**given, "continuation": chosen.continuation}
    return {**given, "max_new_tokens": int(n_tokens)}


def _offer(model: Any, given: dict[str, Any], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        analysis = ANALYSES[SLUG]
        timed = memory.timed(lambda: analysis.answer(model, given, on_progress=tell))
        memory.result(key, lambda: Answer(timed.value, analysis.check(timed.value), timed.seconds))

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(model.device), name=KEY), of=key)

    n_new = given.get("max_new_tokens") or max(1, len(given["continuation"]) // 4)
    n_tokens = len(given["text"]) // 4 + n_new
    seconds = seconds_for(model, n_new * passes(given["method"], n_tokens), n_tokens=n_tokens)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Write and explain", key="written_start", type="primary", on_click=begin)
        st.caption(f"About {compare_table.duration(seconds)}. It can be stopped.", width="content")


def _drawn(task: Task | None, *, key: memory.Key, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="written_stop")
    answer: Answer | None = memory.RESULTS.peek(key)
    if answer is None:
        return
    result: GeneratedScores = answer.result
    row = _row(result)
    st.markdown(_sentence(result, row))
    _strip(result, row)
    attribution_heat.heat(
        result.scores,
        labels=(result.generated, result.tokens),
        names=("written", "rests on", result.unit),
        key="written_matrix",
        marked=row,
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        frame.badge(answer.checks)
        st.caption(frame.seconds(answer.seconds), width="content")
    frame.hint(result.note)
    files_and_method(result, name=SLUG)


def _row(result: GeneratedScores) -> int:
    """Give the row of the token that is looked at; the first one that was written where it is none."""
    place = selection.current().position - result.n_source
    return place if 0 <= place < len(result.scores) else 0


def _sentence(result: GeneratedScores, row: int) -> str:
    """Say which token is explained, its value, and on which one it rests most."""
    scores = result.scores[row]
    most = int(np.nanargmax(np.abs(scores)))
    left = float(result.residues[row])
    residue = "" if np.isnan(left) else f", residue {figure(left)}"
    return (
        f"**{frame.plain(named(result.generated[row]))}** ({figure(float(result.values[row]))} {result.unit}{residue}) "
        f"rests most on **{frame.plain(named(result.tokens[most]))}**: {figure(float(scores[most]))}"
    )


def _strip(result: GeneratedScores, row: int) -> None:
    """Draw the whole text in the colours of one written token; a click on another one shows its own."""
    if result.table is None:
        raise TypeError("What is written has its tokens.")
    look = StripLook(
        "Click a written token to see what it rests on.",
        quantity="score",
        unit=result.unit,
        scale="amount" if result.method in UNSIGNED else "signed",
    )
    event = token_strip(
        strip_tokens(result.table, values=result.scores[row]),
        key="written_strip",
        selected=result.n_source + row,
        look=look,
    )
    st.caption("Click a token that was written: the strip and the framed row of the matrix follow.")
    if event is None or event.number == st.session_state.get(_HANDLED):
        return
    st.session_state[_HANDLED] = event.number
    if event.position >= result.n_source:
        selection.change(position=event.position)
        selection.write_link()
        st.rerun(scope="app")
