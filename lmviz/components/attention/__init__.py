"""The attention explorer as two Streamlit components: the explorer itself, and the pipe that feeds it one matrix.

Neither uses an iframe. The explorer's bytes depend on the data alone, so they cross the wire once; the pipe's bytes are
the matrix in focus and change with every head.
"""

from typing import Any

import streamlit as st

from lmviz.figures import frontend

_EXPLORER = st.components.v2.component(
    "lmviz_attention_explorer",
    css=frontend.explorer_style(),
    js=frontend.explorer_module(),
)
# The pipe has nothing to show: its container leaves the page's flow, so that no gap remains.
_PIPE = st.components.v2.component(
    "lmviz_attention_pipe",
    html='<i class="lmviz-pipe" hidden></i>',
    css="""
    [data-testid="stElementContainer"]:has(.lmviz-pipe) {
        position: absolute; width: 0; height: 0; overflow: hidden; visibility: hidden;
    }
    """,
    js=frontend.pipe_module(),
    isolate_styles=False,
)


def explorer(payload: bytes, *, key: str) -> dict[str, Any] | None:
    """Show the explorer.

    Args:
        payload: What figures.attention_payload.explorer_payload gave; pass the same bytes while the data is the same.
        key: Name of the widget in the session.

    Returns:
        The view as the person last left it, or None before they touched anything.
    """
    view = _EXPLORER(data=payload, key=key, on_view_change=_rerun_only).view
    return dict(view) if view is not None else None


def pipe(payload: bytes, *, key: str) -> None:
    """Hand one matrix to the explorer of the same channel; takes no room on the page.

    Args:
        payload: What figures.attention_payload.pipe_payload gave.
        key: Name of the widget in the session.
    """
    _PIPE(data=payload, key=key)


def _rerun_only() -> None:
    """Do nothing: a state value needs a callback to exist, the rerun itself is what is wanted."""
