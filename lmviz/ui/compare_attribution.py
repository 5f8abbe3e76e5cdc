"""Attributions on the compare page: which words speak for the answer of each side, and where both differ."""

from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses.attribution.methods import METHODS, UNSIGNED
from lmviz.components.tokens import StripLook
from lmviz.results import Difference, TokenScores
from lmviz.ui import attribution_target, compare_parts, comparing, frame, selection
from lmviz.ui.compare_parts import DELTA
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure, named

FIRST = "erasure"


def attribution(pair: Pairing) -> None:
    """Show the scores of each word on both sides, and the difference."""
    slug, given = _asked(pair)
    with st.spinner("Explaining …", show_time=True):
        answer = comparing.ask(pair, slug, **given)
    result: Difference = answer.result
    if not isinstance(result.a, TokenScores) or not isinstance(result.b, TokenScores):
        raise TypeError("An attribution is one number per token.")
    a, b = result.a, result.b
    st.markdown(f"A: {_quantity(a)} · B: {_quantity(b)}")
    top = float(np.nanmax(np.abs(np.concatenate([a.scores, b.scores])), initial=0.0)) or 1.0
    left, right = compare_parts.sides(pair)
    titles = (left, right, f"**{DELTA}** · orange: it speaks more for the answer of B, blue: for that of A")
    for title, values, key in zip(titles, (a.scores, b.scores, result.delta), ("a", "b", "delta"), strict=True):
        st.caption(title)
        look = StripLook(
            "Orange speaks for the answer, blue against it.",
            quantity="score" if key != "delta" else "difference of scores",
            unit=a.unit,
            scale="amount" if slug in UNSIGNED and key != "delta" else "signed",
            maximum=top,
        )
        compare_parts.strip(compare_parts.units(result, values), key=f"compare_why_{key}", look=look)
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, ("rank_correlation", "mean_absolute")))
    st.caption("Scores of different models, or of different answers, are on the scale of their own logits.")
    compare_parts.below(answer, name=f"compare-{slug}")


def _asked(pair: Pairing) -> tuple[str, dict[str, Any]]:
    """Ask by which method, and for which answer; without one each side explains its own first choice."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        slug = st.selectbox(
            "Method",
            list(METHODS),
            index=list(METHODS).index(FIRST),
            key="compare_method",
            format_func=lambda name: METHODS[name].title,
            width=280,
        )
        for name, label, empty in (
            ("answer", "Why", "each side's first choice"),
            ("contrast", "rather than", "nothing"),
        ):
            selection.keep_widget(f"compare_{name}", getattr(selection.current(), name))
            st.text_input(
                label,
                key=f"compare_{name}",
                placeholder=empty,
                on_change=_take,
                args=(pair.a, name),
                width=240,
                help="A token, or a label, that both sides know.",
            )
    chosen = selection.current()
    given = {"target": chosen.answer, "contrast": chosen.contrast}
    return str(slug), {name: value for name, value in given.items() if value}


def _take(model: Any, name: str) -> None:
    selection.change(**{name: attribution_target.typed(model, st.session_state[f"compare_{name}"])})


def _quantity(side: TokenScores) -> str:
    """Name what is explained of a side, and its value."""
    value = float(side.provenance["value"])
    return f"{side.unit} of **{frame.plain(named(side.target))}** {figure(value)}"
