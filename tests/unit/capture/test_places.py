"""Places: every token of the text points at the characters it was made from, and at whole emoji."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmviz.capture.places import places
from tests.token_tables import STYLES, table_of

FAMILY = "👩\u200d👩\u200d👧"
PARTS = ("a", "cat", " ", "ing", "中", "🙂", FAMILY, "é", "مر", ".", "\n")
TEXTS = st.lists(st.sampled_from(PARTS), min_size=1).map("".join).filter(str.strip)


def sources(name: str, text: str) -> list[str | None]:
    table = table_of(name, text)
    return [None if place is None else text[slice(*place)] for place in places(table)]


@pytest.mark.parametrize("name", STYLES)
@given(text=TEXTS)
@settings(max_examples=40, deadline=None)
def test_places_hold_the_spans_and_cover_what_is_not_blank(name: str, text: str) -> None:
    table = table_of(name, text)
    found = places(table)
    covered = set()
    for position, place in enumerate(found):
        start, end = table.spans[position]
        if place is not None:
            assert place[0] <= start < end <= place[1] <= len(text)
            covered |= set(range(*place))
    assert all(text[index].isspace() or index in covered for index in range(len(text)))


def test_special_tokens_and_an_added_blank_are_nowhere() -> None:
    assert sources("bert", "the cat") == [None, "the", "cat", None]
    assert sources("llama", "é") == [None, None, "é", "é"]  # <s>, ▁, two bytes
    assert sources("gpt2", "  The") == [" ", " ", "The"]  # these blanks are in the text


def test_bytes_stand_for_their_character_and_pieces_of_an_emoji_for_all_of_it() -> None:
    assert set(sources("gpt2", "中")) == {"中"}
    assert set(sources("gpt2", FAMILY)) == {FAMILY}
    assert set(sources("gpt2", "👍🏽")) == {"👍🏽"}
    assert sources("gpt2", "❤\ufe0f.")[-1] == "."


def test_letters_with_marks_are_not_drawn_into_one() -> None:
    assert sources("gpt2", "don't")[0] != "don't"


def test_the_second_text_has_its_own_characters() -> None:
    table = table_of("bert", "the cat", "a dog")
    found = [
        None if place is None else (table.text, table.text_pair or "")[segment][slice(*place)]
        for place, segment in zip(places(table), table.segments, strict=True)
    ]
    assert found == [None, "the", "cat", None, "a", "dog", None]
