"""Edits change the characters of one token and nothing else: blanks stay single, words that were apart stay apart."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmviz.capture.places import places
from lmviz.capture.words import word_numbers
from lmviz.errors import EmptyInput, InvalidParameter, LmvizError, NoMaskToken
from lmviz.results import TokenTable
from lmviz.ui.edits import ACTIONS, edited
from tests.token_tables import STYLES, model, table_of

FAMILY = "👩\u200d👩\u200d👧"
SAMPLE = "The cat is sitting on the mat."


@dataclass(frozen=True)
class Asked:
    action: str
    position: int
    text: str = ""


def edit(name: str, text: str, asked: Asked, mask_token: str | None = None) -> str:
    return edited(table_of(name, text), asked, mask_token=mask_token)[1]


def at(name: str, text: str, token: str, nth: int = 0) -> int:
    """Position of the nth token that reads like this, with or without a blank."""
    table = table_of(name, text)
    found = [position for position, read in enumerate(table.tokens) if read.strip() == token]
    return found[nth]


def words(text: str) -> list[str]:
    """The words of a text, as every tokenizer here is held against them."""
    numbered = [(number, letter) for number, letter in zip(word_numbers(text), text, strict=True) if number >= 0]
    return ["".join(letter for _, letter in run) for _, run in itertools.groupby(numbered, key=lambda pair: pair[0])]


@pytest.mark.parametrize(
    ("name", "text", "token", "new", "result"),
    [
        *((name, SAMPLE, "cat", "dog", "The dog is sitting on the mat.") for name in ("bert", "gpt2", "llama", "t5")),
        *((name, SAMPLE, "cat", " fat cat ", "The fat cat is sitting on the mat.") for name in ("bert", "gpt2")),
        ("bert", SAMPLE, "##ing", "er", "The cat is sitter on the mat."),
        ("gpt2", SAMPLE, "ing", "er", "The cat is sitter on the mat."),
        ("bert", SAMPLE, "the", "A", "A cat is sitting on the mat."),  # its case is not the token's
        ("gpt2", SAMPLE, ".", "now", "The cat is sitting on the mat now"),
        ("bert", SAMPLE, ".", "!", "The cat is sitting on the mat!"),
        ("bert", "I 爱中国", "[UNK]", "喜", "I 喜中国"),
        ("bert", "我爱你 🙂", "[UNK]", "他", "他爱你 🙂"),
        ("gpt2", "a🙂b", r"\x9f", "cat", "a cat b"),
        ("gpt2", "cat 🙂!", r"\xf0", "🙃", "cat 🙃!"),
        ("gpt2", f"x {FAMILY} y", r"\x9f", "🙂", "x 🙂 y"),
        ("gpt2", "The  cat", "", "old", "The old cat"),  # a token that is only a blank
        ("gpt2", "a\nb", "", "or", "a or b"),
        ("gpt2", "\tthe cat", "the", "a", "\ta cat"),
        ("gpt2", "don't go", "'", "\u2019", "don\u2019t go"),
        ("gpt2", "a-b", "-", "to", "a to b"),
        ("bert", "مرحبا بالعالم", "[UNK]", "أهلا", "أهلا بالعالم"),
        ("bert", SAMPLE, "cat", "<b>$1\\1</b>", "The <b>$1\\1</b> is sitting on the mat."),
    ],
)
def test_replace(name: str, text: str, token: str, new: str, result: str) -> None:
    assert edit(name, text, Asked("replace", at(name, text, token), new)) == result


@pytest.mark.parametrize(
    ("name", "text", "token", "result"),
    [
        *((name, SAMPLE, "cat", "The is sitting on the mat.") for name in ("bert", "gpt2", "llama", "t5", "roberta")),
        *((name, "The cat sat", "The", "cat sat") for name in ("gpt2", "llama", "t5")),
        *((name, SAMPLE, ".", "The cat is sitting on the mat") for name in ("bert", "gpt2")),
        ("bert", SAMPLE, "mat", "The cat is sitting on the."),
        ("bert", SAMPLE, "##ing", "The cat is sitt on the mat."),
        ("bert", SAMPLE, "s", "The cat is itting on the mat."),  # no run-together "isitting"
        ("gpt2", SAMPLE, "s", "The cat is itting on the mat."),
        ("gpt2", "the cat", "cat", "the"),
        ("gpt2", "The  cat sat", "cat", "The sat"),
        ("bert", "(the cat)", "the", "(cat)"),
        ("bert", "a,b", ",", "a b"),
        ("gpt2", "don't", "'", "dont"),
        ("bert", "say: the\ncat sat", "cat", "say: the\nsat"),
        ("gpt2", "x the\ny", "the", "x\ny"),
        ("gpt2", "The  cat", "", "The cat"),
        ("gpt2", "a \n b", "", "a\n b"),  # the blank that is a token of its own
        ("bert", "我爱你", "[UNK]", "爱你"),
        ("bert", "cat 🙂 sat", "[UNK]", "cat sat"),
        ("gpt2", f"x {FAMILY} y", r"\x80", "x y"),
        ("gpt2", "cat 🙂", r"\x82", "cat"),
        ("bert", "[MASK] cat", "[MASK]", "cat"),
    ],
)
def test_delete(name: str, text: str, token: str, result: str) -> None:
    assert edit(name, text, Asked("delete", at(name, text, token))) == result


@pytest.mark.parametrize(
    ("name", "text", "token", "new", "result"),
    [
        *((name, SAMPLE, "cat", "big", "The big cat is sitting on the mat.") for name in ("bert", "gpt2", "llama")),
        *((name, "The cat", "The", "See", "See The cat") for name in ("gpt2", "t5", "roberta")),
        *((name, "The cat", "cat", ",", "The, cat") for name in ("bert", "gpt2")),
        ("bert", SAMPLE, ".", "now", "The cat is sitting on the mat now."),
        ("bert", SAMPLE, "##ing", "X", "The cat is sittXing on the mat."),
        ("bert", "(cat)", "cat", "big", "(big cat)"),
        ("bert", "the cat", "cat", "(", "the (cat"),
        ("gpt2", '"cat"', '"', "Well,", 'Well, "cat"'),
        ("bert", "我爱你", "[UNK]", "因为", "因为我爱你"),
        ("bert", "cat 🙂", "[UNK]", "🙃", "cat 🙃 🙂"),
        ("gpt2", "a\nthe cat", "the", "see", "a\nsee the cat"),
        ("gpt2", "The  cat", "", "old", "The old  cat"),
        ("bert", SAMPLE, "cat", "[MASK]", "The [MASK] cat is sitting on the mat."),
    ],
)
def test_insert(name: str, text: str, token: str, new: str, result: str) -> None:
    assert edit(name, text, Asked("insert", at(name, text, token), new)) == result


@pytest.mark.parametrize(
    ("name", "text", "token", "new", "result"),
    [
        *((name, SAMPLE, "cat", "there", "The cat there is sitting on the mat.") for name in ("bert", "gpt2", "llama")),
        *((name, "The cat", "cat", "sat", "The cat sat") for name in ("gpt2", "t5", "bert")),  # behind the last token
        *((name, "The cat", "cat", ".", "The cat.") for name in ("bert", "gpt2")),
        ("bert", SAMPLE, ".", "Then it left.", "The cat is sitting on the mat. Then it left."),
        ("bert", SAMPLE, "mat", "now", "The cat is sitting on the mat now."),
        ("bert", SAMPLE, "s", "X", "The cat is sXitting on the mat."),
        ("gpt2", "(cat)", "(", "big", "(big cat)"),
        ("bert", "我爱你", "[UNK]", "们", "我们爱你"),
        ("bert", "cat 🙂", "[UNK]", "🙃", "cat 🙂 🙃"),
        ("gpt2", "The  cat", "", "old", "The old cat"),
        ("bert", SAMPLE, "cat", "[MASK]", "The cat [MASK] is sitting on the mat."),
    ],
)
def test_append(name: str, text: str, token: str, new: str, result: str) -> None:
    assert edit(name, text, Asked("append", at(name, text, token), new)) == result


@pytest.mark.parametrize(("name", "mask"), [("bert", "[MASK]"), ("roberta", "<mask>")])
def test_a_masked_word_is_one_mask_where_it_was(name: str, mask: str) -> None:
    """The tokenizer itself is asked: the same tokens, with the mask in the place of the word."""
    table = table_of(name, SAMPLE)
    mask_id = model(name).tokenizer.mask_token_id
    for position, token in enumerate(table.tokens):
        is_word = table.words.count(table.words[position]) == 1 and not table.special[position]
        if not is_word:
            continue
        masked = edit(name, SAMPLE, Asked("mask", position), mask_token=mask)
        ids = [number for number in table_of(name, masked).ids if masked[0] != " "]
        assert ids.count(mask_id) == 1, (token, masked)
        blank = model(name).tokenizer.convert_tokens_to_ids("Ġ")  # these pieces write a blank before a mask as a token
        assert [number for number in ids if number != blank].index(mask_id) == position
        assert masked.replace(mask, SAMPLE[slice(*table.spans[position])].strip()) == SAMPLE


def test_masks_of_pieces_emoji_and_chinese() -> None:
    assert edit("bert", SAMPLE, Asked("mask", at("bert", SAMPLE, "##ing")), "[MASK]") == SAMPLE.replace("ing", "[MASK]")
    assert edit("bert", "cat 🙂", Asked("mask", 2), "[MASK]") == "cat [MASK]"
    assert edit("bert", "我爱你", Asked("mask", 2), "[MASK]") == "我[MASK]你"
    assert edit("roberta", "cat 🙂!", Asked("mask", at("roberta", "cat 🙂!", r"\xf0")), "<mask>") == "cat <mask>!"


def test_the_second_text_is_edited_alone() -> None:
    table = table_of("bert", "the cat", "the dog sat")
    assert edited(table, Asked("replace", 5, "cow")) == (1, "the cow sat")
    assert edited(table, Asked("delete", 2)) == (0, "the")
    assert table.text == "the cat"


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", ["bert", "roberta", "llama"])
def test_a_special_token_is_refused_in_a_sentence(name: str, action: str) -> None:
    with pytest.raises(InvalidParameter, match=r"at position 0 cannot be edited: .* Click a token of the text\."):
        edit(name, SAMPLE, Asked(action, 0, "x"), mask_token="[MASK]")


def test_the_blank_that_a_tokenizer_adds_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="' ' at position 1 cannot be edited: in the text it is not there"):
        edit("llama", "é", Asked("delete", 1))


@pytest.mark.parametrize(
    ("asked", "mask", "kind", "said"),
    [
        (
            Asked("select", 1),
            None,
            InvalidParameter,
            "'select' is no edit. There are: replace, mask, delete, insert, append.",
        ),
        (Asked("delete", 99), None, InvalidParameter, "no token at position 99; the last of the 4 tokens is at 3"),
        (Asked("delete", -1), None, InvalidParameter, "no token at position -1"),
        (Asked("replace", 1, "  "), None, InvalidParameter, "Nothing was typed to put in place of the token."),
        (Asked("insert", 1, ""), None, InvalidParameter, "Nothing was typed to put before the token."),
        (Asked("append", 1, " "), None, InvalidParameter, "Nothing was typed to put after the token."),
        (Asked("mask", 1), None, NoMaskToken, "This model has no mask token."),
    ],
)
def test_what_cannot_be_done_is_said(asked: Asked, mask: str | None, kind: type[LmvizError], said: str) -> None:
    with pytest.raises(kind) as caught:
        edit("bert", "the cat", asked, mask_token=mask)
    assert said in str(caught.value)


def test_the_last_token_is_not_deleted() -> None:
    with pytest.raises(EmptyInput, match="'cat' is all there is"):
        edit("bert", "cat", Asked("delete", 1))


PARTS = st.sampled_from(["The", "cat", "sitting", "naïve", "don't", "中", "🙂", FAMILY, ",", "(", "مرحبا", "3.14", "x"])
LINES = st.lists(PARTS, min_size=2, max_size=7).map(" ".join)
NAMES = st.sampled_from(STYLES)


def editable(table: TokenTable) -> list[int]:
    return [position for position, place in enumerate(places(table)) if place is not None]


@given(name=NAMES, text=LINES, action=st.sampled_from(ACTIONS), new=PARTS, data=st.data())
@settings(max_examples=300, deadline=None)
def test_no_edit_doubles_a_blank_or_leaves_one_at_an_end(
    name: str, text: str, action: str, new: str, data: st.DataObject
) -> None:
    table = table_of(name, text)
    position = data.draw(st.sampled_from(editable(table)))
    result = edited(table, Asked(action, position, new), mask_token="[MASK]")[1]
    assert "  " not in result
    if table.tokens[position].strip():  # a blank alone, between two others, may leave the blanks of the text
        assert result == result.strip()


@given(name=NAMES, text=LINES, data=st.data())
@settings(max_examples=200, deadline=None)
def test_replacing_a_token_by_itself_changes_nothing(name: str, text: str, data: st.DataObject) -> None:
    table = table_of(name, text)
    at_place = {position: place for position, place in enumerate(places(table)) if place is not None}
    position = data.draw(st.sampled_from(sorted(at_place)))
    own = text[slice(*at_place[position])].strip()
    if own:
        assert edited(table, Asked("replace", position, own))[1] == text


@given(name=NAMES, text=LINES, new=st.sampled_from(["Dog", "big old", "猫", "🙃"]), data=st.data())
@settings(max_examples=300, deadline=None)
def test_every_other_word_stays_a_word_of_its_own(name: str, text: str, new: str, data: st.DataObject) -> None:
    """Brute force: the words before, what is new, and the words after, whatever blanks that takes."""
    table = table_of(name, text)
    numbers = word_numbers(text)
    whole = {}  # positions of tokens that are exactly one word
    for position, place in enumerate(places(table)):
        covered = {numbers[index] for index in range(*place)} - {-1} if place else set()
        if place and len(covered) == 1:
            number = covered.pop()
            first, last = numbers.index(number), len(numbers) - numbers[::-1].index(number)
            if text[slice(*place)].strip() == text[first:last]:
                whole[position] = number
    if not whole:
        return
    position = data.draw(st.sampled_from(sorted(whole)))
    before, after = words(text)[: whole[position]], words(text)[whole[position] + 1 :]
    own = words(text)[whole[position]]
    assert words(edited(table, Asked("replace", position, new))[1]) == [*before, *words(new), *after]
    assert words(edited(table, Asked("insert", position, new))[1]) == [*before, *words(new), own, *after]
    assert words(edited(table, Asked("append", position, new))[1]) == [*before, own, *words(new), *after]
    if before or after:
        assert words(edited(table, Asked("delete", position))[1]) == [*before, *after]
