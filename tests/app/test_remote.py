"""The app with models on servers: chosen by name, asked for what they can, and nothing sent that nobody agreed to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import lmviz
from lmviz.ui import memory
from tests.tiny import tiny
from tests.unit.remote.servers import Reply, Server, model_server, serving

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-planted-0123456789"
TEXT = "The cat sat on the mat."


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing that another server answered is remembered."""
    memory.RESULTS.forget()


@pytest.fixture
def tiny_server() -> Iterator[Server]:
    with serving(model_server(*tiny("gpt2"))) as server:
        yield server


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that configures the server 'lab'."""

    def configure(url: str, **more: str) -> None:
        for word, value in {"url": url, "model": "m", "key": KEY, "timeout": "300", **more}.items():
            monkeypatch.setenv(f"LMVIZ_REMOTE_LAB_{word.upper()}", value)

    return configure


def open_page(page: str, *, pick: str = "remote:lab", **link: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    for name, value in link.items():
        test.query_params[name] = value
    test.run()
    if pick:
        test.selectbox(key="model").select(pick).run()
    return test.switch_page(f"pages/{page}.py").run()


def options(test: AppTest, key: str) -> list[str]:
    return list(test.get("button_group")[[item.key for item in test.get("button_group")].index(key)].options)


def shown(test: AppTest) -> str:
    return " ".join(str(element.value) for element in (*test.markdown, *test.caption, *test.info, *test.error))


def test_it_is_offered_by_name_and_says_where_the_text_goes(
    tiny_server: Server, configured: Callable[..., None]
) -> None:
    configured(tiny_server.url)
    test = open_page("predictions", text=TEXT)
    assert "lab (server)" in test.selectbox(key="model").options
    assert not test.exception
    assert not test.error
    assert "Your text is sent to" in shown(test)
    assert f"127\\.0\\.0\\.1\\:{tiny_server.server_port}" in shown(test)
    assert KEY not in shown(test)
    assert options(test, "task") == ["Predict the next token", "Surprisal of a text", "Continue a text"]


def test_next_tokens_are_those_of_the_library(tiny_server: Server, configured: Callable[..., None]) -> None:
    configured(tiny_server.url)
    test = open_page("predictions", text=TEXT)
    want = lmviz.run("token-distributions", lmviz.remote_model("lab"), text=TEXT)
    assert test.dataframe[0].value["probability"].tolist() == pytest.approx(want.probabilities[0].tolist())
    assert "token id" not in test.dataframe[0].value
    assert "entropy at least" in shown(test)


def test_surprisal_is_there_where_the_server_tells_it(tiny_server: Server, configured: Callable[..., None]) -> None:
    configured(tiny_server.url)
    test = open_page("predictions", text=TEXT, task="surprisal")
    assert not test.error
    want = lmviz.run("surprisal", lmviz.remote_model("lab"), text=TEXT).scores[1:]
    assert test.dataframe[0].value["surprisal"].tolist() == pytest.approx(want.tolist())


def test_a_real_server_writes_and_goes_on(llama: str, configured: Callable[..., None]) -> None:
    configured(llama)
    test = open_page("predictions", text="The capital of France is", task="generate")
    assert options(test, "task") == ["Predict the next token", "Continue a text"]
    assert options(test, "way") == ["Most probable", "Draw"]
    test.number_input(key="n_new").set_value(4).run()
    test.button(key="write").click().run()
    assert not test.exception
    assert not test.error
    assert "Paris" in shown(test)
    before = len(test.session_state["_continuations"][1].chosen)
    test.button(key="go_on").click().run()
    assert not test.error
    assert len(test.session_state["_continuations"][1].chosen) == before + 4


def test_a_chat_begins_replies_anew(llama: str, configured: Callable[..., None]) -> None:
    configured(llama, protocol="chat")
    test = open_page("predictions", text="Say hello.", task="generate")
    assert options(test, "task") == ["Begin a reply", "Reply"]
    test.number_input(key="n_new").set_value(3).run()
    test.button(key="write").click().run()
    assert not test.error
    assert test.button(key="go_on").disabled
    assert "this is the reply" in shown(test)


@pytest.mark.parametrize("page", ["attention"])
def test_other_pages_say_what_to_choose(page: str, tiny_server: Server, configured: Callable[..., None]) -> None:
    configured(tiny_server.url)
    test = open_page(page, text=TEXT)
    assert not test.exception
    (said,) = [element.value for element in test.error]
    assert "runs on a server and only predicts" in said
    assert tiny_server.asked == []


def test_a_link_sends_nothing_before_somebody_agrees(tiny_server: Server, configured: Callable[..., None]) -> None:
    configured(tiny_server.url)
    test = open_page("predictions", pick="", model="remote:lab", text="planted by a link")
    assert "wants to send its text to" in shown(test)
    assert tiny_server.asked == []
    next(button for button in test.button if button.label == "Send it").click().run()
    assert not test.error
    assert "planted by a link" in repr([request.body for request in tiny_server.asked])


@pytest.mark.parametrize("form", ["remote:{url}", "{url}", "remote:127.0.0.1:{port}/v1", "remote:other"])
def test_a_link_cannot_name_an_address(form: str, tiny_server: Server, configured: Callable[..., None]) -> None:
    configured("http://127.0.0.1:1/v1")
    name = form.format(url=tiny_server.url, port=tiny_server.server_port)
    test = open_page("predictions", pick="", model=name, text=TEXT)
    for button in [button for button in test.button if button.label in ("Send it", "Load it")]:
        button.click().run()
    assert not test.exception
    assert test.error
    assert tiny_server.asked == []


def test_what_goes_wrong_is_one_sentence(configured: Callable[..., None]) -> None:
    with serving(lambda _: Reply({"error": {"message": KEY}}, 401)) as server:
        configured(server.url)
        test = open_page("predictions", text=TEXT)
        assert not test.exception
        (said,) = [element.value for element in test.error]
        assert "does not take the key of" in said
        assert KEY not in shown(test)


def test_broken_settings_leave_the_app_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(f'[remote.lab\nkey = "{KEY}"')
    monkeypatch.chdir(tmp_path)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).run()
    assert not test.exception
    assert not test.error
    assert "not valid TOML" in shown(test).replace("\\", "")
    assert KEY not in shown(test)
