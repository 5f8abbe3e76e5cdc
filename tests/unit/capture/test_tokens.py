"""Tokens read as they were typed, point back into the text, and bad input is one sentence."""

import pytest
from transformers import ByT5Tokenizer, CanineTokenizer

import lmviz
from lmviz.capture.tokens import encode, single_token, token_string
from lmviz.errors import EmptyInput, InputTooLong, InvalidParameter, NotOneToken
from tests.tiny import FAMILIES, tiny

AWKWARD = [
    "naïve café",
    "猫坐着 a cat",
    "مرحبا",
    "👩‍👩‍👧 👍🏽",
    "<b>bold</b>",
    "</script>",
    "<|endoftext|> end",
    "x" * 60,
    "a\tb\nc",
]


@pytest.fixture(scope="module")
def models():
    return {family: lmviz.wrap(*tiny(family)) for family in ("bert", "gpt2", "llama", "t5", "roberta", "albert")}


@pytest.mark.parametrize("text", AWKWARD)
def test_spans_point_at_the_text_and_tokens_read_as_typed(models, text):
    for family, model in models.items():
        table = encode(model, text).table
        for token, (start, end), special, raw in zip(table.tokens, table.spans, table.special, table.raw, strict=True):
            assert 0 <= start <= end <= len(text)
            is_whole = family in ("gpt2", "roberta") and not special and "\\x" not in token
            if is_whole:
                assert token.strip() == text[start:end].strip(), (token, raw)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_tokens_ids_and_words_line_up(family):
    model = lmviz.wrap(*tiny(family))
    table = encode(model, "the cat sat because it was tired").table
    n = len(table)
    assert {len(x) for x in (table.tokens, table.raw, table.spans, table.words, table.segments, table.special)} == {n}
    own = [word for word, special in zip(table.words, table.special, strict=True) if not special and word >= 0]
    assert own == sorted(own)
    assert max(own) == 6
    assert all(token_string(model.tokenizer, i) == token for i, token in zip(table.ids, table.tokens, strict=True))


def test_byte_level_tokens_join_to_the_text(models):
    for text in ("the cat sat", "naïve café", "猫"):
        table = encode(models["gpt2"], text).table
        joined = b"".join(
            token.encode() if "\\x" not in token else bytes.fromhex(token.replace("\\x", "")) for token in table.tokens
        )
        assert joined.decode() == text


def test_segments_and_words_run_over_both_texts(models):
    table = encode(models["bert"], "the cat", "the dog sat").table
    assert table.segments == tuple(sorted(table.segments))
    assert set(table.segments) == {0, 1}
    first = {w for w, s in zip(table.words, table.segments, strict=True) if s == 0 and w >= 0}
    second = {w for w, s in zip(table.words, table.segments, strict=True) if s == 1 and w >= 0}
    assert first == {0, 1}
    assert second == {2, 3, 4}


def test_mask_is_not_hidden_as_special(models):
    table = encode(models["bert"], "the [MASK] sat").table
    at = table.tokens.index("[MASK]")
    assert not table.special[at]
    assert table.special[0]
    assert table.special[-1]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_text(models, text):
    with pytest.raises(EmptyInput, match="empty"):
        encode(models["bert"], text)
    with pytest.raises(EmptyInput, match="second text"):
        encode(models["bert"], "fine", text)


def test_half_a_character_is_refused(models):
    with pytest.raises(InvalidParameter, match="half a character"):
        encode(models["gpt2"], "a \udce9")


def test_too_long_says_by_how_much(models):
    limit = models["bert"].max_positions
    with pytest.raises(
        InputTooLong, match=rf"{limit + 2} tokens long; .* reads at most {limit}.*Shorten it by 2 tokens"
    ):
        encode(models["bert"], "cat " * limit)
    with pytest.raises(InputTooLong, match="100,000 characters"):
        encode(models["gpt2"], "x" * 100_000)


def test_single_token(models):
    assert token_string(models["bert"].tokenizer, single_token(models["bert"], "cat")) == "cat"
    with pytest.raises(NotOneToken, match="a target must be one token"):
        single_token(models["bert"], "cat dog")


@pytest.mark.parametrize("kind", [CanineTokenizer, ByT5Tokenizer])
def test_tokenizers_without_offsets_find_their_tokens_in_the_right_text(kind):
    hf_model, _ = tiny("bert")
    model = lmviz.wrap(hf_model, kind())
    table = encode(model, "cat sat", "a cat").table
    seen = [(s, table.segments[i], table.spans[i]) for i, s in enumerate(table.tokens) if not table.special[i]]
    assert [segment for _, segment, _ in seen] == [0] * 7 + [1] * 5
    for token, segment, (start, end) in seen:
        if token.strip():
            assert ("cat sat", "a cat")[segment][start:end] == token
    single = encode(model, "cat sat").table
    assert set(single.segments) == {0}
