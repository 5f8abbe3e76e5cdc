"""Everything that can go wrong with a server ends in one sentence with a remedy, and never with the key."""

import logging
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import lmviz
from lmviz.errors import LmvizError, RemoteRefused, RemoteUnavailable
from lmviz.remote import RemoteModel, Secret, client
from tests.unit.remote.servers import Reply, Request, serving

KEY = "sk-planted-0123456789"
GOOD = {
    "choices": [
        {
            "text": " b",
            "finish_reason": "length",
            "logprobs": {"tokens": [" b"], "token_logprobs": [-0.5], "top_logprobs": [{" b": -0.5, " c": -1.0}]},
        }
    ],
    "model": "m",
}
HTML = b"<!doctype html><title>Welcome</title>"
PAGE = {"Content-Type": "text/html"}
STREAM = {"Content-Type": "text/event-stream"}


def error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": None, "type": "x", "param": None}}


def model_at(url: str, **settings: Any) -> RemoteModel:
    return RemoteModel("lab", url, **{"model": "m", "key": Secret(KEY), "timeout": 10.0, **settings})


def ask(model: RemoteModel) -> Any:
    return lmviz.run("token-distributions", model, text="a", top_k=2)


def write(model: RemoteModel) -> Any:
    return lmviz.run("generate", model, text="a", max_new_tokens=3)


def sentence_of(caught: pytest.ExceptionInfo[LmvizError]) -> str:
    """Give what a person reads: one line with a remedy, without the key, even in the whole traceback."""
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    assert KEY not in said
    assert "Traceback" not in said
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    return said


REPLIES: list[tuple[Reply, type[LmvizError], str]] = [
    (Reply(error(f"Incorrect API key provided: {KEY}"), 401), RemoteRefused, "does not take the key of 'lab'. Correct"),
    (Reply(error("no"), 403), RemoteRefused, "does not take the key of 'lab'. Correct it in the settings"),
    (Reply(error("The model `m` does not exist"), 404), RemoteRefused, "no such page or no model “m”. Correct url"),
    (Reply(error("slow down"), 429), RemoteRefused, "takes no more requests for now. Try again later"),
    (Reply(error("x"), 429, {"Retry-After": "17"}), RemoteRefused, "takes no more requests for now. Try again in 17 s"),
    (Reply(error("x"), 429, {"Retry-After": "<b>"}), RemoteRefused, "Try again later"),
    (
        Reply(error(f"logprobs too many\n for {KEY}."), 400),
        RemoteRefused,
        r"refuses the request \(400\): “logprobs too",
    ),
    (Reply(b"", 422), RemoteRefused, r"refuses the request \(422\). Change the text or settings"),
    (Reply(error("x"), 408), RemoteRefused, "did not answer within 10 s. Try again"),
    (Reply(error("Loading model"), 503), RemoteUnavailable, r"fault of its own \(503\): “Loading model”. Try again"),
    (Reply(HTML, 500, PAGE), RemoteUnavailable, r"fault of its own \(500\). Try again"),
    (Reply(b"", 302, {"Location": "http://127.0.0.1:1/v1"}), RemoteRefused, "another address, which is not followed"),
]
UNREADABLE = [
    Reply(HTML, 200, PAGE),
    Reply(b"{broken"),
    Reply(b""),
    Reply([]),
    Reply({"ok": True}),
    Reply({"choices": [3]}),
    Reply({"choices": [{"text": "x", "logprobs": {"tokens": ["a"], "token_logprobs": [-1, -2]}}]}),
    Reply({"choices": [{"text": "x", "logprobs": {"content": [{"token": "a", "bytes": [700]}]}}]}),
]


@pytest.mark.parametrize("job", [ask, write])
@pytest.mark.parametrize(("reply", "kind", "said"), REPLIES)
def test_a_refusal_is_one_sentence(
    job: Callable[[RemoteModel], Any], reply: Reply, kind: type[LmvizError], said: str
) -> None:
    with serving(lambda _: reply) as server, pytest.raises(kind, match=said) as caught:
        job(model_at(server.url))
    assert f"127.0.0.1:{server.server_port}" in sentence_of(caught)
    assert len(server.asked) == 1  # nothing is tried again by itself


@pytest.mark.parametrize("reply", UNREADABLE)
def test_what_is_no_answer_is_one_sentence(reply: Reply) -> None:
    with serving(lambda _: reply) as server, pytest.raises(RemoteUnavailable) as caught:
        ask(model_at(server.url))
    assert "not in the OpenAI completions protocol. Correct the url" in sentence_of(caught)


@pytest.mark.parametrize("body", [HTML, b"", b"data: {broken\n\n", b"data: [1]\n\n", b'data: {"ok": true}\n\n'])
def test_what_is_no_stream_is_one_sentence(body: bytes) -> None:
    with serving(lambda _: Reply(body, 200, STREAM)) as server, pytest.raises(RemoteUnavailable) as caught:
        write(model_at(server.url))
    assert "not in the OpenAI completions protocol" in sentence_of(caught)


def test_a_fault_in_the_middle_of_a_stream_is_one_sentence() -> None:
    body = b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'
    with serving(lambda _: Reply(body, 200, STREAM)) as server, pytest.raises(RemoteUnavailable) as caught:
        write(model_at(server.url))
    assert "broke off: “out of memory”. Try again." in sentence_of(caught)


@pytest.mark.parametrize("job", [ask, write])
def test_an_answer_without_numbers_is_one_sentence(job: Callable[[RemoteModel], Any]) -> None:
    choice = b'{"choices": [{"text": "b", "finish_reason": "length", "logprobs": null}]}'
    bodies = {ask: Reply(choice), write: Reply(b"data: " + choice + b"\n\n", 200, STREAM)}
    with serving(lambda _: bodies[job]) as server, pytest.raises(RemoteRefused) as caught:
        job(model_at(server.url))
    assert "answers without log-probabilities. Switch them on there" in sentence_of(caught)


@pytest.mark.parametrize("job", [ask, write])
def test_a_slow_server_is_waited_for_as_long_as_the_setting_says(job: Callable[[RemoteModel], Any]) -> None:
    go_on = threading.Event()
    with serving(lambda _: Reply(GOOD, wait=go_on)) as server:
        with pytest.raises(RemoteUnavailable) as caught:
            job(model_at(server.url, timeout=0.3))
        go_on.set()
    assert "did not answer within 0.3 s. Try again, or give 'lab' a longer timeout" in sentence_of(caught)


def test_nobody_there_is_one_sentence() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(RemoteUnavailable) as caught:
            ask(model_at(f"http://127.0.0.1:{probe.getsockname()[1]}/v1"))
    assert "cannot be reached. Start the server, or correct the url of 'lab'." in sentence_of(caught)


def test_a_missing_key_is_asked_for() -> None:
    reply = Reply(error("Invalid API Key"), 401)
    with serving(lambda _: reply) as server, pytest.raises(RemoteRefused) as caught:
        ask(model_at(server.url, key=Secret()))
    assert "asks for a key, and 'lab' has none. Put one into its settings." in sentence_of(caught)


def test_a_server_without_models_is_one_sentence() -> None:
    with serving(lambda _: Reply({"data": []})) as server, pytest.raises(RemoteRefused) as caught:
        ask(model_at(server.url, model=""))
    assert "does not say which models it has. Name one in the settings of 'lab'." in sentence_of(caught)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    for job in (ask, write):
        with pytest.raises(RemoteUnavailable) as caught:
            job(model_at("http://127.0.0.1:1/v1"))
        assert "pip install 'lmviz[openai]'" in sentence_of(caught)


def test_the_key_goes_to_its_server_and_to_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with serving(lambda _: Reply(GOOD)) as server, caplog.at_level(logging.DEBUG):
        result = ask(model_at(server.url))
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text
    assert KEY not in repr(result) + repr(result.to_dict())


def test_what_the_environment_holds_for_other_servers_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"OPENAI_API_KEY": "k1", "OPENAI_ADMIN_KEY": "k2", "OPENAI_ORG_ID": "k3", "OPENAI_PROJECT_ID": "k4"}
    headers = "Authorization: foreign-k5\nX-Gateway: foreign-k6"
    for name, value in {**others, "OPENAI_CUSTOM_HEADERS": headers}.items():
        monkeypatch.setenv(name, value if "\n" in value else f"foreign-{value}")
    with serving(lambda _: Reply(GOOD)) as server:
        ask(model_at(server.url))
        ask(model_at(server.url, key=Secret()))
    sent = [request.headers for request in server.asked]
    assert "foreign" not in repr(sent)
    assert sent[0]["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in sent[1]
    about_us = {"x-stainless-retry-count", "x-stainless-read-timeout"}  # numbers of the request itself
    assert {name for name in sent[0] if name.startswith("x-")} <= about_us
    assert sent[0]["user-agent"] == "lmviz"


def test_a_request_says_what_was_asked_and_nothing_else() -> None:
    def answering(request: Request) -> Reply:
        return Reply({"data": [{"id": "first"}]} if request.body is None else GOOD)

    with serving(answering) as server:
        model = model_at(server.url, model="", candidates=5)
        lmviz.run("token-distributions", model, text="a", top_k=9)
        ask(replace(model, protocol="chat"))
    paths = [request.path for request in server.asked]
    assert paths == ["/v1/models", "/v1/completions", "/v1/models", "/v1/chat/completions"]
    common = {"model": "first", "max_tokens": 1, "temperature": 0}
    assert server.asked[1].body == {**common, "prompt": "a", "logprobs": 5}
    message = [{"role": "user", "content": "a"}]
    assert server.asked[3].body == {**common, "messages": message, "logprobs": True, "top_logprobs": 2}


def test_whoever_stops_asking_ends_the_answer() -> None:
    part = b'data: {"choices": [{"text": "b", "logprobs": {"tokens": ["b"], "token_logprobs": [-1]}}]}\n\n'
    with serving(lambda _: Reply(part * 3, 200, STREAM)) as server:
        parts = client.stream(model_at(server.url), "a", n_new=3, n_best=1)
        assert next(parts).text == "b"
        parts.close()  # type: ignore[attr-defined]
        assert len(list(client.stream(model_at(server.url), "a", n_new=3, n_best=1))) == 3
