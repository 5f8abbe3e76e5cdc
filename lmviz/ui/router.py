"""Which pages there are, what stands around them, and the last net under them."""

from pathlib import Path
from typing import Any

import streamlit as st

from lmviz.assets import assets
from lmviz.ui import controls, frame, selection, warm, ways

_ROUTED = "_routed"
_BOUNCED = "_bounced"


def pages(root: Path) -> dict[str, list[Any]]:
    """List the pages in the order of the menu; no icons: the browser would fetch them from elsewhere for its tab."""
    folder = root / "pages"
    return {
        "": [st.Page(folder / "home.py", title="Home", default=True)],
        "Explore": [
            st.Page(
                folder / "attention.py",
                title="Attention",
                help="Every head of every layer on your text.",
            ),
            st.Page(
                folder / "predictions.py",
                title="Predictions",
                help="What the model fills in, expects, writes, or says about your text.",
            ),
            st.Page(
                folder / "compare.py",
                title="Compare",
                help="Two models, two texts, or both: A, B and the difference.",
            ),
            st.Page(
                folder / "attribution.py",
                title="Attribution",
                help="Which words an answer rests on, and whether the picture can be relied on.",
            ),
            st.Page(
                folder / "bias.py",
                title="Bias",
                help="What a model prefers on published benchmarks and your own pairs, with intervals.",
            ),
            st.Page(
                folder / "probing.py",
                title="Probing",
                help="What each layer knows: probes with their controls, syntax in heads, grammar, similarity.",
            ),
        ],
        "About": [
            st.Page(
                folder / "methods.py",
                title="Methods",
                help="What each method computes, where it comes from, what it does not show.",
            )
        ],
    }


def main(root: Path) -> None:
    """Run the app: menu, sidebar, the chosen page, and a net under it.

    Args:
        root: The folder of app.py.
    """
    warm.start()
    icon = assets() / "icon.svg"
    st.set_page_config(page_title="lmviz", page_icon=str(icon), layout="wide")
    st.logo(str(assets() / "logo.svg"), size="large", icon_image=str(icon))
    page = st.navigation(pages(root))
    with frame.faults_told("The link"):
        selection.read_link()
    ways.follow()
    with frame.faults_told("The sidebar"):
        controls.sidebar()
    st.session_state[_ROUTED], st.session_state[_BOUNCED] = True, 0  # taken by the page in this very run
    with frame.faults_told(page.title):
        page.run()
    with frame.faults_told("The link"):
        selection.write_link()


def ensure_routed(page_file: str) -> None:
    """Send a page that was started without app.py through app.py; the first line of every page.

    Until the navigation has run once in the server's process, Streamlit finds pages/ by itself and starts a page
    without the frame around it: the first visitor of a deep link would see a bare page.
    """
    if st.session_state.pop(_ROUTED, False):
        return
    bounces = st.session_state.get(_BOUNCED, 0)
    if bounces >= 2:
        st.error("Start the app with `make run` or `streamlit run app.py`, not with a page's file.")
        st.stop()
    st.session_state[_BOUNCED] = bounces + 1
    st.navigation(pages(Path(page_file).resolve().parent.parent), position="hidden")
    st.rerun()
