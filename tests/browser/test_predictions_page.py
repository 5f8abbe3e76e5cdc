"""The predictions page as a visitor uses it, on the heads that come with lmviz."""

import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

import lmviz
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
PATIENCE = 60_000  # milliseconds; the first visitor waits for the model
MASKED = "The doctor told the [MASK] to rest."


def link(model: str, text: str, **words: str) -> str:
    return "/predictions?" + urlencode({"model": model, "text": text, **words}, quote_via=quote)


def strip(page: Page) -> Locator:
    found = page.locator(".lmviz-token-strip").first
    found.wait_for(timeout=PATIENCE)
    return found


def chip(page: Page, position: int) -> Locator:
    return strip(page).locator(f'[data-index="{position}"]').first


def main_text(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def test_a_mask_is_filled_with_what_the_model_says(visitor: Visitor) -> None:
    result = lmviz.run("token-distributions", lmviz.load("minilm-mlm"), text=MASKED, top_k=1)
    visit = visitor().open(link("minilm-mlm", MASKED))
    strip(visit.page)
    best, share = result.candidates[0][0], float(result.probabilities[0][0])
    expect(main_text(visit.page)).to_contain_text(f"{best} fits best: {share:.3g}", timeout=PATIENCE)
    assert visit.problems == []


def test_a_word_is_masked_with_a_click_and_the_change_is_shown_and_undone(visitor: Visitor) -> None:
    visit = visitor().open(link("minilm-mlm", "He drank a cup of tea."))
    page = visit.page
    chip(page, 6).click()  # "tea"
    page.get_by_role("button", name="Mask", exact=True).first.click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("He drank a cup of [MASK].", timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("fits best", timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("It was: “He drank a cup of tea.”")
    visit.settle()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("He drank a cup of tea.", timeout=PATIENCE)
    expect(main_text(page)).not_to_contain_text("It was:")
    assert visit.problems == []


def test_tags_stand_under_the_words_and_the_position_is_in_the_link(visitor: Visitor) -> None:
    visit = visitor().open(link("minilm-pos", "The dog sleeps in the house."))
    page = visit.page
    for tag in ("DET", "NOUN", "VERB", "ADP", "PUNCT"):
        expect(strip(page)).to_contain_text(tag, timeout=PATIENCE)
    chip(page, 3).click()
    expect(page).to_have_url(re.compile("position=3"), timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("Labels of “sleeps”", timeout=PATIENCE)
    assert visit.problems == []


def test_a_text_is_continued_and_another_branch_is_followed(visitor: Visitor) -> None:
    visit = visitor().open(link("smollm2-135m", "The capital of France is", task="generate"))
    page = visit.page
    count = page.get_by_label("New tokens")
    count.wait_for(timeout=PATIENCE)
    count.fill("4")
    count.press("Enter")
    visit.settle()
    page.get_by_role("button", name="Write", exact=True).click()
    expect(main_text(page)).to_contain_text("4 tokens", timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("The capital of France is Paris")
    visit.settle()
    chip(page, 0).click()
    on = page.get_by_role("button", name="Go on from here").first
    on.wait_for(timeout=PATIENCE)
    visit.settle()
    on.click()
    expect(main_text(page)).to_contain_text("5 tokens", timeout=PATIENCE)
    expect(main_text(page)).not_to_contain_text("The capital of France is Paris")
    assert visit.problems == []


def test_a_model_without_a_head_leads_to_one_that_has_it(visitor: Visitor) -> None:
    visit = visitor().open(link("minilm", "The film was wonderful."))
    page = visit.page
    page.get_by_role("button", name="Tell positive from negative").click(timeout=PATIENCE)
    expect(main_text(page)).to_contain_text("positive", timeout=PATIENCE)
    expect(page).to_have_url(re.compile("model=minilm-sentiment"), timeout=PATIENCE)
    assert visit.problems == []


@pytest.mark.parametrize(
    "look", [{"color_scheme": "dark"}, {"viewport": {"width": 400, "height": 900}}], ids=["dark", "400"]
)
def test_it_fits_every_look(visitor: Visitor, look: dict[str, object]) -> None:
    visit = visitor(**look).open(link("minilm-mlm", "The [MASK] of the old house was [MASK] by the storm."))
    expect(main_text(visit.page)).to_contain_text("All masks together", timeout=PATIENCE)
    visit.settle()
    width = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 1
    assert visit.problems == []
