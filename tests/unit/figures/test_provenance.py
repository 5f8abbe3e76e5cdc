"""The line under every figure: nothing but what was typed is ever shortened."""

import pytest

from lmviz.figures.provenance import caption
from lmviz.results import TokenMatrix
from tests.figure_samples import token_matrix

VERSIONS = {"lmviz": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.0"}


def signed(**typed: str) -> TokenMatrix:
    """Give a result signed as an analysis signs it."""
    drawn = token_matrix((" a", " b"))
    parameters = {**typed, "part": "encoder"}
    provenance = {
        "analysis": "attention-rollout",
        "title": "Attention rollout",
        "model": "minilm",
        "parameters": parameters,
        "versions": VERSIONS,
        "error_bound": 0.25,
    }
    return TokenMatrix(tokens=drawn.tokens, values=drawn.values, provenance=provenance)


def test_the_text_comes_last_and_whole_when_it_is_short() -> None:
    line = caption(signed(text="The cat sat.", text_pair="It slept."))
    assert line.startswith("Attention rollout · model minilm · parameters part encoder · versions lmviz 0.1.0, ")
    assert line.endswith(" · error bound 0.25 · text The cat sat. · text pair It slept.")


@pytest.mark.parametrize("typed", [("text",), ("text", "text_pair"), ("target_text",)])
def test_only_the_text_is_shortened(typed: tuple[str, ...]) -> None:
    line = caption(signed(**dict.fromkeys(typed, "word " * 200)))
    assert "versions lmviz 0.1.0, torch 2.13.0, transformers 5.23.0, numpy 2.4.0" in line
    assert "error bound 0.25" in line
    assert "part encoder" in line
    assert line.endswith("…")
    assert line.count("…") == len(typed)
    assert 500 < len(line) <= 600


def test_a_long_signature_is_kept_and_leaves_the_start_of_the_text() -> None:
    result = signed(text="x" * 1000)
    longer = TokenMatrix(
        tokens=result.tokens, values=result.values, provenance={"source": "s" * 900, **result.provenance}
    )
    line = caption(longer)
    assert "s" * 900 in line
    assert "numpy 2.4.0" in line
    assert line.endswith("x" * 39 + "…")


def test_a_result_without_a_signature_has_a_caption() -> None:
    bare = token_matrix((" a",))
    assert caption(TokenMatrix(tokens=bare.tokens, values=bare.values)) == "Token matrix"


def test_what_was_left_out_is_not_named() -> None:
    bare = token_matrix((" a",))
    given = {"text": "The cat.", "text_pair": None, "part": None}
    result = TokenMatrix(tokens=bare.tokens, values=bare.values, provenance={"model": "minilm", "parameters": given})
    assert caption(result) == "Token matrix · model minilm · text The cat."
