"""The products of query and key make the scores, and the scores make the pattern, in every family that shows them."""

from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.attention.query_key import ANALYSIS
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.results import AttentionPattern, QueryKeyProducts
from tests.tiny import FAMILIES, tiny

TEXT, TARGET = "The cat sat on the mat, and the cat saw the dog.", "the dog sat on the log"
HIDDEN = {"deberta-v2", "gpt_neo", "gptj", "bloom"}  # do not go through the attention interface
SHOWN = [family for family in FAMILIES if family not in HIDDEN]


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores.astype(np.float64) - float(scores.max()))
    return np.asarray(weights / weights.sum())


@pytest.mark.parametrize("family", SHOWN)
def test_softmax_of_the_scores_is_the_pattern(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    for part in model.parts:
        given: dict[str, Any] = {"text": TEXT, "part": part}
        given |= {"target_text": TARGET} if model.kind == "encoder-decoder" else {}
        pattern = lmviz.run("attention-pattern", model, **given)
        assert isinstance(pattern, AttentionPattern)
        for layer, head, query in ((0, 0, 0), (0, 3, 4), (1, 2, 5)):
            result = lmviz.run("query-key", model, layer=layer, head=head, query=query, **given)
            assert isinstance(result, QueryKeyProducts)
            np.testing.assert_allclose(result.pattern, pattern.pattern[layer, head, query], atol=1e-6)
            kept = float(result.pattern.sum())  # less than one where a sink takes a share
            np.testing.assert_allclose(softmax(result.scores) * kept, result.pattern, atol=1e-6)
            assert (kept < 0.999) == (family == "gpt_oss")
            assert all(check.passed for check in ANALYSIS.check(result))


@pytest.mark.parametrize("family", [family for family in SHOWN if family != "gemma2"])
def test_products_sum_to_the_scores(family: str) -> None:
    result = lmviz.run("query-key", lmviz.wrap(*tiny(family)), text=TEXT, layer=1, head=3, query=6)
    assert isinstance(result, QueryKeyProducts)
    np.testing.assert_allclose(result.products, result.query_vector * result.key_vectors, atol=1e-7)
    rebuilt = result.products.sum(axis=1) * result.scale + result.added
    np.testing.assert_allclose(rebuilt, result.scores, atol=1e-5, rtol=1e-5)
    assert np.ptp(result.products.sum(axis=1)) > 0.1, "scores that are all alike would agree with anything"


def test_a_soft_cap_presses_the_scores_before_the_mask_is_added() -> None:
    result = lmviz.run("query-key", lmviz.wrap(*tiny("gemma2")), text=TEXT, layer=1, head=3, query=6)
    assert isinstance(result, QueryKeyProducts)
    plain = result.products.sum(axis=1, dtype=np.float64) * result.scale
    np.testing.assert_allclose((5.0 * np.tanh(plain / 5.0) + result.added)[:7], result.scores[:7], atol=1e-5)
    assert np.abs(plain[:7] - result.scores[:7]).max() > 0.01
    assert (softmax(result.scores)[7:] == 0).all()


def test_heads_that_share_a_key_show_the_same_key() -> None:
    model = lmviz.wrap(*tiny("llama"))
    zero, one, two = (lmviz.run("query-key", model, text=TEXT, layer=0, head=head, query=4) for head in (0, 1, 2))
    assert isinstance(zero, QueryKeyProducts)
    assert isinstance(one, QueryKeyProducts)
    assert isinstance(two, QueryKeyProducts)
    np.testing.assert_array_equal(zero.key_vectors, one.key_vectors)
    assert np.abs(zero.key_vectors - two.key_vectors).max() > 0.01


@pytest.mark.parametrize("family", sorted(HIDDEN))
def test_families_that_do_not_show_them_say_so(family: str) -> None:
    with pytest.raises(NotForThisModel, match="queries and keys"):
        lmviz.run("query-key", lmviz.wrap(*tiny(family)), text=TEXT, layer=0, head=0, query=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"layer": 2}, "no layer 2.*0 to 1"), ({"head": 4}, "no head 4.*0 to 3"), ({"query": 99}, "no position 99")],
)
def test_what_is_not_there_is_refused(wrong: dict[str, int], message: str) -> None:
    given: dict[str, Any] = {"text": TEXT, "layer": 0, "head": 0, "query": 0, **wrong}
    with pytest.raises(InvalidParameter, match=message):
        lmviz.run("query-key", lmviz.wrap(*tiny("bert")), **given)


def test_a_pattern_that_is_not_made_by_the_products_fails_the_check() -> None:
    result = lmviz.run("query-key", lmviz.wrap(*tiny("bert")), text=TEXT, layer=0, head=0, query=0)
    assert isinstance(result, QueryKeyProducts)
    broken = QueryKeyProducts(**{**vars(result), "scores": result.scores[::-1]})
    assert not ANALYSIS.check(broken)[0].passed
