"""The head panel in a browser: what a pointer, a keyboard and a screen reader get."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.harness import head_panel as harness
from tests.browser.harness.head_panel import CAT, IT, PRONOUN, WAS, PanelPage, header, pattern, pronoun, tokens

Opener = Callable[..., PanelPage]


@pytest.fixture
def panel(browser: Browser) -> Iterator[Opener]:
    with harness.panels(browser) as make:
        yield make


@pytest.fixture
def short(panel: Opener) -> PanelPage:
    return panel().show(header(tokens(PRONOUN)), pronoun())


def test_hovering_a_token_writes_where_it_looks(short: PanelPage) -> None:
    short.token("q", IT).hover()
    assert short.readout().startswith("“it” looks at “cat” 0.623, ")
    assert short.numbers("k")[CAT - 1] == "0.623"
    expect(short.token("q", IT)).to_have_class("token-chip token lit")
    assert short.page.locator(".band.row").count() == 1
    short.token("k", CAT).hover()
    assert short.readout().startswith("“cat” is looked at from “it” 0.623, ")
    assert short.numbers("q")[IT - 1] == "0.623"
    assert set(short.numbers("k")) == {""}


def test_a_cell_lights_the_same_as_its_tokens(short: PanelPage) -> None:
    short.page.mouse.move(*short.cell(IT - 1, CAT - 1, 14, 14))
    assert short.readout() == "“it” → “cat” in L5H1: 0.623"
    assert float(short.page.locator(".readout").get_attribute("title") or 0) == np.float32(0.623)
    assert short.page.locator(".token.lit").count() == 2
    assert [short.numbers("q")[IT - 1], short.numbers("k")[CAT - 1]] == ["0.623", "0.623"]
    short.page.mouse.move(5, 5)
    assert short.readout().startswith("Strongest in L5H1: ")


def test_an_arc_lights_its_pair(short: PanelPage) -> None:
    box = short.page.locator("canvas.arcs").bounding_box()
    assert box is not None
    short.page.mouse.move(box["x"] + 8, short.cell(IT - 1, 0, 14, 14)[1])
    assert short.readout() == "“it” → “cat” in L5H1: 0.623"


def test_locked_tokens_are_summed_and_freed(short: PanelPage) -> None:
    short.token("q", IT).click()
    short.token("q", WAS).click()
    short.page.mouse.move(5, 5)
    assert short.page.evaluate("view.locked") == [["q", IT], ["q", WAS]]
    assert short.readout().startswith("Sum of 2 tokens (“it” + “was”) looks at ")
    values = pronoun()
    assert float(short.numbers("k")[CAT - 1]) == pytest.approx(values[IT, CAT] + values[WAS, CAT], rel=0.005)
    assert short.page.locator(".token.locked[aria-selected=true]").count() == 2
    short.token("k", CAT).click()
    short.page.mouse.move(5, 5)
    assert short.readout().startswith("Sum of 2 tokens (“it” + “was”) → “cat” in L5H1: 0.6")
    short.token("q", WAS).click()
    short.page.mouse.move(5, 5)
    assert short.readout() == "“it” → “cat” in L5H1: 0.623"
    short.token("q", IT).focus()
    short.page.keyboard.press("Escape")
    assert short.page.evaluate("view.locked") == []
    assert short.rest().page.locator(".token.locked").count() == 0


def test_everything_is_reached_by_keyboard(short: PanelPage) -> None:
    focused = "document.activeElement.dataset.side + document.activeElement.dataset.index"
    short.token("q", 1).focus()
    for key in ["ArrowDown"] * 7:
        short.page.keyboard.press(key)
    assert short.page.evaluate(focused) == f"q{IT}"
    assert short.readout().startswith("“it” looks at “cat” 0.623")
    short.page.keyboard.press("Enter")
    short.page.keyboard.press("ArrowRight")
    assert short.page.evaluate(focused) == f"k{IT}"
    short.page.keyboard.press("Home")
    short.page.keyboard.press("ArrowDown")
    assert short.readout() == "“it” → “cat” in L5H1: 0.623"
    short.page.keyboard.press("Tab")
    assert short.page.evaluate("document.activeElement.className") == "matrix"
    short.page.keyboard.press("ArrowDown")
    assert short.readout().startswith("“cat” → “the” in L5H1: ")
    short.page.keyboard.press("Enter")
    assert short.page.evaluate("view.locked") == [["q", IT], ["q", CAT], ["k", 1]]
    assert short.page.locator(".token[tabindex='0']").count() == 2  # one stop per side


def test_screen_readers_get_the_finding_and_the_table(short: PanelPage) -> None:
    short.view(locked=[["q", IT]])
    expect(short.page.locator("[aria-live=polite]")).to_have_text("“it” looks mostly at “cat” in L5H1: 0.62")
    short.page.click("summary")
    expect(short.page.locator("tbody tr").first).to_contain_text("it8cat20.623")
    short.view(locked=[])
    expect(short.page.locator("caption")).to_have_text("The 20 strongest pairs in L5H1")
    assert short.page.locator("tbody tr").count() == 20


def test_controls_change_the_view_and_the_picture(short: PanelPage) -> None:
    page = short.page
    page.get_by_label("Words").check()
    assert short.rest().token("q", 10).inner_text() == "unbelievably"
    page.get_by_label("Hide special").uncheck()
    assert short.rest().token("q", 0).inner_text() == "[CLS]"
    page.get_by_label("Hide punctuation").check()
    assert short.rest().token("q", 14).count() == 0
    page.get_by_role("radio", name="Matrix").click()
    assert short.rest().page.locator("canvas.arcs").is_hidden()
    assert short.token("k", CAT).is_visible()
    page.get_by_role("radio", name="Log").click()
    page.locator("[data-control=threshold]").fill("0.25")
    assert "Threshold hides " in (short.rest().page.locator(".head-notes").inner_text())
    merged: dict[str, Any] = {}
    for patch in page.evaluate("patches"):
        merged |= patch
    assert merged == {
        "words": True,
        "hide_special": False,
        "hide_punctuation": True,
        "mode": "matrix",
        "scale": "log",
        "threshold": 0.25,
    }


def test_hidden_mass_is_said(short: PanelPage) -> None:
    values = pronoun()
    share = 100 * values[1:-1, [0, -1]].sum() / values[1:-1].sum()
    assert f"{share:.1f} % of the total is on hidden tokens" in short.page.locator(".head-notes").inner_text()
    short.view(hide_special=False)
    assert "hidden tokens" not in short.page.locator(".head-notes").inner_text()


def test_sentence_filters_are_offered_for_pairs_only(short: PanelPage) -> None:
    assert short.page.locator("[data-control=filter]").count() == 0
    pair = tokens("[CLS] a b [SEP] c d [SEP]".split(), [0, 0, 0, 0, 1, 1, 1])
    short.show(header(pair), pattern(7, 7))
    short.page.select_option("[data-control=filter]", "ab")
    texts = [short.rest().page.locator(f".token[data-side={side}]").all_inner_texts() for side in "qk"]
    assert texts == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("name", ["aa", "ab", "ba", "bb"])
def test_a_filter_from_another_text_hides_nothing_in_a_single_sentence(panel: Opener, name: str) -> None:
    page = panel().show(header(tokens(PRONOUN)), pronoun(), {"filter": name, "hide_special": False})
    assert page.page.locator(".token[data-side=q]").count() == len(PRONOUN)
    assert "sentence" not in page.download("csv")[1].decode("utf-8-sig").splitlines()[0]
    cross = header(tokens(PRONOUN), tokens(["[CLS]", "le", "chat"]))
    page.show(cross, pattern(len(PRONOUN), 3), {"filter": name, "hide_special": False})
    assert page.page.locator(".token[data-side=k]").count() == 3


def test_how_many_arcs_are_drawn_belongs_to_the_view(panel: Opener) -> None:
    page = panel().show(header(tokens([f"t{i}" for i in range(80)])), pattern(80, 80), {"arcs": 1000})
    notes = page.page.locator(".head-notes")
    assert "Arcs: the strongest 1,000" in notes.inner_text()
    chooser = page.page.locator('select[data-control="arcs"]')
    assert chooser.input_value() == "1000"
    chooser.select_option("100")
    assert "Arcs: the strongest 100" in page.rest().page.locator(".head-notes").inner_text()
    assert page.page.evaluate("window.patches") == [{"arcs": 100}]
    page.view(arcs=400)
    assert chooser.input_value() == "400"


def test_a_preview_is_marked_and_does_not_flicker(panel: Opener) -> None:
    page = panel().show(header(tokens(PRONOUN)), pronoun(), {"locked": [["q", IT], ["k", CAT]]})
    before = page.token("q", IT).element_handle()
    page.give(np.round(pronoun(), 2), "L4H0", exact=False)
    assert page.readout() == "“it” → “cat” in L4H0: ≈ 0.620"
    assert page.page.locator(".head-panel").get_attribute("data-label") == "L4H0"
    page.give(pronoun(), "L4H0")
    assert page.readout() == "“it” → “cat” in L4H0: 0.623"
    assert before.is_visible()  # the very same element


def test_the_focus_survives_another_head(short: PanelPage) -> None:
    short.token("q", IT).focus()
    short.page.keyboard.press("ArrowDown")
    short.give(pronoun()[::-1], "L0H3", exact=False).give(pronoun()[::-1], "L0H3")
    assert short.page.evaluate("document.activeElement.dataset.index") == str(WAS)
    assert short.readout().startswith("“was” looks at ")


def test_a_pooled_preview_fills_the_same_picture(panel: Opener) -> None:
    names = tokens([f"t{i}" for i in range(200)])
    page = panel().show(header(names), pattern(200, 200))
    size = page.page.locator("canvas.matrix").bounding_box()
    page.give(pattern(64, 64), exact=False)
    assert page.page.locator("canvas.matrix").bounding_box() == size
    assert page.readout().endswith(tuple("0123456789")) and "≈" in page.readout()


def test_cross_attention_has_two_kinds_of_tokens(panel: Opener) -> None:
    query, key = tokens(["The", " house"]), tokens(["Das", " Haus", " ist", " groß", "."])
    page = panel().show(header(query, key), pattern(2, 5))
    assert [page.page.locator(f".token[data-side={side}]").count() for side in "qk"] == [2, 5]
    page.page.mouse.move(*page.cell(1, 4, 2, 5))
    assert page.readout().startswith("“house” → “.” in L5H1: ")


def test_amounts_above_one_have_their_own_scale(panel: Opener) -> None:
    page = panel().show(header(tokens(PRONOUN)), pronoun() * 7, {"locked": [["q", IT], ["k", CAT]]})
    assert page.readout().endswith(": 4.36")
    assert f"{pronoun()[1:-1, 1:-1].max() * 7:.2f}" in page.page.locator(".head-legend").inner_text()


def test_when_all_is_hidden_there_is_a_way_back(panel: Opener) -> None:
    page = panel().show(header(tokens(["[CLS]", "[SEP]"])), pattern(2, 2))
    assert page.page.locator(".head-picture").is_hidden()
    page.page.get_by_role("button", name="Show all tokens").click()
    assert page.rest().token("q", 0).is_visible()


@pytest.mark.parametrize("size", [512, 1024])
def test_long_texts_zoom_and_pan(panel: Opener, size: int) -> None:
    values = np.full((size, size), 1e-6, dtype=np.float32)
    values[400, 300] = 0.9
    page = panel().show(header(tokens([f"t{i}" for i in range(size)])), values)
    assert "Arcs: the strongest 400" in page.page.locator(".head-notes").inner_text()
    assert page.page.locator(".token").count() < 140
    page.page.mouse.move(*page.cell(400, 300, size, size))
    page.page.keyboard.down("Control")
    for _ in range(3):
        page.page.mouse.wheel(0, -900)
        page.rest()
    page.page.keyboard.up("Control")
    assert page.token("q", 400).is_visible() and page.token("k", 300).is_visible()
    page.page.locator(".token[data-side=q][data-index='400']").hover()
    assert "“t300” 0.900" in page.readout()
    page.page.mouse.wheel(0, 440)
    assert page.rest().token("q", 420).is_visible()
    page.page.get_by_role("button", name="Show everything").click()
    page.rest()
    boxes = [token.bounding_box() for token in page.page.locator(".token[data-side=q]").all()]
    tops = sorted(box["y"] for box in boxes if box)
    assert min(np.diff(tops)) >= 13.9  # written tokens never overlap


def test_keys_zoom_and_pan_the_heat_map(panel: Opener) -> None:
    page = panel().show(header(tokens([f"t{i}" for i in range(300)])), pattern(300, 300))
    matrix, note = page.page.locator("canvas.matrix"), page.page.locator(".head-zoom-note")
    matrix.focus()
    for _ in range(8):
        page.page.keyboard.press("+")
        page.rest()
    assert "pan" in note.inner_text()
    first = page.page.locator(".token[data-side=q]").first
    before = int(first.get_attribute("data-index") or 0)
    page.page.keyboard.press("Shift+ArrowDown")
    page.rest()
    assert int(first.get_attribute("data-index") or 0) > before
    page.page.keyboard.press("0")
    page.rest()
    assert "pan" not in note.inner_text()


def test_dragging_pans_and_locks_nothing(panel: Opener) -> None:
    page = panel().show(header(tokens([f"t{i}" for i in range(300)])), pattern(300, 300))
    for _ in range(6):
        page.rest().page.get_by_role("button", name="Zoom in").click()
    first = page.rest().page.locator(".token[data-side=q]").first
    before = int(first.get_attribute("data-index") or 0)
    page.page.mouse.move(*page.cell(5, 5, 10, 10))
    page.page.mouse.down()
    page.page.mouse.move(*page.cell(3, 5, 10, 10), steps=4)
    page.page.mouse.up()
    page.rest()
    assert int(first.get_attribute("data-index") or 0) > before
    assert page.page.evaluate("patches") == []


def test_only_filters_that_do_something_are_offered(short: PanelPage) -> None:
    names = ("words", "hide_special", "hide_punctuation")
    assert all(short.page.locator(f"[data-control={name}]").is_visible() for name in names)
    short.show(header(tokens(["The", " cat"])), pattern(2, 2))
    assert not any(short.page.locator(f"[data-control={name}]").is_visible() for name in names)


def test_arrows_reach_tokens_that_are_not_written(panel: Opener) -> None:
    page = panel().show(header(tokens([f"t{i}" for i in range(512)])), pattern(512, 512))
    page.token("q", 0).focus()
    for expected in (1, 2, 3):
        page.page.keyboard.press("ArrowDown")
        assert page.page.evaluate("document.activeElement.dataset.index") == str(expected)
    page.page.keyboard.press("End")
    assert page.readout().startswith("“t511” looks at ")


def test_destroy_leaves_nothing(short: PanelPage) -> None:
    short.page.evaluate("panel.destroy()")
    assert short.page.evaluate("document.getElementById('place').childElementCount") == 0
    short.page.mouse.move(100, 300)
    short.page.set_viewport_size({"width": 500, "height": 500})
    short.rest()


def test_the_harness_sees_errors(browser: Browser) -> None:
    context = browser.new_context()
    page = harness.PanelPage(context.new_page()).open()
    page.page.evaluate("() => { setTimeout(() => { throw new Error('planted') }); fetch('/else').catch(() => null) }")
    page.page.wait_for_timeout(100)
    context.close()
    assert [problem[:20] for problem in page.problems if "planted" in problem or "request" in problem]
    assert any("planted" in problem for problem in page.problems)
    assert any("/else" in problem for problem in page.problems)
