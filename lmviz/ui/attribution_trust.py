"""Whether the picture can be relied on: the tests of each method, their curves, and a verdict in plain words."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.attribution.baselines import BASELINES
from lmviz.analyses.attribution.methods import takes
from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.results import Faithfulness
from lmviz.results.faithfulness import HOLDS
from lmviz.ui import attribution_asked, attribution_run, compare_table, frame, memory
from lmviz.ui.attribution_asked import TOLERANCE, Asked, Row
from lmviz.ui.predicting import files_and_method, named
from lmviz.ui.predictions import Answer

KEY, SLUG = "faithfulness", "faithfulness"
N_RANDOM, N_SHUFFLES = 50, 3
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a00", "#7f7f7f")  # Okabe and Ito
_NUMBERS = {  # of the table: what a column is called, and what it says
    "residue": ("left over, %", "Share of the difference to the baseline that its scores leave over."),
    "doubling": (
        "steps doubled, %",
        "Largest change of a score with twice the steps or samples, of its largest score.",
    ),
    "other_baseline": ("2nd baseline", "Rank correlation with what it says from another baseline."),
    "p_deletion": ("p, taken away", "How often a random order of words does as well when they are taken away."),
    "p_insertion": ("p, put in", "How often a random order of words does as well when they are put in."),
    "randomised": ("shuffled weights", "Rank correlation with what it says of models whose weights are shuffled."),
    "comprehensiveness": (
        "comprehensiveness",
        "What the first words take with them, mean over 1 to 50 % of the words.",
    ),
    "sufficiency": ("sufficiency", "What is missing when only the first words are there, mean over the same shares."),
}


def draw(asked: Asked) -> None:
    """Offer to put the picture to the test, and show what came of it."""
    st.header("Can it be relied on?", anchor=False)
    given = _given(asked)
    key: memory.Key = ("faithfulness", *asked.of_model, repr(given))
    task: Task | None = memory.jobs().find(KEY, of=key)
    is_running = task is not None and task.state.is_running
    if memory.RESULTS.peek(key) is None and not is_running:
        _offer(asked, given, key=key)
    drawn = partial(_drawn, task, key=key, was_running=is_running)
    st.fragment(drawn, run_every=1.0 if is_running else None)()


def _given(asked: Asked) -> dict[str, Any]:
    """Give the parameters of the tests."""
    first, *others = attribution_asked.embedded(asked.baselines)
    second = next((name for name in (*others, "mean", *BASELINES) if name != first), "zero")
    shared = {name: value for name, value in vars(asked.target).items() if value is not None}
    return {
        **shared,
        "methods": tuple(dict.fromkeys(row.slug for row in asked.rows)),
        "baseline": first,
        "second_baseline": second,
        "by": asked.chosen.level,
        "tolerance": TOLERANCE,
        "n_random": N_RANDOM,
        "n_shuffles": N_SHUFFLES,
    }


def _seconds(asked: Asked, given: dict[str, Any]) -> float:
    """Say about how long the tests will take."""
    n_tokens = len(asked.explained.encoding.table)
    each = [
        asked.seconds(Row(slug, given["baseline"]))
        * (1 + N_SHUFFLES + takes(slug, "n_steps") + takes(slug, "baseline"))
        for slug in given["methods"]
    ]
    n_passes = 2 * (N_RANDOM + len(each)) * min(n_tokens, 20)
    return sum(each) + attribution_asked.seconds_for(asked.model, n_passes, n_tokens=n_tokens)


def _offer(asked: Asked, given: dict[str, Any], *, key: memory.Key) -> None:
    def work(tell: Telling) -> None:
        analysis = ANALYSES[SLUG]
        timed = memory.timed(lambda: analysis.answer(asked.model, given, on_progress=tell))
        memory.RESULTS.get(key, lambda: Answer(timed.value, analysis.check(timed.value), timed.seconds))

    def begin() -> None:
        memory.jobs().start(KEY, Task(work, gate=gate(asked.model.device), name=KEY), of=key)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Put it to the test", key="trust_start", type="primary", on_click=begin)
        seconds = compare_table.duration(_seconds(asked, given))
        st.caption(f"About {seconds}. It runs in the background and can be stopped.", width="content")
    st.caption(
        "Do the scores add up, and have they settled? Does another baseline say the same? Does the answer go when the "
        "first words go, sooner than in random orders? Do the methods agree? And does the picture change when the "
        "model's weights are shuffled? If it does not, it is not about this model."
    )


def _drawn(task: Task | None, *, key: memory.Key, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()
    if task is not None:
        attribution_run.progress(task, key="trust_stop")
    answer: Answer | None = memory.RESULTS.peek(key)
    if answer is None:
        return
    result: Faithfulness = answer.result
    _verdict(result)
    _curves(result)
    _numbers(result)
    _agreement(result)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        frame.badge(answer.checks)
        st.caption(frame.seconds(answer.seconds), width="content")
    files_and_method(result, name="faithfulness")


def _verdict(result: Faithfulness) -> None:
    """Say it in words: the verdict, and for each method why."""
    said = st.success if set(result.verdicts) == {HOLDS} else st.warning
    icon = ":material/check:" if said is st.success else ":material/warning:"
    said(f"**{frame.plain(result.summary, longest=400)}**", icon=icon)
    for title, verdict, why in zip(result.titles, result.verdicts, result.reasons, strict=True):
        st.markdown(f"**{frame.plain(title)}**, {verdict}: {frame.plain(' '.join(why), longest=1000)}")


def _curves(result: Faithfulness) -> None:
    """Draw both kinds of curves over the band of random orders."""
    left, right = st.columns(2, gap="medium")
    for column, curve, doing in ((left, "deletion", "taken away"), (right, "insertion", "put in")):
        low, high = result.band(curve)
        band = pd.DataFrame({"share": result.fractions, "low": low, "high": high})
        values = getattr(result, curve)
        lines = pd.DataFrame(
            {"share": share, "value": value, "method": title}
            for row, title in enumerate(result.titles)
            for share, value in zip(result.fractions.tolist(), values[row].tolist(), strict=True)
        )
        with column:
            st.markdown(f"**The first words {doing}**")
            st.vega_lite_chart(_spec(result, band, lines, doing=doing), key=f"trust_{curve}")
    st.caption(
        f"Grey: 95 of 100 random orders lie there (n = {result.n_random}). Taken away, a good order falls sooner; "
        "put in, it rises sooner."
    )


def _spec(result: Faithfulness, band: pd.DataFrame, lines: pd.DataFrame, *, doing: str) -> dict[str, Any]:
    """Describe lines over a band; each brings its numbers along, for they are of two tables."""
    x = {
        "field": "share",
        "type": "quantitative",
        "title": f"share of words {doing}",
        "scale": {"domain": [0, 1]},
        "axis": {"tickCount": 5},
    }
    y = {"type": "quantitative", "scale": {"zero": False}, "title": result.unit}
    area = {
        "data": {"values": band.to_dict("records")},
        "mark": {"type": "area", "color": "#868da0", "opacity": 0.25},
        "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    tooltip = [{"field": "method"}, {"field": "share", "format": ".2f"}, {"field": "value", "format": ".4g"}]
    line = {
        "data": {"values": lines.to_dict("records")},
        "mark": {"type": "line", "point": {"size": 25}, "strokeWidth": 2},
        "encoding": {"x": x, "y": {**y, "field": "value"}, "color": _colour(result.titles), "tooltip": tooltip},
    }
    return {"height": 300, "layer": [area, line]}


def _colour(titles: Sequence[str]) -> dict[str, Any]:
    """Give each method a colour of its own."""
    colours = [_COLOURS[at % len(_COLOURS)] for at in range(len(titles))]
    return {
        "field": "method",
        "type": "nominal",
        "scale": {"domain": list(titles), "range": colours},
        "legend": {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 200},
    }


def _numbers(result: Faithfulness) -> None:
    """Write the numbers of all tests, a row for each method."""
    table = result.to_summary()
    difference = abs(result.value - result.baseline_value) or float("nan")
    table["residue"] = 100 * table["residue"].abs() / difference
    table["doubling"] = 100 * table["doubling"]
    gauge = st.column_config.ProgressColumn(
        _NUMBERS["residue"][0], help=_NUMBERS["residue"][1], min_value=0.0, max_value=20.0, format="%.2g"
    )
    columns = {
        name: st.column_config.NumberColumn(title, help=said, format="%.3g")
        for name, (title, said) in _NUMBERS.items()
        if name != "residue"
    }
    st.dataframe(
        table[["method", "verdict", *_NUMBERS]],
        hide_index=True,
        height="content",
        column_config={"method": st.column_config.Column(pinned=True), "residue": gauge, **columns},
    )
    if not np.isnan(result.chance):
        st.caption(
            "None: a test that the method has no use for. Shuffled weights: where there is no relation the "
            f"correlation stays under {result.chance:.2f} in 95 of 100 cases."
        )


def _agreement(result: Faithfulness) -> None:
    """Write how alike the methods are, and which words each puts first."""
    if len(result.titles) < 2:
        return
    with st.expander("Where the methods agree", expanded=True, type="compact"):
        st.caption(
            f"The {result.n_top} largest words of each, and the rank correlation of all words with each other one"
        )
        rows = range(len(result.titles))
        words = {"method": result.titles, "words": [_largest(result, row) for row in rows]}
        others = {title: result.agreement[:, column] for column, title in enumerate(result.titles)}
        number = st.column_config.NumberColumn(format="%.2f")
        config = {"method": st.column_config.Column(pinned=True), **dict.fromkeys(result.titles, number)}
        st.dataframe(pd.DataFrame({**words, **others}), hide_index=True, height="content", column_config=config)


def _largest(result: Faithfulness, row: int) -> str:
    scores = result.scores[row]
    order = np.argsort(-np.abs(scores), kind="stable")[: result.n_top]
    return " · ".join(f"{'−' if scores[at] < 0 else '+'}{named(result.players[at])}" for at in order)
