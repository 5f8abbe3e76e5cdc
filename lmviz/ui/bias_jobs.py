"""Benchmarks in the background: several runs one after the other, what is done of each, and what was done before."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import streamlit as st

from lmviz.engine.jobs import Job
from lmviz.engine.local import gate
from lmviz.ui import compare_table, memory

KEY = "bias"
LONGEST_WAIT = 2.0  # seconds; what takes longer is said beforehand
Named = tuple[str, Any]
Runs = Mapping[str, Any]  # by name, each with a `model`, `batches(done)` and `result(items)`
_DONE = "_bias_done"
_MOST_KEPT = 16  # of what this visitor has run, so that going back shows it again


def start(runs: Runs, n_items: int, *, of: str) -> None:
    """Run what is left of every run; whatever this visitor ran here before is stopped, and what is done of it kept."""
    _forget_oldest()
    before, device = find(of), next(iter(runs.values())).model.device
    done = () if before is None else before.items
    batches, n_all = _batches(runs, done), n_items * len(runs)
    job: Job[Named] = Job(batches, n_all, gate=gate(device), name="bias", n_before=len(done))
    memory.jobs().start(KEY, job, of=of)
    st.session_state.setdefault(_DONE, OrderedDict())[of] = job


def _batches(runs: Runs, done: tuple[Named, ...]) -> Iterator[tuple[Named, ...]]:
    for name, run in runs.items():
        for batch in run.batches(tuple(item for owner, item in done if owner == name)):
            yield tuple((name, item) for item in batch)


def _forget_oldest() -> None:
    """Forget the oldest of what was run."""
    done: OrderedDict[str, Job[Named]] = st.session_state.setdefault(_DONE, OrderedDict())
    while len(done) >= _MOST_KEPT:
        done.popitem(last=False)


def find(of: str) -> Job[Named] | None:
    """Give what was run for a question, whether it goes on, has ended or was stopped."""
    found: Job[Named] | None = st.session_state.get(_DONE, {}).get(of)
    return found


def results(runs: Runs, job: Job[Named], *, of: str) -> dict[str, Any]:
    """Sum up what there is so far of each run, those without an item left out."""
    items = job.items
    found = {}
    for name, run in runs.items():
        scores = [score for owner, score in items if owner == name]
        if scores:
            found[name] = memory.result(("bias", of, name, len(scores)), partial(run.result, scores))
    return found


def offer(runs: Runs, *, extent: tuple[int, float], of: str, label: str, noun: str = "rows") -> None:
    """Offer to begin, saying how long it will take; a click ends what this visitor runs here already.

    `extent` is how many items each run gives, and about how many seconds all of them take.
    """
    n_items, seconds = extent
    said = f"about {compare_table.duration(seconds)}" if seconds > LONGEST_WAIT else "a moment"
    each = f"{n_items:,} {noun}" if len(runs) == 1 else f"{n_items:,} {noun}, {len(runs)} times"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            _label(label, of), key="bias_start", type="primary", on_click=start, args=(runs, n_items), kwargs={"of": of}
        )
        st.caption(f"{each}, {said}. It runs in the background and can be stopped.", width="content")


def _label(label: str, of: str) -> str:
    """Write on the button what it does: a run that was stopped goes on."""
    job = find(of)
    was_stopped = job is not None and job.state.outcome == "cancelled" and bool(job.items)
    return "Go on" if was_stopped else label


def watch(job: Job[Named], draw: Callable[[], Any], *, noun: str = "rows") -> None:
    """Show what is there; comes again every second while more is on its way."""
    was_running = job.state.is_running

    def drawn() -> None:
        if was_running and not job.state.is_running:
            st.rerun()  # the whole page once more, which ends the coming again
        compare_table.progress(job, key="bias_stop", noun=noun)
        draw()

    st.fragment(drawn, run_every=1.0 if was_running else None)()
