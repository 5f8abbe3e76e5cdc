"""Tags and answers of two models on common words: by hand, zero for the same, the negative the other way round."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.compare.compare import Side, compare, compare_answers
from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.results import AnswerSpans, Difference, TokenDistributions
from tests.tiny_heads import tiny_head

TEXT = "The nurses said sleeping pandas don't fly."
QUESTION = "who said it?"
ENDINGS = {"tag-tokens": "ForTokenClassification", "answer-span": "ForQuestionAnswering"}
GIVEN: dict[str, dict[str, Any]] = {"tag-tokens": {"text": TEXT}, "answer-span": {"text": TEXT, "question": QUESTION}}


@cache
def model(family: str, ending: str) -> LoadedModel:
    return lmviz.wrap(*tiny_head(family, ending))


def compared(slug: str, a: str, b: str) -> Difference:
    left, right = (Side(model(family, ENDINGS[slug]), GIVEN[slug]) for family in (a, b))
    return compare(left, right, analysis=ANALYSES[slug])


@pytest.mark.parametrize("slug", ENDINGS)
def test_the_same_is_zero_and_sides_change_places(slug: str) -> None:
    same = compared(slug, "bert", "bert")
    assert np.nanmax(np.abs(same.delta)) == 0
    there, back = compared(slug, "bert", "roberta"), compared(slug, "roberta", "bert")
    np.testing.assert_allclose(there.delta, -back.delta, atol=1e-6)
    assert there.numbers["total_variation" if slug == "tag-tokens" else "total_variation_start"] > 0.01
    assert all(check.passed for check in ANALYSES["compare"].check(there))


def test_tags_of_a_word_are_those_of_its_first_piece() -> None:
    found = compared("tag-tokens", "bert", "roberta")
    assert found.alignment is not None
    assert found.alignment.unit == "word"
    for side, family, units in ((found.a, "bert", found.alignment.a), (found.b, "roberta", found.alignment.b)):
        alone = lmviz.run("tag-tokens", model(family, "ForTokenClassification"), text=TEXT)
        assert isinstance(alone, TokenDistributions)
        assert isinstance(side, TokenDistributions)
        for unit, positions in enumerate(units):
            known = [position for position in positions if position in alone.positions]
            if not known:
                assert np.isnan(side.probabilities[unit]).all()
                continue
            row = alone.positions.index(known[0])
            want = dict(zip(alone.candidates[row], alone.probabilities[row], strict=True))
            got = dict(zip(side.candidates[unit], side.probabilities[unit], strict=True))
            assert got == pytest.approx(want)


def test_the_divergence_of_tags_is_that_of_scipy() -> None:
    found = compared("tag-tokens", "bert", "roberta")
    assert isinstance(found.a, TokenDistributions)
    assert isinstance(found.b, TokenDistributions)
    is_there = ~np.isnan(found.delta).any(axis=1)
    assert 0 < is_there.sum() < len(is_there)
    p, q = found.a.probabilities[is_there], found.b.probabilities[is_there]
    np.testing.assert_allclose(found.per_unit["kl_ab"][is_there], entropy(p, q, axis=1), rtol=1e-4, atol=1e-6)
    assert np.isnan(found.per_unit["js"][~is_there]).all()


def test_answers_are_summed_over_the_pieces_of_a_word() -> None:
    found = compared("answer-span", "bert", "roberta")
    assert found.alignment is not None
    for side, family, units in ((found.a, "bert", found.alignment.a), (found.b, "roberta", found.alignment.b)):
        alone = lmviz.run("answer-span", model(family, "ForQuestionAnswering"), text=TEXT, question=QUESTION)
        assert isinstance(alone, AnswerSpans)
        assert isinstance(side, AnswerSpans)
        for name in ("start", "end"):
            want = [getattr(alone, name)[list(own)].sum() if own else np.nan for own in units]
            np.testing.assert_allclose(getattr(side, name), want, rtol=1e-6)
        assert np.nansum(side.start) == pytest.approx(1, abs=1e-5)
    assert found.to_frame()["delta"].tolist() == pytest.approx(found.delta.tolist(), nan_ok=True)


def test_other_labels_are_refused() -> None:
    other = lmviz.wrap(*tiny_head("bert", "ForTokenClassification", id2label={0: "X", 1: "Y"}))
    with pytest.raises(InvalidParameter, match="same labels"):
        compare(
            Side(model("bert", "ForTokenClassification"), GIVEN["tag-tokens"]),
            Side(other, GIVEN["tag-tokens"]),
            analysis=ANALYSES["tag-tokens"],
        )


@pytest.mark.parametrize("slug", ENDINGS)
def test_what_was_answered_before_is_compared_without_asking_again(slug: str) -> None:
    left, right = (Side(model(family, ENDINGS[slug]), GIVEN[slug]) for family in ("bert", "roberta"))
    analysis = ANALYSES[slug]
    answers = (analysis.answer(left.model, left.given), analysis.answer(right.model, right.given))
    found = compare_answers(left, right, analysis=analysis, answers=answers)
    want = compare(left, right, analysis=analysis)
    np.testing.assert_array_equal(found.delta, want.delta)
    assert dict(found.provenance) == dict(want.provenance)
