"""Minimal pairs of grammar on the page: which sentence a model takes for the better one, phenomenon by phenomenon."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.running import BenchmarkRun
from lmviz.analyses.probing.grammar import SLUG
from lmviz.analyses.probing.grammar_references import PEOPLE
from lmviz.results import GrammarScores, PairScores
from lmviz.ui import bias_asked, bias_jobs, bias_pairs, controls, exports, frame, selection, uploads
from lmviz.ui.bias_scores import percent
from lmviz.ui.uploads import Given

SOURCES: Mapping[str, str] = {"shipped": "Ships with lmviz", "published": "BLiMP (published)", "file": "Your file"}
_FILE = "_grammar_file"
_GREY, _ROW = "#868da0", 26
_COLOURS = {"above 50 %": "#0072b2", "below 50 %": "#d55e00", "not told from 50 %": _GREY}


def grammar() -> None:
    """Ask which pairs and how they are scored, and show what the models choose."""
    st.caption(
        "Two sentences that differ in one thing, of which one is grammatical: does the model find it more probable? "
        "Ties count as wrong; guessing is 50 %."
    )
    there, source = _source()
    if not there:
        return
    models = bias_asked.models()
    prepared = [bias_run(SLUG, model, source=source) for model in models]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        given = _asked(prepared[0], source)
    variant = given.pop("variant")
    runs = {
        _called(models, number): bias_run(
            SLUG, run.model, **given, variant=variant if variant in run.variants else None
        )
        for number, run in enumerate(prepared)
    }
    of = bias_asked.digest([{**run.signature, "device": run.model.device} for run in runs.values()])
    n_rows = min(next(iter(runs.values())).n_items, given["limit"] or 10**9)
    seconds = sum(bias_asked.seconds_for(run, n_rows) for run in runs.values())
    bias_jobs.offer(runs, extent=(n_rows, seconds), of=of, label="Ask the model", noun="pairs")
    job = bias_jobs.find(of)
    if job is not None:
        bias_jobs.watch(
            job,
            lambda: _drawn(bias_jobs.results(runs, job, of=of), is_done=not job.state.is_running),
            noun="pairs",
        )


def _called(models: Any, number: int) -> str:
    name = str(models[number].id)
    return name if len(models) == 1 else f"{'AB'[number]}: {name}"


def _source() -> tuple[bool, str | None]:
    """Ask where the pairs come from, and for a second model."""
    chosen = selection.current()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection.keep_widget("source", chosen.source if chosen.source in SOURCES else "shipped")
        source = st.selectbox(
            "Source",
            list(SOURCES),
            key="source",
            format_func=SOURCES.__getitem__,
            on_change=controls.take("source"),
            width=220,
            help="BLiMP is fetched once, checked, and kept on this computer. A file has a good and a bad sentence in "
            "each line of JSON, and may name a paradigm and a phenomenon.",
        )
        controls.ask_model_b("Second model", alone="None", help_="Asked about the same pairs. ", width=300)
    if source == "published":
        return True, "blimp"
    return _file() if source == "file" else (True, None)


def _file() -> tuple[bool, str | None]:
    given: Given | None = st.session_state.get(_FILE)
    if given is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/description: **{frame.plain(given.name)}**, {given.n_bytes:,} bytes")
            st.button("Another file", key="grammar_other", on_click=_forget, type="tertiary")
        return True, str(given.path)
    file = st.file_uploader(
        "JSONL with sentence_good and sentence_bad, or good and bad", type=["jsonl", "ndjson"], key="grammar_file"
    )
    if file is not None:
        st.session_state[_FILE] = uploads.keep(file.name, file.getvalue())
        st.rerun()
    st.info("Give a file, or choose another source.")
    return False, None


def _forget() -> None:
    st.session_state.pop(_FILE, None)


def _asked(run: BenchmarkRun, source: str | None) -> dict[str, Any]:
    """Ask how pairs are scored, which phenomena, and how many."""
    chosen = selection.current()
    variant = st.selectbox(
        "Scored by",
        run.variants,
        key=f"grammar_variant_{run.model.kind}",
        width=200,
        help="Whole sentences, or one critical word after its prefix where the file names it.",
    )
    names = [name for name in bias_asked.counts_of(run) if name]
    picked = st.multiselect(
        "Phenomena", names, key=f"grammar_phenomena_{len(names)}", format_func=spelled, placeholder="All", width=340
    )
    selection.keep_widget("grammar_limit", chosen.limit if chosen.limit > 0 else None)
    st.number_input(
        "At most so many pairs",
        min_value=1,
        key="grammar_limit",
        value=None,
        on_change=_pick_limit,
        placeholder="All",
        width=180,
        help="Drawn at random, always the same ones.",
    )
    limit = chosen.limit if chosen.limit > 0 else None
    return {"source": source, "variant": variant, "categories": tuple(picked), "limit": limit}


def _pick_limit() -> None:
    selection.change(limit=int(st.session_state["grammar_limit"] or -1))


def _drawn(results: Mapping[str, GrammarScores], *, is_done: bool) -> None:
    good = {name: result for name, result in results.items() if result.n}
    for name, result in good.items():
        low, high = result.cluster_interval or result.interval
        of = f"{frame.plain(name)}: the" if len(good) > 1 else "The"
        drawn = "paradigms" if result.cluster_interval else "pairs"
        st.markdown(
            f"{of} grammatical sentence wins in **{percent(result.preference)} %** [{percent(low)}, {percent(high)}; "
            f"{drawn} drawn again] of {result.n:,} pairs, {percent(result.numbers['macro'])} % as the mean over "
            f"paradigms; variant {frame.plain(str(result.provenance['variant']))}, {result.ties:,} ties."
        )
    if good:
        _dots(good)
        _references(next(iter(good.values())))
    if not is_done:
        return
    bias_pairs.problems(results)
    if good:
        _paradigms(good)
        _pairs(good)
        _below(good)


def _dots(results: Mapping[str, GrammarScores]) -> None:
    """Draw each phenomenon's share with its interval; a line where people are."""
    rows, people = [], []
    for model, result in results.items():
        for name, part in (("all pairs", result), *result.by_category.items()):
            rows.append({"model": model, "name": spelled(name), **_row(part)})
            share = result.references.get(PEOPLE, {}).get("all" if name == "all pairs" else name)
            if share is not None:
                people.append({"name": spelled(name), "share": 100 * share})
    names, models = list(dict.fromkeys(row["name"] for row in rows)), list(results)
    y: dict[str, Any] = {"field": "name", "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 240}}
    offset = {"yOffset": {"field": "model", "type": "nominal", "sort": models}} if len(models) > 1 else {}
    axis = {"title": "grammatical sentence wins (%)", "titleAnchor": "end"}
    x = {"type": "quantitative", "scale": {"domain": [0, 100]}, "axis": axis}
    colour = {
        "field": "reading",
        "type": "nominal",
        "scale": {"domain": list(_COLOURS), "range": list(_COLOURS.values())},
        "legend": None,
    }
    tooltip = [
        {"field": "model"},
        {"field": "name"},
        *({"field": name, "format": ".1f"} for name in ("share", "low", "high")),
        {"field": "n"},
        {"field": "ties"},
    ]
    shared = {"y": y, **offset, "color": colour, "tooltip": tooltip}
    shape = {"domain": models, "range": ["circle", "diamond"][: len(models)]}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rule", "strokeDash": [3, 3], "color": _GREY}, "encoding": {"x": {"datum": 50}}},
        {
            "mark": {"type": "rule", "strokeWidth": 3.5},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, **shared},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70},
            "encoding": {
                "x": {**x, "field": "share"},
                **shared,
                "shape": {"field": "model", "type": "nominal", "scale": shape, "legend": None},
            },
        },
    ]
    if people:
        layers.append(
            {
                "data": {"values": people},
                "mark": {"type": "tick", "thickness": 2, "size": 18, "color": _GREY},
                "encoding": {"x": {**x, "field": "share"}, "y": y},
            }
        )
    st.vega_lite_chart(pd.DataFrame(rows), {"height": {"step": _ROW}, "layer": layers}, key="grammar_dots")
    told = [
        "Blue: all of the interval is above 50 %; orange: below; grey: neither.",
        "Intervals: 95 %, pairs drawn one by one (Wilson).",
        "Grey ticks: people (Warstadt et al., 2020)." if people else "",
        f"Circle: {frame.plain(models[0])}; diamond: {frame.plain(models[1])}." if len(models) > 1 else "",
    ]
    st.caption(" ".join(one for one in told if one))


def _row(part: PairScores) -> dict[str, Any]:
    low, high = part.interval
    reading = "above 50 %" if low > 0.5 else "below 50 %" if high < 0.5 else "not told from 50 %"
    numbers = {"share": 100 * part.preference, "low": 100 * low, "high": 100 * high}
    return {**numbers, "n": part.n, "ties": part.ties, "reading": reading}


def _references(result: GrammarScores) -> None:
    if result.references:
        said = ", ".join(f"{who} {100 * shares['all']:.1f} %" for who, shares in result.references.items())
        frame.hint(
            f"Published, over all of BLiMP: {said} (Warstadt et al., 2020; Kauf & Ivanova, 2023 for BERT and RoBERTa)."
        )


def _paradigms(results: Mapping[str, GrammarScores]) -> None:
    """List every paradigm."""
    rows = [
        {
            "model": model,
            "phenomenon": spelled(phenomenon),
            "paradigm": spelled(name),
            **{key: value for key, value in _row(one).items() if key != "reading"},
            "nats": one.numbers.get("effect_size", np.nan),
        }
        for model, result in results.items()
        for phenomenon, part in result.by_category.items()
        for name, one in part.by_category.items()
    ]
    table = pd.DataFrame(rows)
    with st.expander("Every paradigm", type="compact"):
        st.dataframe(
            table if len(results) > 1 else table.drop(columns="model"),
            hide_index=True,
            height="content" if len(rows) <= 20 else 500,
            column_config={
                name: st.column_config.NumberColumn(f"{name}, %" if name != "nats" else "nats", format="%.1f")
                for name in ("share", "low", "high", "nats")
            },
        )
        frame.hint("nats: the mean difference of the two sentences' scores.")


def _pairs(results: Mapping[str, GrammarScores]) -> None:
    """List the pairs of the first model, the worst first."""
    result = next(iter(results.values()))
    table = result.to_frame().sort_values("difference", kind="stable").head(200)
    with st.expander("The pairs it gets most wrong", type="compact"):
        st.dataframe(
            table[["paradigm", "good_text", "bad_text", "difference"]],
            hide_index=True,
            height=420,
            column_config={
                "good_text": st.column_config.TextColumn("grammatical", width="large"),
                "bad_text": st.column_config.TextColumn("not grammatical", width="large"),
                "difference": st.column_config.NumberColumn("difference, nats", format="%.2f"),
            },
        )


def spelled(name: str) -> str:
    """Write a name as words, on one short line."""
    line = " ".join(name.replace("_", " ").split())
    return line if len(line) <= 44 else f"{line[:43]}…"


def _below(results: Mapping[str, GrammarScores]) -> None:
    for name, result in results.items():
        if result.note:
            frame.hint(f"{name}: {result.note}" if len(results) > 1 else result.note)
    with st.expander("Export", type="compact"):
        for number, result in enumerate(results.values()):
            with st.container(horizontal=True, vertical_alignment="center"):
                exports.buttons(result, name=SLUG if len(results) == 1 else f"{SLUG}-{'ab'[number]}")
    with st.expander("Method, reference, caution", type="compact"):
        frame.method(ANALYSES[SLUG])
