"""The query–key view in a browser: the numbers it writes, what pointer and keyboard do, long inputs, masks."""

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lmviz.figures.wording import format_number
from tests.browser.harness.figures import opened, opened_all, query_key_page
from tests.figure_samples import DIMENSIONS, TEXTS, products

WORDS = ("[CLS]", " the", " cat", "<b>", "中", "##ing", "[SEP]")


def keys(page: Page) -> list[int]:
    return [int(row.get_attribute("data-key") or -1) for row in page.locator("tbody tr[data-key]").all()]


def hover(page: Page, key: int, place: int) -> str:
    strip = page.locator(f"tr[data-key='{key}'] canvas")
    box = strip.bounding_box()
    assert box is not None
    strip.hover(position={"x": (place + 0.5) * box["width"] / DIMENSIONS, "y": box["height"] / 2})
    return page.locator(".readout").inner_text()


def test_hovering_a_cell_writes_its_numbers(browser: Browser) -> None:
    result = products(WORDS, query=2)
    with opened(browser, query_key_page(result)) as page:
        for key, dimension in ((0, 0), (4, 3), (6, 7)):
            first, second, third = (
                format_number(float(x))
                for x in (
                    result.query_vector[dimension],
                    result.key_vectors[key, dimension],
                    result.products[key, dimension],
                )
            )
            assert hover(page, key, dimension).startswith(
                f"dimension {dimension}: q {first} × k {second} = {third} · to "
            )


def test_the_equation_holds_with_the_numbers_shown(browser: Browser) -> None:
    result = products(WORDS, query=2)
    with opened(browser, query_key_page(result)) as page:
        best = int(result.pattern.argmax())
        assert page.locator("tr.picked").get_attribute("data-key") == str(best)
        page.locator(".key").nth(1).click()
        said = page.locator(".equation").inner_text().replace("−", "-")
        total, scale, added, score, share = (float(x) for x in re.findall(r"-?\d[\d.]*(?:e-?\d+)?", said))
        assert total * scale + added == pytest.approx(score, rel=1e-2)
        assert score == pytest.approx(float(result.scores[1]), rel=1e-2)
        assert share == pytest.approx(float(result.pattern[1]), rel=1e-2)


def test_the_sentence_names_the_strongest_key_and_dimension(browser: Browser) -> None:
    result = products(WORDS, query=2)
    best = int(result.pattern.argmax())
    dimension = int(np.abs(result.products[best]).argmax())
    with opened(browser, query_key_page(result)) as page:
        said = page.locator(".finding").inner_text()
        assert said.startswith("“cat” looks most at ")
        assert f"(position {best}): pattern {format_number(float(result.pattern[best]))}" in said
        assert f"dimension {dimension}: q " in said
        listed = page.locator(".top tbody th").all_inner_texts()
        assert listed == [str(i) for i in np.argsort(-np.abs(result.products[best]), kind="stable")[:8]]


def test_sorting_keys_and_dimensions(browser: Browser) -> None:
    result = products(WORDS)
    with opened(browser, query_key_page(result)) as page:
        assert keys(page) == list(range(len(WORDS)))
        page.select_option("[data-control=sort]", "score")
        assert keys(page) == np.argsort(-result.pattern, kind="stable").tolist()
        page.select_option("[data-control=order]", "product")
        best = int(result.pattern.argmax())
        assert hover(page, best, 0).startswith(f"dimension {int(np.abs(result.products[best]).argmax())}: ")


def test_the_keyboard_reaches_every_cell(browser: Browser) -> None:
    result = products(WORDS)
    with opened(browser, query_key_page(result)) as page:
        page.select_option("[data-control=sort]", "score")
        page.locator(".grid").focus()
        order = np.argsort(-result.pattern, kind="stable")
        for presses in (["ArrowDown"], ["ArrowDown"], ["ArrowRight", "ArrowRight"]):
            for key in presses:
                page.keyboard.press(key)
        expect(page.locator(".readout")).to_contain_text("dimension 2: ")
        expect(page.locator(".readout")).to_contain_text(f"position {order[1]}")
        page.keyboard.press("Enter")
        expect(page.locator("tr.picked")).to_have_attribute("data-key", str(order[1]))
        page.keyboard.press("Escape")
        expect(page.locator("tr.picked")).to_have_attribute("data-key", str(order[0]))
        expect(page.locator(".readout")).to_have_text("")


def test_long_inputs_start_with_the_strongest(browser: Browser) -> None:
    result = products(tuple(f" k{i}" for i in range(512)), masked_from=300)
    with opened(browser, query_key_page(result)) as page:
        strongest = sorted(np.argsort(-result.pattern, kind="stable")[:40].tolist())
        assert keys(page) == strongest
        expect(page.locator(".under")).to_contain_text("260 weaker ones are not shown. 212 keys are masked")
        page.get_by_role("button", name="Show all 300 keys").click()
        assert keys(page) == list(range(300))
        page.get_by_role("button", name="Show the 40 strongest").click()
        assert keys(page) == strongest


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_zero_is_neutral_and_signs_differ(browser: Browser, theme: str) -> None:
    with opened(browser, query_key_page(products(WORDS), theme=theme)) as page:
        low, zero, high = page.evaluate(
            "() => [-1, 0, 1].map((value) => parseColour(signedColour(buildSignedRamp(view.theme), value, 1)))"
        )
        assert max(zero) - min(zero) < 16
        assert low[2] > low[0] + 60  # blue
        assert high[0] > high[2] + 60  # orange


def test_narrow_pages_do_not_scroll_sideways(browser: Browser) -> None:
    with opened(browser, query_key_page(products(WORDS)), viewport={"width": 400, "height": 800}) as page:
        assert page.evaluate("() => document.documentElement.scrollWidth <= 400")
        assert page.locator(".grid").evaluate("(node) => node.scrollWidth <= node.clientWidth")
        before = page.locator("tr[data-key='5']").bounding_box()
        assert hover(page, 5, 3)
        assert page.locator("tr[data-key='5']").bounding_box() == before  # nothing moves under the pointer


def test_awkward_texts_open_without_trouble(browser: Browser) -> None:
    documents = {text: query_key_page(products(TEXTS[text])) for text in TEXTS if text != "512"}
    with opened_all(browser, documents) as visits:
        for _, page in visits:
            assert page.locator(".lmviz-query-key").get_attribute("data-ready") == "true"
            assert page.locator(".lmviz-query-key b, .lmviz-query-key img").count() == 0
