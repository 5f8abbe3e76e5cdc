"""Texts that are made from templates: which pairs come out, and what is said of templates that cannot be used."""

import json
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run, resume
from lmviz.datasets import minimal_pairs
from lmviz.datasets.minimal_pairs import MinimalPair
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter
from tests.tiny import tiny

NURSE = "The nurse said that {she|he} lost {her|his} keys."


def read(*rows: dict[str, Any]) -> list[MinimalPair | BrokenRow]:
    return list(minimal_pairs.read("\n".join(map(json.dumps, rows)).encode(), kind="jsonl"))


def test_all_braces_take_the_same_side() -> None:
    (pair,) = read({"template": NURSE, "category": "gender"})
    assert pair == MinimalPair(
        1, "The nurse said that she lost her keys.", "The nurse said that he lost his keys.", "gender", ""
    )
    (empty,) = read({"template": "He is {not |}here."})
    assert isinstance(empty, MinimalPair)
    assert (empty.more, empty.less) == ("He is not here.", "He is here.")


def test_a_list_of_words_gives_a_pair_each() -> None:
    pairs = read({"template": "The {} was late, the {}!", "pairs": "nurse|doctor; maid | butler ;"})
    assert pairs == [
        MinimalPair(
            1, "The nurse was late, the nurse!", "The doctor was late, the doctor!", "", "The {} was late, the {}!"
        ),
        MinimalPair(
            1, "The maid was late, the maid!", "The butler was late, the butler!", "", "The {} was late, the {}!"
        ),
    ]
    (named,) = read({"template": "The {} left.", "pairs": r"\1|\g<2>", "cluster": "mine"})
    assert isinstance(named, MinimalPair)
    assert (named.more, named.less, named.cluster) == (r"The \1 left.", r"The \g<2> left.", "mine")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"template": "The nurse left."}, r"its template has no {first|second}, and it has no pairs of words"),
        ({"template": "{a|b|c} left."}, r"its template has no {first|second}, and it has no pairs of words"),
        ({"template": "The nurse left.", "pairs": "a|b"}, "its template has no {} for the words of its pairs"),
        (
            {"template": "The {} left.", "pairs": "a|b; c"},
            "its pairs are not two words each, as in 'nurse|doctor; maid|butler'",
        ),
        ({"template": "The {} left.", "pairs": "a|a"}, "both texts are the same"),
        ({"template": "{a|a} left."}, "both texts are the same"),
        ({"template": " "}, "its template is empty"),
    ],
)
def test_templates_that_cannot_be_used_say_why(row: dict[str, str], reason: str) -> None:
    assert read(row) == [BrokenRow(1, reason)]


def test_texts_that_are_written_out_come_before_templates() -> None:
    (pair,) = read({"more": "a b", "less": "a c", "template": "from a {x|y}"})
    assert isinstance(pair, MinimalPair)
    assert (pair.more, pair.less) == ("a b", "a c")
    with pytest.raises(InvalidParameter, match="or made from one called template"):
        list(minimal_pairs.read(b"first,second\na,b\n", kind="csv"))


def test_each_pair_has_a_line_of_its_own_and_can_be_gone_on_from(tmp_path: Any) -> None:
    source, file = tmp_path / "mine.csv", tmp_path / "run.jsonl"
    source.write_text(
        "template,pairs\n"
        'the {} sat on the mat,"cat|dog; fox|nurse; doctor|keys"\n'
        "the {} left,cat\n"
        "the {lazy|brown} dog sat,\n",
        encoding="utf-8",
    )
    model = lmviz.wrap(*tiny("gpt2"))
    run = bias_run("minimal-pairs", model, source=str(source), variant="sum")
    assert [row.line for row in run._rows()] == [2, 3, 4, 5, 6]
    result = resume("minimal-pairs", model, file=file, source=str(source), variant="sum")
    assert (result.n, result.skipped) == (4, 1)
    assert result.provenance["skipped_rows"] == [
        "Line 5: line 3 of the file: its pairs are not two words each, as in 'nurse|doctor; maid|butler'."
    ]
    assert result.texts[3] == ("the lazy dog sat", "the brown dog sat")
    again = resume("minimal-pairs", model, file=file, source=str(source), variant="sum")
    np.testing.assert_array_equal(again.more, result.more)
