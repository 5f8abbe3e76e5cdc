"""The bias page: which benchmark, on which model, and what is asked of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from lmviz.analyses.bias.benchmarks import BENCHMARKS
from lmviz.errors import LmvizError, NotForThisModel
from lmviz.ui import (
    bias_asked,
    bias_charts,
    bias_extras,
    bias_localisation,
    bias_removal,
    bias_scores,
    bias_variants,
    choices,
    controls,
    frame,
    selection,
)
from lmviz.ui.bias_asked import Asked

SECTIONS: Mapping[str, tuple[str, Callable[[Asked], None]]] = {
    "scores": ("Scores", bias_scores.scores),
    "variants": ("Other ways of scoring", bias_variants.variants),
    "localisation": ("Where it sits", bias_localisation.localisation),
    "removal": ("What if it is removed", bias_removal.removal),
}
SUGGESTED = ("minilm-mlm", "smollm2-135m")
CLASSIFIERS = {"sentiment-gap": ("minilm-sentiment",)}
OWN_VARIANT = ""


def page() -> None:
    """Draw the page."""
    frame.title("Does the model prefer a stereotype?")
    selection.write_link()
    st.caption(
        "Pairs of sentences that differ in little: which one is more probable to the model? "
        "The share is a preference on this benchmark, not a property of the model everywhere."
    )
    _what()
    try:
        there, source = bias_asked.source()
        if there:
            _ask(bias_asked.models(), source)
    except NotForThisModel as error:
        frame.sentence(str(error))
        _suggest()
    except LmvizError as error:
        frame.sentence(str(error))


def _what() -> None:
    """Ask which benchmark, which rows, and which second model."""
    chosen = selection.current()
    slug = chosen.benchmark
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        selection.keep_widget("benchmark", slug)
        st.selectbox(
            "Benchmark",
            choices.BENCHMARKS,
            key="benchmark",
            format_func=lambda name: BENCHMARKS[name].title,
            on_change=_pick_benchmark,
            width=240,
        )
        sources = bias_asked.sources_of(slug)
        selection.keep_widget("source", chosen.source if chosen.source in sources else sources[0])
        st.selectbox(
            "Source",
            sources,
            key="source",
            format_func=bias_asked.SOURCES.__getitem__,
            on_change=_pick_source,
            width=200,
            help="A published data set is fetched once, checked, and kept on this computer.",
        )
        controls.ask_model_b("Second model", alone="None", help_="Asked about the same pairs. ", width=300)
    if chosen.source not in sources:
        frame.hint(f"{BENCHMARKS[slug].title} has no such source; {bias_asked.SOURCES[sources[0]].lower()} is used.")


def _pick_benchmark() -> None:
    selection.change(benchmark=st.session_state["benchmark"], variant=OWN_VARIANT, categories="", source="shipped")


def _pick_source() -> None:
    selection.change(source=st.session_state["source"], categories="")


def _suggest() -> None:
    """Offer models that can be asked."""
    titles = controls.titles()
    with st.container(horizontal=True, gap="small"):
        for name in CLASSIFIERS.get(selection.current().benchmark, SUGGESTED):
            st.button(titles[name], key=f"bias_on_{name}", on_click=_take_model, args=(name,))


def _take_model(name: str) -> None:
    selection.agree()
    selection.change(model=name)


def _ask(models: Sequence[Any], source: str | None) -> None:
    chosen = selection.current()
    lab = chosen.lab
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        params = bias_extras.extras(chosen.benchmark)
        if params is None:
            return
        prepared = bias_asked.prepare(models, source, params=params)
        variant = _variant(prepared[0].variants) if lab in ("scores", "removal") else None
        asked = bias_asked.ask(prepared, variant=variant, params=params)
        _rows(asked)
    if chosen.variant and variant not in (None, chosen.variant):
        frame.hint(f"{models[0].id} has no variant '{chosen.variant}' here; {asked.runs[0].variant} is used.")
    selection.keep_widget("lab", lab)
    st.segmented_control(
        "What is asked",
        list(SECTIONS),
        key="lab",
        format_func=lambda name: SECTIONS[name][0],
        on_change=controls.take("lab"),
        label_visibility="collapsed",
        required=True,
    )
    SECTIONS[lab][1](asked)
    selection.write_link()


def _variant(names: Sequence[str]) -> str:
    """Ask how pairs are scored; the first is the model's default."""
    chosen = selection.current()
    own = chosen.variant if chosen.variant in names else names[0]
    selection.keep_widget("variant", own)
    st.selectbox(
        "Scored by",
        names,
        key="variant",
        on_change=controls.take("variant"),
        width=200,
        help="Published ways of scoring the same pairs; they disagree. See “Other ways of scoring”.",
    )
    return own


def _rows(asked: Asked) -> None:
    """Ask which categories, and how many rows of them."""
    chosen = selection.current()
    names = [name for name in asked.counts if name]
    picked = [name for name in chosen.categories.split("|") if name in names]
    if len(names) > 1:
        selection.keep_widget("bias_categories", picked)
        st.multiselect(
            "Categories",
            names,
            key="bias_categories",
            format_func=lambda name: f"{bias_charts.label(name)} ({asked.counts[name]:,})",
            on_change=_pick_categories,
            placeholder="All",
            width=340,
        )
    selection.keep_widget("limit", chosen.limit if chosen.limit > 0 else None)
    st.number_input(
        "At most so many rows",
        min_value=1,
        key="limit",
        value=None,
        on_change=_pick_limit,
        placeholder="All",
        width=180,
        help="Drawn at random, always the same ones.",
    )


def _pick_categories() -> None:
    selection.change(categories="|".join(st.session_state["bias_categories"]))


def _pick_limit() -> None:
    selection.change(limit=int(st.session_state["limit"] or -1))
