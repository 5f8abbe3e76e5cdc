"""The bias page as a visitor uses it: asked, watched, stopped, read pair by pair, looked for in the heads."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect

import lmviz
from lmviz.results import PairScores
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
PATIENCE = 90_000  # milliseconds; the first visitor waits for the models
LIMIT = 10


def link(**words: str) -> str:
    return "/bias?" + urlencode(words, quote_via=quote)


def asked(visit: Visit, label: str = "Ask the model") -> Visit:
    """Press the button and wait until all is there."""
    visit.page.get_by_role("button", name=label, exact=True).click(timeout=PATIENCE)
    expect(visit.page.get_by_test_id("stMain")).to_contain_text("Done:", timeout=PATIENCE)
    return visit.settle()


def test_a_preference_is_shown_with_its_interval_and_leads_to_its_pairs(visitor: Visitor) -> None:
    want = lmviz.run("crows-pairs", lmviz.load("minilm-mlm"), limit=LIMIT)
    assert isinstance(want, PairScores)
    visit = asked(visitor().open(link(model="minilm-mlm", limit=str(LIMIT))))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text(f"{100 * want.preference:.1f} %")
    expect(main).to_contain_text("a preference on this benchmark")
    expect(main).to_contain_text("Known criticism")
    expect(main.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    assert page.get_by_text(want.texts[0][0]).count() == 0  # not before the person asked for it
    page.get_by_role("button", name="Show the pairs", exact=True).click()
    table = page.locator('[class*="st-key-bias_pairs_crows-pairs"]').get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    visit.settle()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 52)  # the box of the first row
    page.get_by_role("button", name="Compare word by word", exact=True).click(timeout=PATIENCE)
    expect(page).to_have_url(re.compile(r"/compare\?.*compared=surprisal"), timeout=PATIENCE)
    first = re.compile("|".join(re.escape(text) for text, _ in want.texts))
    expect(page.get_by_label("Text", exact=True)).to_have_value(first)  # the address changes before the field is drawn
    assert visit.problems == []


def test_two_models_on_pairs_of_ones_own(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    rows = [f"The nurse said that {n} {word}.,The mechanic said that {n} {word}." for n, word in enumerate("abcd")]
    path.write_text("good,bad\n" + "\n".join(rows) + "\nonly one,\n", encoding="utf-8")
    words = {"benchmark": "minimal-pairs", "source": "file", "model": "minilm-mlm", "model_b": "smollm2-135m"}
    visit = visitor().open(link(**words))
    visit.page.locator('input[type="file"]').set_input_files(path, timeout=PATIENCE)
    main = visit.page.get_by_test_id("stMain")
    expect(main).to_contain_text("pairs.csv", timeout=PATIENCE)
    visit.settle()
    asked(visit)
    expect(main).to_contain_text("McNemar")
    expect(main).to_contain_text("1 row left out")
    assert visit.problems == []


def test_a_run_can_be_stopped_and_keeps_what_is_done(visitor: Visitor) -> None:
    visit = visitor().open(link(model="smollm2-135m"))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    page.get_by_role("button", name="Ask the model", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("a preference on this benchmark, n", timeout=PATIENCE)  # while it runs
    page.get_by_role("button", name="Stop", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("Stopped; what is done is kept", timeout=PATIENCE)
    assert visit.problems == []


def test_a_head_of_the_picture_opens_in_attention(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm-mlm", lab="localisation", limit="2"))
    asked(visit, "Look for it")
    expect(visit.page.get_by_test_id("stMain")).to_contain_text("told from chance")
    expect(visit.page.locator(".lmviz-panels").first).to_be_visible()
    visit.page.get_by_role("button", name=re.compile(r"Open L\d+H\d+ in Attention")).click(timeout=PATIENCE)
    expect(visit.page).to_have_url(re.compile(r"/attention\?.*head=L\d+H\d+"), timeout=PATIENCE)
    assert visit.problems == []


@pytest.mark.parametrize(
    "look", [{"color_scheme": "dark"}, {"viewport": {"width": 400, "height": 900}}], ids=["dark", "400"]
)
def test_it_fits_every_look(visitor: Visitor, look: dict[str, object]) -> None:
    visit = asked(visitor(**look).open(link(model="minilm-mlm", limit="6")))
    width = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 1
    assert visit.problems == []
