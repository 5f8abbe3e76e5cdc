"""Every head as a parser: which relations a single head follows, beside a fixed distance and random weights."""

from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.capture import budget
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.results import HeadParsing
from lmviz.ui import attribution_run, compare_table, controls, frame, memory, probing_asked, selection, ways
from lmviz.ui.predicting import files_and_method
from lmviz.ui.probing_grid import grid

KEY, SLUG = "syntax", "attention-parser"
_WHO = {"head": "best head", "offset": "best fixed distance", "random": "random weights"}
_COLOURS = {"light": ["#4338ca", "#e69f00", "#7a7a7a"], "dark": ["#8b83f5", "#e69f00", "#a0a4b0"]}


def syntax() -> None:
    """Ask which sentences are parsed, and show the heads."""
    st.caption(
        "Each head points from a word to the word it attends to most: is that its syntactic head? The best head is "
        "**chosen on one half** of the sentences and **judged on the other**, beside the best fixed distance in words."
    )
    chosen = selection.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        there, source = probing_asked.tree_source()
        selection.keep_widget("syntax_limit", chosen.limit if chosen.limit > 0 else None)
        st.number_input(
            "Sentences at most", min_value=20, value=None, key="syntax_limit", placeholder="All", on_change=_pick_limit,
            width=180, help="Drawn at random, always the same ones.",
        )  # fmt: skip
        fewest = st.number_input("Words of a relation at least", 1, 1000, 20, key="syntax_fewest", width=220)
    if not there:
        return
    model = controls.model()
    limit = chosen.limit if chosen.limit > 0 else None
    given: dict[str, Any] = {"source": source, "limit": limit, "min_words": int(fewest)}
    key: memory.Key = (KEY, model.id, str(model.device), model.dtype, repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(model, given, key=key)
    st.fragment(partial(_drawn, task, key, was_running=is_running), run_every=1.0 if is_running else None)()


def _pick_limit() -> None:
    selection.change(limit=int(st.session_state["syntax_limit"] or -1))


def _offer(model: Any, given: dict[str, Any], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        found = ANALYSES[SLUG].answer(model, given, on_progress=tell)
        memory.result(key, lambda: found)

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(model.device), name=KEY), of=key)

    n_sentences = given["limit"] or (264 if given["source"] is None else 4000)
    seconds = 2 * n_sentences * budget.estimate(model, 24, places={"pattern"}).seconds
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Parse with every head", key="syntax_start", type="primary", on_click=begin)
        st.caption(f"About {compare_table.duration(seconds)}. It can be stopped.", width="content")


def _drawn(task: Task | None, key: memory.Key, *, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="syntax_stop")
    result: HeadParsing | None = memory.RESULTS.peek(key)
    if result is None:
        return
    if not result.relations:
        frame.hint(result.note)
        return
    n_told = int(result.is_significant.sum())
    st.markdown(
        f"**{n_told} of {len(result.relations)} relations** have a head that is told from the best fixed distance, on "
        f"{result.n_sentences:,} sentences; heads were chosen on {result.n_sentences_dev:,} others."
    )
    _dots(result)
    _heads(result)
    frame.badge(ANALYSES[SLUG].check(result))
    frame.hint(result.note)
    files_and_method(result, name=SLUG)


def _dots(result: HeadParsing) -> None:
    """Draw each relation's best head, offset and random head with their intervals."""
    columns = {
        "head": (result.accuracy, result.low, result.high),
        "offset": (result.offset_accuracy, result.offset_low, result.offset_high),
        "random": (result.random_accuracy, result.random_low, result.random_high),
    }
    rows = [
        {
            "relation": f"{relation} ({result.n[row]:,})",
            "who": _WHO[who],
            **dict(zip(("share", "low", "high"), (100 * float(one[row]) for one in numbers), strict=True)),
            "what": _named(result, row)
            if who == "head"
            else f"{int(result.offset[row]):+d}"
            if who == "offset"
            else "",
            "p": float(result.p_any_head[row]),
        }
        for row, relation in enumerate(result.relations)
        for who, numbers in columns.items()
    ]
    names = list(dict.fromkeys(str(row["relation"]) for row in rows))
    theme = "dark" if st.context.theme.type == "dark" else "light"
    x = {"type": "quantitative", "scale": {"domain": [0, 100]}, "title": "syntactic head found (%)"}
    shared = {
        "y": {"field": "relation", "type": "nominal", "sort": names, "title": None},
        "yOffset": {"field": "who", "type": "nominal", "sort": list(_WHO.values())},
        "color": {
            "field": "who", "type": "nominal", "legend": {"orient": "top", "title": None, "columns": 1},
            "scale": {"domain": list(_WHO.values()), "range": _COLOURS[theme]},
        },
        "tooltip": [
            {"field": "relation"}, {"field": "who"}, {"field": "what", "title": "head or distance"},
            *({"field": name, "format": ".1f"} for name in ("share", "low", "high")), {"field": "p", "format": ".2g"},
        ],
    }  # fmt: skip
    rule = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    point = {"mark": {"type": "point", "filled": True, "size": 50}, "encoding": {"x": {**x, "field": "share"}}}
    for layer in (rule, point):
        layer["encoding"] |= shared  # type: ignore[operator]
    st.vega_lite_chart(pd.DataFrame(rows), {"height": {"step": 12}, "layer": [rule, point]}, key="syntax_dots")
    st.caption("Bands: 95 %, sentences drawn again. In brackets: test words. p: against the offset, for any head.")


def _named(result: HeadParsing, row: int) -> str:
    return f"L{result.layer[row]}H{result.head[row]}, {result.directions[int(result.direction[row])]}"


def _heads(result: HeadParsing) -> None:
    """Draw every head's accuracy for one relation."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        relation = str(
            st.selectbox("Relation", result.relations, key=f"syntax_relation_{len(result.relations)}", width=220)
        )
        row = result.relations.index(relation)
        own = int(result.direction[row])
        direction = str(
            st.segmented_control(
                "Direction",
                result.directions,
                default=result.directions[own],
                key=f"syntax_way_{relation}",
                required=True,
            )
        )
        label = f"Open {_named(result, row).partition(',')[0]} in Attention"
        show = partial(_show, int(result.layer[row]), int(result.head[row]))
        ways.button(label, ways.ATTENTION, change=show, key="syntax_show")
    values = result.grid(relation, direction)
    labels = [f"L{layer}" for layer in range(values.shape[0])], [f"H{head}" for head in range(values.shape[1])]
    grid(100 * values, labels=labels, names=("layer", "head", "% of test words"), key="syntax_heads")


def _show(layer: int, head: int) -> None:
    view = selection.current().view
    selection.change(view=replace(view, layer=layer, head=head, shown="head"))
