"""The predictions page: what the model says about the text, and what it would say of another one."""

from typing import Any

import streamlit as st

from lmviz.analyses.predictions.abilities import Ability, abilities
from lmviz.assets import assets
from lmviz.components.tokens import StripEvent
from lmviz.ui import (
    controls,
    edits,
    frame,
    predictions,
    predictions_labels,
    predictions_remote,
    predictions_tokens,
    predictions_writing,
    selection,
)
from lmviz.ui.predicting import Section

_HANDLED = "_strip_event"
SECTIONS: dict[str, Section] = {
    "fill-mask": predictions_tokens.fill_mask,
    "next-token": predictions_tokens.next_token,
    "surprisal": predictions_tokens.surprisal,
    "generate": predictions_writing.generate,
    "next-sentence": predictions_labels.next_sentence,
    "classify": predictions_labels.classify,
    "tag-tokens": predictions_labels.tag_tokens,
    "answer-span": predictions_labels.answer_span,
}


def page() -> None:
    """Draw the page."""
    frame.title("What does the model predict?")
    selection.write_link()
    with frame.errors_shown():
        server = controls.server()
        if server is not None:
            _original_line()
            _follow(predictions_remote.section(server), mask_token=None)
            return
        model = controls.model()
        found = abilities(model)
        task = _task(found)
        if task is None:
            _nothing(model, found)
            return
        _original_line()
        event = SECTIONS[task](model)
        _follow(event, mask_token=model.tokenizer.mask_token)
        _card(model)
        _cannot(found)


def _task(found: tuple[Ability, ...]) -> str | None:
    """Ask which of the things the model can do is wanted."""
    can = {ability.slug: ability.title for ability in found if ability.is_available}
    if not can:
        return None
    asked = selection.current().task
    task = asked if asked in can else next(iter(can))
    if asked and asked != task:
        reason = next((ability.reason for ability in found if ability.slug == asked), "")
        frame.hint(reason)
    selection.keep_widget("task", task)
    st.segmented_control(
        "Task",
        list(can),
        key="task",
        format_func=can.__getitem__,
        on_change=controls.take("task"),
        label_visibility="collapsed",
        required=True,
    )
    return task


def _nothing(model: Any, found: tuple[Ability, ...]) -> None:
    """Say that the model has no head at all, and offer models that have one."""
    st.info(f"{frame.plain(model.id)} has no head, so it predicts nothing by itself. Choose a model that does:")
    with st.container(horizontal=True):
        for name, label in (
            ("minilm-mlm", "Fill in words"),
            ("smollm2-135m", "Continue text"),
            ("minilm-sentiment", "Tell positive from negative"),
            ("minilm-pos", "Tag parts of speech"),
            ("minilm-ner", "Find names"),
        ):
            st.button(label, key=f"take_{name}", on_click=_take_model, args=(name,), help=f"Loads {name}.")
    _cannot(found)


def _take_model(name: str) -> None:
    selection.agree()
    selection.change(model=name)


def _cannot(found: tuple[Ability, ...]) -> None:
    """Say what this model cannot do, and why."""
    missing = [ability for ability in found if not ability.is_available]
    if missing:
        with st.expander(f"What this model cannot do ({len(missing)})", type="compact"):
            for ability in missing:
                st.markdown(f"**{frame.plain(ability.title)}**: {frame.plain(ability.reason, longest=400)}")


def _card(model: Any) -> None:
    """Show the card of a model that comes with lmviz: what was measured, on which data, and what it is not."""
    path = assets() / "models" / model.id / "card.md"
    if model.entry.source in ("delta", "wheel") and path.is_file():
        with st.expander("Model card", type="compact"):
            st.markdown(path.read_text(encoding="utf-8").partition("\n")[2])


def _original_line() -> None:
    """While the text is a changed one: say what it was, and offer the way back."""
    before = predictions.original()
    if before is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        shown = " / ".join(text for text in before if text)
        st.caption(f"Changed. It was: “{frame.plain(shown, longest=160)}”", width="content")
        st.button("Undo", key="undo_edit", on_click=predictions.undo, type="tertiary")
        st.button("Keep", key="keep_edit", on_click=predictions.forget_original, type="tertiary")


def _follow(event: tuple[StripEvent, Any] | None, *, mask_token: str | None) -> None:
    """Do what a click in the strip of tokens asks for, once."""
    if event is None or event[0].number == st.session_state.get(_HANDLED):
        return
    st.session_state[_HANDLED] = event[0].number
    what, table = event
    if what.action == "select":
        selection.change(position=what.position)
    else:
        segment, text = edits.edited(table, what, mask_token=mask_token)
        predictions.change_text(segment, text)
    selection.write_link()
    st.rerun()
