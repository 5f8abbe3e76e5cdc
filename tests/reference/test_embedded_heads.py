"""The four heads that come with lmviz: they load, and say what their cards say."""

import json
from functools import cache
from typing import Any

import pytest

import lmviz
from lmviz.assets import assets
from lmviz.models.loaded import LoadedModel
from lmviz.results import LabelProbabilities, TokenDistributions

HEADS = ("minilm-mlm", "minilm-sentiment", "minilm-pos", "minilm-ner")


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.load(name)


def measured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((assets() / "models" / name / "measured.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_the_one_that_was_measured_and_passes_its_checks(name: str) -> None:
    model = model_of(name)
    assert model.entry.revision == measured(name)["sha256"]
    assert all(check.passed for check in model.self_check)
    assert (model.n_layers, model.n_heads) == (6, 12)


def test_masks_are_filled_as_the_card_says() -> None:
    sentences = measured("minilm-mlm")["fill_mask"]
    assert len(sentences) == 10
    for text, candidates in sentences.items():
        result = lmviz.run("token-distributions", model_of("minilm-mlm"), text=text, top_k=5)
        assert isinstance(result, TokenDistributions)
        assert list(result.candidates[0]) == [name for name, _ in candidates]
        assert result.probabilities[0] == pytest.approx([share for _, share in candidates], abs=2e-3)


def test_the_next_sentence_is_told_from_another() -> None:
    model = model_of("minilm-mlm")
    first = "She put the kettle on and waited for the water to boil."
    follows, does_not = (
        lmviz.run("next-sentence", model, text=first, text_pair=second)
        for second in ("Then she poured it over the tea and sat down.", "The senate passed the railway bill in 1911.")
    )
    assert isinstance(follows, LabelProbabilities)
    assert isinstance(does_not, LabelProbabilities)
    assert follows.probabilities[0] > does_not.probabilities[0]


def test_sentiment_is_told_as_the_card_says() -> None:
    for text, (label, share) in measured("minilm-sentiment")["examples"].items():
        result = lmviz.run("classify", model_of("minilm-sentiment"), text=text)
        assert isinstance(result, LabelProbabilities)
        assert dict(zip(result.labels, result.probabilities, strict=True))[label] == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("name", ["minilm-pos", "minilm-ner"])
def test_words_are_tagged_as_the_card_says(name: str) -> None:
    for text, tags in measured(name)["examples"].items():
        result = lmviz.run("tag-tokens", model_of(name), text=text)
        assert isinstance(result, TokenDistributions)
        table = result.table
        assert table is not None
        best = dict(zip(result.positions, (row[0] for row in result.candidates), strict=True))
        first = [p for p in result.positions if table.words[p] != table.words[p - 1]]
        assert [best[position] for position in first] == [label for _, label in tags]


def test_a_plain_tagging_is_right() -> None:
    result = lmviz.run("tag-tokens", model_of("minilm-pos"), text="The dog sleeps in the house .")
    assert isinstance(result, TokenDistributions)
    assert [row[0] for row in result.candidates] == ["DET", "NOUN", "VERB", "ADP", "DET", "NOUN", "PUNCT"]


@pytest.mark.parametrize(
    ("name", "path", "least"),
    [
        ("minilm-mlm", ("next_sentence_held_out", "accuracy"), 0.8),
        ("minilm-mlm", ("fill_mask_wikitext2_test", "top_1"), 0.31),
        ("minilm-mlm", ("fill_mask_wikitext2_test", "top_5"), 0.49),
        ("minilm-sentiment", ("dev", "accuracy"), 0.86),
        ("minilm-pos", ("test", "accuracy"), 0.91),
        ("minilm-ner", ("test", "f1"), 0.3),
    ],
)
def test_what_was_measured_is_good_enough(name: str, path: tuple[str, str], least: float) -> None:
    assert measured(name)[path[0]][path[1]] >= least
