"""The explorer's two components on the server: what they send, and that the same data is the same bytes."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lmviz.figures.attention_payload import payload_header

HARNESS = Path(__file__).parents[2] / "browser" / "harness" / "explorer.py"


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_file(str(HARNESS), default_timeout=60)
    app.query_params["layers"], app.query_params["heads"], app.query_params["tokens"] = "2", "3", "7"
    return app.run()


def sent(page: AppTest) -> tuple[bytes, bytes]:
    """The bytes of the explorer and of the pipe."""
    assert not page.exception
    explorer, pipe = page.get("bidi_component")
    return explorer.proto.bytes, pipe.proto.bytes


def test_the_pipe_is_addressed_to_the_explorer(page: AppTest) -> None:
    explorer, pipe = (payload_header(payload) for payload in sent(page))
    assert (explorer["layers"], explorer["heads"], explorer["size"]) == (2, 3, 7)
    assert (pipe["channel"], pipe["id"]) == (explorer["channel"], explorer["id"])
    assert (pipe["label"], pipe["revision"]) == ("L0H0", 0)


def test_another_view_changes_the_pipe_and_not_the_explorer(page: AppTest) -> None:
    explorer, pipe = sent(page)
    page.button[1].click().run()
    again, other = sent(page)
    assert again == explorer
    assert other != pipe
    assert (payload_header(other)["label"], payload_header(other)["revision"]) == ("L1H1", 1)


def test_another_text_changes_both(page: AppTest) -> None:
    before = sent(page)
    page.button[0].click().run()
    after = sent(page)
    assert payload_header(after[0])["size"] == 10
    assert payload_header(before[0])["id"] != payload_header(after[0])["id"] == payload_header(after[1])["id"]
