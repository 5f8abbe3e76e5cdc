"""The predictions page: every task on models that have it, edits, and models that have nothing to say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import lmviz
from lmviz.ui import memory, predictions
from lmviz.ui.selection import Selection
from tests.app.test_pages import AWKWARD, LONG, pills, sentences
from tests.tiny_heads import tiny_head

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def head(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give a function that saves a tiny BERT with a head and returns its folder."""
    saved: dict[str, str] = {}

    def save(ending: str) -> str:
        if ending not in saved:
            path: Path = tmp_path_factory.mktemp(ending)
            for part in tiny_head("bert", ending):
                part.save_pretrained(path)
            saved[ending] = str(path)
        return saved[ending]

    return save


def tables(test: AppTest) -> list[pd.DataFrame]:
    return [element.value for element in test.dataframe]


def with_text(test: AppTest, text: str) -> AppTest:
    return test.text_area(key="text").set_value(text).run()


def test_masks_are_filled_with_the_numbers_of_the_library(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat on the mat")
    assert not test.exception
    assert not test.error
    shown = tables(test)[0]
    model = memory.model(test.text_input(key="own_model").value)
    want = lmviz.run("token-distributions", model, text="the [MASK] sat on the mat", top_k=10)
    assert shown["probability"].tolist() == pytest.approx(want.probabilities[0].tolist())
    assert shown["token id"].tolist() == want.candidate_ids[0].tolist()


def test_several_masks_are_filled_together(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat on the [MASK]")
    assert not test.error
    joint = tables(test)[1]
    assert len(joint) == 10
    assert joint["joint probability"].is_monotonic_decreasing


def test_a_word_that_is_typed_gets_its_probability_or_a_sentence(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat")
    test.text_input(key="asked_word").set_value("cat").run()
    assert "rank" in sentences(test)
    test.text_input(key="asked_word").set_value("cat dog").run()
    assert "must be one token" in sentences(test)
    assert test.text_input(key="asked_word").value == "cat dog"


def test_without_a_mask_it_says_how_to_put_one(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the cat sat")
    assert not test.error
    assert "[MASK]" in sentences(test)
    assert "click a word" in sentences(test)


@pytest.mark.parametrize(("family", "task"), [("bert", "surprisal"), ("gpt2", "surprisal"), ("gpt2", "next-token")])
def test_tokens_are_scored(app: Open, family: str, task: str) -> None:
    test = app("predictions", family=family)
    pills(test, "task").set_value(task).run()
    with_text(test, "the cat sat on the mat")
    assert not test.exception
    assert not test.error
    assert len(tables(test)[0]) >= 5


def test_a_text_is_continued_and_the_same_seed_writes_the_same(app: Open) -> None:
    test = app("predictions", family="gpt2")
    pills(test, "task").set_value("generate").run()
    pills(test, "way").set_value("sample").run()
    test.number_input(key="n_new").set_value(8).run()
    test.button(key="write").click().run()
    assert not test.exception
    assert not test.error
    first = written(test)
    assert len(first) > len(Selection.text)
    test.button(key="write").click().run()
    assert written(test) == first
    test.button(key="go_on").click().run()
    assert written(test).startswith(first)
    assert len(written(test)) > len(first)


def written(test: AppTest) -> str:
    found = [str(item.value) for item in test.markdown if str(item.value).replace("\\", "").startswith(Selection.text)]
    return found[-1].replace("\\", "").replace("*", "").strip()


@pytest.mark.parametrize(
    ("ending", "pair", "n_rows"),
    [
        ("ForSequenceClassification", "", 2),
        ("ForTokenClassification", "", 5),
        ("ForNextSentencePrediction", "the dog left", 2),
        ("ForQuestionAnswering", "who sat?", 3),
    ],
)
def test_a_head_says_what_it_was_trained_for(
    app: Open, head: Callable[[str], str], ending: str, pair: str, n_rows: int
) -> None:
    test = with_text(app("predictions", model=head(ending)), "the cat sat on the mat")
    test.text_area(key="text_pair").set_value(pair).run()
    assert not test.exception
    assert not test.error
    assert sum(map(len, tables(test))) >= n_rows


@pytest.mark.parametrize("ending", ["ForNextSentencePrediction", "ForQuestionAnswering"])
def test_a_missing_second_text_is_asked_for(app: Open, head: Callable[[str], str], ending: str) -> None:
    test = app("predictions", model=head(ending))
    assert "Second sentence" in sentences(test)
    offered = next(button for button in test.button if str(button.key).startswith("second_"))
    offered.click().run()
    assert not test.error
    assert test.text_area(key="text_pair").value == offered.label
    assert tables(test)


def test_a_model_without_a_head_offers_models_that_have_one(app: Open) -> None:
    test = app("predictions", model="minilm")
    assert "has no head" in sentences(test)
    assert sum(str(button.key).startswith("take_") for button in test.button) == 5
    assert "no language-model head" in sentences(test)


def test_the_card_of_an_embedded_head_is_shown(app: Open) -> None:
    test = with_text(app("predictions", model="minilm-sentiment"), "A warm and funny film.")
    assert not test.error
    assert "It has only read sentences from film reviews" in sentences(test)
    assert "positive" in tables(test)[0]["label"].tolist()


@pytest.mark.parametrize("text", ["", "   ", LONG, AWKWARD, "[MASK]", "[MASK] " * 12])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_no_text_breaks_the_page(app: Open, family: str, text: str) -> None:
    test = with_text(app("predictions", family=family), text)
    assert not test.exception
    assert not [error for error in test.error if "fault" in str(error.value)]
    assert test.text_area(key="text").value == text


def test_a_changed_text_stands_beside_what_it_was_and_can_be_taken_back(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat on the mat")
    before = tables(test)[0]
    assert "before" not in before
    change(test, "the [MASK] sat on the hat")
    changed = tables(test)[0]
    now = changed["probability"].notna()
    both = changed[now & changed["before"].notna()]
    assert len(both)
    assert (both["probability"] - both["before"]).tolist() == pytest.approx(both["change"].tolist())
    assert "It was: “the [MASK] sat on the mat”" in sentences(test)
    test.button(key="undo_edit").click().run()
    assert test.text_area(key="text").value == "the [MASK] sat on the mat"
    assert "before" not in tables(test)[0]
    assert "It was" not in sentences(test)


def change(test: AppTest, text: str) -> None:
    """Change the text as a click in the strip does, which a test without a browser cannot make."""
    chosen: Any = test.session_state["_selection"]
    test.session_state["_original_texts"] = (chosen.model, chosen.text, "", repr((text, "")))
    with_text(test, text)


def test_a_text_that_was_typed_is_no_change(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat on the mat")
    change(test, "the [MASK] sat on the hat")
    with_text(test, "another [MASK]")
    assert "It was" not in sentences(test)
    assert predictions.Row("a", 0.5).before is None


def test_the_task_and_the_position_are_in_the_link(app: Open) -> None:
    test = app("predictions", family="gpt2")
    pills(test, "task").set_value("surprisal").run()
    assert test.query_params["task"] == "surprisal"
    test.session_state["_selection"] = replace(test.session_state["_selection"], position=3)
    assert test.run().query_params["position"] == "3"
    with_text(test, "a cat sat")
    assert "position" not in test.query_params  # it belonged to another text
    assert test.query_params["task"] == "surprisal"


def test_candidates_are_ranked_and_those_that_are_gone_are_not(app: Open) -> None:
    test = with_text(app("predictions", family="bert"), "the [MASK] sat on the mat")
    assert tables(test)[0]["rank"].tolist() == list(range(1, 11))
    change(test, "the [MASK] sat on the hat")
    changed = tables(test)[0]
    assert changed["rank"].isna().tolist() == changed["probability"].isna().tolist()


def test_an_encoder_decoder_leads_to_where_it_looked_while_writing(app: Open) -> None:
    test = with_text(app("predictions", family="bart"), "the cat sat on the mat")
    pills(test, "task").set_value("generate").run()
    test.number_input(key="n_new").set_value(6).run()
    test.button(key="write").click().run()
    assert not test.error
    test.button(key="cross_attention").click().run()
    assert test.query_params["part"] == "cross"
    assert test.query_params["target"].strip()
    test.switch_page("pages/attention.py").run()
    assert not test.exception
    assert not test.error
