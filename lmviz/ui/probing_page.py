"""The probing page: what is looked at, and on which model."""

from collections.abc import Callable, Mapping

import streamlit as st

from lmviz.errors import LmvizError
from lmviz.ui import controls, frame, probing_grammar, probing_probes, probing_similarity, probing_syntax, selection

SECTIONS: Mapping[str, tuple[str, Callable[[], None]]] = {
    "probes": ("Probes", probing_probes.probes),
    "syntax": ("Syntax in heads", probing_syntax.syntax),
    "grammar": ("Grammar", probing_grammar.grammar),
    "similarity": ("Similarity", probing_similarity.similarity),
}


def page() -> None:
    """Draw the page."""
    frame.title("What does each layer know?")
    selection.write_link()
    knows = selection.current().knows
    selection.keep_widget("knows", knows)
    st.segmented_control(
        "What is looked at",
        list(SECTIONS),
        key="knows",
        format_func=lambda name: SECTIONS[name][0],
        on_change=controls.take("knows"),
        label_visibility="collapsed",
        required=True,
    )
    try:
        SECTIONS[knows][1]()
    except LmvizError as error:
        frame.sentence(str(error))
    selection.write_link()
