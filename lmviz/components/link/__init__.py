"""The button that copies the link to what is seen; also lets Enter apply a text."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_HTML = (
    '<div class="lmviz-link"><button type="button" aria-live="polite">Copy link</button>'
    '<input type="text" readonly hidden aria-label="Link to this view"></div>'
)
_link = st.components.v2.component(
    "lmviz_link",
    html=_HTML,
    css=(_HERE / "link.css").read_text(encoding="utf-8"),
    js=(_HERE / "link.js").read_text(encoding="utf-8"),
)


def copy_link(*, key: str, carries_text: bool = True) -> None:
    """Offer to copy the address of what is seen.

    Args:
        key: Name of this button on the page.
        carries_text: False when the text is too long for the link; the button then says so.
    """
    _link(data={"carries_text": carries_text}, key=key, width="content", height="content")
