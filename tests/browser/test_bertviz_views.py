"""BertViz's own scripts run on the packages' jQuery and d3, without network, and show text as typed."""

import pytest
from playwright.sync_api import Browser, Page

from lmviz.figures.bertviz_views import View, bertviz_html
from tests.browser.harness.figures import opened, opened_all
from tests.figure_samples import TEXTS, attention

TYPED = ("<b>bold</b>", "</script>", "<|endoftext|>", "Ġ", "##ing", "中文", "مرحبا", "😀", "&lt;", "\\u003c", "'\"`")


def texts(page: Page, where: str) -> list[str]:
    return [str(text) for text in page.locator(f"{where} text").all_text_contents()]


def lines_seen(page: Page) -> int:
    return int(page.evaluate("() => document.querySelectorAll('#attention line[visibility=visible]').length"))


def test_the_head_view_works(browser: Browser) -> None:
    result = attention(TYPED, layers=3, heads=4)
    with opened(browser, bertviz_html(result, "head")) as page:
        assert texts(page, "#left") == list(TYPED)
        assert texts(page, "#right") == list(TYPED)
        assert page.locator("#attention line").count() == 4 * len(TYPED) ** 2
        page.locator("#left text").nth(2).hover()
        assert lines_seen(page) == 4 * len(TYPED)
        strength = (
            page.locator("#attention .headAttention").first.locator("line").nth(1).get_attribute("stroke-opacity")
        )
        assert float(strength or 0) == pytest.approx(result.pattern[0, 0, 0, 1] / 4, abs=1e-4)
        page.select_option("#layer", "2")
        strength = (
            page.locator("#attention .headAttention").first.locator("line").nth(1).get_attribute("stroke-opacity")
        )
        assert float(strength or 0) == pytest.approx(result.pattern[2, 0, 0, 1] / 4, abs=1e-4)


def test_the_model_view_works(browser: Browser) -> None:
    result = attention(TYPED, layers=2, heads=3)
    with opened(browser, bertviz_html(result, "model", dark=True)) as page:
        assert page.locator(".attn_background").count() == 6
        assert page.locator(".detail").count() == 0
        page.locator("#attn_background_1_2").locator("xpath=following-sibling::*[last()]").click()
        assert "Layer 1, Head 2" in texts(page, "#vis")
        assert texts(page, "#vis .detail")[: len(TYPED)] == list(TYPED)


def test_sentence_filters_of_a_pair(browser: Browser) -> None:
    with opened(browser, bertviz_html(attention(tuple("abcdef"), segment_b=4), "head")) as page:
        page.select_option("#filter", label="Sentence A → Sentence B")
        assert (texts(page, "#left"), texts(page, "#right")) == (list("abcd"), list("ef"))
        page.select_option("#filter", label="Sentence B → Sentence A")
        assert (texts(page, "#left"), texts(page, "#right")) == (list("ef"), list("abcd"))


@pytest.mark.parametrize("view", ["head", "model"])
def test_awkward_texts_open_without_trouble(browser: Browser, view: View) -> None:
    documents = {text: bertviz_html(attention(TEXTS[text]), view) for text in TEXTS if text not in ("empty", "512")}
    with opened_all(browser, documents) as visits:
        for _, page in visits:
            assert page.locator("#vis svg").count() == 1
            assert page.locator("#vis b, #vis img").count() == 0
