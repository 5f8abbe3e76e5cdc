"""What servers write, in both forms: tokens, numbers, half characters, and the least entropy there can be."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmviz.remote import wire


def entry(
    content: bytes, number: float, *, token_id: int | None = None, top: list[Any] | None = None
) -> dict[str, Any]:
    """Write a token as llama.cpp and the chat protocol do."""
    named = {"token": content.decode(errors="replace"), "bytes": list(content), "logprob": number}
    return {**named, **({} if token_id is None else {"id": token_id}), **({} if top is None else {"top_logprobs": top})}


def test_both_forms_say_the_same() -> None:
    parallel = {
        "tokens": [" Paris", "."],
        "token_logprobs": [-0.25, -0.5],
        "top_logprobs": [{" the": -2.5, " Paris": -0.25}, {".": -0.5}],
        "text_offset": [0, 6],
    }
    entries = {
        "content": [
            entry(b" Paris", -0.25, top=[entry(b" Paris", -0.25), entry(b" the", -2.5)]),
            entry(b".", -0.5, top=[entry(b".", -0.5)]),
        ]
    }
    assert wire.places(parallel) == wire.places(entries)
    first = wire.places(parallel)[0]
    assert [piece.text for piece in first.best] == [" Paris", " the"]  # best first, whatever the order was
    assert first.piece.content == b" Paris"


def test_a_part_of_a_character_is_kept_as_bytes() -> None:
    (place,) = wire.places(
        {"content": [entry(b"\xf0\x9f", -1.0, token_id=7, top=[entry(b"\xf0\x9f", -1.0, token_id=7)])]}
    )
    assert (place.piece.content, place.piece.text, place.is_whole) == (b"\xf0\x9f", "\\xf0\\x9f", True)
    (spelt,) = wire.places({"tokens": ["bytes:\\xf0\\x9f"], "token_logprobs": [-1.0], "top_logprobs": [{}]})
    assert spelt.piece.content == b"\xf0\x9f"


@pytest.mark.parametrize("token", ["\ufffd", "", "a\ufffd"])
def test_bytes_that_are_hidden_are_not_made_up(token: str) -> None:
    (place,) = wire.places({"tokens": [token], "token_logprobs": [-1.0], "top_logprobs": [None]})
    assert place.piece.content is None


def test_a_character_of_several_tokens_has_no_number_of_its_own() -> None:
    star = "🌟".encode()
    twin = entry(star, -1.5, token_id=249, top=[entry(star[-1:], -1.5, token_id=249), entry(b"x", -2.0, token_id=1)])
    drawn = entry(star, -4.0, token_id=249, top=[entry(b"x", -0.5, token_id=1)])
    for place in wire.places({"content": [twin, drawn]}):
        assert place.piece.text == "🌟"
        assert math.isnan(place.piece.log_probability)
        assert place.best == ()
        assert not place.is_whole
    (whole,) = wire.places({"content": [entry(star, -1.5, token_id=9, top=[entry(star, -1.5, token_id=9)])]})
    assert whole.is_whole  # the positive control: one token that is a whole character keeps its number
    assert whole.piece.log_probability == -1.5


@given(st.lists(st.floats(-6, 6), min_size=2, max_size=40), st.integers(1, 40))
def test_the_least_entropy_is_no_more_than_the_entropy(logits: list[float], n: int) -> None:
    logs = np.array(logits) - np.logaddexp.reduce(logits)
    order = np.sort(logs)[::-1]
    entropy = -float((np.exp(logs) * logs).sum())
    pieces = [wire.Piece(b"x", "x", float(value)) for value in order]
    bounds = [wire.least_entropy(pieces[:size]) for size in range(1, len(pieces) + 1)]
    assert bounds[min(n, len(bounds)) - 1] <= entropy + 1e-9
    assert bounds[-1] == pytest.approx(entropy, abs=1e-9)  # with all tokens told, it is the entropy


def test_no_number_no_bound() -> None:
    assert math.isnan(wire.least_entropy([]))
    assert wire.least_entropy([wire.Piece(b"x", "x", 0.0)]) == 0.0


def test_chat_and_completions_are_read_alike() -> None:
    numbers = {"content": [entry(b"hi", -1.0, top=[entry(b"hi", -1.0)])]}
    whole = wire.answer({"choices": [{"message": {"content": "hi"}, "logprobs": numbers, "finish_reason": "stop"}]})
    part = wire.answer({"choices": [{"delta": {"content": "hi"}, "logprobs": numbers, "finish_reason": None}]})
    plain = wire.answer({"choices": [{"text": "hi", "logprobs": numbers, "finish_reason": "stop"}], "model": "m"})
    assert whole.places == part.places == plain.places
    assert (whole.text, whole.finish, part.finish, plain.served_model) == ("hi", "stop", "", "m")
    assert wire.answer({"choices": [], "usage": {"prompt_tokens": 3}}).n_prompt == 3
