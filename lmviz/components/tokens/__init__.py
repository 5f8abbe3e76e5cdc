"""The tokens of a text as a strip that one can look at, click and edit."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import streamlit as st

from lmviz.components.tokens.payload import fingerprint, strip_payload
from lmviz.components.tokens.values import (
    EDITS,
    Action,
    Edit,
    StripEdits,
    StripEvent,
    StripLook,
    StripToken,
    read_event,
    strip_tokens,
)

__all__ = [
    "EDITS",
    "Action",
    "Edit",
    "StripEdits",
    "StripEvent",
    "StripLook",
    "StripToken",
    "strip_tokens",
    "token_strip",
]

_FILES = (
    "attention/frontend/common.js",
    "query_key/frontend/strips.js",
    "tokens/frontend/chips.js",
    "tokens/frontend/card.js",
    "tokens/frontend/menu.js",
    "tokens/frontend/walk.js",
    "tokens/frontend/strip.js",
)


@cache
def script() -> str:
    """Give the strip as plain JavaScript without imports or exports; `mountTokenStrip` starts it."""
    return "\n".join(_text(name) for name in _FILES)


@cache
def style() -> str:
    """Give the strip's CSS; colours follow `--st-*` variables where the page sets them."""
    return _text("tokens/frontend/tokens.css")


def _text(name: str) -> str:
    return (files("lmviz") / "components" / name).read_text(encoding="utf-8")


_STRIP = st.components.v2.component(
    "lmviz_token_strip", css=style(), js=script() + "\n" + _text("tokens/frontend/streamlit.js")
)
_ONLY_SHOWN, _PLAIN = StripEdits(), StripLook()


def token_strip(
    tokens: Sequence[StripToken],
    *,
    key: str,
    selected: int | None = None,
    look: StripLook = _PLAIN,
    edits: StripEdits = _ONLY_SHOWN,
) -> StripEvent | None:
    """Show tokens in reading order.

    Args:
        tokens: What strip_tokens gave.
        key: Name of the widget in the session.
        selected: Position that wears the ring; it moves at once when a person selects another.
        look: What values mean and how strong their colours are.
        edits: What may be done to a token; nothing by default.

    Returns:
        The last thing that was done to these tokens, or None; it comes again on every rerun until the tokens change.
    """
    of = fingerprint(tokens)
    payload = strip_payload(tokens, look, of=of, selected=selected, edits=edits)
    state = _STRIP(data=payload, key=key, on_event_change=_rerun_only).event
    return read_event(state, tokens, of=of, edits=edits)


def _rerun_only() -> None:
    """Do nothing: a state value needs a callback to exist, the rerun itself is what is wanted."""
