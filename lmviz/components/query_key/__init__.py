"""The query–key view: what makes the scores of one query in one head, dimension by dimension."""

from functools import cache
from importlib.resources import files

import streamlit as st

_FILES = (
    "attention/frontend/common.js",
    "attention/frontend/controls.js",
    "query_key/frontend/strips.js",
    "query_key/frontend/rows.js",
    "query_key/frontend/query_key.js",
)


@cache
def script() -> str:
    """Give the view as plain JavaScript without imports or exports; `mountQueryKey` starts it."""
    return "\n".join(_text(name) for name in _FILES)


@cache
def style() -> str:
    """Give the view's CSS; colours follow `--st-*` variables where the page sets them."""
    return _text("query_key/frontend/query_key.css")


def _text(name: str) -> str:
    return (files("lmviz") / "components" / name).read_text(encoding="utf-8")


_VIEW = st.components.v2.component(
    "lmviz_query_key", css=style(), js=script() + "\n" + _text("query_key/frontend/streamlit.js")
)


def query_key(payload: bytes, *, key: str) -> None:
    """Show the products of one query with every key.

    Args:
        payload: What figures.query_key_payload.query_key_payload gave.
        key: Name of the widget in the session.
    """
    _VIEW(data=payload, key=key)
