"""The same pairs scored in every published way: does the verdict hold?"""

from collections.abc import Mapping

import streamlit as st

from lmviz.analyses.bias.benchmarks import bias_run, variant_table
from lmviz.results import PairScores
from lmviz.ui import bias_asked, bias_charts, bias_jobs, bias_scores, exports, frame
from lmviz.ui.bias_asked import Asked
from lmviz.ui.bias_scores import EFFECT


def variants(asked: Asked) -> None:
    """Offer to run all ways of scoring on the first model, and set them beside each other."""
    model = asked.runs[0].model
    if len(asked.runs) > 1:
        frame.hint(f"This is about {model.id} alone.")
    names = asked.runs[0].variants
    if len(names) == 1:
        st.info(f"There is one way of scoring this on {frame.plain(model.id)}: {frame.plain(names[0])}.")
        return
    runs = {name: bias_run(asked.slug, model, **{**asked.params, "variant": name}) for name in names}
    seconds = sum(bias_asked.seconds_for(run, asked.n_rows) for run in runs.values())
    of = bias_asked.digest(["variants", *(run.signature for run in runs.values()), str(model.device)])
    bias_jobs.offer(runs, extent=(asked.n_rows, seconds), of=of, label=f"Score in all {len(runs)} ways")
    job = bias_jobs.find(of)
    if job is not None:
        bias_jobs.watch(job, lambda: _drawn(asked, bias_jobs.results(runs, job, of=of)))


def _drawn(asked: Asked, results: Mapping[str, PairScores]) -> None:
    good = {name: result for name, result in results.items() if result.n}
    if not good:
        return
    verdicts = {bias_charts.verdict(result) for result in good.values()}
    said = "is the same" if len(verdicts) == 1 else "depends on the way of scoring"
    opening = "Too few pairs for a verdict" if verdicts == {bias_charts.FEW} else f"The verdict {said}"
    shares = ", ".join(f"{name} {bias_scores.percent(result.preference)} %" for name, result in good.items())
    st.markdown(f"**{opening}**: {shares}.")
    bias_scores.criticism(asked.slug)
    bias_charts.several(good, first=asked.runs[0].benchmark.first)
    _table(good)
    for result in good.values():
        if result.note:
            frame.hint(f"{result.provenance['variant']}: {result.note}")
    with st.expander("Export", type="compact"), st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: exports.signed_csv(variant_table(good), f"{asked.slug} on {asked.runs[0].model.id}, every variant"),
            f"{asked.slug}-variants.csv",
            "text/csv",
            on_click="ignore",
            key="bias-variants.csv",
        )


def _table(results: Mapping[str, PairScores]) -> None:
    table = variant_table(results)
    shares = ["preference", "low", "high", "cluster_low", "cluster_high"]
    table[shares] *= 100
    per_cent = {name: st.column_config.NumberColumn(f"{name.replace('_', ' ')}, %", format="%.1f") for name in shares}
    nats = {name: st.column_config.NumberColumn(name.replace("_", " "), format="%.3g") for name in EFFECT}
    st.dataframe(table, hide_index=True, height="content", column_config=per_cent | nats)
