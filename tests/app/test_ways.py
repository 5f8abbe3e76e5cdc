"""A button that leads to another page: what was changed is followed by where to go, however the run ends."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lmviz.ui import ways


def script() -> None:
    import streamlit as st

    from lmviz.ui import ways

    ways.follow()  # as the frame around the pages does
    if st.session_state.get("changed") == 1 and "cut" in st.session_state and st.session_state.pop("cut"):
        st.rerun()  # as another request does when it comes before the button is reached
    ways.button("Go", ways.COMPARE, change=lambda: st.session_state.update(changed=1), key="go", type="primary")


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_click_arrives_even_when_its_run_is_cut_short(is_cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    went: list[str] = []
    monkeypatch.setattr(st, "switch_page", went.append)
    test = AppTest.from_function(script)
    test.session_state["cut"] = is_cut
    test.run()
    assert went == []
    test.button(key="go").click().run()
    assert not test.exception
    assert test.session_state["changed"] == 1
    assert went == [ways.COMPARE]
    test.run()
    assert went == [ways.COMPARE]
