"""What does each method compute, where does it come from, what does it not show?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

import streamlit as st  # noqa: E402  (the guard above comes first)

from lmviz.ui import frame  # noqa: E402

frame.get_ready()

from lmviz import ANALYSES  # noqa: E402

frame.title("What stands behind each number?")
st.markdown(
    "Every picture here is drawn from one of these methods. Each is one file, with its paper, "
    "its invariants and what it does **not** show."
)
for group in dict.fromkeys(analysis.group for analysis in ANALYSES.values()):
    st.header(group.capitalize(), anchor=False)
    for analysis in ANALYSES.values():
        if analysis.group == group:
            with st.container(border=True):
                frame.method(analysis)
                st.caption(f"`lmviz.run({analysis.slug!r}, model, …)`")
