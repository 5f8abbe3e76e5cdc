"""The attention page as a visitor uses it, on both embedded models."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import lmviz
from lmviz.capture.tokens import encode
from tests.browser.conftest import ROOT, Visit, running_app

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
TEXT = "The keys to the old wooden cabinet are on the table."
MODELS = {"minilm": (6, 12), "smollm2-135m": (30, 9)}
PATIENCE = 60_000  # milliseconds; the first visitor waits for the model


def link(model: str = "minilm", text: str = TEXT, **words: str) -> str:
    return "/attention?" + urlencode({"model": model, "text": text, **words}, quote_via=quote)


def drawn(visit: Visit) -> Locator:
    """Wait until the explorer shows exact numbers."""
    explorer = visit.page.locator('.lmviz-explorer[data-ready="true"][data-exact="true"]')
    explorer.wait_for(timeout=PATIENCE)
    return explorer


def panel(page: Page, label: str) -> Locator:
    found = page.locator(f'.head-panel[data-label="{label}"]')
    found.wait_for(timeout=PATIENCE)
    return found


def numbers(text: str) -> list[float]:
    plain = text.replace("−", "-").replace("–", "-")
    return [float(found) for found in re.findall(r"(?<![\w.])\d*\.?\d+(?:e-?\d+)?(?!\w)", plain)]


@pytest.fixture(scope="module")
def pattern() -> Callable[[str], np.ndarray]:
    """Give a function that computes the attention of a model on TEXT, without the app."""
    found: dict[str, np.ndarray] = {}

    def compute(model: str) -> np.ndarray:
        if model not in found:
            result = lmviz.run("attention-pattern", lmviz.load(model), text=TEXT)
            assert isinstance(result, lmviz.AttentionPattern)
            found[model] = result.pattern
        return found[model]

    return compute


@pytest.mark.parametrize("model", MODELS)
def test_a_token_is_locked_and_its_number_is_the_models(
    visitor: Visitor, pattern: Callable[[str], np.ndarray], model: str
) -> None:
    visit = visitor().open(link(model, head="L3H1"))
    drawn(visit)
    query = 8 if model == "minilm" else 7  # "are"
    visit.page.locator(f'.head-panel .token[data-side="q"][data-index="{query}"]').first.click()
    expect(visit.page).to_have_url(re.compile(f"locked=q{query}"), timeout=PATIENCE)
    visit.settle()
    row = pattern(model)[3, 1, query].copy()
    if model == "minilm":
        row[[0, -1]] = 0  # hidden special tokens
    best = float(row.max())
    expect(visit.page.get_by_text(re.compile("looks mostly at")).first).to_contain_text(f"{best:.3g}")
    readout = visit.page.locator(".head-panel .readout").first.inner_text()
    assert any(abs(value - best) < 6e-4 for value in numbers(readout)), readout


@pytest.mark.parametrize("model", MODELS)
def test_a_tile_opens_its_head_without_another_pass(visitor: Visitor, model: str) -> None:
    visit = visitor().open(link(model))
    drawn(visit)
    panel(visit.page, "L0H0")
    layers, heads = MODELS[model]
    overview = visit.page.locator(".overview canvas").first
    overview.scroll_into_view_if_needed()
    box = overview.bounding_box()
    assert box is not None
    overview.click(position={"x": box["width"] * 0.62, "y": box["height"] * 0.4})
    expect(visit.page).to_have_url(re.compile(r"head=L\d+H\d+"), timeout=PATIENCE)
    found = re.search(r"head=L(\d+)H(\d+)", visit.page.url)
    assert found is not None
    assert int(found[1]) < layers
    assert int(found[2]) < heads
    panel(visit.page, f"L{found[1]}H{found[2]}")
    drawn(visit)


@pytest.mark.parametrize("model", MODELS)
def test_the_link_shows_the_same_view_to_another_visitor(visitor: Visitor, model: str) -> None:
    first = visitor().open(link(model, head="L2H3"))
    drawn(first)
    first.page.locator('.head-panel .token[data-side="q"][data-index="3"]').first.click()
    expect(first.page).to_have_url(re.compile("locked=q3"), timeout=PATIENCE)
    first.settle()
    second = visitor().open(first.page.url)
    drawn(second)
    panel(second.page, "L2H3")
    for visit in (first, second):
        visit.page.mouse.move(0, 0)
    expect(second.page.locator(".head-panel .readout").first).to_have_text(
        first.page.locator(".head-panel .readout").first.inner_text()
    )
    assert second.page.url == first.page.url


def test_copy_link_puts_the_address_on_the_clipboard(visitor: Visitor) -> None:
    visit = visitor(permissions=["clipboard-read", "clipboard-write"]).open(link(head="L1H2"))
    drawn(visit)
    visit.page.get_by_role("button", name="Copy link").click()
    expect(visit.page.get_by_role("button", name="Copied")).to_be_visible()
    assert visit.page.evaluate("navigator.clipboard.readText()") == visit.page.url


def test_back_and_forward_move_between_heads(visitor: Visitor) -> None:
    visit = visitor().open(link(head="L1H1"))
    drawn(visit)
    visit.page.get_by_role("button", name=re.compile("L1H2")).first.click()
    panel(visit.page, "L1H2")
    expect(visit.page).to_have_url(re.compile("head=L1H2"), timeout=PATIENCE)
    visit.settle()
    visit.page.go_back()
    panel(visit.page, "L1H1")
    visit.settle()
    visit.page.go_forward()
    panel(visit.page, "L1H2")


@pytest.mark.parametrize("model", MODELS)
def test_the_svg_is_a_valid_picture_with_its_provenance(visitor: Visitor, model: str, tmp_path: Path) -> None:
    visit = visitor().open(link(model, head="L3H1"))
    drawn(visit)
    with visit.page.expect_download() as waiting:
        visit.page.locator('button[data-export="svg"]').first.click()
    path = tmp_path / "picture.svg"
    waiting.value.save_as(path)
    root = ET.parse(path).getroot()
    assert root.tag.endswith("svg")
    words = " ".join(root.itertext())
    assert model in words
    assert "L3H1" in words


def test_enter_in_the_text_box_reads_the_text(visitor: Visitor) -> None:
    visit = visitor().open(link())
    before = drawn(visit).get_attribute("data-id")
    box = visit.page.get_by_label("Text", exact=True)
    box.fill("A dog ran.")
    box.press("Enter")
    expect(visit.page).to_have_url(re.compile("text=A\\+dog\\+ran"), timeout=PATIENCE)
    visit.page.locator(f'.lmviz-explorer[data-exact="true"]:not([data-id="{before}"])').wait_for(timeout=PATIENCE)
    expect(box).to_have_value("A dog ran.")


@pytest.mark.parametrize("text", ["", "   ", "word " * 20_000, "word " * 700])
def test_bad_text_gives_a_sentence_and_stays_in_the_box(visitor: Visitor, text: str) -> None:
    visit = visitor().open(link())
    drawn(visit)
    box = visit.page.get_by_label("Text", exact=True)
    box.fill(text)
    box.press("Enter")
    expect(visit.page.get_by_test_id("stAlert")).to_have_count(1, timeout=PATIENCE)
    assert "Traceback" not in visit.page.get_by_test_id("stAlert").inner_text()
    expect(box).to_have_value(text)


def bare(text: str) -> str:
    """Leave out what the panel draws in other ways: spaces, and the marks of a word's later pieces."""
    return re.sub(r"[\s·]|^##", "", text)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<b>bold</b> </script>", "<>/"),
        ("![x](http://example.org/x.png) [a](b) $x$ :red[y]", "![]($:"),
        ("山上有花，水中有月。", "上有，中。"),
        ("שלום עולם", "שלו"),
        ("🐈 <|endoftext|>", ""),
    ],
)
def test_awkward_text_is_shown_as_typed_and_fetches_nothing(visitor: Visitor, model: str, text: str, seen: str) -> None:
    visit = visitor().open(link(model, text, hide_special="no"))
    drawn(visit)
    assert visit.page.get_by_label("Text", exact=True).input_value() == text
    expected = encode(lmviz.load(model), text).table.tokens
    shown = [
        visit.page.locator(f'.head-panel .token[data-side="q"][data-index="{index}"]').first.inner_text()
        for index in range(len(expected))
    ]
    assert [bare(token) for token in shown] == [bare(token) for token in expected]
    assert set(seen) <= set("".join(shown))
    assert visit.page.locator(".lmviz-explorer b:has-text('bold')").count() == 0
    assert visit.page.get_by_test_id("stMain").locator("img").count() == 0


@pytest.mark.parametrize(("model", "words"), [("minilm", {}), ("minilm", {"hide_special": "no"}), ("smollm2-135m", {})])
def test_the_answer_and_the_panel_name_the_same_pair(visitor: Visitor, model: str, words: dict[str, str]) -> None:
    visit = visitor().open(link(model, head="L2H4", **words))
    drawn(visit)
    visit.page.mouse.move(0, 0)
    readout = visit.page.locator(".head-panel .readout").first
    expect(readout).to_contain_text("Strongest in L2H4", timeout=PATIENCE)
    found = re.search(r"“(.+)” → “(.+)”, ([\d.]+)", readout.inner_text())
    assert found is not None
    answer = visit.page.get_by_text(re.compile("strongest link")).first
    expect(answer).to_contain_text(f"from “{found[1]}” to “{found[2]}”")
    assert numbers(answer.inner_text())[-1] == pytest.approx(float(found[3]), abs=6e-4)


def test_two_visitors_do_not_see_each_other(visitor: Visitor) -> None:
    one, two = visitor().open(link(head="L1H1")), visitor().open(link(text="Two dogs ran.", head="L2H2"))
    drawn(one)
    drawn(two)
    one.page.get_by_role("button", name=re.compile("L1H2")).first.click()
    panel(one.page, "L1H2")
    two.page.reload()
    two.settle()
    panel(two.page, "L2H2")
    for visit, text in ((one, TEXT), (two, "Two dogs ran.")):
        expect(visit.page.get_by_label("Text", exact=True)).to_have_value(text)


@pytest.mark.parametrize("path", ["/", "/methods", link()])
def test_400_pixels_do_not_scroll_sideways(visitor: Visitor, path: str) -> None:
    visit = visitor(viewport={"width": 400, "height": 800}).open(path)
    if "attention" in path:
        drawn(visit)
    elements = "[document.documentElement, document.querySelector('[data-testid=stMain]')]"
    wide = visit.page.evaluate(f"{elements}.map((one) => one.scrollWidth - one.clientWidth)")
    assert wide == [0, 0]


def test_an_example_on_the_home_page_opens_the_attention_page(visitor: Visitor) -> None:
    visit = visitor().open("/")
    visit.page.locator(".st-key-open_pronoun_minilm").get_by_role("button").click()
    panel(visit.page, "L5H11")
    drawn(visit)
    expect(visit.page.get_by_text(re.compile("looks mostly at")).first).to_contain_text("cat")


def test_the_very_first_visit_of_a_deep_link_has_the_whole_frame(
    browser: object, visitor: Visitor, tmp_path: Path
) -> None:
    with running_app(tmp_path / "server.log") as fresh:
        visit = visitor()
        visit.open(fresh.url + link(head="L3H1"))
        drawn(visit)
        panel(visit.page, "L3H1")
        expect(visit.page.get_by_label("Text", exact=True)).to_have_value(TEXT)
        expect(visit.page.get_by_test_id("stSidebarNavLink")).to_have_count(len(list((ROOT / "pages").glob("*.py"))))
