"""What is masked for which token: worked out by hand."""

import pytest

from lmviz.analyses.predictions.scoring import hidings

WORDS = (-1, 0, 1, 1, 1, 2, -1)  # [CLS] the un ##like ##ly cat [SEP]
SCORED = (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("within_word", "want"),
    [
        ("original", [((1,), (1,)), ((2,), (2,)), ((3,), (3,)), ((4,), (4,)), ((5,), (5,))]),
        ("l2r", [((1,), (1,)), ((2,), (2, 3, 4)), ((3,), (3, 4)), ((4,), (4,)), ((5,), (5,))]),
        ("whole_word", [((1,), (1,)), ((2, 3, 4), (2, 3, 4)), ((5,), (5,))]),
    ],
)
def test_each_variant_hides_its_part_of_the_word(within_word: str, want: list[object]) -> None:
    assert list(hidings(WORDS, SCORED, within_word=within_word)) == want


def test_positions_without_a_word_stand_alone_and_only_the_scored_are_asked_about() -> None:
    assert list(hidings((-1, -1, 0, 0), (1, 3), within_word="l2r")) == [((1,), (1,)), ((3,), (3,))]
    assert list(hidings((-1, -1, 0, 0), (1, 3), within_word="whole_word")) == [((1,), (1,)), ((3,), (2, 3))]
    assert list(hidings((0, 0), (), within_word="whole_word")) == []
