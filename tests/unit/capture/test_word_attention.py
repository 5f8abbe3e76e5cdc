"""Attention from word to word: against a version with loops, alone and in batches."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

import lmviz
from lmviz.capture import budget, word_attention
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.capture.word_attention import WordPattern, word_patterns, word_reading
from lmviz.errors import InputTooLong, InvalidParameter, OverBudget
from lmviz.models.loaded import LoadedModel
from tests.tiny import FAMILIES, tiny

TEXTS = (
    "the cat sat on the mat, and the dog sat on the log.",
    "cats",
    "time flies like an arrow; fruit flies like a banana",
    "the nurse said sleeping",
)
Span = tuple[int, int]


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


def words(text: str) -> list[Span]:
    return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]


def by_loops(model: LoadedModel, text: str, spans: list[Span]) -> WordPattern:
    """Sum over the attended word's tokens, average over the attending word's tokens, one number at a time."""
    known = trace(model, encode(model, text), ["pattern"], part=model.parts[0])
    pattern, table = known["pattern"], known.table
    own = [
        [
            at
            for at, (start, end) in enumerate(table.spans)
            if not table.special[at] and set(range(start, end)) & set(range(*span))
        ]
        for span in spans
    ]
    found = np.zeros((*pattern.shape[:2], len(spans), len(spans)), dtype=np.float32)
    for i, attending in enumerate(own):
        for j, attended in enumerate(own):
            for query in attending:
                for key in attended:
                    found[:, :, i, j] += pattern[:, :, query, key] / len(attending)
    return found


def read(model: LoadedModel, texts: tuple[str, ...]) -> list[WordPattern]:
    readings = [word_reading(model, text, words(text)) for text in texts]
    return [pattern for batch in word_patterns(model, readings) for pattern in batch]


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_what_loops_over_one_sentence_at_a_time_give(family: str) -> None:
    model = model_of(family)
    together = read(model, TEXTS)
    for text, found in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(found, by_loops(model, text, words(text)), atol=1e-5)
        np.testing.assert_allclose(found, read(model, (text,))[0], atol=1e-5)


def test_a_word_is_attended_to_by_all_its_pieces_and_rows_sum_to_one_at_most() -> None:
    (found,) = read(model_of("bert"), ("the sleeping cat",))
    assert found.shape == (2, 4, 3, 3)
    sums = found.sum(axis=-1)
    assert (sums < 1).all(), "some of it goes to [CLS] and [SEP]"
    assert (sums > 0).all()


def test_what_comes_later_is_not_attended_to_by_a_decoder() -> None:
    (found,) = read(model_of("gpt2"), ("the cat sat on the mat",))
    later = np.triu(np.ones(found.shape[-2:], dtype=bool), k=1)
    assert (found[..., later] == 0).all()
    assert (found[..., ~later] > 0).all()


def test_words_of_one_span_share_their_tokens() -> None:
    model = model_of("bert")
    spans = [(0, 3), (4, 7), (4, 7)]
    reading = word_reading(model, "the cat", spans)
    assert reading.pieces[1] == reading.pieces[2]
    ((found,),) = word_patterns(model, [reading])
    np.testing.assert_array_equal(found[:, :, 1], found[:, :, 2])
    np.testing.assert_array_equal(found[..., 1], found[..., 2])
    np.testing.assert_allclose(found, by_loops(model, "the cat", spans), atol=1e-6)


def test_a_token_over_two_words_belongs_to_both() -> None:
    reading = word_reading(model_of("bert"), "cat", [(0, 1), (1, 3)])
    assert reading.pieces == ((1,), (1,))


def test_batches_hold_what_the_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("bert")
    readings = [word_reading(model, text, words(text)) for text in TEXTS * 4]
    assert [len(batch) for batch in word_patterns(model, readings)] == [16]
    whole = [pattern for batch in word_patterns(model, readings) for pattern in batch]
    monkeypatch.setattr(word_attention, "_N_TOKENS", 64)
    cut = list(word_patterns(model, readings))
    assert len(cut) > 4
    for one, other in zip(whole, (pattern for batch in cut for pattern in batch), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    monkeypatch.setattr(word_attention, "_N_TOKENS", 2048)
    monkeypatch.setenv(budget.LIMIT_VARIABLE, str(5 * readings[0].megabytes))
    assert max(len(batch) for batch in word_patterns(model, readings)) <= 2


def test_what_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("bert")
    with pytest.raises(InvalidParameter, match="no token for the word"):
        word_reading(model, "the  cat", [(3, 4)])
    with pytest.raises(InputTooLong, match="Shorten it by"):
        word_reading(model, "cat " * 600, [(0, 3)])
    monkeypatch.setenv(budget.LIMIT_VARIABLE, "0.001")
    with pytest.raises(OverBudget):
        word_reading(model, "the cat", [(0, 3)])


def test_threads_at_once_read_as_one_does() -> None:
    model = model_of("bert")
    alone = [read(model, (text,)) for text in TEXTS]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(lambda turn: read(model, (TEXTS[turn % 4],)), range(32)))
    for turn, found in enumerate(together):
        np.testing.assert_array_equal(found[0], alone[turn % 4][0])
