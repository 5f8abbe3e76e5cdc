"""What is asked on the bias page: which benchmark, of which rows, scored how, of which models."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lmviz.analyses.bias.benchmarks import BENCHMARKS, bias_run
from lmviz.analyses.bias.running import BenchmarkRun
from lmviz.capture import budget
from lmviz.ui import comparing, controls, frame, memory, selection, uploads
from lmviz.ui.uploads import Given

SOURCES: Mapping[str, str] = {
    "shipped": "Ships with lmviz",
    "published": "Published data set",
    "file": "Your file",
    "pasted": "Paste pairs",
}
_PASTES = ("minimal-pairs",)
_PER_TOKEN = frozenset({"nangia", "shared-tokens", "pll"})  # of encoders: a pass for each token
_OF_COPIES = 0.15  # what a pass of many masked copies, the head only at the masks, takes of the time of one for each
_FILE, _TYPED = "_bias_file", "bias_pasted"


@dataclass(frozen=True, eq=False)
class Asked:
    """A benchmark on one model or two, prepared; nothing has run yet.

    `runs` are those of A and, where there is one, B. `counts` are the rows of each category of the source, `n_rows`
    those that are asked for. `key` tells one question from another.
    """

    runs: tuple[BenchmarkRun, ...]
    counts: Mapping[str, int]
    n_rows: int
    params: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The benchmark's name."""
        return self.runs[0].benchmark.slug

    @property
    def key(self) -> str:
        """What makes it this question: the models, the data, the parameters."""
        return digest([{**run.signature, "device": run.model.device} for run in self.runs])

    @property
    def seconds(self) -> float:
        """About how long it will take on this machine."""
        return sum(seconds_for(run, self.n_rows) for run in self.runs)


def digest(value: object) -> str:
    """Name a value by its content."""
    return hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest()[:24]


def models() -> tuple[Any, ...]:
    """Give the model of the sidebar and, where one is chosen, the second.

    Raises:
        LmvizError: One cannot be had.
    """
    chosen = selection.current()
    first = controls.model()
    is_pair = bool(chosen.model_b) and chosen.model_b != chosen.model
    return (first, controls.model_b()) if is_pair else (first,)


def source() -> tuple[bool, str | None]:
    """Ask where the rows come from; say whether there is anything, and what the analyses take as their source."""
    chosen = selection.current()
    if chosen.source == "published":
        return True, _package(BENCHMARKS[chosen.benchmark].packages)
    if chosen.source == "file":
        return _file()
    if chosen.source == "pasted" and chosen.benchmark in _PASTES:
        return _pasted()
    return True, None


def _package(names: Sequence[str]) -> str | None:
    """Ask which of the published sets, where there are several."""
    if len(names) < 2:
        return names[0] if names else None
    return str(st.selectbox("Which published set", names, key=f"bias_package_{names[0]}", width=240))


def sources_of(slug: str) -> list[str]:
    """Give the sources that a benchmark can have."""
    has = {"published": bool(BENCHMARKS[slug].packages), "pasted": slug in _PASTES}
    return [name for name in SOURCES if has.get(name, True)]


def _file() -> tuple[bool, str | None]:
    given: Given | None = st.session_state.get(_FILE)
    if given is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/description: **{frame.plain(given.name)}**, {given.n_bytes:,} bytes")
            st.button("Another file", key="bias_other", on_click=_forget, type="tertiary")
        return True, str(given.path)
    file = st.file_uploader(
        "CSV, TSV or JSONL with the columns of this benchmark",
        type=["csv", "tsv", "tab", "txt", "jsonl", "ndjson", "json"],
        key="bias_file",
        help="The file stays on this computer. Rows that cannot be read are named by their number and left out.",
    )
    if file is not None:
        st.session_state[_FILE] = uploads.keep(file.name, file.getvalue())
        st.rerun()
    st.info("Give a file, or choose another source.")
    return False, None


def _forget() -> None:
    st.session_state.pop(_FILE, None)


def _pasted() -> tuple[bool, str | None]:
    """Take two texts a line, with a tab or a bar between them, as they come from a spreadsheet."""
    typed = st.text_area(
        "Two texts in each line, the one you expect to be preferred first, a tab or | between them",
        key=_TYPED,
        height=120,
        placeholder="The keys to the cabinet are here. | The keys to the cabinet is here.",
    )
    if not typed.strip():
        st.info("Write or paste pairs of texts, one pair in each line.")
        return False, None
    return True, str(uploads.keep("pasted.csv", pairs_csv(typed)).path)


def pairs_csv(typed: str) -> bytes:
    """Write lines of two texts as a table with the columns `more` and `less`; a line without two has one empty."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("more", "less"))
    for line in typed.splitlines():
        if not line.strip():
            table.write("\n")  # the numbers of the lines after it stay right
            continue
        between = next((mark for mark in ("\t", " | ") if mark in line), "|")
        first, _, second = line.partition(between)
        writer.writerow((first.strip(), second.strip()))
    return table.getvalue().encode("utf-8", "replace")


def prepare(models_: Sequence[Any], source_: str | None, *, params: Mapping[str, Any]) -> tuple[BenchmarkRun, ...]:
    """Prepare the chosen benchmark on every model, for all rows and scored by each model's default.

    Args:
        models_: One or two.
        source_: As the analyses take it.
        params: Of the benchmark besides.

    Raises:
        LmvizError: A model cannot have it, the source cannot be had, or a parameter makes no sense.
    """
    slug = selection.current().benchmark
    with st.spinner("Reading the rows …", show_time=True):
        return tuple(bias_run(slug, one, source=source_, **params) for one in models_)


def ask(prepared: Sequence[BenchmarkRun], *, variant: str | None, params: Mapping[str, Any]) -> Asked:
    """Narrow down what `prepare` gave to the rows and the way of scoring that are asked for.

    Args:
        prepared: One or two; not every kind of model has every variant, and one that lacks it keeps its default.
        variant: A way of scoring, or None for each model's own default.
        params: Of the benchmark besides the source.

    Returns:
        What can be run, and how many rows there are.

    Raises:
        LmvizError: The source cannot be read.
    """
    chosen, counts = selection.current(), counts_of(prepared[0])
    wanted = tuple(name for name in chosen.categories.split("|") if name in counts and name)
    n_rows = sum(n for name, n in counts.items() if not wanted or name in wanted or not name)
    limit = chosen.limit if 0 < chosen.limit < n_rows else None
    given = {**params, "source": prepared[0].params.source, "limit": limit, "categories": wanted}
    runs = (
        bias_run(chosen.benchmark, one.model, **given, variant=variant if variant in one.variants else None)
        for one in prepared
    )
    return Asked(tuple(runs), counts, limit or n_rows, given)


def counts_of(run: BenchmarkRun) -> Mapping[str, int]:
    """Count the rows of the source, once."""
    return memory.result(
        ("bias-counts", digest((run.signature["data"], run.signature["parameters"]))), lambda: run.counts
    )


def seconds_for(run: BenchmarkRun, n_rows: int) -> float:
    """Say about how long so many rows will take, from the speed of the model here and texts of usual length."""
    n_tokens = 18
    one = budget.estimate(run.model, n_tokens, places=()).seconds
    is_masked = run.model.kind == "encoder" and run.variant in _PER_TOKEN
    passes = n_tokens * _OF_COPIES if is_masked else comparing.IN_BATCHES
    return one * 2 * passes * n_rows
