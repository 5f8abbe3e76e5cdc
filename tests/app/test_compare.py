"""The compare page: every section on models that have it, both kinds of sides, many texts, and what cannot be."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import lmviz
from lmviz.results import Difference, TokenDistributions
from lmviz.ui import memory
from tests.app.test_pages import AWKWARD, LONG, pills, sentences
from tests.app.test_predictions import tables, with_text
from tests.tiny_heads import tiny_head

Open = Callable[..., AppTest]
TEXT = "the cat sat on the mat and the dog"
OTHER = "the dog sat on the mat and the cat"


def agreed(test: AppTest) -> AppTest:
    """Let the second model be loaded that the link names."""
    for button in test.button:
        if button.key == "load_model_b":
            return button.click().run()
    return test


@pytest.fixture
def compare(app: Open, folder: Callable[[str], str]) -> Open:
    """Give a function that opens the page on two tiny models, or one and a second text."""

    def opened(a: str = "gpt2", b: str = "", *, text: str = TEXT, text_b: str = "", section: str = "") -> AppTest:
        test = with_text(agreed(app("compare", family=a, **({"model_b": folder(b)} if b else {}))), text)
        if text_b:
            test.text_area(key="text_b").set_value(text_b).run()
        if section:
            pills(test, "compared").set_value(section).run()
        return test

    return opened


def faultless(test: AppTest) -> AppTest:
    assert not test.exception
    assert not test.error, [error.value for error in test.error]
    return test


def test_without_a_second_side_it_says_what_to_do_and_offers_examples(compare: Open) -> None:
    test = faultless(compare())
    assert "second model or type a second text" in sentences(test)
    assert sum(str(button.key).startswith("compare_example_") for button in test.button) == 3


SECTIONS = (
    "token-distributions",
    "surprisal",
    "generate",
    "attention-pattern",
    "attention-rollout",
    "head-statistics",
    "cka",
    "attribution",
)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("kind", ["two models", "two texts", "both"])
def test_every_section_opens(compare: Open, section: str, kind: str) -> None:
    b = "" if kind == "two texts" else "llama"
    text_b = "" if kind == "two models" else OTHER
    test = faultless(compare(b=b, text_b=text_b, section=section))
    assert pills(test, "compared").value == section


def test_expected_tokens_are_those_of_the_analysis(compare: Open, folder: Callable[[str], str]) -> None:
    test = faultless(compare(b="llama", section="token-distributions"))
    a = memory.model(folder("gpt2"))
    want = lmviz.run("compare", a, analysis="token-distributions", text=TEXT, model_b=folder("llama"), top_k=10)
    assert isinstance(want, Difference)
    assert isinstance(want.a, TokenDistributions)
    assert isinstance(want.b, TokenDistributions)
    place = int(np.nanargmax(want.per_unit["js"][list(want.a.positions)]))
    shown = tables(test)[0]
    assert sorted(shown["A"]) == pytest.approx(sorted(want.a.probabilities[place].tolist()), abs=1e-6)
    assert (shown["B"] - shown["A"]).tolist() == pytest.approx(shown["B − A"].tolist(), abs=1e-7)
    assert f"{float(want.per_unit['js'][want.a.positions[place]]):.3g}" in sentences(test)


def test_swapping_turns_the_difference_round(compare: Open) -> None:
    test = faultless(compare(b="llama", section="surprisal"))
    before = tables(test)[0]
    test.button(key="swap").click().run()
    after = tables(faultless(test))[0]
    assert after["B − A"].tolist() == pytest.approx((-before["B − A"]).tolist(), abs=1e-6)
    assert after["A"].tolist() == pytest.approx(before["B"].tolist(), abs=1e-6)


def test_two_encoders_need_a_mask_and_surprisal_comes_first_without_one(compare: Open) -> None:
    test = faultless(compare("bert", "electra"))
    assert pills(test, "compared").value == "surprisal"
    pills(test, "compared").set_value("token-distributions").run()
    assert "Put [MASK] where" in sentences(test)
    test = faultless(compare("bert", "electra", text="the [MASK] sat on the mat"))
    assert pills(test, "compared").value == "token-distributions"
    assert "A fills in" in sentences(test)


def test_a_head_is_picked_on_each_side_and_kept_in_the_link(compare: Open) -> None:
    test = faultless(compare(b="llama", section="attention-pattern"))
    assert test.selectbox(key="compare_layer_A").value != "mean"  # the head furthest apart
    test.selectbox(key="compare_layer_A").set_value("L1").run()
    test.selectbox(key="compare_head_A").set_value("H2").run()
    test.selectbox(key="compare_layer_B").set_value("L0").run()
    test.selectbox(key="compare_head_B").set_value("mean").run()
    assert faultless(test).query_params["head_pair"] == "L1H2:L0"
    test.selectbox(key="compare_layer_B").set_value("mean").run()
    assert faultless(test).query_params["head_pair"] == "L1H2:mean"


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    saved: dict[tuple[str, str], str] = {}

    def save(family: str, ending: str) -> str:
        if (family, ending) not in saved:
            path = tmp_path_factory.mktemp(family + ending)
            for part in tiny_head(family, ending):
                part.save_pretrained(path)
            saved[family, ending] = str(path)
        return saved[family, ending]

    return save


@pytest.mark.parametrize(
    ("ending", "title", "pair"),
    [
        ("ForSequenceClassification", "A says", ""),
        ("ForTokenClassification", "words have another tag in B", ""),
        ("ForQuestionAnswering", "A answers", "who sat?"),
    ],
)
def test_heads_are_compared(app: Open, heads: Callable[[str, str], str], ending: str, title: str, pair: str) -> None:
    test = with_text(agreed(app("compare", model=heads("bert", ending), model_b=heads("roberta", ending))), TEXT)
    if pair:
        assert "Type a question" in sentences(test)
        test.text_area(key="text_pair").set_value(pair).run()
    assert title in sentences(faultless(test))


def test_what_two_models_cannot_be_compared_in_is_said(compare: Open) -> None:
    test = faultless(compare(b="llama"))
    assert "Labels" in sentences(test)
    assert "no sequence-classification head" in sentences(test)


@pytest.mark.parametrize("text", ["", LONG, AWKWARD])
def test_no_text_breaks_the_page(compare: Open, text: str) -> None:
    test = compare(b="llama", text=text)
    assert not test.exception
    assert not [error for error in test.error if "fault" in str(error.value)]
    assert test.text_area(key="text").value == text


def test_a_second_model_that_does_not_exist_is_one_sentence(app: Open) -> None:
    test = app("compare", family="gpt2", model_b="minilm-mlmm")
    test.button(key="load_model_b").click().run()
    assert not test.exception
    assert "Did you mean 'minilm-mlm'?" in str(test.error[0].value).replace("\\", "")


def test_a_link_may_not_load_a_second_model_unasked(app: Open, folder: Callable[[str], str]) -> None:
    path = folder("llama")
    memory.MODELS.forget()
    test = app("compare", family="gpt2", model_b=path, compared="surprisal")
    assert "wants to load" in sentences(test)
    assert memory.loaded(path) is None
    test.button(key="load_model_b").click().run()
    assert memory.loaded(path) is not None
    assert "wants to load" not in sentences(faultless(test))


# Many texts


def finished(test: AppTest) -> AppTest:
    """Run until the job in the background is over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any("rows in" in str(item.value) for item in test.caption):
        time.sleep(0.2)
        test.run()
    return faultless(test)


def started(test: AppTest, texts: str) -> AppTest:
    test.text_area(key="rows_typed").set_value(texts).run()
    test.button(key="rows_start").click().run()
    return finished(test)


def rows_table(test: AppTest) -> Any:
    return next(table for table in tables(test) if "A says" in table)


def test_many_texts_are_compared_and_sorted_by_disagreement(compare: Open, folder: Callable[[str], str]) -> None:
    texts = [TEXT, OTHER, "the cat", "a dog ran", "中文 <b>bold</b>"]
    test = started(compare(b="llama", section="rows"), "\n".join(texts))
    shown = rows_table(test)
    assert sorted(shown["text"]) == sorted(texts)
    assert shown["disagreement"].is_monotonic_decreasing
    a = memory.model(folder("gpt2"))
    want = lmviz.run("compare", a, analysis="token-distributions", text=TEXT, model_b=folder("llama"))
    assert isinstance(want, Difference)
    js = want.per_unit["js"][~np.isnan(want.per_unit["js"])][-1]
    assert float(shown.set_index("text").loc[TEXT, "disagreement"]) == pytest.approx(float(js), abs=1e-4)
    test.text_input(key="rows_filter").set_value("dog ran").run()
    assert rows_table(test)["text"].tolist() == ["a dog ran"]
    test.text_input(key="rows_filter").set_value("").run()
    test.selectbox(key="rows_order").set_value("file").run()
    assert rows_table(test)["text"].tolist() == texts


def test_a_row_that_cannot_be_read_is_named_and_the_rest_goes_on(compare: Open) -> None:
    test = started(compare(b="llama", section="rows"), f"the cat sat\n{'word ' * 400}\nthe dog sat")
    assert rows_table(test)["line"].tolist() in ([1, 3], [3, 1])
    broken = next(table for table in tables(test) if "why" in table)
    assert broken["line"].tolist() == [2]
    assert "reads at most" in broken["why"][0]


def test_many_pages_are_paged(compare: Open) -> None:
    test = started(compare(b="llama", section="rows"), "\n".join(f"the cat {n}" for n in range(230)))
    assert len(rows_table(test)) == 100
    pages = next(item for item in test.number_input if str(item.key).startswith("rows_page"))
    pages.set_value(3).run()
    assert len(rows_table(test)) == 30


def test_one_model_and_one_text_per_row_is_nothing_to_compare(compare: Open) -> None:
    test = compare()
    test.button(key="compare_many").click().run()
    test.text_area(key="rows_typed").set_value("the cat").run()
    assert "Both sides are the same" in sentences(faultless(test))
