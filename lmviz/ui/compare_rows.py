"""Many texts on the compare page: given as a file or as lines, answered in the background, sorted by disagreement."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lmviz.analyses.compare.rows import TASKS, Columns, compare_rows, compared_rows, tasks_for
from lmviz.datasets.tables import TEXT, Record, Row, columns, kind_of, read_rows
from lmviz.engine.jobs import Job
from lmviz.engine.local import gate
from lmviz.results import RowAnswer
from lmviz.ui import compare_table, comparing, frame, memory, selection
from lmviz.ui.comparing import Pairing

KEY = "rows"
LONGEST_WAIT = 2.0  # seconds; what takes longer is said beforehand
_GIVEN, _NONE = "_rows_given", "(none)"
_EXAMPLE = (
    "The keys to the cabinet are on the table.\nThe keys to the cabinet is on the table.\nThe cat sat on the mat."
)


@dataclass(frozen=True)
class Source:
    """A file as it was given, or lines that were typed."""

    name: str
    kind: str
    data: bytes

    @property
    def fingerprint(self) -> str:
        """Name the content."""
        return hashlib.sha256(self.kind.encode() + self.data).hexdigest()[:16]

    def rows(self) -> Iterator[Row]:
        """Read it from the start."""
        return read_rows(io.BytesIO(self.data), self.kind)


def rows(pair: Pairing) -> None:
    """Ask for texts and a task, run them in the background, and show what is there."""
    source = _source()
    if source is None:
        return
    places = _columns(source)
    task = _task(pair)
    n_rows, n_characters = _extent(source, places.text)
    of = (task, places, source.fingerprint, *pair.key[:4])
    if pair.a is pair.b and places.text_b is None:
        frame.hint("Both sides are the same: choose another model under B, or a column with a text for B.")
        return
    job = memory.jobs().find(KEY, of=of)
    _start(pair, source, places, asked=(task, n_rows, n_characters), of=of)
    if job is not None:
        _watch(job, pair, task, places)


def _source() -> Source | None:
    """Ask for the texts; what was given stays when the person looks at something else meanwhile."""
    given: Source | None = st.session_state.get(_GIVEN)
    if given is not None and given.name:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/description: **{frame.plain(given.name)}**, {len(given.data):,} bytes")
            st.button("Other texts", key="rows_other", on_click=_forget, type="tertiary")
        return given
    left, right = st.columns(2, gap="medium")
    with left:
        typed = st.text_area(
            "One text per line",
            given.data.decode("utf-8", "replace") if given is not None else "",
            height=140,
            key="rows_typed",
            placeholder=_EXAMPLE,
        )
    with right:
        file = st.file_uploader(
            "Or a file: CSV, TSV, JSONL, or a text in each line",
            type=["csv", "tsv", "tab", "jsonl", "ndjson", "txt"],
            key="rows_file",
            help="The first line of a CSV or TSV file names its columns. The file stays on this computer.",
        )
    if file is not None:
        st.session_state[_GIVEN] = Source(file.name, kind_of(file.name), file.getvalue())
        st.rerun()
    if not typed.strip():
        st.session_state.pop(_GIVEN, None)
        st.info("Write or paste texts, one per line, or give a file.")
        return None
    st.session_state[_GIVEN] = Source("", "lines", typed.encode("utf-8", "replace"))
    return st.session_state[_GIVEN]  # type: ignore[no-any-return]


def _forget() -> None:
    st.session_state.pop(_GIVEN, None)


def _columns(source: Source) -> Columns:
    """Ask which columns hold the texts; of plain lines there is only one."""
    names = columns(io.BytesIO(source.data), source.kind)
    if names == (TEXT,):
        return Columns()
    with st.container(horizontal=True, gap="small"):
        first = _likely(names, (TEXT, "sentence", "prompt", "question", "premise"))
        text = st.selectbox("Column of texts", names, index=names.index(first), key="rows_text", width=200)
        optional = (_NONE, *names)
        pair = _likely(optional, ("text_pair", "sentence2", "hypothesis"))
        second = _likely(optional, ("text_b", "changed", "edited"))
        text_pair = st.selectbox(
            "Column of second texts", optional, index=optional.index(pair), key="rows_pair", width=200
        )
        text_b = st.selectbox(
            "Column of texts for B",
            optional,
            index=optional.index(second),
            key="rows_b",
            width=200,
            help="None: both read the same.",
        )
    return Columns(text, *(None if name == _NONE else name for name in (text_pair, text_b)))


def _likely(names: tuple[str, ...], known: tuple[str, ...]) -> str:
    return next((name for name in names if name.lower() in known), names[0])


def _task(pair: Pairing) -> str:
    """Ask what is compared."""
    can = [slug for slug, reason in tasks_for(pair.a, pair.b).items() if not reason]
    has_masks = any(model.kind == "encoder" for model in (pair.a, pair.b))
    first = "surprisal" if has_masks and "surprisal" in can else can[0]  # few texts have masks
    return str(
        st.segmented_control(
            "Task", can, default=first, key="rows_task", format_func=lambda slug: TASKS[slug].title, required=True
        )
    )


def _extent(source: Source, text: str) -> tuple[int, int]:
    """Count rows and their characters."""

    def count() -> tuple[int, int]:
        lengths = [len(row.fields.get(text, "")) if isinstance(row, Record) else 0 for row in source.rows()]
        return len(lengths), sum(lengths)

    return memory.result(("rows", source.fingerprint, text), count)


def _start(pair: Pairing, source: Source, places: Columns, *, asked: tuple[str, int, int], of: object) -> None:
    """Offer to begin, saying how long it will take."""
    task, n_rows, n_characters = asked
    seconds = comparing.seconds_for_rows(pair, task, n_rows=n_rows, n_characters=n_characters)
    said = f"about {compare_table.duration(seconds)}" if seconds > LONGEST_WAIT else "a moment"

    def begin() -> None:
        batches = compare_rows(pair.a, pair.b, rows=source.rows(), task=task, columns=places)
        memory.jobs().start(KEY, Job(batches, n_rows, gate=gate(pair.a.device), name="rows"), of=of)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Compare", key="rows_start", type="primary", on_click=begin)
        st.caption(f"{n_rows:,} rows, {said}. It runs in the background and can be stopped.", width="content")


def _watch(job: Job[Any], pair: Pairing, task: str, places: Columns) -> None:
    """Show what is there; comes again every second while more is on its way."""
    was_running = job.state.is_running
    draw = st.fragment(_drawn, run_every=1.0 if was_running else None)
    draw(job, pair, task, places, was_running)


def _drawn(job: Job[Any], pair: Pairing, task: str, places: Columns, was_running: bool) -> None:
    state = job.state
    if was_running and not state.is_running:
        st.rerun()  # the whole page once more, which ends the coming again
    compare_table.progress(job)
    answers: tuple[RowAnswer, ...] = job.items
    opened = compare_table.table(answers, TASKS[task])
    if not state.is_running and answers:
        result = compared_rows(pair.a, pair.b, answers=answers, task=task, columns=places)
        compare_table.export(result)
    if opened is not None:
        _open(opened, task)


def _open(row: RowAnswer, task: str) -> None:
    """Look at one row in the picture that belongs to the task."""
    chosen = selection.current()
    slug = {"tokens": "token-distributions"}.get(task, task)
    selection.change(text=row.text, text_pair=row.text_pair or chosen.text_pair, text_b=row.text_b, compared=slug)
    selection.write_link()
    st.rerun(scope="app")
