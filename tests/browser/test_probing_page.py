"""The probing page as a visitor uses it: asked, watched, a layer opened, another section, no request elsewhere."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect

import lmviz
from lmviz.results import ProbeCurve
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
PATIENCE = 120_000  # milliseconds; the first visitor waits for the models


def link(**words: str) -> str:
    return "/probing?" + urlencode(words, quote_via=quote)


def test_probes_are_fitted_and_a_layer_is_opened(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm", probed="number", limit="60"))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    page.get_by_role("button", name="Probe every layer", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("most frequent label", timeout=PATIENCE)
    visit.settle()
    found = lmviz.run("linear-probe", lmviz.load("minilm"), task="number", limit=60)
    assert isinstance(found, ProbeCurve)
    expect(main).to_contain_text(f"{100 * found.series['accuracy'].max():.1f} %")
    expect(main.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    page.get_by_role("radio", name="Hardest", exact=True).click()
    expect(main.get_by_test_id("stDataFrame").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("radio", name="Vectors", exact=True).click()
    expect(main).to_contain_text("Two dimensions of many", timeout=PATIENCE)


def test_a_file_of_ones_own_is_probed(visitor: Visitor, tmp_path: Path) -> None:
    rows = [
        f"the {word} number {n} is {label},{label}"
        for n in range(30)
        for word, label in (("cat", "in"), ("dog", "out"))
    ]
    file = tmp_path / "own.csv"
    file.write_text("text,label\n" + "\n".join(rows) + "\nbroken\n", encoding="utf-8")
    visit = visitor().open(link(model="minilm", probed="labels", source="file"))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    page.locator('input[type="file"]').first.set_input_files(str(file), timeout=PATIENCE)
    page.get_by_role("button", name="Probe every layer", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("100.0 %", timeout=PATIENCE)
    expect(main).to_contain_text("1 rows were left out")
    visit.settle()


def test_heads_are_parsers_and_lead_to_the_attention_page(visitor: Visitor) -> None:
    visit = visitor().open(link(model="minilm", knows="syntax", limit="100"))
    page, main = visit.page, visit.page.get_by_test_id("stMain")
    page.get_by_role("button", name="Parse with every head", exact=True).click(timeout=PATIENCE)
    expect(main).to_contain_text("told from the best fixed distance", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("button", name="in Attention").first.click(timeout=PATIENCE)
    page.wait_for_url("**/attention*", timeout=PATIENCE)
