"""The attention page: one row of controls, the picture, and below it what stands behind it."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from lmviz.components.attention import explorer, pipe
from lmviz.errors import LmvizError
from lmviz.ui import attention, attention_more, controls, frame, memory, selection, view, words
from lmviz.ui.attention import Look

_SEEN = "_explorer_view"
WHAT_LABELS = {"attention": "Attention", "value-weighted": "Value-weighted"}
UNKNOWN = ("[UNK]", "<unk>")
PART_LABELS = {"encoder": "Encoder", "decoder": "Decoder", "cross": "Cross"}


def page() -> None:
    """Draw the page."""
    frame.title("Where does each head look?")
    selection.write_link()  # before anything that takes long, so that Copy link is right meanwhile
    with frame.errors_shown():
        model = controls.model()
        row = st.container(horizontal=True, vertical_alignment="center", gap="small")
        with row:
            _what(model)
        found = _read(model)
        with row:
            frame.badge(found.checks)
            st.caption(_facts(found), width="content")
        _tell_unknown(found)
        _fit(found)
        _explore()


def _what(model: Any) -> None:
    """Ask what is shown: attention or what it moves, and which kind of it."""
    chosen = selection.current()
    selection.keep_widget("what", chosen.what)
    st.segmented_control(
        "What",
        list(WHAT_LABELS),
        key="what",
        format_func=WHAT_LABELS.__getitem__,
        on_change=controls.take("what"),
        label_visibility="collapsed",
        required=True,
        help="Value-weighted: attention times the length of the vector that is moved.",
    )
    if len(model.parts) > 1:
        selection.keep_widget("part", chosen.part if chosen.part in model.parts else model.parts[0])
        st.segmented_control(
            "Part",
            list(model.parts),
            key="part",
            format_func=PART_LABELS.__getitem__,
            on_change=controls.take("part"),
            label_visibility="collapsed",
            required=True,
        )


def _read(model: Any) -> Look:
    """Read the text, saying beforehand what a long one takes."""
    chosen = selection.current()
    remembered = attention.remembered(chosen)
    if remembered is not None:
        return remembered
    announced = attention.announcement(model, chosen)
    with st.spinner(f"Reading the text. {announced}" if announced else "Reading the text …", show_time=True):
        return attention.look(model, chosen)


def _facts(found: Look) -> str:
    layers, heads, queries, keys = found.result.pattern.shape
    size = f"{queries} tokens" if queries == keys else f"{queries} × {keys} tokens"
    return f"{size} · {layers} layers × {heads} heads · {frame.seconds(found.seconds)}"


def _tell_unknown(found: Look) -> None:
    """Say how much of the text the model cannot read at all."""
    tables = dict.fromkeys(found.tables)
    n_unknown = sum(raw in UNKNOWN for table in tables for raw in table.raw)
    if n_unknown:
        n_tokens = sum(map(len, tables))
        frame.hint(f"{n_unknown} of {n_tokens} tokens are unknown to this model: it cannot tell them from one another.")


def _fit(found: Look) -> None:
    """Drop from the view what this model and text do not have."""
    fitted, sentences = view.fitted(selection.current().view, found.extent)
    if fitted != selection.current().view:
        selection.show(fitted)
    for sentence in sentences:
        st.caption(f":orange[{frame.plain(sentence)}]")


@st.fragment
def _explore() -> None:
    """Draw the picture and what belongs to the open head; runs alone when only the view changes."""
    with frame.faults_told("The explorer"), frame.errors_shown():
        found = _again()
        answer = st.empty()
        sent = explorer(found.payload, key="explorer")
        if sent is not None and sent != st.session_state.get(_SEEN):
            st.session_state[_SEEN] = sent
            selection.follow(view.fitted(view.from_json(sent), found.extent)[0])
        selection.write_link()
        wanted = selection.current().view.shown
        shown = _shown(found, answer)
        chosen = selection.current()
        pipe(attention.pipe(found, chosen.view, shown=shown, revision=selection.revision()), key="pipe")
        doing = words.habit(found.habits(chosen.view)) if chosen.view.shown == "head" else ""
        if chosen.view.shown == wanted:
            answer.markdown(words.answer(shown, chosen.view, tables=found.tables, doing=doing) or " ")
        frame.badge(attention.aggregate_checks(found, chosen), what=f"{chosen.view.shown} checks")
        controls.selection_line(_selected(found, chosen.view))
        attention_more.below(found, shown=shown)
    selection.write_link()


def _again() -> Look:
    """Give what was read; the model is loaded again only when even that was forgotten."""
    chosen = selection.current()
    remembered = attention.remembered(chosen)
    return remembered if remembered is not None else attention.look(memory.model(**controls.model_key()), chosen)


def _shown(found: Look, answer: Any) -> tuple[np.ndarray, str]:
    """Give the matrix that is asked for; where it cannot be had, say so above the picture and show the open head."""

    def tell(fraction: float, message: str = "") -> None:
        answer.caption(f"{frame.plain(message) or 'Computing'} … {fraction:.0%}")

    try:
        return attention.matrix(found, selection.current(), on_progress=tell)
    except LmvizError as error:
        answer.error(frame.plain(str(error), longest=600), icon=":material/info:")
        selection.show(replace(selection.current().view, shown="head"))
        return attention.matrix(found, selection.current())


def _selected(found: Look, seen: view.View) -> str:
    table, key_table = found.tables
    names = [(table if side == "q" else key_table).tokens[index].strip() for side, index in seen.locked[:4]]
    open_ = seen.name if seen.shown == "head" else seen.shown
    return " · ".join([open_, *(f"“{name}”" for name in names)])
