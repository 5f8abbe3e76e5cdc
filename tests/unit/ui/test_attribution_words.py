"""Tokens joined to words: the sum is kept, and what has no score has none."""

import numpy as np
import pytest

import lmviz
from lmviz.capture.tokens import encode
from lmviz.ui.attribution_words import groups, word_scores, word_tokens
from tests.tiny import tiny


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
@pytest.mark.parametrize(
    "text", ["the unbelievable cat sat", "山上有花", "a", "the the the", "😀 שלום", "<b>bold</b> x", "don't stop"]
)
def test_sums_are_kept_and_every_token_is_in_one_word(family: str, text: str) -> None:
    table = encode(lmviz.wrap(*tiny(family)), text).table
    scores = np.random.default_rng(0).normal(size=len(table))
    scores[np.array(table.special)] = np.nan
    found = groups(table)
    assert [place for own in found for place in own] == list(range(len(table)))
    sums = word_scores(table, scores)
    assert np.nansum(sums) == pytest.approx(np.nansum(scores))
    tokens = word_tokens(table, sums)
    assert [token.id for token in tokens] == [table.ids[own[0]] if len(own) == 1 else -1 for own in found]
    assert [token.value is None for token in tokens] == [bool(np.isnan(scores[list(own)]).all()) for own in found]


def test_pieces_of_a_word_become_one() -> None:
    table = encode(lmviz.load("minilm"), "An unputdownable film").table
    assert [token.text for token in word_tokens(table, np.zeros(5))] == [
        "[CLS]",
        "an",
        "unputdownable",
        "film",
        "[SEP]",
    ]
