"""The attribution page as a visitor uses it: words in colours, another answer, another baseline, the tests."""

import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Locator, expect

import lmviz
from lmviz.ui.predicting import figure
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
PATIENCE = 90_000  # milliseconds; the first visitor waits for the models
FILM = "A slow start, but a wonderful film in the end."


def link(**words: str) -> str:
    return "/attribution?" + urlencode(words, quote_via=quote)


def strip_of(visit: Visit, slug: str, baseline: str = "") -> Locator:
    return visit.page.locator(f".st-key-why_{slug}_{baseline}")


def test_words_wear_their_scores_and_the_value_stands_above(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm-sentiment", text=FILM))
    main = visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("residue", timeout=PATIENCE)
    visit.settle()
    result = lmviz.run("erasure", lmviz.load("minilm-sentiment"), text=FILM)
    expect(main).to_contain_text(f"Logit of positive: {figure(result.provenance['value'])}")
    word = strip_of(visit, "erasure", "pad").get_by_text("wonderful", exact=True)
    word.scroll_into_view_if_needed()
    word.hover()
    score = float(result.scores[result.tokens.index("wonderful")])
    expect(main).to_contain_text(re.compile(f"score {figure(score)}"))
    assert visit.problems == []


def test_another_answer_and_another_baseline_stand_in_the_link(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm-sentiment", text=FILM, methods="erasure"))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("Logit of positive", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("combobox", name="rather than").click()
    page.get_by_role("option", name=re.compile("negative")).click()
    expect(main).to_contain_text("Logit difference of positive − negative", timeout=PATIENCE)
    page.get_by_role("button", name="zero", exact=True).click()
    expect(main).to_contain_text("Erasure, from zero", timeout=PATIENCE)
    expect(page).to_have_url(re.compile(r"contrast=negative.*|baselines=pad%7Czero"))
    again = visitor().open(page.url)
    expect(again.page.get_by_test_id("stMain")).to_contain_text("Erasure, from zero", timeout=PATIENCE)
    assert visit.problems == [] and again.problems == []


def test_a_click_on_a_word_of_a_decoder_explains_what_comes_after_it(visitor: Visitor) -> None:
    text = "The capital of France is Paris and"
    visit = visitor().open(link(model="smollm2-135m", text=text, methods="input-x-gradient"))
    main = visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("at “·and”", timeout=PATIENCE)
    visit.settle()
    strip_of(visit, "input-x-gradient").get_by_text("is", exact=False).first.click()
    expect(main).to_contain_text("at “·is” (4)", timeout=PATIENCE)
    expect(main).to_contain_text("Logit of ·Paris")
    assert visit.problems == []


def test_the_picture_is_put_to_the_test_and_judged_in_words(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm-sentiment", text=FILM, methods="erasure|input-x-gradient"))
    main = visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("Logit of positive", timeout=PATIENCE)
    visit.settle()
    visit.page.get_by_role("button", name="Put it to the test", exact=True).click()
    expect(main).to_contain_text("The first words taken away", timeout=PATIENCE)
    visit.settle()
    want = lmviz.run(
        "faithfulness",
        lmviz.load("minilm-sentiment"),
        text=FILM,
        methods=("input-x-gradient", "erasure"),
        tolerance=0.01,
    )
    expect(visit.page.get_by_test_id("stAlert")).to_contain_text(want.summary)
    for why in want.reasons:
        expect(main).to_contain_text(" ".join(why))
    assert visit.problems == []


def test_a_long_explanation_can_be_stopped(visitor: Visitor) -> None:
    words = " ".join(["The capital of France is Paris, and the capital of Italy is"] * 4)
    visit = visitor().open(link(model="smollm2-135m", text=words, methods="shapley-sampling"))
    main = visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("It can be stopped", timeout=PATIENCE)
    visit.page.get_by_role("button", name="Explain", exact=True).click()
    visit.page.get_by_role("button", name="Stop", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("Stopped; what is done is kept", timeout=PATIENCE)
    expect(visit.page.get_by_role("button", name="Explain", exact=True)).to_be_visible()
    assert visit.problems == []
