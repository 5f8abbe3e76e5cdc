"""The sidebar: model and text, asked for once, on every page."""

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from lmviz.errors import LmvizError, NotForThisModel
from lmviz.remote import RemoteModel, is_remote, only_predicts, remote_model, settings
from lmviz.remote.model import PREFIX
from lmviz.ui import choices, examples, frame, memory, selection

_BADGE = "_badge_slot"
_TARGET = "_target_slot"  # None once it is filled


def take(name: str) -> Callable[[], None]:
    """Make the callback that moves the value of the widget of that name into the selection."""

    def taken() -> None:
        selection.change(**{name: st.session_state[name]})

    return taken


def sidebar() -> None:
    """Draw the sidebar."""
    with st.sidebar:
        _model()
        _texts()
        _experts()
        _line()


def _catalog() -> dict[str, Any]:
    from lmviz.models.catalog import CATALOG

    return dict(CATALOG)


def _servers() -> dict[str, str]:
    """Give the models on servers that are configured, with what they are called here; no addresses."""
    try:
        return {f"{PREFIX}{name}": f"{name} (server)" for name in settings.names()}
    except LmvizError as error:
        frame.hint(str(error))
        return {}


def _model() -> None:
    chosen = selection.current().model
    titles = {name: entry.title for name, entry in _catalog().items()} | _servers()
    names = [*titles, *([] if chosen in titles else [chosen])]
    selection.keep_widget("model", chosen)
    st.selectbox(
        "Model",
        names,
        key="model",
        format_func=lambda name: titles.get(name, name),
        on_change=_pick_model,
    )
    st.session_state[_BADGE] = st.container()
    with st.expander("Your own model", type="compact"):
        st.text_input(
            "Folder or Hugging Face id",
            key="own_model",
            placeholder="/path/to/folder or owner/name",
            on_change=_own_model,
            help="Weights must be safetensors; no code from the model is ever run.",
        )


def _pick_model() -> None:
    name = st.session_state["model"]
    selection.agree()
    selection.change(model=name)
    example = examples.matching(selection.current().all_texts)
    if example is not None:
        selection.show(examples.example(example).view(name))


def _own_model() -> None:
    name = st.session_state["own_model"].strip()
    if name:
        selection.agree()
        selection.change(model=name)


def _texts() -> None:
    chosen = selection.current()
    selection.keep_widget("text", chosen.text)
    st.text_area(
        "Text", key="text", height=112, on_change=take("text"), help="Enter applies it; Shift+Enter starts a new line."
    )
    if not chosen.fits_link:
        st.caption(f"Longer than {selection.LONGEST_IN_LINK} characters: the link does not carry this text.")
    selection.keep_widget("example", examples.matching(chosen.all_texts))
    st.pills(
        "Examples",
        [item.id for item in examples.examples()],
        key="example",
        format_func=lambda name: examples.example(name).title,
        on_change=_pick_example,
    )
    with st.expander("Second sentence", expanded=bool(chosen.text_pair), type="compact"):
        selection.keep_widget("text_pair", chosen.text_pair)
        st.text_area(
            "Second sentence",
            key="text_pair",
            height=80,
            on_change=take("text_pair"),
            label_visibility="collapsed",
            placeholder="For pairs, as in question and answer",
        )
    st.session_state[_TARGET] = st.container()
    known = loaded()
    if known is not None:
        _target(known)


def _target(model_: Any) -> None:
    """Ask an encoder-decoder's second text, in the place kept for it, as soon as the model is known."""
    slot, st.session_state[_TARGET] = st.session_state.get(_TARGET), None
    if slot is None or model_.kind != "encoder-decoder":
        return
    selection.keep_widget("target_text", selection.current().target_text)
    with slot:
        st.text_area(
            "Decoder's text",
            key="target_text",
            height=80,
            on_change=take("target_text"),
            help="What the decoder has written so far; empty means it only starts.",
        )


def _pick_example() -> None:
    name = st.session_state["example"]
    if name is None:  # clicked again: the text stays
        return
    open_example(name)


def open_example(name: str, model: str | None = None) -> None:
    """Look at an example sentence, with the view that shows its point on that model."""
    item = examples.example(name)
    model = model or selection.current().model
    selection.agree()
    selection.change(model=model, text=item.text, text_pair=item.text_pair, target_text=item.target_text)
    selection.show(item.view(model))


def loaded() -> Any | None:
    """Give the chosen model when it is in memory."""
    return memory.loaded(**model_key())


def model_key() -> dict[str, str]:
    """Name the chosen model, its kind of number and its device, as `memory.model` wants them."""
    chosen = selection.current()
    device = "" if chosen.device == "auto" else chosen.device
    return {"name": chosen.model, "dtype": chosen.dtype, "device": device}


def _experts() -> None:
    chosen = selection.current()
    with st.expander("Expert settings", type="compact"):
        selection.keep_widget("dtype", chosen.dtype)
        st.selectbox("Numbers", choices.DTYPES, key="dtype", on_change=take("dtype"), help="What weights are held in.")
        selection.keep_widget("device", chosen.device)
        there = ("auto", *_devices())  # what a link asked for stays listed: the page says that it is not there
        names = there if chosen.device in there else (*there, chosen.device)
        st.selectbox("Device", names, key="device", on_change=take("device"))


def _devices() -> tuple[str, ...]:
    """Give the devices there are; before the heavy packages are there, only the one every machine has."""
    if not memory.imported():
        return ("cpu",)
    from lmviz.models.loading import devices

    return devices()


def _line() -> None:
    st.session_state["_line_slot"] = st.empty()


def selection_line(text: str) -> None:
    """Say in the sidebar what is selected, as in L5H1."""
    slot = st.session_state.get("_line_slot")
    if slot is not None:
        slot.caption(f"Selection: {frame.plain(text)}")


def model() -> Any:
    """Give the chosen model, loading it if need be, and show its self-check in the sidebar.

    Raises:
        NotForThisModel: It is one on a server.
        LmvizError: There is no such model, or it cannot be had.
    """
    chosen = selection.current()
    if is_remote(chosen.model):
        raise NotForThisModel(only_predicts(chosen.model))
    found = _fetched(chosen.model, "model")
    with st.session_state[_BADGE]:
        frame.badge(found.self_check)
    _target(found)
    return found


def server() -> RemoteModel | None:
    """Give the chosen model when it is one on a server; a link can name one that is configured, never an address.

    Raises:
        LmvizError: No such server is configured, or its settings make no sense.
    """
    chosen = selection.current()
    if not is_remote(chosen.model):
        return None
    found = remote_model(chosen.model)
    if selection.asked_by_link(chosen.model):
        st.info(f"This link wants to send its text to **{frame.plain(found.host)}**. Send it if you trust the link.")
        st.button("Send it", on_click=selection.agree, type="primary")
        st.stop()
    return found


def model_b() -> Any:
    """Give the model of the other side of a comparison, loading it if need be.

    Raises:
        NotForThisModel: It is one on a server.
        LmvizError: There is no such model, or it cannot be had.
    """
    name = selection.current().model_b
    if is_remote(name):
        raise NotForThisModel(only_predicts(name))
    return _fetched(name, "model_b")


def ask_model_b(label: str, *, alone: str, help_: str, width: int | Literal["stretch"] = "stretch") -> None:
    """Ask for a second model: one of the list, or a folder or Hugging Face id that is typed.

    Args:
        label: What the box is called.
        alone: How having none is called.
        help_: What it is for.
        width: Of the box.
    """
    chosen, known = selection.current().model_b, titles()
    names = ["", *known, *([] if not chosen or chosen in known else [chosen])]
    selection.keep_widget("model_b", chosen)
    st.selectbox(
        label,
        names,
        key="model_b",
        format_func=lambda name: known.get(name, name) if name else alone,
        on_change=_pick_model_b,
        accept_new_options=True,
        width=width,
        help=f"{help_}One of the list, or type a folder or a Hugging Face id.",
    )


def _pick_model_b() -> None:
    name = str(st.session_state["model_b"] or "").strip()
    selection.agree("model_b")
    selection.change(model_b="" if name == selection.current().model else name)


def titles() -> dict[str, str]:
    """Give the models of the catalog with their titles."""
    return {name: entry.title for name, entry in _catalog().items()}


def _fetched(name: str, side: str) -> Any:
    """Give a model, loading it if need be; where only a link asked for it, the person is asked first."""
    key, known = {**model_key(), "name": name}, titles()
    if memory.loaded(**key) is None and selection.asked_by_link(name, side) and name not in known:
        _ask(name, side)
    with st.spinner(f"Loading {frame.plain(known.get(name, name))} …", show_time=True):
        return memory.model(**key)


def _ask(name: str, side: str) -> None:
    """A link may not make this machine fetch or read a model that nobody here asked for."""
    st.info(
        f"This link wants to load **{frame.plain(name)}**, which is not in the list. Load it if you trust the link."
    )
    st.button("Load it", on_click=selection.agree, args=(side,), type="primary", key=f"load_{side}")
    st.stop()
