"""The attribution page: what is explained, by which methods, from which baselines, and what cannot be."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import lmviz
from lmviz.analyses.attribution.methods import METHODS
from lmviz.results import GeneratedScores
from lmviz.ui import attribution_asked, memory
from lmviz.ui.predicting import figure
from lmviz.ui.selection import Selection, changed, from_url, to_url
from tests.app.test_compare import faultless
from tests.app.test_pages import AWKWARD, sentences

Open = Callable[..., AppTest]


def settled(test: AppTest, *, until: str = "") -> AppTest:
    """Wait until nothing is on its way, and a sentence is there."""
    for _ in range(240):
        running = [button for button in test.button if button.label == "Stop"]
        if not running and until in sentences(test):
            return faultless(test)
        time.sleep(0.25)
        test.run()
    raise AssertionError(sentences(test))


@pytest.mark.parametrize(("family", "text"), [("gpt2", "the cat sat on"), ("bert", "the cat [MASK] on the mat")])
def test_the_quantity_and_its_value_stand_above_the_picture(
    app: Open, folder: Callable[[str], str], family: str, text: str
) -> None:
    test = settled(app("attribution", family=family, text=text), until="Logit of")
    result = lmviz.run("input-x-gradient", memory.model(folder(family)), text=text)
    assert f"**{figure(result.provenance['value'])}**" in sentences(test)
    for title in ("Integrated gradients, from pad", "Input × gradient", "Erasure, from pad"):
        assert title in sentences(test).replace("\\", "")


def test_a_baseline_method_or_level_more_is_a_row_more(app: Open) -> None:
    test = settled(
        app("attribution", family="gpt2", text="the cat sat on", methods="erasure|saliency"), until="Logit of"
    )
    test.button_group(key="attribution_baselines").set_value(["pad", "mean"]).run()
    settled(test, until="Erasure, from mean")
    assert "Saliency" in sentences(test)
    test.button_group(key="level").set_value("token").run()
    settled(test, until="Erasure, from mean")
    for shown in ("bars", "table", "words"):
        test.button_group(key="why_shown").set_value(shown).run()
        settled(test)


def test_words_can_be_deleted_by_what_takes_words_away(app: Open, folder: Callable[[str], str]) -> None:
    words = {"methods": "erasure|integrated-gradients", "baselines": "delete"}
    test = settled(app("attribution", family="gpt2", text="the cat sat on", **words), until="Erasure, words deleted")
    assert "Integrated gradients, from pad" in sentences(test)
    test.button(key="trust_start").click().run()
    settled(test, until="The first words taken away")


def test_every_method_can_be_chosen_and_has_a_cost(app: Open) -> None:
    settled(app("attribution", family="gpt2", text="the cat", methods="|".join(METHODS)), until="Logit of")
    assert all(attribution_asked.passes(slug, 9) > 0 for slug in METHODS)


def test_the_picture_is_put_to_the_test(app: Open) -> None:
    test = settled(app("attribution", family="gpt2", text="the cat sat on a", methods="erasure"), until="Logit of")
    test.button(key="trust_start").click().run()
    settled(test, until="The first words taken away")
    verdicts = [*test.error, *test.warning, *test.success]
    assert len(verdicts) == 1
    assert "Erasure" in verdicts[0].value or "this picture" in verdicts[0].value


@pytest.mark.parametrize("text", [AWKWARD, "x" * 40, "the the the the the", "."])
def test_awkward_texts_are_shown(app: Open, text: str) -> None:
    for family in ("gpt2", "bert"):
        typed = text if family == "gpt2" else f"{text} [MASK]"
        settled(app("attribution", family=family, text=typed, methods="saliency|erasure"))


def test_what_cannot_be_is_said_and_a_way_out_is_offered(app: Open) -> None:
    test = app("attribution", family="bert", text="no mask in here")
    assert "[MASK]" in " ".join(error.value for error in test.error).replace("\\", "")
    assert any(button.label == "Why positive?" for button in test.button)
    headless = app("attribution", family="t5", text="the cat")
    assert any("encoder-decoder" in error.value.replace("\\", "") for error in headless.error)


def test_a_target_that_is_no_token_is_told_and_stays_typed(app: Open) -> None:
    test = app("attribution", family="gpt2", text="the cat")
    test.query_params["answer"] = "unbelievably long"
    test.run()
    assert any("must be one token" in error.value for error in test.error)
    assert test.selectbox(key="answer").value == "unbelievably long"


def test_the_question_stands_in_the_link() -> None:
    asked = Selection(
        answer=" Paris", contrast=" Rome", methods="erasure|saliency", baselines="pad|mean", level="token"
    )
    assert from_url(to_url(asked), start=Selection()) == (asked, ())
    assert changed(asked, replace(asked, text="another text")).answer == " Paris"  # the same is asked of another text
    assert changed(asked, replace(asked, model="other")).answer == ""


def test_a_link_with_strange_words_opens_with_the_usual_ones(app: Open) -> None:
    test = app("attribution", family="gpt2", text="the cat sat", methods="nothing|known", baselines="x", level="letter")
    settled(test, until="Erasure, from pad")


def test_what_a_model_writes_is_explained_token_by_token(app: Open, folder: Callable[[str], str]) -> None:
    test = settled(app("attribution", family="gpt2", text="the cat sat", explained="written"))
    test.number_input(key="written_tokens").set_value(4).run()
    test.button(key="written_start").click().run()
    settled(test, until="rests most on")
    result = lmviz.run("generation-attribution", memory.model(folder("gpt2")), text="the cat sat", max_new_tokens=4)
    assert isinstance(result, GeneratedScores)
    assert f"({figure(float(result.values[0]))} logit" in sentences(test)


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_an_answer_is_explained_layer_by_layer(app: Open, folder: Callable[[str], str], family: str) -> None:
    text = "the cat sat" if family == "gpt2" else "the [MASK] sat"
    test = settled(app("attribution", family=family, text=text, explained="layers"))
    test.button(key="layers_start").click().run()
    settled(test, until="of the difference over")
    result = lmviz.run("layer-integrated-gradients", memory.model(folder(family)), text=text)
    assert f"**{figure(result.provenance['value'])}** with all words" in sentences(test)


def test_a_model_that_writes_nothing_says_so(app: Open) -> None:
    test = settled(app("attribution", family="bert", text="the [MASK] sat", explained="written"))
    assert "writes no text" in sentences(test)
