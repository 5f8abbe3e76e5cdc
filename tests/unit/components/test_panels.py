"""Panels as a component: the script is one piece, what comes back is checked, the same panels are the same bytes."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lmviz.components.panels import PanelEvent, script, style
from lmviz.components.panels.values import read_event
from lmviz.figures.panels_payload import panels_header
from tests.browser.harness.panel_documents import WORDS, words_payload

HARNESS = Path(__file__).parents[2] / "browser" / "harness" / "panels.py"
PAYLOAD = words_payload()
OF = panels_header(PAYLOAD)["of"]
LAST = len(WORDS) - 1


def told(**changes: Any) -> dict[str, object]:
    return {"of": OF, "row": 2, "column": LAST, "number": 7, "is_selected": True, **changes}


def test_the_script_is_one_piece() -> None:
    assert "function mountPanels(" in script()
    assert not any(line.startswith(("import ", "export ")) for line in script().splitlines())
    assert ".lmviz-panels" in style()


@pytest.mark.parametrize("source", [script(), style()], ids=["script", "style"])
def test_nothing_is_fetched(source: str) -> None:
    assert not [word for word in ("http:", "https:", "fetch(", "@import", "url(", "innerHTML") if word in source]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (told(), PanelEvent(2, LAST, 7, is_selected=True)),
        (told(row=0, column=0, is_selected=False), PanelEvent(0, 0, 7, is_selected=False)),
        (None, None),
        ({}, None),
        (told(of="other"), None),
        (told(row=len(WORDS)), None),
        (told(row=-1), None),
        (told(row=True), None),
        (told(row=1.0), None),
        (told(column="2"), None),
        (told(column=None), None),
        (told(number="7"), None),
        (told(is_selected=1), None),
        (told(is_selected=None), None),
    ],
)
def test_what_comes_back_is_checked(state: dict[str, object] | None, event: PanelEvent | None) -> None:
    assert read_event(state, PAYLOAD) == event


def test_a_page_sends_the_same_bytes_until_something_changes() -> None:
    page = AppTest.from_file(str(HARNESS), default_timeout=60).run()
    assert not page.exception

    def sent() -> bytes:
        found: bytes = page.get("bidi_component")[0].proto.bytes
        return found

    first = sent()
    page.button[1].click().run()
    assert sent() == first
    page.button[0].click().run()
    assert sent() != first
    assert panels_header(sent())["of"] == panels_header(first)["of"]
    page.button[2].click().run()
    assert panels_header(sent())["of"] != panels_header(first)["of"]
