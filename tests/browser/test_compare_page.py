"""The compare page as a visitor uses it: two tokenizers, a model and a cut copy of it, two texts, many texts."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from transformers import AutoConfig, AutoModelForCausalLM

import lmviz
from lmviz.results import Difference, TokenDistributions, TokenScores
from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

Visitor = Callable[..., Visit]
PATIENCE = 60_000  # milliseconds; the first visitor waits for the models
MASKED = "The doctor told the [MASK] to rest."
KEYS = "The keys to the cabinet is on the table."
LAYERS_LEFT = 10


def link(**words: str) -> str:
    return "/compare?" + urlencode(words, quote_via=quote)


def main_text(page: Page) -> str:
    return page.get_by_test_id("stMain").inner_text()


@pytest.fixture(scope="module")
def truncated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the embedded decoder without its last layers."""
    folder = tmp_path_factory.mktemp("truncated")
    whole = lmviz.load("smollm2-135m")
    config = AutoConfig.for_model(**{**whole.hf_model.config.to_dict(), "num_hidden_layers": LAYERS_LEFT})
    copy = AutoModelForCausalLM.from_config(config)
    weights = {
        name: weight
        for name, weight in whole.hf_model.state_dict().items()
        if not (found := re.search(r"layers\.(\d+)\.", name)) or int(found[1]) < LAYERS_LEFT
    }
    copy.load_state_dict(weights)
    copy.save_pretrained(folder)
    whole.tokenizer.save_pretrained(folder)
    return folder


def test_two_tokenizers_are_compared_on_what_both_can_say(visitor: Visitor) -> None:
    want = lmviz.run("compare", lmviz.load("minilm-mlm"), analysis="token-distributions", text=MASKED,
                     model_b="smollm2-135m", top_k=10)  # fmt: skip
    assert isinstance(want, Difference)
    assert isinstance(want.a, TokenDistributions)
    assert isinstance(want.b, TokenDistributions)
    visit = visitor().open(link(model="minilm-mlm", model_b="smollm2-135m", text=MASKED))
    main = visit.page.get_by_test_id("stMain")
    for name, side in (("A", want.a), ("B", want.b)):
        best = int(side.probabilities[0].argmax())
        said = f"{name} expects ·{side.candidates[0][best].strip()} ({float(side.probabilities[0][best]):.3g})"
        expect(main).to_contain_text(said, timeout=PATIENCE)
    js = float(want.per_unit["js"][want.a.positions[0]])
    expect(main).to_contain_text(f"Jensen–Shannon divergence {js:.3g}")
    assert visit.problems == []


def test_attention_of_two_tokenizers_is_three_linked_panels(visitor: Visitor) -> None:
    want = lmviz.run("compare", lmviz.load("minilm-mlm"), analysis="attention-pattern", text=KEYS,
                     model_b="smollm2-135m", head_pairs=("mean:mean",))  # fmt: skip
    assert isinstance(want, Difference)
    visit = visitor().open(link(model="minilm-mlm", model_b="smollm2-135m", text=KEYS, compared="attention-pattern"))
    page = visit.page
    expect(page.get_by_test_id("stMain")).to_contain_text("Largest difference", timeout=PATIENCE)
    largest = float(np.nanmax(np.abs(want.delta)))
    expect(page.get_by_test_id("stMain")).to_contain_text(f"by {largest:.3g}")
    panels = page.locator(".lmviz-panels .panel")
    expect(panels).to_have_count(3, timeout=PATIENCE)
    box = panels.first.locator("canvas").last.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".lmviz-panels .readout").first).to_contain_text("B − A")
    assert visit.problems == []


def test_a_model_is_compared_with_a_cut_copy_of_itself(visitor: Visitor, truncated: Path) -> None:
    want = lmviz.run("compare", lmviz.load("smollm2-135m"), analysis="surprisal", text=KEYS, model_b=str(truncated))
    assert isinstance(want, Difference)
    assert isinstance(want.a, TokenScores)
    assert isinstance(want.b, TokenScores)
    visit = visitor().open(link(model="smollm2-135m", model_b=str(truncated), text=KEYS, compared="surprisal"))
    page = visit.page
    page.get_by_role("button", name="Load it").click(timeout=PATIENCE)  # a link may not load it by itself
    sums = [f"{float(np.nansum(side.scores)):.3g}" for side in (want.a, want.b)]
    expect(page.get_by_test_id("stMain")).to_contain_text(f"sum A {sums[0]} nats, B {sums[1]} nats", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("radio", name="Layers", exact=True).click()
    expect(page.get_by_test_id("stMain")).to_contain_text("Most alike", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("radio", name="Writing", exact=True).click()
    expect(page.get_by_test_id("stMain")).to_contain_text("B writes", timeout=PATIENCE)
    assert float(sums[0]) < float(sums[1]), "without its last layers a model must be more surprised"
    assert visit.problems == []


def test_a_head_is_opened_from_the_overview_and_stays_in_the_link(visitor: Visitor) -> None:
    words = {"text": "The nurse said that she was tired.", "text_b": "The mechanic said that he was tired."}
    visit = visitor().open(link(model="minilm-mlm", compared="attention-pattern", **words))
    page = visit.page
    overview = page.locator(".lmviz-panels").first
    overview.wait_for(timeout=PATIENCE)
    visit.settle()
    expect(page.get_by_test_id("stMain")).to_contain_text("mechanic", timeout=PATIENCE)
    box = overview.locator("canvas").last.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 2.5 / 12, box["y"] + box["height"] * 1.5 / 6)
    expect(page).to_have_url(re.compile("head_pair=L1H2%3AL1H2|head_pair=L1H2:L1H2"), timeout=PATIENCE)
    visit.settle()
    expect(page.get_by_test_id("stMain")).to_contain_text("· L1H2", timeout=PATIENCE)
    assert visit.problems == []


def test_many_texts_from_a_file_run_in_the_background(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    good = [f"The cat {verb} on the mat." for verb in ("sat", "slept", "evaporated", "sang", "is")]
    path.write_text("text,label\n" + "".join(f"{text},1\n" for text in good) + "broken,row,here\n", encoding="utf-8")
    visit = visitor().open(link(model="minilm-mlm", model_b="smollm2-135m", text=KEYS, compared="rows"))
    page = visit.page
    page.locator('input[type="file"]').set_input_files(path, timeout=PATIENCE)
    expect(page.get_by_test_id("stMain")).to_contain_text("texts.csv", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("button", name="Compare", exact=True).click()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Done: 6 of 6 rows", timeout=PATIENCE)
    expect(main).to_contain_text("1 row has no answer")
    expect(main).to_contain_text("Mean disagreement")
    visit.settle()
    table = page.get_by_test_id("stDataFrame").last
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 52)  # the box of the first row
    expect(page).to_have_url(re.compile("compared=surprisal"), timeout=PATIENCE)
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("The cat"), timeout=PATIENCE)
    assert page.get_by_label("Text", exact=True).input_value() in good
    visit.settle()
    page.get_by_role("radio", name="Many texts", exact=True).click()
    expect(main).to_contain_text("Done: 6 of 6 rows", timeout=PATIENCE)  # what was computed is still there
    assert visit.problems == []


def test_a_long_job_can_be_stopped_and_keeps_what_is_done(visitor: Visitor, tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("\n".join(f"The cat sat on mat number {n} and looked at the dog." for n in range(10_000)))
    visit = visitor().open(link(model="minilm-mlm", model_b="smollm2-135m", text=KEYS, compared="rows"))
    page = visit.page
    page.locator('input[type="file"]').set_input_files(path, timeout=PATIENCE)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("10,000 rows, about", timeout=PATIENCE)
    visit.settle()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(main).to_contain_text("of 10,000 rows, about", timeout=PATIENCE)
    expect(main).to_contain_text("Mean disagreement", timeout=PATIENCE)  # results arrive while it runs
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(main).to_contain_text("Stopped; what is done is kept", timeout=PATIENCE)
    assert visit.problems == []


@pytest.mark.parametrize(
    "look", [{"color_scheme": "dark"}, {"viewport": {"width": 400, "height": 900}}], ids=["dark", "400"]
)
@pytest.mark.parametrize("section", ["surprisal", "attention-pattern", "rows"])
def test_it_fits_every_look(visitor: Visitor, look: dict[str, object], section: str) -> None:
    words = {"text": "The nurse said she was tired.", "text_b": "The mechanic said he was tired."}
    visit = visitor(**look).open(link(model="minilm-mlm", compared=section, **words))
    expect(visit.page.get_by_test_id("stMain")).to_contain_text("Swap A and B", timeout=PATIENCE)
    visit.settle()
    width = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 1
    assert visit.problems == []
