"""Exported pages in a browser: they ask nobody for anything, and the explorer in them answers for itself."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lmviz.figures import standalone
from lmviz.figures.attention_payload import ExplorerWords, explorer_payload
from lmviz.figures.export import render
from lmviz.figures.standalone import explorer_html
from tests.browser.harness.figures import opened, opened_all
from tests.figure_samples import MAKERS, TEXTS, attention

WORDS = tuple(f" w{i}" for i in range(9))
# The matrix that the explorer keeps for what is in focus, found through the registry that pipes use.
KEPT = """() => {
    const [explorer] = attentionRegistry().explorers.values();
    const found = explorer.exact.get(matrixKey(explorer.current));
    return found ? [Array.from(found.matrix), found.header.label] : null;
}"""


def kept(page: Page) -> tuple[np.ndarray, str]:
    values, label = page.evaluate(KEPT)
    return np.array(values).reshape(len(WORDS), len(WORDS)), label


def ready(page: Page) -> dict[str, Any]:
    page.wait_for_selector('html[data-ready="true"]', timeout=60_000)
    expect(page.locator(".lmviz-explorer")).to_have_attribute("data-ready", "true")
    data: dict[str, Any] = json.loads(
        page.evaluate("() => JSON.stringify({...document.querySelector('.lmviz-explorer').dataset})")
    )
    return data


def test_heads_and_aggregates_come_from_the_file(browser: Browser) -> None:
    result = attention(WORDS, layers=3, heads=2)
    pattern = result.pattern.astype(np.float64)
    rolled = np.eye(len(WORDS))
    for layer in pattern:
        rolled = (0.5 * layer.mean(axis=0) + 0.5 * np.eye(len(WORDS))) @ rolled
    wanted = {
        "mean": (pattern.mean(axis=(0, 1)), "mean of all heads"),
        "max": (pattern.max(axis=(0, 1)), "maximum of all heads"),
        "rollout": (rolled, "rollout of all heads"),
    }
    with opened(browser, explorer_html(result, {}, view={"layer": 2, "head": 1})) as page:
        assert ready(page)["label"] == "L2H1"
        values, _ = kept(page)
        np.testing.assert_array_equal(values.astype(np.float32), result.pattern[2, 1])
        for shown, (matrix, label) in wanted.items():
            page.locator(f'[data-control="shown"] [data-value="{shown}"]').click()
            expect(page.locator(".lmviz-explorer")).to_have_attribute("data-label", label)
            expect(page.locator(".lmviz-explorer")).to_have_attribute("data-exact", "true")
            np.testing.assert_allclose(kept(page)[0], matrix, atol=1e-6)


def test_what_the_file_cannot_compute_is_not_offered(browser: Browser) -> None:
    with opened(browser, explorer_html(attention(WORDS), {})) as page:
        ready(page)
        assert page.locator('[data-control="shown"] [data-value="rollout"]').count() == 1
        assert page.locator('[data-control="shown"] [data-value="flow"]').count() == 0


@pytest.mark.parametrize(("limit", "tolerance"), [("FLOAT32_BYTES", 2e-5), ("UINT16_BYTES", 5e-3)])
def test_quantised_numbers_are_close_and_marked(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, limit: str, tolerance: float
) -> None:
    monkeypatch.setattr(standalone, "FLOAT32_BYTES", 1)
    monkeypatch.setattr(standalone, limit, 1)
    result = attention(WORDS)
    with opened(browser, explorer_html(result, {})) as page:
        assert ready(page)["exact"] == "true"  # what it opens with is kept in full
        np.testing.assert_array_equal(kept(page)[0].astype(np.float32), result.pattern[0, 0])
        page.locator(".quiet-button[data-step=next]").click()
        expect(page.locator(".lmviz-explorer")).to_have_attribute("data-label", "L0H1")
        page.wait_for_function("() => attentionRegistry().explorers.values().next().value.exact.size === 2")
        expect(page.locator(".lmviz-explorer")).to_have_attribute("data-exact", "false")
        np.testing.assert_allclose(kept(page)[0], result.pattern[0, 1], atol=tolerance)


def test_a_file_of_pictures_still_opens(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLOAT32_BYTES", "UINT16_BYTES", "UINT8_BYTES"):
        monkeypatch.setattr(standalone, name, 1)
    view = {"layer": 1, "head": 2, "locked": [["q", 3]], "threshold": 0.25, "mode": "matrix", "scale": "log"}
    result = attention(WORDS)
    with opened(browser, explorer_html(result, {}, view=view)) as page:
        data = ready(page)
        assert (data["exact"], data["label"]) == ("true", "L1H2")
        np.testing.assert_array_equal(kept(page)[0].astype(np.float32), result.pattern[1, 2])
        seen = page.evaluate("() => attentionRegistry().explorers.values().next().value.view()")
        assert {name: seen[name] for name in view} == view
        expect(page.locator('.token.locked[data-side="q"]')).to_have_count(1)
        expect(page.locator("canvas.arcs")).to_be_hidden()
        page.locator('[data-control="shown"] [data-value="mean"]').click()
        expect(page.locator(".lmviz-explorer")).to_have_attribute("data-label", "mean of 6 heads")


@pytest.mark.parametrize("shown", ["flow", "rollout"])
@pytest.mark.parametrize("limit", ["all heads", "pictures"])
def test_an_aggregate_of_chosen_heads_opens_as_it_was_seen(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, shown: str, limit: str
) -> None:
    if limit == "pictures":
        for name in ("FLOAT32_BYTES", "UINT16_BYTES", "UINT8_BYTES"):
            monkeypatch.setattr(standalone, name, 1)
    values = np.random.default_rng(5).random((len(WORDS), len(WORDS)), dtype=np.float32)
    view = {"shown": shown, "chosen": [[0, 1], [1, 0]]}
    focused = (values, f"{shown} of 2 heads")
    with opened(browser, explorer_html(attention(WORDS), {}, view=view, focused=focused)) as page:
        data = ready(page)
        assert (data["exact"], data["label"]) == ("true", f"{shown} of 2 heads")
        np.testing.assert_array_equal(kept(page)[0].astype(np.float32), values)
        page.locator('[data-control="all"]').click()
        if (shown, limit) == ("rollout", "all heads"):
            expect(page.locator(".lmviz-explorer")).to_have_attribute("data-label", "rollout of all heads")
        else:
            expect(page.locator(".focus-bar .fact")).to_contain_text("not in this file")


def test_the_picture_before_stays_dimmed_until_that_of_another_text_comes(browser: Browser) -> None:
    other = explorer_payload(attention((" a", " b")), {}, channel="standalone", words=ExplorerWords(model="tiny"))
    follow = """(text) => { const [explorer] = attentionRegistry().explorers.values();
        explorer.update(Uint8Array.from(atob(text), (character) => character.charCodeAt(0))); }"""
    deliver = """() => { const [explorer] = attentionRegistry().explorers.values();
        explorer.deliver({ matrix: new Float32Array([1, 0, 0.5, 0.5]), header: { id: explorer.model.header.id,
            revision: 0, view: explorer.view(), label: "rollout of all heads", rows: 2, cols: 2 } }); }"""
    with opened(browser, explorer_html(attention(WORDS), {}, view={"shown": "rollout"})) as page:
        ready(page)
        tokens = page.locator('.token-place.left .token[data-side="q"]')
        expect(tokens).to_have_count(len(WORDS))
        page.evaluate(follow, base64.b64encode(other).decode())
        expect(page.locator(".focus-bar .fact")).to_have_text("being computed …")
        expect(page.locator(".head-place")).to_have_css("opacity", "0.4")
        expect(page.locator(".head-picture[inert]")).to_have_count(1)
        expect(tokens).to_have_count(len(WORDS))
        page.evaluate(deliver)
        expect(page.locator(".head-place")).to_have_css("opacity", "1")
        expect(page.locator(".head-picture[inert]")).to_have_count(0)
        expect(tokens).to_have_count(2)


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 15, 20)")])
def test_the_page_follows_the_readers_scheme(browser: Browser, scheme: str, background: str) -> None:
    with opened(browser, explorer_html(attention(WORDS), {}), color_scheme=scheme) as page:
        ready(page)
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == background


def test_the_open_head_follows_when_the_scheme_changes(browser: Browser) -> None:
    pixel = """() => { // a copy, because reading often from the canvas itself is warned about
        const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
        copy.drawImage(document.querySelector("canvas.matrix"), -2, -2);
        return [...copy.getImageData(0, 0, 1, 1).data]; }"""
    document = explorer_html(attention(WORDS), {}, view={"threshold": 1})  # an empty cell has the page's colour
    with opened(browser, document, color_scheme="light") as page:
        ready(page)
        assert min(page.evaluate(pixel)[:3]) > 250
        page.emulate_media(color_scheme="dark")
        expect(page.locator(".lmviz-explorer")).to_have_css("color-scheme", "dark")
        page.wait_for_timeout(100)
        assert max(page.evaluate(pixel)[:3]) < 30


def test_512_tokens_open(browser: Browser) -> None:
    result = attention(TEXTS["512"], layers=4, heads=6)
    with opened(browser, explorer_html(result, {})) as page:
        ready(page)
        expect(page.locator(".lmviz-explorer")).to_have_attribute("data-label", "L0H0")


@pytest.mark.parametrize("kind", MAKERS)
def test_every_exported_page_opens_without_asking_anyone(browser: Browser, kind: str) -> None:
    documents = {text: render(MAKERS[kind](TEXTS[text]), "html").decode() for text in TEXTS if text != "512"}
    with opened_all(browser, documents) as visits:
        for text, page in visits:
            if kind == "AttentionPattern" and text != "empty":
                ready(page)
            else:
                assert page.locator("main svg").count() == 1
            assert page.locator("b, img[onerror]").count() == 0


@pytest.mark.parametrize(
    "document",
    ["<script>window.injected=1</script>", "<img src='http://127.0.0.1:9/x.png'>", "<script>throw 1</script>"],
)
def test_a_page_that_does_wrong_is_noticed(browser: Browser, document: str) -> None:
    with pytest.raises(AssertionError), opened(browser, f"<!doctype html><link rel='icon' href='data:,'>{document}"):
        pass
