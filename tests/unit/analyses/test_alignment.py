"""Which tokens belong together: by their words, each once, the same seen from either side."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmviz
from lmviz.analyses.compare.alignment import align
from lmviz.capture.tokens import encode
from lmviz.capture.words import word_numbers
from lmviz.models.loaded import LoadedModel
from lmviz.results import Alignment, TokenTable
from tests.tiny import tiny

FAMILIES = ("bert", "roberta", "gpt2", "llama", "albert", "t5")
AWKWARD = (
    "The sleeping  cat's naïve\n 😀 中文!",
    "a",
    "...  ,,, !!!",
    " leading and trailing ",
    "<|endoftext|> [SEP] </s>",
    "שלום עולם مرحبا",
    "e\u0301 \u200b\ufeff x",
    "don't the the the keys don't",
)


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


def table(family: str, text: str, pair: str | None = None) -> TokenTable:
    return encode(model_of(family), text, pair).table


def mirrored(alignment: Alignment) -> list[tuple[tuple[int, ...], tuple[int, ...], bool]]:
    return list(zip(alignment.b, alignment.a, alignment.special, strict=True))


def straight(alignment: Alignment) -> list[tuple[tuple[int, ...], tuple[int, ...], bool]]:
    return list(zip(alignment.a, alignment.b, alignment.special, strict=True))


def assert_lawful(a: TokenTable, b: TokenTable) -> Alignment:
    """Check what holds for any two inputs: each position once, in order, no empty unit, the same from either side."""
    alignment = align(a, b)
    for units, own in ((alignment.a, a), (alignment.b, b)):
        flat = [position for unit in units for position in unit]
        assert sorted(flat) == list(range(len(own)))
        content = [p for p in flat if not own.special[p]]
        assert content == sorted(content)
    assert all(left or right for left, right in zip(alignment.a, alignment.b, strict=True))
    assert straight(alignment) == mirrored(align(b, a))
    assert alignment.unit == align(b, a).unit
    return alignment


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("first", FAMILIES)
def test_every_token_is_in_one_unit_whatever_the_tokenizers(first: str, text: str) -> None:
    for second in FAMILIES:
        a, b = table(first, text), table(second, text)
        alignment = assert_lawful(a, b)
        gaps = [unit for unit in range(len(alignment)) if unit not in alignment.common]
        dropped = {first, second} & {"bert"}  # its normalizer drops what cannot be seen
        assert all(alignment.special[unit] for unit in gaps) or dropped


words = st.sampled_from(["the", "The", "cat", "dogs", "sleeping", "don't", ",", "!", "中文", "😀", "naïve"])
texts = st.lists(st.tuples(words, st.sampled_from(["", " ", "  ", "\n"])), min_size=1, max_size=8).map(
    lambda pairs: "".join(word + space for word, space in pairs)
)


@settings(max_examples=60, deadline=None)
@given(first=texts, second=texts, families=st.tuples(st.sampled_from(FAMILIES), st.sampled_from(FAMILIES)))
def test_two_texts_in_two_tokenizers_keep_the_laws(first: str, second: str, families: tuple[str, str]) -> None:
    assert_lawful(table(families[0], first), table(families[1], second))


@settings(max_examples=60, deadline=None)
@given(text=texts, families=st.tuples(st.sampled_from(FAMILIES), st.sampled_from(FAMILIES)))
def test_tokens_that_share_a_word_share_a_unit(text: str, families: tuple[str, str]) -> None:
    """Brute force over all pairs of tokens: every character of a word is asked which tokens cover it."""
    a, b = table(families[0], text), table(families[1], text)
    alignment = align(a, b)
    if alignment.unit == "token":
        return
    numbers = word_numbers(text)
    unit_a = {position: n for n, unit in enumerate(alignment.a) for position in unit}
    unit_b = {position: n for n, unit in enumerate(alignment.b) for position in unit}

    def covered(own: TokenTable, position: int) -> set[int]:
        return set(numbers[slice(*own.spans[position])]) - {-1}

    for left in range(len(a)):
        for right in range(len(b)):
            if covered(a, left) & covered(b, right):
                assert unit_a[left] == unit_b[right]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", AWKWARD)
def test_the_same_input_is_aligned_token_by_token(family: str, text: str) -> None:
    own = table(family, text)
    alignment = align(own, own)
    assert alignment.unit == "token"
    assert alignment.a == alignment.b == tuple((p,) for p in range(len(own)))
    assert alignment.texts == own.tokens


def test_pieces_of_a_word_go_with_the_other_sides_pieces() -> None:
    alignment = align(table("bert", "The sleeping cat's"), table("gpt2", "The sleeping cat's"))
    assert alignment.unit == "word"
    assert alignment.texts == ("[CLS]", "The", "sleeping", "cat's", "[SEP]")
    assert alignment.a == ((0,), (1,), (2, 3, 4, 5, 6, 7), (8, 9, 10), (11,))
    assert alignment.b == ((), (0,), (1, 2), (3, 4, 5), ())


def test_a_token_over_two_words_makes_one_unit_of_them() -> None:
    """One side has '...' as one token, the other as three."""
    a = made("wait...", [("wait", 0, 4), ("...", 4, 7)])
    b = made("wait...", [("wait", 0, 4), (".", 4, 5), (".", 5, 6), (".", 6, 7)])
    assert straight(align(a, b)) == [((0,), (0,), False), ((1,), (1, 2, 3), False)]
    assert align(a, b).texts == ("wait", "...")


def made(text: str, tokens: Sequence[tuple[str, int, int]], *, special: Sequence[int] = ()) -> TokenTable:
    n = len(tokens)
    names = tuple(name for name, _, _ in tokens)
    return TokenTable(
        text=text, text_pair=None, ids=tuple(range(n)), tokens=names, raw=names,
        spans=tuple((start, end) for _, start, end in tokens), words=(0,) * n, segments=(0,) * n,
        special=tuple(p in special for p in range(n)),
    )  # fmt: skip


def test_blanks_go_with_the_word_after_them_and_the_last_ones_with_the_word_before() -> None:
    a = made("a  b ", [("a", 0, 1), (" ", 1, 2), (" b", 2, 4), (" ", 4, 5)])
    b = made("a  b ", [("a", 0, 1), ("b", 3, 4)])
    assert straight(align(a, b)) == [((0,), (0,), False), ((1, 2, 3), (1,), False)]


def test_special_tokens_go_together_by_their_place() -> None:
    text, pair = "the cat", "the dog"
    bert, roberta, gpt2 = (table(family, text, pair) for family in ("bert", "roberta", "gpt2"))
    both = align(bert, roberta)
    assert [(both.texts[n], both.a[n], both.b[n]) for n in range(len(both)) if both.special[n]] == [
        ("[CLS]", (0,), (0,)),
        ("[SEP]", (3,), (len(table("roberta", text)) - 1, len(table("roberta", text)))),  # one against </s></s>
        ("[SEP]", (6,), (len(roberta) - 1,)),
    ]
    alone = align(bert, gpt2)
    assert [alone.b[n] for n in range(len(alone)) if alone.special[n]] == [(), (), ()]
    assert [alone.texts[n] for n in alone.common] == ["the", "cat", "the", "dog"]
    first = align(bert, table("llama", text, pair))
    assert (first.a[0], first.b[0], first.special[0]) == ((0,), (0,), True)  # [CLS] and <s>


def test_a_special_token_that_was_typed_is_text() -> None:
    alignment = align(table("gpt2", "a <|endoftext|> b"), table("bert", "a <|endoftext|> b"))
    assert [alignment.texts[unit] for unit in alignment.common] == ["a", "<|endoftext|>", "b"]
    assert not any(alignment.special[unit] for unit in alignment.common)


def test_two_texts_pair_the_words_they_share_in_order_and_those_that_are_replaced() -> None:
    alignment = align(table("gpt2", "The cat sat on the mat"), table("gpt2", "the dog sat on a mat"))
    assert alignment.unit == "token"
    assert alignment.texts == ("The", " cat/dog", " sat", " on", " the/a", " mat")
    assert alignment.common == tuple(range(6))


def test_replaced_words_of_other_tokenizers_are_written_once_or_as_both() -> None:
    alignment = align(table("bert", "the nurse was tired"), table("gpt2", "The pandas was tired"))
    assert [text for text in alignment.texts if "/" in text] == ["nurse/pandas"]
    assert alignment.a[alignment.texts.index("nurse/pandas")]


def test_other_numbers_of_words_are_not_taken_for_replaced() -> None:
    alignment = align(table("gpt2", "the cat sat"), table("gpt2", "the big dog sat"))
    assert [alignment.texts[unit].strip() for unit in alignment.common] == ["the", "sat"]


def test_texts_without_an_equal_word_are_not_taken_for_each_other() -> None:
    alignment = align(table("gpt2", "the cat sat"), table("gpt2", "a dog ran"))
    assert alignment.common == ()


def test_one_word_more_is_one_gap() -> None:
    alignment = align(table("bert", "the cat sat"), table("bert", "the cat that sat"))
    assert [alignment.texts[n] for n in range(len(alignment)) if n not in alignment.common] == ["that"]


def test_segments_are_aligned_each_by_itself() -> None:
    alignment = align(table("bert", "the cat", "the dog"), table("bert", "the dog", "the cat"))
    texts = [alignment.texts[unit] for unit in alignment.common]
    assert texts == ["[CLS]", "the", "cat/dog", "[SEP]", "the", "dog/cat", "[SEP]"]


def test_masks_go_together_although_they_are_written_otherwise() -> None:
    a = made("the [X] sat", [("the", 0, 3), ("[X]", 4, 7), ("sat", 8, 11)])
    b = made("the <y> sat", [("the", 0, 3), (" <y>", 3, 7), (" sat", 7, 11)])
    assert "/" in align(a, b).texts[1]  # words that are replaced, as any others
    assert align(a, b, masks=("[X]", "<y>")).texts == ("the", "[X]", "sat")
    assert straight(align(a, b, masks=("[X]", "<y>"))) == [((n,), (n,), False) for n in range(3)]
    bert = table("bert", "the [MASK] sat")
    literal = align(bert, table("gpt2", "the [MASK] sat"), masks=("[MASK]", None))
    assert literal.a[literal.texts.index("[MASK]")] == (2,)
    assert len(literal.b[literal.texts.index("[MASK]")]) > 1


def test_tokens_without_a_place_are_kept_together() -> None:
    """A tokenizer that tells no characters: nothing can be aligned, and nothing is lost."""
    lost = made("a b", [("?", 0, 0), ("!", 0, 0)])
    alignment = align(lost, made("a b", [("a", 0, 1), ("b", 2, 3)]))
    assert straight(alignment)[-1][:2] == ((0, 1), ()) or ((0,), ()) in [unit[:2] for unit in straight(alignment)]
    assert sorted(p for unit in alignment.a for p in unit) == [0, 1]
