"""What two vocabularies can both say, however each marks the beginning of a word."""

from functools import cache

import numpy as np
import pytest

import lmviz
from lmviz.capture.tokens import token_string
from lmviz.capture.vocabulary import SharedStrings, shared_strings
from lmviz.models.loaded import LoadedModel
from tests.tiny import tiny

FAMILIES = ("bert", "roberta", "gpt2", "llama", "albert", "t5")


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


def shared(a: str, b: str, *, more_rows: int = 0) -> SharedStrings:
    first, second = model_of(a), model_of(b)
    return shared_strings(first, second, sizes=(len(first.tokenizer) + more_rows, len(second.tokenizer) + more_rows))


def tokens_of(found: SharedStrings, family: str, slots: np.ndarray, string: str) -> set[str]:
    place = found.strings.index(string)
    tokenizer = model_of(family).tokenizer
    return {str(tokenizer.convert_ids_to_tokens(int(i))) for i in np.flatnonzero(slots == place)}


@pytest.mark.parametrize("a", FAMILIES)
@pytest.mark.parametrize("b", FAMILIES)
def test_the_other_way_round_it_is_the_same(a: str, b: str) -> None:
    there, back = shared(a, b), shared(b, a)
    if not there.is_same_vocabulary:
        assert there.strings == back.strings == tuple(sorted(set(there.strings)))
        assert there.strings
    np.testing.assert_array_equal(there.a, back.b)
    np.testing.assert_array_equal(there.b, back.a)
    assert there.is_folded == back.is_folded
    for slots in (there.a, there.b):
        assert set(slots.tolist()) >= set(range(len(there.strings)))  # each string is said by both


def test_beginnings_go_with_beginnings_and_pieces_with_pieces() -> None:
    found = shared("bert", "gpt2")
    assert tokens_of(found, "bert", found.a, " cat") == {"cat"}
    assert tokens_of(found, "gpt2", found.b, " cat") == {"Ġcat"}
    assert tokens_of(found, "bert", found.a, "s") == {"##s"}
    assert tokens_of(found, "bert", found.a, " s") == {"s"}
    assert tokens_of(found, "gpt2", found.b, "s") == {"s", "S"}  # this WordPiece sees no capitals
    assert found.is_folded


def test_punctuation_has_no_beginning() -> None:
    found = shared("bert", "llama")
    assert "," in found.strings
    assert " ," not in found.strings
    assert tokens_of(found, "bert", found.a, ",") == {",", "##,"}


def test_capitals_count_where_both_see_them() -> None:
    found = shared("gpt2", "llama")
    assert not found.is_folded
    assert {" the", "T"} <= set(found.strings)
    assert tokens_of(found, "gpt2", found.a, "T") == {"T"}
    assert tokens_of(found, "llama", found.b, "T") == {"T", "<0x54>"}  # the byte says the same


def test_special_tokens_are_what_they_are_called() -> None:
    assert "<s>" in shared("roberta", "llama").strings
    assert not {"[CLS]", "<|endoftext|>"} & set(shared("bert", "gpt2").strings)


def test_one_vocabulary_is_compared_token_by_token() -> None:
    found = shared("gpt2", "gpt2", more_rows=3)
    n = len(model_of("gpt2").tokenizer)
    assert found.is_same_vocabulary
    assert found.a.tolist() == found.b.tolist() == list(range(n + 3))
    assert found.strings[:n] == tuple(token_string(model_of("gpt2").tokenizer, i) for i in range(n))


def test_rows_beyond_the_tokenizer_are_no_strings() -> None:
    found = shared("bert", "llama", more_rows=2)
    assert found.a[-2:].tolist() == found.b[-2:].tolist() == [-1, -1]
    assert None not in found.strings
    assert "None" not in found.strings
