"""The strip of tokens on the server: what it sends, what it believes of what comes back, when bytes are the same."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lmviz.components.tokens import EDITS, StripEdits, StripEvent, StripLook, StripToken, strip_tokens
from lmviz.components.tokens.payload import fingerprint, strip_payload
from lmviz.components.tokens.values import read_event
from tests.token_tables import table_of

HARNESS = Path(__file__).parents[2] / "browser" / "harness" / "tokens.py"
TOKENS = strip_tokens(table_of("bert", "The cat sings"))
ALL = StripEdits(EDITS, "[MASK]")


def payload(
    tokens: tuple[StripToken, ...], look: StripLook | None = None, *, edits: StripEdits | None = None
) -> dict[str, Any]:
    packed = strip_payload(
        tokens, look or StripLook(), of=fingerprint(tokens), selected=None, edits=edits or StripEdits()
    )
    found: dict[str, Any] = json.loads(packed)
    return found


def told(**changes: object) -> dict[str, object]:
    return {"of": "a", "action": "delete", "position": 2, "text": "", "number": 7, **changes}


def test_tokens_carry_what_the_table_says() -> None:
    cls, the, cat = TOKENS[:3]
    assert cls == StripToken("[CLS]", "[CLS]", 2, True, 0, -1, None)
    assert (the.text, the.source, the.word, the.special) == ("the", "The", 0, False)
    assert (cat.text, cat.source, cat.value, cat.label, cat.note) == ("cat", "cat", None, "", "")
    assert {token.word for token in TOKENS[3:-1]} == {2}  # the pieces of "sings"


def test_the_second_text_gives_the_sources_of_its_tokens() -> None:
    tokens = strip_tokens(table_of("bert", "the cat", "A dog"))
    assert [(token.segment, token.source) for token in tokens] == [
        *((0, ""), (0, "the"), (0, "cat"), (0, "")),
        *((1, "A"), (1, "dog"), (1, "")),
    ]


def test_values_labels_and_notes_are_as_many_as_tokens() -> None:
    size = len(TOKENS)
    table = table_of("bert", "The cat sings")
    values = np.arange(size, dtype=np.float32)
    values[0] = np.nan
    made = strip_tokens(table, values=values, labels=["N"] * size, notes=["n"] * size)
    assert [token.value for token in made] == [None, *map(float, range(1, size))]
    assert {(token.label, token.note) for token in made} == {("N", "n")}
    for wrong in ({"values": [1.0]}, {"labels": ["N"]}, {"notes": ["n"]}, {"values": [None] * (size + 1)}):
        with pytest.raises(ValueError, match="zip"):
            strip_tokens(table, **wrong)  # type: ignore[arg-type]


def test_numbers_are_written_with_three_digits_and_shares_are_of_the_maximum() -> None:
    values = [None, 0.0, -1.5, 3.0, float("inf"), 1.23456, 0.0]
    tokens = tuple(replace(TOKENS[0], value=value) for value in values)
    sent = payload(tokens, StripLook(maximum=3.0, scale="signed"))
    assert [token.get("share") for token in sent["tokens"]] == [None, 0.0, -0.5, 1.0, 1.0, 0.4115, 0.0]
    assert [token.get("number") for token in sent["tokens"]] == [None, "0", "−1.50", "3.00", "∞", "1.23", "0"]
    assert (sent["maximum"], sent["cut"]) == ("3.00", True)


def test_without_a_maximum_the_largest_finite_value_has_the_strongest_colour() -> None:
    tokens = tuple(replace(TOKENS[0], value=value) for value in (-4.0, 2.0, None))
    sent = payload(tokens)
    assert [token.get("share") for token in sent["tokens"]] == [-1.0, 0.5, None]
    assert (sent["maximum"], sent["cut"]) == ("4.00", False)
    assert payload(TOKENS)["maximum"] is None
    zeros = payload(tuple(replace(token, value=0.0) for token in TOKENS))
    assert {token["share"] for token in zeros["tokens"]} == {0.0}


def test_the_same_strip_is_the_same_bytes_and_awkward_text_survives() -> None:
    tokens = tuple(
        replace(TOKENS[0], text=text, raw=text) for text in ("<b>", "</script>", "👩\u200d👧", "مر", "\ud800")
    )
    assert payload(tokens) == payload(tuple(replace(token) for token in tokens))
    assert [token["text"] for token in payload(tokens)["tokens"]] == ["<b>", "</script>", "👩\u200d👧", "مر", "?"]


def test_the_fingerprint_is_of_the_tokens_alone() -> None:
    coloured = tuple(replace(token, value=1.0, label="N", note="n") for token in TOKENS)
    assert fingerprint(coloured) == fingerprint(TOKENS)
    assert fingerprint(TOKENS[:-1]) != fingerprint(TOKENS)
    assert fingerprint((replace(TOKENS[0], raw="x"), *TOKENS[1:])) != fingerprint(TOKENS)


def test_masking_needs_a_mask_token() -> None:
    assert payload(TOKENS, edits=ALL)["edits"] == ["append", "delete", "insert", "mask", "replace"]
    assert payload(TOKENS, edits=StripEdits(EDITS))["edits"] == ["append", "delete", "insert", "replace"]
    assert payload(TOKENS)["edits"] == []


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (told(), StripEvent("delete", 2, "", 7)),
        (told(action="mask", text="x"), StripEvent("mask", 2, "", 7)),
        (told(action="replace", text="dog"), StripEvent("replace", 2, "dog", 7)),
        (told(action="insert", text="x" * 5000), StripEvent("insert", 2, "x" * 2000, 7)),
        (told(action="append", text="x" * 5000), StripEvent("append", 2, "x" * 2000, 7)),
        (told(action="select", position=0), StripEvent("select", 0, "", 7)),
        (None, None),
        (told(of="b"), None),  # other tokens
        (told(position=0), None),  # special
        (told(position=99), None),
        (told(position=-1), None),
        (told(position=True), None),
        (told(position="2"), None),
        (told(number=None), None),
        (told(text=None), None),
        (told(action="drop table"), None),
        (told(action=["delete"]), None),
    ],
)
def test_what_comes_back_is_checked(state: dict[str, object] | None, event: StripEvent | None) -> None:
    assert read_event(state, TOKENS, of="a", edits=ALL) == event


def test_what_is_not_offered_is_not_done() -> None:
    assert read_event(told(), TOKENS, of="a", edits=StripEdits()) is None
    assert read_event(told(action="mask"), TOKENS, of="a", edits=StripEdits(EDITS)) is None
    assert read_event(told(action="select"), TOKENS, of="a", edits=StripEdits()) is not None


def test_a_page_sends_the_same_bytes_until_something_changes() -> None:
    page = AppTest.from_file(str(HARNESS), default_timeout=60)
    page.query_params["values"] = "amount"
    page.run()
    assert not page.exception

    def sent() -> bytes:
        found: bytes = page.get("bidi_component")[0].proto.bytes
        return found

    first = sent()
    page.button[1].click().run()
    assert sent() == first
    page.button[0].click().run()
    assert sent() != first
    assert json.loads(sent())["of"] == json.loads(first)["of"]
    page.button[2].click().run()
    assert json.loads(sent())["of"] != json.loads(first)["of"]
