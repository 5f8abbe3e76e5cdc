"""A page with nothing but panels whose selection the page keeps: what the tests of the component in Streamlit drive."""

import streamlit as st

from lmviz.components.panels import panels
from lmviz.figures.panels_payload import PanelAxis, PanelLook, panels_payload
from tests.browser.harness.panel_documents import WORDS, compared, sides

state = st.session_state
for name, start in (("seed", 0), ("handled", 0), ("events", 0), ("selected", None), ("size", len(WORDS))):
    state.setdefault(name, start)

st.set_page_config(page_title="Panels", layout="wide")
st.markdown("Above")
axis = PanelAxis("from", WORDS[: state.size], holds_text=True)
payload = panels_payload(
    compared(*sides(state.size, state.size, seed=state.seed)),
    rows=axis,
    columns=PanelAxis("to", axis.labels, holds_text=True),
    look=PanelLook(quantity="pattern", describe="The largest difference is at “she”."),
    selected=state.selected,
)
event = None if state.get("hidden") else panels(payload, key="panels")
if event is not None and event.number > state.handled:
    state.handled = event.number
    state.events += 1
    state.selected = (event.row, event.column) if event.is_selected else None
    st.rerun()
st.text(f"Event {state.events}: {state.selected}")
st.button("Other values", on_click=lambda: state.update(seed=state.seed + 1))
st.button("Same again")
st.button("Fewer words", on_click=lambda: state.update(size=5, selected=None))
st.button("Select the first", on_click=lambda: state.update(selected=(0, 0)))
st.checkbox("Hide", key="hidden")
