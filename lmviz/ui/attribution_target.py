"""What is explained on the attribution page: an answer of the model's, or one's own, rather than another."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses.predictions.abilities import can, no_language_model
from lmviz.analyses.predictions.labels import names_of_labels
from lmviz.capture.tokens import single_token, token_string
from lmviz.errors import LmvizError, NotForThisModel
from lmviz.results import LabelProbabilities, TokenDistributions
from lmviz.ui import attribution_asked, predictions, selection
from lmviz.ui.predicting import figure, named

OWN, NOTHING = "", ""
_N_OFFERED = 10


def ask(model: Any) -> None:
    """Ask which answer is explained, and rather than which.

    Raises:
        LmvizError: The model or the text does not allow it.
    """
    offered, is_open = _offered(model)
    has_contrast = not can(model, "answer-span") or not no_language_model(model)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _box(model, "answer", label="Why", options={OWN: _first(offered), **offered}, is_open=is_open)
        if has_contrast:
            _box(model, "contrast", label="rather than", options={NOTHING: "(nothing)", **offered}, is_open=is_open)
        if model.kind == "decoder" and is_open:
            ask_continuation()


def ask_continuation(label: str = "or a whole continuation") -> None:
    """Ask for a whole text that follows; while there is one, it is explained."""
    selection.keep_widget("continuation", selection.current().continuation)
    st.text_input(
        label,
        key="continuation",
        on_change=_take_continuation,
        placeholder="such as Paris, of course.",
        width=280,
        help="Its log-probability after the text is explained, in nats, in place of one token.",
    )


def _take_continuation() -> None:
    """Take over what was typed; a word that follows a text has a space before it."""
    typed_ = st.session_state["continuation"]
    follows = selection.current().text[-1:].strip() and typed_[:1].isalnum()
    selection.change(continuation=f" {typed_}" if follows else typed_)


def _first(offered: Mapping[str, str]) -> str:
    """Name the model's own choice; no two lines of a box may read the same, for the browser tells them by that.

    Where the answers have their probabilities, the likeliest comes first.
    """
    likeliest = next(iter(offered.values()), "")
    return f"first choice: {likeliest}" if likeliest.endswith(")") else "first choice"


def _box(model: Any, name: str, *, label: str, options: Mapping[str, str], is_open: bool) -> None:
    own = str(getattr(selection.current(), name))
    names = [*options, *([] if own in options else [own])]
    selection.keep_widget(name, own)
    st.selectbox(
        label,
        names,
        key=name,
        format_func=lambda value: options.get(value, named(value)),
        on_change=_take,
        args=(model, name),
        accept_new_options=is_open,
        width=280,
        help="The likeliest are listed; type any other token." if is_open else None,
    )


def _take(model: Any, name: str) -> None:
    """Take over what was chosen or typed."""
    selection.change(**{name: typed(model, st.session_state[name] or "")})


def typed(model: Any, value: str) -> str:
    """Give a typed word as a token of the model: a decoder's words carry the space before them.

    What is no single token either way is given back as it is; the analysis says so.
    """
    if not value or no_language_model(model):
        return value
    for tried in (value, f" {value}") if value.startswith(" ") or model.kind == "encoder" else (f" {value}", value):
        try:
            return token_string(model.tokenizer, single_token(model, tried))
        except LmvizError:
            continue
    return value


def _offered(model: Any) -> tuple[dict[str, str], bool]:
    """Give the answers to choose from with what they are called, and whether others are too.

    Raises:
        NotForThisModel: The model has no head.
    """
    given = predictions.texts(selection.current())
    if not no_language_model(model):
        result = predictions.ask(model, "token-distributions", **given, top_k=_N_OFFERED).result
        return _tokens(result, attribution_asked.target_of(model, selection.current()).position), True
    if can(model, "classify"):
        return _labels(predictions.ask(model, "classify", **given).result), False
    if can(model, "answer-span") and not can(model, "tag-tokens"):
        return {"start": "start of the answer", "end": "end of the answer"}, False
    if can(model, "tag-tokens"):
        return {name: name for name in names_of_labels(model)}, False
    raise NotForThisModel(no_language_model(model))


def _tokens(result: TokenDistributions, position: int | None) -> dict[str, str]:
    """List the candidates where the answer is read: after a decoder's last token, at an encoder's first mask."""
    is_decoder = len(result.positions) == len(result.tokens)
    row = result.positions.index(position) if position in result.positions else -1 if is_decoder else 0
    pairs = zip(result.candidates[row], result.probabilities[row], strict=True)
    return {name: f"{named(name)}   ({figure(float(share))})" for name, share in pairs}


def _labels(result: LabelProbabilities) -> dict[str, str]:
    order = np.argsort(-result.logits, kind="stable")
    return {result.labels[at]: f"{result.labels[at]}   ({figure(float(result.probabilities[at]))})" for at in order}
