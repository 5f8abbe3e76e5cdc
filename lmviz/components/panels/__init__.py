"""Matrices side by side on one scale, linked cell by cell: A, B and B − A."""

from functools import cache
from importlib.resources import files

import streamlit as st

from lmviz.components.panels.values import PanelEvent, read_event

__all__ = ["PanelEvent", "panels", "script", "style"]

_FILES = (
    "attention/frontend/common.js",
    "attention/frontend/controls.js",
    "query_key/frontend/strips.js",
    "panels/frontend/model.js",
    "panels/frontend/layout.js",
    "panels/frontend/labels.js",
    "panels/frontend/picture.js",
    "panels/frontend/frame.js",
    "panels/frontend/input.js",
    "panels/frontend/panels.js",
)


@cache
def script() -> str:
    """Give the panels as plain JavaScript without imports or exports; `mountPanels` starts them."""
    return "\n".join(_text(name) for name in _FILES)


@cache
def style() -> str:
    """Give the panels' CSS; colours follow `--st-*` variables where the page sets them."""
    return _text("panels/frontend/panels.css")


def _text(name: str) -> str:
    return (files("lmviz") / "components" / name).read_text(encoding="utf-8")


_PANELS = st.components.v2.component(
    "lmviz_panels", css=style(), js=script() + "\n" + _text("panels/frontend/streamlit.js")
)


def panels(payload: bytes, *, key: str) -> PanelEvent | None:
    """Show panels.

    Args:
        payload: What figures.panels_payload.panels_payload gave.
        key: Name of the widget in the session.

    Returns:
        The last cell that was selected or freed in these panels, or None; it comes again on every rerun until titles,
        rows or columns change.
    """
    return read_event(_PANELS(data=payload, key=key, on_event_change=_rerun_only).event, payload)


def _rerun_only() -> None:
    """Do nothing: a state value needs a callback to exist, the rerun itself is what is wanted."""
