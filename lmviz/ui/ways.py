"""Buttons that lead to another page, and still do when the run they began is cut short by another one."""

from collections.abc import Callable
from typing import Any

import streamlit as st

ATTENTION = "pages/attention.py"
PREDICTIONS = "pages/predictions.py"
COMPARE = "pages/compare.py"
ATTRIBUTION = "pages/attribution.py"
BIAS = "pages/bias.py"
PROBING = "pages/probing.py"
_TO = "_way_to"


def button(label: str, to: str, *, change: Callable[[], None], key: str, **look: Any) -> None:
    """Draw a button that makes a change and opens a page.

    Streamlit tells of a click in one run only. Where that run is cut short, by a fragment's clock or a second click,
    the change was made and nothing followed; so where to go is kept until somebody went.

    Args:
        label: What the button says.
        to: The page's file, below the folder of app.py.
        change: What to look at there; called once, before the page runs.
        key: The widget's name.
        look: As in `st.button`: type, help.
    """
    st.button(label, key=key, on_click=_leave, args=(to, change), **look)
    follow()


def follow() -> None:
    """Open the page that a click asked for, if one did."""
    to = st.session_state.pop(_TO, "")
    if to:
        st.switch_page(to)


def _leave(to: str, change: Callable[[], None]) -> None:
    change()
    st.session_state[_TO] = to
