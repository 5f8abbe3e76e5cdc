"""What is asked of the probes: a task, where its sentences come from, a probe, and how it is divided."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from lmviz.analyses.probing.edge_probe import Params as EdgeParams
from lmviz.analyses.probing.fitting import FITS
from lmviz.analyses.probing.material import HELD_OUT
from lmviz.analyses.probing.mdl_probe import MdlParams
from lmviz.analyses.probing.probe_run import Params, ProbeRun, probe_run
from lmviz.analyses.probing.sources import ALL, PUBLISHED, SHIPPED, TREES
from lmviz.analyses.probing.structural_probe import Params as StructuralParams
from lmviz.analyses.probing.tasks import TASKS
from lmviz.analyses.probing.v_information import Params as InformationParams
from lmviz.analyses.probing.vectors import POOLINGS
from lmviz.ui import choices, controls, frame, memory, selection, uploads
from lmviz.ui.uploads import Given

PROBES: Mapping[str, str] = {
    "linear": "Linear probe",
    "mlp": "MLP probe",
    "mdl": "Online code (MDL)",
    "v-information": "V-information",
    "edge": "Edge probe (mix of layers)",
    "structural": "Structural probe (trees)",
}
SOURCES: Mapping[str, str] = {"shipped": "Ships with lmviz", "published": "Published data set", "file": "Your file"}
_HELD: Mapping[str, str] = {"sentence": "Sentences", "word": "Words", "lemma": "Lemmas"}
_POOLED: Mapping[str, str] = {"mean": "Mean", "first": "First", "last": "Last"}
_FILE, _RUNS = "_probing_file", "_probing_runs"
_MOST_RUNS, _MOST_OF_EDGES = 4, 1000
_FACTORS = {
    "mdl-probe": 2.0,
    "v-information": 0.5,
    "structural-probe": 1.5,
    "edge-probe": 1.0,
}  # of the time of linear probes, about
_TREES_FROM = "ud-english-ewt"


@dataclass(frozen=True, eq=False)
class Asked:
    """A question to one model, ready to be asked: the analysis, its parameters, and the run they come to."""

    slug: str
    model: Any
    params: Any
    run: ProbeRun

    @property
    def key(self) -> memory.Key:
        """What makes it this question."""
        return (
            "probing",
            self.slug,
            self.model.id,
            str(self.model.device),
            self.model.dtype,
            self.run.material.fingerprint,
            repr(self.params),
        )

    @property
    def seconds(self) -> float:
        """About how long it will take here."""
        return self.run.seconds * _FACTORS.get(self.slug, 1.0)


def what() -> tuple[bool, str | None]:
    """Ask for the task, the source and the probe; say whether there is anything to read, and the source."""
    chosen = selection.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection.keep_widget("probed", chosen.probed)
        st.selectbox(
            "Task",
            choices.PROBED,
            key="probed",
            format_func=ALL.__getitem__,
            on_change=controls.take("probed"),
            width=260,
            disabled=chosen.probe == "structural",
        )
        sources = sources_of(chosen.probed)
        selection.keep_widget("source", chosen.source if chosen.source in sources else _usual(sources))
        st.selectbox(
            "Source",
            sources,
            key="source",
            format_func=SOURCES.__getitem__,
            on_change=controls.take("source"),
            width=200,
            help="A published data set is fetched once, checked, and kept on this computer.",
        )
        _probe(chosen.probe)
        controls.ask_model_b("Second model", alone="None", help_="On the same axis, by relative depth. ", width=260)
    source = st.session_state["source"]
    if source == "file":
        return _file()
    if source == "published":
        return True, _TREES_FROM if chosen.probed in TASKS else chosen.probed
    return True, None


def _probe(probe: str) -> None:
    """Ask what is fitted."""
    selection.keep_widget("probe", probe)
    st.selectbox(
        "Probe",
        choices.PROBES,
        key="probe",
        format_func=PROBES.__getitem__,
        on_change=controls.take("probe"),
        width=200,
        help="A linear probe reads what stands along directions; a small network (MLP) finds more and learns "
        "more by heart; the online code says how many bits the labels still take.",
    )


def tree_source() -> tuple[bool, str | None]:
    """Ask where sentences with trees come from; a file is given further below."""
    chosen = selection.current()
    sources = sources_of(next(iter(TASKS)))
    selection.keep_widget("source", chosen.source if chosen.source in sources else _usual(sources))
    source = st.selectbox(
        "Source", sources, key="source", format_func=SOURCES.__getitem__, on_change=controls.take("source"), width=200
    )
    if source == "file":
        return _file()
    return True, _TREES_FROM if source == "published" else None


def _usual(sources: Sequence[str]) -> str:
    """Give the source that needs no network."""
    return "shipped" if "shipped" in sources else "file"


def sources_of(task: str) -> list[str]:
    """Give the sources that a task can have."""
    ships = TREES if task in TASKS else task
    has = {
        "shipped": ships in SHIPPED,
        "published": (_TREES_FROM if task in TASKS else task) in PUBLISHED,
    }
    return [name for name in SOURCES if has.get(name, True)]


def _file() -> tuple[bool, str | None]:
    given: Given | None = st.session_state.get(_FILE)
    if given is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/description: **{frame.plain(given.name)}**, {given.n_bytes:,} bytes")
            st.button("Another file", key="probing_other", on_click=_forget, type="tertiary")
        return True, str(given.path)
    is_tree = selection.current().probed in TASKS
    file = st.file_uploader(
        "CoNLL-U with trees" if is_tree else "Sentences with labels: CSV, TSV, JSONL or CoNLL columns",
        type=["conllu"] if is_tree else ["csv", "tsv", "jsonl", "conll", "bio", "iob"],
        key=f"probing_file_{is_tree}",
        help="The file stays on this computer. It is divided into train, dev and test; no sentence is on two sides."
        if is_tree
        else "A label per sentence (columns text, label), per word (words, labels) or per span (text, spans). The file "
        "stays on this computer. It is divided into train, dev and test; no sentence is on two sides.",
    )
    if file is not None:
        st.session_state[_FILE] = uploads.keep(file.name, file.getvalue())
        st.rerun()
    st.info("Give a file, or choose another source.")
    return False, None


def _forget() -> None:
    st.session_state.pop(_FILE, None)


def details() -> dict[str, Any]:
    """Ask for what most people leave as it is."""
    chosen = selection.current()
    with st.expander("How it is probed", type="compact"), st.container(horizontal=True, vertical_alignment="bottom"):
        n_seeds = st.number_input(
            "Seeds",
            1,
            20,
            5,
            key="probing_seeds",
            width=110,
            help="Each leaves out another tenth to train on and draws another control.",
        )
        pooling = st.selectbox(
            "A word is its pieces'", POOLINGS, key="probing_pooling", format_func=_POOLED.__getitem__, width=150
        )
        held_out = st.selectbox(
            "Held out",
            HELD_OUT,
            key="probing_held",
            format_func=_HELD.__getitem__,
            width=150,
            help="Words or lemmas: the test asks only about those that were never trained on.",
        )
        has_random = st.checkbox("Random weights beside it", value=True, key="probing_random")
        _limit(chosen.limit)
    return {
        "n_seeds": int(n_seeds),
        "pooling": str(pooling),
        "held_out": str(held_out),
        "random_weights": bool(has_random),
        "limit": chosen.limit if chosen.limit > 0 else None,
    }


def _limit(limit: int) -> None:
    """Ask for how many sentences."""
    selection.keep_widget("probing_limit", limit if limit > 0 else None)
    st.number_input(
        "At most so many sentences to train on",
        min_value=10,
        value=None,
        key="probing_limit",
        placeholder="All",
        on_change=_pick_limit,
        width=260,
        help="And a quarter as many to test on. Drawn at random, always the same.",
    )


def _pick_limit() -> None:
    selection.change(limit=int(st.session_state["probing_limit"] or -1))


def asked(model: Any, source: str | None, *, given: Mapping[str, Any]) -> Asked:
    """Get the question ready for a model, once.

    Raises:
        LmvizError: The sentences cannot be read, or the model cannot be probed.
    """
    chosen = selection.current()
    task = "upos" if chosen.probe == "structural" else chosen.probed
    params = Params(source=source, task=task, **given)
    kind = chosen.probe if chosen.probe in FITS else "linear"
    run = _run(kind, model, params)
    if chosen.probe in FITS:
        return Asked(f"{kind}-probe", model, params, run)
    shared: dict[str, Any] = {"source": source, "pooling": params.pooling, "limit": params.limit}
    if chosen.probe == "structural":
        wanted = StructuralParams(**shared, random_weights=params.random_weights)
        return Asked("structural-probe", model, wanted, run)
    if chosen.probe == "edge":
        wanted_of_edges = EdgeParams(
            source, chosen.probed, held_out=params.held_out, limit=min(params.limit or _MOST_OF_EDGES, _MOST_OF_EDGES)
        )
        return Asked("edge-probe", model, wanted_of_edges, run)
    if chosen.probe == "v-information":
        asked_for = InformationParams(**shared, task=chosen.probed, held_out=params.held_out)
        return Asked("v-information", model, asked_for, run)
    return Asked("mdl-probe", model, MdlParams(**shared, task=chosen.probed, n_seeds=min(3, params.n_seeds)), run)


def _run(kind: str, model: Any, params: Params) -> ProbeRun:
    """Give the run of a question, made once in this visit."""
    kept: OrderedDict[str, ProbeRun] = st.session_state.setdefault(_RUNS, OrderedDict())
    key = repr((model.id, str(model.device), model.dtype, kind, asdict(params)))
    if key not in kept:
        with st.spinner("Reading the sentences …", show_time=True):
            kept[key] = probe_run(kind, model, params=params)
        while len(kept) > _MOST_RUNS:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
