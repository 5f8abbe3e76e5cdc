"""What if a concept is taken out of the model: the preference, the quality and probes before and after."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.analyses.bias.removal import METHODS, Params, RemovalRun, removal_run
from lmviz.results import ConceptRemoval
from lmviz.ui import bias_asked, bias_charts, bias_jobs, bias_pairs, bias_scores, frame, uploads
from lmviz.ui.bias_asked import Asked
from lmviz.ui.predicting import figure, files_and_method

NAME, NOUN = "removal", "answers"
TITLES: Mapping[str, str] = {
    "leace": "Erase (LEACE)",
    "inlp": "Erase (INLP)",
    "direction": "Project a direction out",
    "head-ablation": "Take heads out",
    "steering": "Steer",
}
CONTROL_TITLES: Mapping[str, str] = {"isotropic": "Any direction", "spread": "As the vectors spread"}
_OVERHEAD = 10.0  # seconds for texts and probes, about
_COLUMNS: Mapping[str, tuple[str, str]] = {  # of the table: what it is called, and its format
    "preference": ("preference, %", "%.1f"),
    "low": ("low, %", "%.1f"),
    "high": ("high, %", "%.1f"),
    "effect": ("effect, nats", "%.3g"),
    "difference": ("change of the scores, nats", "%.3g"),
    "p_difference": ("p of the change", "%.3g"),
    "p_preference": ("p (McNemar)", "%.3g"),
    "surprisal": ("surprisal of text, nats", "%.3f"),
    "linear_probe": ("linear probe", "%.3f"),
    "mlp_probe": ("MLP probe", "%.3f"),
    "majority": ("majority", "%.3f"),
    "removed": ("variance moved", "%.3f"),
}


def removal(asked: Asked) -> None:
    """Offer to take a concept out of the first model, and show what that changes."""
    model = asked.runs[0].model
    st.caption(
        "The concept is learnt from word pairs (women and men unless you give others) and taken out of the residual "
        "stream after one layer. As much is taken out at random: that is the control."
    )
    run = _run(asked)
    seconds = len(run.conditions) * bias_asked.seconds_for(asked.runs[0], asked.n_rows) + _OVERHEAD
    of = bias_asked.digest(["removal", run.params, run.benchmark.signature, str(model.device)])
    bias_jobs.offer({NAME: run}, extent=(run.n_items, seconds), of=of, label="Take it out", noun=NOUN)
    job = bias_jobs.find(of)
    if job is not None:
        bias_jobs.watch(
            job,
            lambda: _drawn(asked, bias_jobs.results({NAME: run}, job, of=of), is_done=not job.state.is_running),
            noun=NOUN,
        )


def _run(asked: Asked) -> RemovalRun:
    """Ask how it is taken out, and where."""
    model = asked.runs[0].model
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        method = str(
            st.selectbox(
                "How", list(METHODS), key="bias_removal", format_func=lambda name: TITLES.get(name, name), width=220
            )
        )
        layer = st.number_input(
            "After layer", 0, model.n_layers - 1, model.n_layers // 2, key=f"bias_layer_{model.n_layers}", width=120
        )
        more = _of_method(method)
        file = st.file_uploader(
            "Word pairs of your own (optional)",
            type=["csv", "tsv", "jsonl"],
            key="bias_concept",
            help="Columns more, less and cluster: two texts that differ in the concept, and the word that differs.",
        )
    if file is not None:
        more["pairs"] = str(uploads.keep(file.name, file.getvalue()).path)
    given: dict[str, Any] = {
        "benchmark": asked.slug,
        "variant": asked.runs[0].variant,
        "method": method,
        "layer": int(layer),
    }
    rows = {name: asked.params[name] for name in ("source", "categories", "kind", "limit") if name in asked.params}
    return removal_run(model, Params(**given, **rows, **more))


def _of_method(method: str) -> dict[str, Any]:
    """Ask what only some methods take."""
    if method == "head-ablation":
        typed = st.text_input("Heads", "L0H0", key="bias_removed_heads", width=240, help="As in L3H1, L5H0.")
        return {"heads": tuple(word for word in typed.replace(",", " ").split() if word)}
    more: dict[str, Any] = {}
    if method == "steering":
        more["strength"] = st.number_input(
            "Strength", -20.0, 20.0, 1.0, step=0.5, key="bias_strength", width=140,
            help="In mean differences of the pairs, towards their first members.",
        )  # fmt: skip
    more["control"] = st.selectbox(
        "Control", list(CONTROL_TITLES), key="bias_control", format_func=CONTROL_TITLES.__getitem__, width=220,
        help="Any direction is as likely, which takes away little of what varies; or directions are drawn as the "
        "vectors spread, which takes away about as much as the concept does.",
    )  # fmt: skip
    return more


def _drawn(asked: Asked, results: Mapping[str, ConceptRemoval], *, is_done: bool) -> None:
    result = results.get(NAME)
    if result is None or not any(score.n for score in result.scores):
        return
    scores = {name: score for name, score in zip(result.conditions, result.scores, strict=True) if score.n}
    if len(scores) > 1:
        _headline(result)
    bias_scores.criticism(asked.slug)
    bias_charts.several(scores, first=asked.runs[0].benchmark.first)
    _table(result)
    if not is_done:
        return
    bias_pairs.problems({"before": result.scores[0]})
    if result.note:
        frame.hint(result.note)
    files_and_method(result, name="bias-removal")


def _headline(result: ConceptRemoval) -> None:
    """Say what changed, and whether taking out as much at random changes as much."""
    percent = bias_scores.percent
    controls = result.preference[2:]
    random = (
        f" Random controls: {percent(float(controls.min()))} to {percent(float(controls.max()))} %."
        if controls.size
        else ""
    )
    st.markdown(
        f"**{percent(float(result.preference[0]))} % before, {percent(float(result.preference[1]))} % after**, "
        f"p = {figure(float(result.p_difference[1]))} for the scores, p = {figure(float(result.p_preference[1]))} for "
        f"the preference.{random}"
    )
    linear, mlp = (
        [f"{percent(float(share[row]))} % ({percent(float(low[row]))}–{percent(float(high[row]))})" for row in (0, 1)]
        for share, low, high in (
            (result.linear_probe, result.linear_low, result.linear_high),
            (result.mlp_probe, result.mlp_low, result.mlp_high),
        )
    )
    st.markdown(
        f"A linear probe finds the concept in {linear[0]} of unseen words before and {linear[1]} after, an MLP in "
        f"{mlp[0]} and {mlp[1]} (guessing: {percent(result.majority)} %, n = {result.n_test}). "
        f"Surprisal of neutral text: "
        f"{figure(float(result.surprisal[0]))} nats a token before, {figure(float(result.surprisal[1]))} after."
    )


def _table(result: ConceptRemoval) -> None:
    table: pd.DataFrame = result.to_frame()
    shares = ["preference", "low", "high"]
    table[shares] = (table[shares] * np.float32(100)).astype(np.float32)
    st.dataframe(
        table[["condition", *_COLUMNS, "n", "ties"]],
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.NumberColumn(title, format=form) for name, (title, form) in _COLUMNS.items()
        },
    )
