"""The answers of the attribution page, found in the background: what is quick at once, the rest on a click."""

from collections.abc import Sequence

import streamlit as st

from lmviz.engine.local import gate
from lmviz.engine.tasks import Task, Telling
from lmviz.ui import compare_table, frame, memory
from lmviz.ui.attribution_asked import Asked, Row

KEY = "attribution"
AT_ONCE = 20.0  # seconds; it can be stopped, but what takes longer waits for a click
_FIRST_LOOK = 0.7  # seconds that are waited before the page comes again by itself


def begun(asked: Asked) -> Task | None:
    """Begin with what is quick, unless something is on its way or was stopped; give what is there."""
    task: Task | None = memory.jobs().find(KEY, of=_of(asked))
    quick = sorted((row for row in missing(asked) if asked.seconds(row) <= AT_ONCE), key=asked.seconds)
    if task is None and quick:
        task = start(asked, quick)
        task.wait(_FIRST_LOOK)
    return task


def _of(asked: Asked) -> tuple[str, tuple[Row, ...], str]:
    return asked.key, asked.rows, asked.chosen.level


def missing(asked: Asked) -> list[Row]:
    """Give the rows that have no answer yet."""
    return [row for row in asked.rows if asked.answer(row) is None]


def start(asked: Asked, rows: Sequence[Row]) -> Task:
    """Find the answers of some rows in the background; what this visitor ran here before is stopped."""

    def work(tell: Telling) -> None:
        costs = [asked.seconds(row) for row in rows]
        for number, row in enumerate(rows):
            done, own = sum(costs[:number]) / sum(costs), costs[number] / sum(costs)

            def told(
                fraction: float, message: str = "", *, row: Row = row, done: float = done, own: float = own
            ) -> None:
                tell(done + own * fraction, f"{row.title}: {message}" if message else row.title)

            told(0.0)
            asked.run(row, on_progress=told)

    task = Task(work, gate=gate(asked.model.device), name=KEY)
    return memory.jobs().start(KEY, task, of=_of(asked))


def progress(task: Task, *, key: str) -> None:
    """Say how far a task is, how long it will still take, and offer to stop it."""
    state = task.state
    if state.is_running:
        left = "" if state.seconds_left is None else f", about {compare_table.duration(state.seconds_left)} left"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(state.fraction, text=f"{frame.plain(state.message) or 'Begins'}{left}", width=520)
            st.button("Stop", key=key, on_click=task.cancel)
    elif state.sentence:
        frame.sentence(state.sentence)
    elif state.outcome == "cancelled":
        st.caption("Stopped; what is done is kept.")


def offer(asked: Asked) -> None:
    """Offer to run what is missing, saying how long it will take."""
    rows = missing(asked)
    if not rows:
        return
    seconds = sum(asked.seconds(row) for row in rows)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        names = ", ".join(row.title for row in rows)
        st.button("Explain", key="why_start", type="primary", on_click=_begin, args=(asked, rows))
        st.caption(f"{names}: about {compare_table.duration(seconds)}. It can be stopped.", width="content")


def _begin(asked: Asked, rows: Sequence[Row]) -> None:
    start(asked, rows)
