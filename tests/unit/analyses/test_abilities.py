"""What a model can do is told from the model; what it cannot comes with a reason and a remedy."""

from typing import Any

import pytest

import lmviz
from lmviz.analyses.predictions.abilities import abilities, require
from lmviz.errors import LmvizError, NotForThisModel
from tests.tiny import FAMILIES, tiny
from tests.tiny_heads import tiny_head

ASKED = {  # what shows that an ability is there
    "fill-mask": ("token-distributions", {"text": "the [MASK] sat"}),
    "next-token": ("token-distributions", {"text": "the cat"}),
    "surprisal": ("surprisal", {"text": "the cat"}),
    "next-sentence": ("next-sentence", {"text": "the cat", "text_pair": "it sat"}),
    "classify": ("classify", {"text": "the cat"}),
    "tag-tokens": ("tag-tokens", {"text": "the cat"}),
    "answer-span": ("answer-span", {"text": "the cat", "question": "who?"}),
}
CAN = {
    ("bert", ""): {"fill-mask", "surprisal"},
    ("bert", "ForPreTraining"): {"fill-mask", "surprisal", "next-sentence"},
    ("bert", "ForNextSentencePrediction"): {"next-sentence"},
    ("bert", "ForSequenceClassification"): {"classify"},
    ("bert", "ForTokenClassification"): {"tag-tokens"},
    ("bert", "ForQuestionAnswering"): {"answer-span"},
    ("bert", "Model"): set(),
    ("albert", "ForPreTraining"): {"fill-mask", "surprisal"},  # its second head judges the order of sentences
    ("gpt2", ""): {"next-token", "surprisal", "generate"},
    ("llama", "ForSequenceClassification"): {"classify"},
    ("t5", ""): {"next-token", "surprisal", "generate"},
    ("bart", "ForSequenceClassification"): {"classify"},
}


def made(family: str, ending: str) -> Any:
    return lmviz.wrap(*(tiny_head(family, ending) if ending else tiny(family)))


@pytest.mark.parametrize(("family", "ending"), CAN)
def test_abilities_are_those_that_work(family: str, ending: str) -> None:
    model = made(family, ending)
    found = abilities(model)
    assert {ability.slug for ability in found if ability.is_available} == CAN[family, ending]
    for ability in found:
        assert ability.title[0].isupper()
        assert (ability.reason == "") == ability.is_available
        slug, given = ASKED.get(ability.slug, ("", {}))
        if ability.is_available:
            require(model, ability.slug)
            if slug:
                lmviz.run(slug, model, **given)
            continue
        assert model.id in ability.reason
        assert "Choose a" in ability.reason
        with pytest.raises(NotForThisModel) as refused:
            require(model, ability.slug)
        assert str(refused.value) == ability.reason
        if slug and slug != "token-distributions":
            with pytest.raises(LmvizError) as said:
                lmviz.run(slug, model, **given)
            assert str(said.value) == ability.reason


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_do_what_its_language_model_head_does(family: str) -> None:
    model = made(family, "")
    can = {ability.slug for ability in abilities(model) if ability.is_available}
    assert can == ({"fill-mask", "surprisal"} if model.kind == "encoder" else {"next-token", "surprisal", "generate"})


def test_without_a_mask_token_an_encoder_is_asked_nothing() -> None:
    hf_model, tokenizer = tiny("bert")
    tokenizer.mask_token = None
    reasons = {ability.slug: ability.reason for ability in abilities(lmviz.wrap(hf_model, tokenizer))}
    assert "no mask token" in reasons["fill-mask"]
    assert "no mask token" in reasons["surprisal"]
