"""The table of many compared texts: how far it is, the rows that disagree most, one to open, files to take away."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.compare.rows import RowTask
from lmviz.engine.jobs import Job
from lmviz.results import RowAnswer, RowAnswers
from lmviz.ui import exports, frame
from lmviz.ui.predicting import figure, named

PER_PAGE = 100
_ORDERS = {"apart": "Furthest apart first", "alike": "Most alike first", "file": "In the order of the file"}
_TURN = "_rows_turn"  # how often a row was opened: a new table has no row selected


def duration(seconds: float) -> str:
    """Write seconds as a person says them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def progress(job: Job[Any], *, key: str = "rows_stop", noun: str = "rows") -> None:
    """Say how far it is, how long it will still take, and offer to stop it."""
    state = job.state
    done = f"{state.n_done:,} of {state.n_items:,} {noun}"
    if not state.is_running:
        ended = {"done": "Done", "cancelled": "Stopped; what is done is kept", "failed": "Failed"}[state.outcome]
        st.caption(f"{ended}: {done} in {duration(state.seconds)}.")
        if state.sentence:
            frame.sentence(state.sentence)
        return
    left = "" if state.seconds_left is None else f", about {duration(state.seconds_left)} left"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(state.fraction, text=f"{done}{left}", width=520)
        st.button("Stop", key=key, on_click=job.cancel)


def table(answers: Sequence[RowAnswer], task: RowTask) -> RowAnswer | None:
    """Draw a page of the answers; give the row that was clicked."""
    good = [answer for answer in answers if not answer.problem]
    _problems([answer for answer in answers if answer.problem], is_all=not good)
    if not good:
        return None
    _summary(good, task)
    shown = _chosen(good)
    page = _page(len(shown))
    rows = shown[page * PER_PAGE : (page + 1) * PER_PAGE]
    turn = st.session_state.setdefault(_TURN, 0)
    event: Any = st.dataframe(
        _frame(rows),
        key=f"rows_table_{turn}_{page}",
        hide_index=True,
        height="content" if len(rows) <= 12 else 460,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "A": st.column_config.NumberColumn(f"A, {task.value}", format="%.4f"),
            "B": st.column_config.NumberColumn(f"B, {task.value}", format="%.4f"),
            "disagreement": st.column_config.ProgressColumn(
                "disagreement",
                help=task.disagreement,
                format="%.4f",
                min_value=0.0,
                max_value=max(1e-9, *(row.disagreement for row in good)),
            ),
        },
    )
    st.caption("Click the box at the left of a row to open it.")
    picked: list[int] = event.selection.rows
    if not picked or picked[0] >= len(rows):
        return None
    st.session_state[_TURN] = turn + 1
    return rows[picked[0]]


def _problems(broken: Sequence[RowAnswer], *, is_all: bool) -> None:
    """List the rows that have no answer, by their lines."""
    if broken:
        noun = "row has" if len(broken) == 1 else "rows have"
        with st.expander(f":orange[{len(broken):,} {noun} no answer]", type="compact", expanded=is_all):
            st.dataframe(
                {"line": [row.line for row in broken], "why": [row.problem for row in broken]},
                hide_index=True,
                height="content" if len(broken) <= 10 else 300,
            )


def _summary(good: Sequence[RowAnswer], task: RowTask) -> None:
    apart = np.array([row.disagreement for row in good])
    n_other = sum(row.answer_a != row.answer_b for row in good)
    said = "" if task.slug == "surprisal" else f"**{n_other:,} of {len(good):,}** rows have another answer. "
    st.markdown(f"{said}Mean disagreement {figure(float(apart.mean()))}: {task.disagreement}.")


def _chosen(good: Sequence[RowAnswer]) -> list[RowAnswer]:
    """Ask what is listed and in which order."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = st.selectbox("Order", list(_ORDERS), key="rows_order", format_func=_ORDERS.__getitem__, width=220)
        wanted = st.text_input("Only rows with", key="rows_filter", placeholder="a word", width=220)
        is_other = st.toggle("Only other answers", key="rows_only_other")
    shown = [row for row in good if not is_other or row.answer_a != row.answer_b]
    if wanted.strip():
        needle = wanted.casefold()
        fields = ("text", "text_b", "answer_a", "answer_b")
        shown = [row for row in shown if any(needle in getattr(row, name).casefold() for name in fields)]
    if order == "file":
        return shown
    return sorted(shown, key=lambda row: row.disagreement, reverse=order == "apart")


def _page(n_rows: int) -> int:
    """Ask which page is shown, from 0."""
    n_pages = max(1, -(-n_rows // PER_PAGE))
    if n_pages == 1:
        st.caption(f"{n_rows:,} rows")
        return 0
    page = st.number_input(f"Page of {n_pages:,}", 1, n_pages, 1, key=f"rows_page_{n_pages}", width=160)
    first = (int(page) - 1) * PER_PAGE
    st.caption(f"Rows {first + 1:,} to {min(n_rows, first + PER_PAGE):,} of {n_rows:,}")
    return int(page) - 1


def _frame(rows: Sequence[RowAnswer]) -> pd.DataFrame:
    has_b = any(row.text_b for row in rows)
    columns: dict[str, list[Any]] = {
        "line": [row.line for row in rows],
        "text": [row.text for row in rows],
        **({"text of B": [row.text_b for row in rows]} if has_b else {}),
        "A says": [named(row.answer_a) for row in rows],
        "B says": [named(row.answer_b) for row in rows],
        "disagreement": [row.disagreement for row in rows],
        "A": [row.value_a for row in rows],
        "B": [row.value_b for row in rows],
    }
    return pd.DataFrame(columns)


def export(result: RowAnswers) -> None:
    """Offer all rows as files."""
    with st.expander("Export", type="compact"), st.container(horizontal=True):
        exports.buttons(result, name="compare-rows")
