"""Words are the same for every tokenizer, and nothing of a text is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmviz.capture.words import word_numbers


def words(text):
    numbers = word_numbers(text)
    found = {}
    for char, number in zip(text, numbers, strict=True):
        if number >= 0:
            found[number] = found.get(number, "") + char
    return list(found.values())


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("The cat sat.", ["The", "cat", "sat", "."]),
        ("don't stop", ["don't", "stop"]),
        ("'quoted' words", ["'", "quoted", "'", "words"]),
        ("snake_case x2", ["snake_case", "x2"]),
        ("猫坐着", ["猫", "坐", "着"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("क्या है", ["क्या", "है"]),
        ("a 👩‍👩‍👧 b", ["a", "👩‍👩‍👧", "b"]),
        ("👍🏽!", ["👍🏽", "!"]),
        ("<b>x</b>", ["<", "b", ">", "x", "<", "/", "b", ">"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_words(text, want):
    assert words(text) == want


@given(st.text(max_size=60))
def test_every_character_but_space_is_in_exactly_one_run_of_a_word(text):
    numbers = word_numbers(text)
    assert len(numbers) == len(text)
    seen = [number for number in numbers if number >= 0]
    assert seen == sorted(seen)
    assert set(seen) == set(range(max(seen, default=-1) + 1))
    assert all((number == -1) == char.isspace() for char, number in zip(text, numbers, strict=True))
