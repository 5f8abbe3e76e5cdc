"""Surprisal from a server that repeats the prompt: the model's own, and refused where it cannot be right."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lmviz
from lmviz.errors import InvalidParameter, NotForThisModel, RemoteRefused
from lmviz.remote import RemoteModel
from lmviz.remote.scoring import can_score
from tests.tiny import tiny
from tests.unit.remote.servers import Reply, Request, Server, model_server, serving

TEXTS = ["The cat sat on the mat.", "a", "naïve 猫 🌟 <b>&amp;", "one\ntwo  three", "\ttab"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(model_server(*tiny("gpt2"))) as running:
        yield running


@pytest.fixture
def model(server: Server) -> RemoteModel:
    return RemoteModel("lab", server.url, "tiny")


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_what_the_model_itself_gives(model: RemoteModel, text: str) -> None:
    local = lmviz.wrap(*tiny("gpt2"))
    want = lmviz.run("surprisal", local, text=text)
    got = lmviz.run("surprisal", model, text=text)
    np.testing.assert_allclose(got.scores[1:], want.scores, atol=1e-4)
    assert np.isnan(got.scores[0])
    assert got.note.startswith("The first token has nothing before it")
    assert got.provenance["served_model"] == "tiny"
    assert got.table is not None
    assert got.table.special == (True, *[False] * len(want.tokens))
    for token, (start, end) in zip(got.table.tokens[1:], got.table.spans[1:], strict=True):
        assert token in (text[start:end], "\ufffd")


def test_what_a_server_can_is_asked_once(server: Server) -> None:
    model = RemoteModel("once", server.url, "tiny")
    before = len(server.asked)
    assert can_score(model)
    assert can_score(model)
    assert len(server.asked) == before + 2
    assert "The cat sat on the mat" in repr([request.body for request in server.asked[before:]])


def test_eight_threads_get_the_same(model: RemoteModel) -> None:
    alone = [lmviz.run("surprisal", model, text=text).scores for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: lmviz.run("surprisal", model, text=text).scores, TEXTS * 8))
    for place, scores in enumerate(together):
        np.testing.assert_array_equal(scores, alone[place % len(TEXTS)])


def test_numbers_under_the_wrong_tokens_are_refused() -> None:
    with serving(model_server(*tiny("gpt2"), is_shifted=True)) as server:
        model = RemoteModel("shifted", server.url, "tiny")
        assert not can_score(model)
        with pytest.raises(NotForThisModel, match="puts its numbers under the wrong tokens"):
            lmviz.run("surprisal", model, text="The cat")


@pytest.mark.parametrize("status", [400, 422, 501])
def test_a_server_that_will_not_repeat_the_prompt_is_told(status: int) -> None:
    with serving(lambda _: Reply({"error": {"message": "no echo"}}, status)) as server:
        model = RemoteModel("lab", server.url, "m")
        if status < 500:
            assert not can_score(model)
            with pytest.raises(NotForThisModel, match=f"it answers {status} to echo"):
                lmviz.run("surprisal", model, text="The cat")


def test_a_wrong_key_is_no_lack_of_the_server() -> None:
    with serving(lambda _: Reply({}, 401)) as server:
        model = RemoteModel("lab", server.url, "m")
        with pytest.raises(RemoteRefused, match="asks for a key"):
            can_score(model)


def test_a_chat_scores_nothing_and_is_not_even_asked() -> None:
    def refuse(request: Request) -> Reply:
        raise AssertionError(request)

    with serving(refuse) as server:
        model = RemoteModel("lab", server.url, "m", "chat")
        assert not can_score(model)
        with pytest.raises(NotForThisModel, match="the chat protocol tells the numbers of replies alone"):
            lmviz.run("surprisal", model, text="The cat")


@pytest.mark.parametrize("wrong", [{"target_text": "x"}, {"within_word": "original"}])
def test_what_servers_do_not_take_is_refused(model: RemoteModel, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match="reads one text from left to right"):
        lmviz.run("surprisal", model, text="The cat", **wrong)
