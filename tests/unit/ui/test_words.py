"""The answer in words names the right tokens and numbers, and nothing typed becomes Markdown."""

from dataclasses import replace

import numpy as np
import pytest

from lmviz.results import TokenTable
from lmviz.ui.frame import plain
from lmviz.ui.view import View
from lmviz.ui.words import answer, habit


def table(*tokens: str) -> TokenTable:
    n = len(tokens)
    special = tuple(token.startswith("[") and token.endswith("]") for token in tokens)
    return TokenTable("text", None, tuple(range(n)), tokens, tokens, ((0, 0),) * n, tuple(range(n)), (0,) * n, special)


TOKENS = table("[CLS]", "the", " cat", " it")
MATRIX = np.array([[0.9, 0, 0, 0.1], [0.5, 0.5, 0, 0], [0.6, 0.1, 0.2, 0.1], [0.3, 0.1, 0.4, 0.2]], dtype=np.float32)


def test_a_locked_token_is_answered_for_with_its_largest_word() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("q", 3),)), tables=(TOKENS, TOKENS))
    assert said == "“it” looks mostly at “cat” in L5H1: **0.400**."


def test_special_tokens_count_when_they_are_not_hidden() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("q", 2),), hide_special=False), tables=(TOKENS, TOKENS))
    assert "CLS" in said
    assert "**0.600**" in said


def test_several_locked_tokens_are_summed() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("q", 2), ("q", 3))), tables=(TOKENS, TOKENS))
    assert (
        said
        == "“cat” and “it” look together mostly at hidden tokens in L5H1 (0.900); of those shown, at “cat”: **0.600**."
    )


def test_a_locked_key_is_answered_with_who_looks_at_it() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("k", 2),)), tables=(TOKENS, TOKENS))
    assert said == "“cat” in L5H1 is looked at most by “it”: **0.400**."


def test_without_a_lock_the_strongest_pair_that_is_shown_is_said() -> None:
    said = answer(
        (MATRIX, "L5H1"), View(), tables=(TOKENS, TOKENS), doing="looks mostly at the first position (0.5 on average)"
    )
    assert said.startswith("L5H1 looks mostly at the first position (0.5 on average). Its strongest link")
    assert said.endswith("from “the” to “the”: **0.500**.")


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (View(hide_special=False), "from “\\[CLS\\]” to “\\[CLS\\]”: **0.900**."),
        (View(filter="bb"), "from “,” to “,”: **0.700**."),
        (View(filter="bb", hide_punctuation=True), "from “dog” to “dog”: **0.100**."),
        (View(filter="ab"), "from “ing” to “,”: **0.300**."),
        (View(words=True, filter="aa"), "from “sitting” to “sitting”: **0.350**."),
    ],
)
def test_the_answer_follows_what_is_shown(view: View, said: str) -> None:
    #        [CLS] sitt ##ing dog   ,
    matrix = [
        [0.9, 0.1, 0.0, 0.0, 0.0],
        [0.5, 0.2, 0.2, 0.1, 0.0],
        [0.4, 0.1, 0.2, 0.0, 0.3],
        [0.5, 0.0, 0.4, 0.1, 0.0],
        [0.0, 0.1, 0.1, 0.1, 0.7],
    ]
    tokens = replace(table("[CLS]", "sitt", "##ing", "dog", ","), words=(-1, 0, 0, 1, 2), segments=(0, 0, 0, 1, 1))
    found = answer((np.array(matrix, dtype=np.float32), "L0H0"), view, tables=(tokens, tokens))
    assert found.replace("\\#\\#", "").replace("\\,", ",").endswith(said)


def test_a_locked_pair_is_answered_with_its_number() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("q", 3), ("k", 2))), tables=(TOKENS, TOKENS))
    assert said == "“it” looks at “cat” in L5H1: **0.400**."


def test_a_lock_on_a_hidden_token_does_not_count() -> None:
    said = answer((MATRIX, "L5H1"), View(locked=(("q", 0),)), tables=(TOKENS, TOKENS))
    assert said.startswith("The strongest link in L5H1")


def test_nothing_shown_is_nothing_said() -> None:
    assert answer((MATRIX, "L5H1"), View(filter="bb"), tables=(TOKENS, TOKENS)) == ""


def test_a_habit_is_only_said_when_it_is_one() -> None:
    assert habit({"at the position before": 0.62, "at its own position": 0.1}).endswith("(0.620 on average)")
    assert habit({"at the position before": 0.1}) == ""
    assert habit({"at what followed": float("nan")}) == ""


def test_what_is_typed_is_not_markdown() -> None:
    assert plain("**b** [a](b) $x$ :red[y] <b> `c`\nd") == (r"\*\*b\*\* \[a\]\(b\) \$x\$ \:red\[y\] \<b\> \`c\` d")
    assert len(plain("x" * 500)) == 200


def test_what_is_hidden_is_said_when_it_is_most():
    matrix = np.array([[0.9, 0.05, 0.0, 0.05], [0.1, 0.2, 0.6, 0.1], [0.6, 0.3, 0.1, 0.0], [0.3, 0.1, 0.4, 0.2]])
    view = View(locked=(("q", 2),))
    said = answer((matrix.astype(np.float32), "L5H1"), view, tables=(TOKENS, TOKENS))
    assert "mostly at hidden tokens in L5H1 (0.600); of those shown, at “the”: **0.300**" in said
    lengths = answer((3 * matrix.astype(np.float32), "L5H1"), view, tables=(TOKENS, TOKENS))
    assert "hidden" not in lengths
