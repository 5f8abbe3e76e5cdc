"""The strip of tokens in a real browser: how awkward texts are drawn, pointer, keyboard, every edit, and what stays."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lmviz.components.tokens import EDITS, StripEdits, StripLook, StripToken, script, style
from lmviz.components.tokens.payload import fingerprint, strip_payload
from tests.browser.conftest import ARTIFACTS, Server, Visit, running_harness
from tests.browser.harness.figures import opened

STRIP = ".lmviz-token-strip"
SAMPLE = ["[CLS]", "the", "cat", "is", "s", "i", "t", "t", "ing", "on", "the", "mat", ".", "[SEP]"]
FAMILY = "👩\u200d👩\u200d👧"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The harness page instead of the app."""
    with running_harness("tokens", tmp_path_factory.mktemp("tokens") / "server.log") as running:
        yield running


@pytest.fixture
def strip(visitor: Callable[..., Visit]) -> Callable[..., Page]:
    """Give a function that opens the strip for a query and waits until it is drawn."""

    def opened(options: dict[str, object] | None = None, **query: object) -> Page:
        visit = visitor(**(options or {})).open(f"/?{urlencode(query)}")
        expect(visit.page.locator(f"{STRIP} .chip").first).to_be_visible()
        return visit.page

    return opened


def chip(page: Page, position: int) -> Locator:
    return page.locator(f"{STRIP} .chip[data-index='{position}']")


def chips(page: Page) -> list[str]:
    return page.locator(f"{STRIP} .chip").all_text_contents()


def card(page: Page) -> Locator:
    return page.locator(f"{STRIP} .card")


def menu(page: Page) -> Locator:
    return page.get_by_role("dialog")


def event(page: Page, number: int, said: str) -> None:
    expect(page.get_by_text(f"Event {number}: {said}", exact=True)).to_be_visible(timeout=15_000)


def text(page: Page, said: str) -> None:
    expect(page.get_by_text(f"Text: {said!r} None", exact=True)).to_be_visible(timeout=15_000)


def boxes(page: Page) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.locator(f"{STRIP} .chip").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().toJSON())"
    )
    return found


# ---- what is drawn -------------------------------------------------------------------------------------------------


def test_pieces_of_a_word_are_joined_and_words_apart(strip: Callable[..., Page]) -> None:
    page = strip()
    assert chips(page) == SAMPLE
    placed = boxes(page)
    gaps = [round(right["left"] - left["right"]) for left, right in pairwise(placed)]
    assert gaps == [4, 4, 4, 4, -1, -1, -1, -1, 4, 4, 4, 4, 4]
    assert "special" in (chip(page, 0).get_attribute("class") or "")
    expect(page.locator(f"{STRIP} .legend")).to_be_hidden()  # there is no value


def test_a_leading_blank_is_a_faint_dot(strip: Callable[..., Page]) -> None:
    page = strip(family="gpt2", text="The cat")
    assert chips(page) == ["The", "·cat"]
    assert float(chip(page, 1).locator(".lead").evaluate("node => getComputedStyle(node).opacity")) < 1


def test_awkward_texts_are_text(strip: Callable[..., Page]) -> None:
    page = strip(awkward=1, values="amount", labels=1)
    drawn = chips(page)
    for said in ("·<b>bold</b>", "</script>", "<|endoftext|>", "⏎", "⇥", "·", "中文", "·مرحبا", FAMILY, "∅", "⁚gnp"):
        assert said in drawn
    assert "·Donaudampfschifffahrtsgesellschaftskapit" in drawn  # 40 letters are not cut
    assert drawn[-1] == "x" * 59 + "…"
    assert page.locator(f"{STRIP} :is(b, script, img)").count() == 0
    assert not page.evaluate("'injected' in window")
    chip(page, 22).hover()
    expect(card(page)).to_contain_text("<imgĠsrc=xĠonerror=window.injected=1>")
    assert page.locator(f"{STRIP} img").count() == 0


def test_right_to_left_text_starts_at_the_right_and_its_latin_word_reads_on(strip: Callable[..., Page]) -> None:
    page = strip(text="مرحبا بالعالم hello")
    placed = boxes(page)
    assert placed[0]["left"] > placed[1]["left"] > placed[2]["left"] > placed[3]["left"]
    assert chips(page)[3:8] == list("hello")
    assert [box["left"] for box in placed[3:8]] == sorted(box["left"] for box in placed[3:8])
    chip(page, 1).focus()
    page.keyboard.press("ArrowLeft")
    expect(chip(page, 2)).to_be_focused()
    expect(card(page)).to_contain_text("بالعالم")


def test_two_texts_are_two_lists(strip: Callable[..., Page]) -> None:
    page = strip(pair="a dog")
    lists = page.locator(f"{STRIP} [role=list]")
    expect(lists).to_have_count(2)
    assert [node.get_attribute("aria-label") for node in lists.all()] == ["First text", "Second text"]
    first, second = boxes(page)[13], boxes(page)[14]
    assert second["top"] > first["bottom"]


def test_labels_stand_under_words_and_pieces_share_one(strip: Callable[..., Page]) -> None:
    page = strip(labels=1)
    labels = page.locator(f"{STRIP} .label").all_inner_texts()
    assert labels == ["DET", "NOUN", "VERB", "ADP", "PROPN", "PUNCT", "DET", "NOUN"]
    shared = page.locator(f"{STRIP} .label.shared").bounding_box()
    placed = boxes(page)
    assert shared is not None
    middle = shared["x"] + shared["width"] / 2
    assert middle == pytest.approx((placed[4]["left"] + placed[8]["right"]) / 2, abs=2)
    assert shared["y"] >= placed[4]["bottom"] - 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("values", ["amount", "signed"])
def test_every_chip_is_readable_and_zero_is_neutral(strip: Callable[..., Page], theme: str, values: str) -> None:
    page = strip({"color_scheme": theme}, size=64, values=values, labels=1)
    colours = page.locator(f"{STRIP} :is(.chip, .label, .legend)").evaluate_all(
        """nodes => nodes.map((node) => {
            const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
            const plain = (colour) => {
                context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
                return [...context.getImageData(0, 0, 1, 1).data]; };
            const style = getComputedStyle(node);
            let holder = node;
            while (holder && plain(getComputedStyle(holder).backgroundColor)[3] === 0) {
                holder = holder.parentElement || (holder.getRootNode().host ?? null);
            }
            return [plain(style.color).slice(0, 3), plain(getComputedStyle(holder).backgroundColor).slice(0, 3)];
        })"""
    )
    assert min(contrast(front, back) for front, back in colours) >= 4.5
    backs = [tuple(back) for _, back in colours]
    assert len(set(backs)) > 30
    ramp = page.locator(f"{STRIP} .legend").inner_text()
    assert re.sub(r"\s+", " ", ramp) == ("surprisal −6.00 6.00 nats" if values == "signed" else "surprisal 0 6.00 nats")


def contrast(first: list[int], second: list[int]) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(rgb: list[int]) -> float:
        linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_card_says_raw_form_id_number_and_label(strip: Callable[..., Page]) -> None:
    page = strip(values="amount", labels=1, text="The 🙂 sings")
    chip(page, 1).hover()
    expect(card(page)).to_be_visible()
    assert re.match(r"^the\s+id \d+ · position 1\s+surprisal \d\.\d\d nats\s+DET$", card(page).inner_text())
    chip(page, 2).hover()
    expect(card(page)).to_contain_text("In the text: “\u2068🙂\u2069”")
    chip(page, 0).hover()
    expect(card(page)).to_contain_text("no surprisal here")
    expect(card(page)).to_contain_text("Special token")
    page.mouse.move(1, 1)
    expect(card(page)).to_be_hidden()


def test_those_who_hear_the_page_get_the_same(strip: Callable[..., Page]) -> None:
    page = strip(values="amount", labels=1)
    expect(page.locator(f"{STRIP} .about")).to_have_text("The highest surprisal is at “mat”.")
    expect(page.get_by_role("list", name="Tokens of the text").get_by_role("listitem")).to_have_count(14)
    name = chip(page, 2).get_attribute("aria-label") or ""
    assert re.fullmatch(r"cat, position 2, NOUN, surprisal [\d.]+ nats", name)
    assert (chip(page, 0).get_attribute("aria-label") or "").startswith("[CLS], position 0, special token")


@pytest.mark.parametrize("query", [{"awkward": 1, "values": "amount"}, {"values": "signed", "labels": 1, "edits": 1}])
def test_a_narrow_page_does_not_scroll_sideways(strip: Callable[..., Page], query: dict[str, object]) -> None:
    page = strip({"viewport": {"width": 400, "height": 700}}, **query)
    for position in (1, len(boxes(page)) - 2):
        chip(page, position).click()
        floating = page.locator(f"{STRIP} :is(.card, .menu):visible").bounding_box()
        assert floating is not None
        assert floating["x"] >= 0
        assert floating["x"] + floating["width"] <= 400
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.locator(f"{STRIP} .lists").evaluate("node => node.scrollWidth <= node.clientWidth")
        page.keyboard.press("Escape")
    assert max(box["right"] for box in boxes(page)) <= 400
    assert page.locator(f"{STRIP} .chip").evaluate_all("nodes => nodes.every(node => node.offsetHeight >= 24)")


def long_strip(*, values: list[float]) -> bytes:
    """A strip of as many words as there are values, with menus and labels."""
    words = "the quick brown fox jumps over a lazy dog and it sleeps because it was tired".split()
    tokens = [
        StripToken(f" {word}", f"Ġ{word}", index, False, 0, index, value, label="NOUN", source=f" {word}")
        for index, (word, value) in enumerate(zip(cycle(words), values, strict=False))
    ]
    edits = StripEdits(EDITS, "[MASK]")
    return strip_payload(tokens, StripLook(unit="nats"), of=fingerprint(tokens), selected=3, edits=edits)


def test_512_tokens_are_drawn_fast(browser: Browser) -> None:
    """Layout included; no token, then 512, then the same with other values: the best of three against plain buttons."""
    payloads = [long_strip(values=[]), *(long_strip(values=[(i * k) % 97 / 7 for i in range(512)]) for k in (5, 7))]
    packed = ",".join(repr(base64.b64encode(payload).decode()) for payload in payloads)
    document = f"""<!doctype html><meta charset="utf-8"><title>strip</title><link rel="icon" href="data:,">
<style>{style()}</style><body><div id="place"></div><script>{script()}
const unpack = (text) => Uint8Array.from(atob(text), (mark) => mark.charCodeAt(0));
const payloads = [{packed}].map(unpack);
const drawn = () => {{
  const strip = mountTokenStrip(document.getElementById("place"), payloads[0], {{ onEvent() {{}} }});
  const spent = payloads.slice(1).map((payload) => {{
    const start = performance.now();
    strip.update(payload);
    document.body.getBoundingClientRect();
    return performance.now() - start;
  }});
  const count = document.querySelectorAll(".chip").length;
  strip.destroy();
  return [count, ...spent];
}};
const plain = () => {{
  const start = performance.now();
  const buttons = Array.from({{ length: 512 }}, (_, place) => {{
    const button = document.createElement("button");
    for (const text of ["token", String(place)]) {{
      const part = document.createElement("span");
      part.textContent = text;
      button.append(part);
    }}
    document.body.append(button);
    return button;
  }});
  document.body.getBoundingClientRect();
  const spent = performance.now() - start;
  buttons.forEach((button) => button.remove());
  return spent;
}};
const both = () => [plain(), ...drawn()];
window.spent = [both(), both(), both()];</script>"""
    with opened(browser, document) as page:
        plain, counts, drawn, recoloured = zip(*page.evaluate("window.spent"), strict=True)
    assert counts == (512, 512, 512)
    assert min(drawn) < 30 * min(plain), (drawn, plain)
    assert min(recoloured) < 15 * min(plain), (recoloured, plain)


def test_512_tokens_stay_quick(strip: Callable[..., Page]) -> None:
    page = strip(size=512, values="amount", edits=1)
    expect(page.locator(f"{STRIP} .chip")).to_have_count(512)
    chip(page, 500).focus()
    start = time.monotonic()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(chip(page, 490)).to_be_focused()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    assert time.monotonic() - start < 10  # a frozen page, not a busy machine
    expect(chip(page, 490)).not_to_be_focused()
    expect(card(page)).to_be_visible()
    start = time.monotonic()
    page.keyboard.press("Enter")
    expect(menu(page)).to_be_visible()
    assert time.monotonic() - start < 5


# ---- pointer and keyboard ------------------------------------------------------------------------------------------


def test_a_click_selects_and_the_page_hears_of_it_once(strip: Callable[..., Page]) -> None:
    page = strip()
    chip(page, 2).click()
    event(page, 1, "select 2 ''")
    expect(chip(page, 2)).to_have_attribute("aria-pressed", "true")
    expect(menu(page)).to_be_hidden()
    chip(page, 4).click()
    event(page, 2, "select 4 ''")
    expect(page.locator(f"{STRIP} .chip.selected")).to_have_count(1)
    page.get_by_role("button", name="Same again").click()
    expect(page.locator(f"{STRIP} .chip.selected")).to_have_attribute("data-index", "4")
    event(page, 2, "select 4 ''")


def test_quick_clicks_end_at_the_last_and_never_go_back(strip: Callable[..., Page]) -> None:
    page = strip()
    clicked = [1 + index % 12 for index in range(20)]
    page.locator(STRIP).evaluate(
        """async (node, clicked) => { window.seen = [];
            new MutationObserver(() => {
                const on = Number(node.querySelector('.chip.selected').dataset.index);
                if (window.seen.at(-1) !== on) window.seen.push(on);
            }).observe(node, {subtree: true, attributeFilter: ['aria-pressed']});
            for (const index of clicked) {
                node.querySelector(`.chip[data-index='${index}']`).click();
                await new Promise((done) => setTimeout(done, 40));
            } }""",
        clicked,
    )
    expect(page.get_by_text(re.compile(rf"^Event \d+: select {clicked[-1]} ''$"))).to_be_visible(timeout=30_000)
    page.wait_for_timeout(500)
    assert page.evaluate("window.seen") == clicked


def test_one_tab_stop_and_arrows_between_tokens(strip: Callable[..., Page]) -> None:
    page = strip({"viewport": {"width": 400, "height": 700}})
    assert page.locator(f"{STRIP} .chip[tabindex='0']").count() == 1
    chip(page, 0).focus()
    for key, position in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 13), ("Home", 0)):
        page.keyboard.press(key)
        expect(chip(page, position)).to_be_focused()
        expect(card(page)).to_contain_text(f"position {position}")
    page.keyboard.press("ArrowLeft")
    expect(chip(page, 0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.locator(f"{STRIP} .chip:focus").bounding_box()
    first = chip(page, 0).bounding_box()
    assert below is not None
    assert first is not None
    assert first["y"] < below["y"] < first["y"] + 60
    page.keyboard.press("ArrowUp")
    expect(chip(page, 0)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Other values")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(chip(page, 0)).to_be_focused()


def test_the_whole_edit_by_keyboard(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(menu(page)).to_be_visible()
    event(page, 1, "select 2 ''")
    field = menu(page).get_by_role("textbox", name="Replace “\u2068cat\u2069”")
    expect(field).to_be_focused()
    expect(field).to_have_value("cat")
    page.keyboard.press("Escape")
    expect(menu(page)).to_be_hidden()
    expect(chip(page, 2)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("crab")  # r and c are shortcuts of the page
    page.keyboard.press("Enter")
    text(page, "The crab is sitting on the mat.")
    expect(page.get_by_text(re.compile(r"^Event [23]: replace 2 'crab'$"))).to_be_visible()
    expect(menu(page)).to_be_hidden()
    expect(chip(page, 2)).to_be_focused()  # the keyboard is where it was, on new tokens
    assert chips(page)[2] == "c"
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize(
    ("typed", "verb", "said", "result"),
    [
        ("dog", "Replace", "replace 2 'dog'", "The dog is sitting on the mat."),
        ("big", "Insert before", "insert 2 'big'", "The big cat is sitting on the mat."),
        ("there", "Insert after", "append 2 'there'", "The cat there is sitting on the mat."),
        (None, "Mask", "mask 2 ''", "The [MASK] is sitting on the mat."),
        (None, "Delete", "delete 2 ''", "The is sitting on the mat."),
        ("<img src=x onerror=window.injected=1>", "Replace", None, None),
    ],
)
def test_every_edit_by_pointer(
    strip: Callable[..., Page], typed: str | None, verb: str, said: str | None, result: str | None
) -> None:
    page = strip(edits=1)
    chip(page, 2).click()
    if typed:
        menu(page).get_by_role("textbox").fill(typed)
    menu(page).get_by_role("button", name=verb, exact=True).click()
    text(page, result or f"The {typed} is sitting on the mat.")
    event(page, 2, said or f"replace 2 {typed!r}")
    expect(menu(page)).to_be_hidden()
    assert page.locator(f"{STRIP} img").count() == 0


def test_what_is_done_while_an_edit_is_on_its_way_does_not_take_its_place(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 2).click()
    event(page, 1, "select 2 ''")
    page.locator(STRIP).evaluate(
        """node => { node.querySelector("[data-verb='delete']").click();
            node.querySelector(".chip[data-index='11']").click(); }"""
    )
    text(page, "The is sitting on the mat.")
    event(page, 2, "delete 2 ''")
    expect(menu(page)).to_be_hidden()
    expect(page.locator(f"{STRIP}.waiting")).to_have_count(0)
    chip(page, 1).click()
    event(page, 3, "select 1 ''")


def test_a_verb_without_a_text_asks_for_one(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 2).click()
    menu(page).get_by_role("button", name="Insert before").click()
    expect(menu(page).get_by_role("status")).to_have_text("Type what is to stand before it.")
    expect(menu(page).get_by_role("textbox")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu(page).get_by_role("status")).to_have_text("Type what is to stand there instead.")
    event(page, 1, "select 2 ''")


def test_special_tokens_are_not_edited_and_no_mask_is_offered_without_one(strip: Callable[..., Page]) -> None:
    page = strip(edits=1, family="gpt2", text="The 🙂")
    chip(page, 0).click()
    assert menu(page).get_by_role("button").all_inner_texts() == ["Replace", "Insert before", "Insert after", "Delete"]
    page.keyboard.press("Escape")
    chip(page, 3).click()
    expect(menu(page).get_by_role("textbox")).to_have_value("🙂")  # not a stray byte
    menu(page).get_by_role("button", name="Delete").click()
    text(page, "The")
    page = strip(edits=1)
    chip(page, 0).click()
    event(page, 1, "select 0 ''")
    expect(menu(page)).to_be_hidden()


def test_the_second_text_is_edited(strip: Callable[..., Page]) -> None:
    page = strip(edits=1, text="the cat", pair="a dog")
    chip(page, 5).click()
    menu(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Text: 'the cat' 'a'", exact=True)).to_be_visible()


def test_a_click_elsewhere_closes_the_menu_and_one_on_its_token_too(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 2).click()
    expect(menu(page)).to_be_visible()
    page.get_by_text("Above").click()
    expect(menu(page)).to_be_hidden()
    chip(page, 2).click()
    expect(menu(page)).to_be_visible()
    chip(page, 2).click()
    expect(menu(page)).to_be_hidden()
    chip(page, 11).click()
    chip(page, 1).click()
    expect(menu(page).get_by_role("textbox")).to_have_value("The")  # as it stands in the text


def test_an_input_methods_enter_is_its_own(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 2).click()
    field = menu(page).get_by_role("textbox")
    field.fill("猫")
    field.evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: 'Enter', isComposing: true, bubbles: true, composed: true}))"
    )
    expect(menu(page)).to_be_visible()
    page.keyboard.press("Enter")
    text(page, "The 猫 is sitting on the mat.")


# ---- what stays ----------------------------------------------------------------------------------------------------


def press_unfocused(page: Page, name: str) -> None:
    """Run the script again without taking the focus from where it is."""
    page.get_by_role("button", name=name).evaluate("node => node.click()")


def test_a_rerun_keeps_elements_menu_and_typing_and_takes_no_focus(strip: Callable[..., Page]) -> None:
    page = strip(edits=1, values="amount")
    chip(page, 2).click()
    field = menu(page).get_by_role("textbox")
    field.fill("do")
    page.locator(STRIP).evaluate("node => { for (const chip of node.querySelectorAll('.chip')) chip.mine = true; }")
    before = chip(page, 2).get_attribute("aria-label")
    for again in ("Same again", "Other values"):
        press_unfocused(page, again)
        page.wait_for_timeout(400)
        expect(menu(page)).to_be_visible()
        expect(field).to_be_focused()
        expect(field).to_have_value("do")
    expect(chip(page, 2)).not_to_have_attribute("aria-label", before or "")  # other values were drawn
    assert page.locator(f"{STRIP} .chip").evaluate_all("nodes => nodes.every(node => node.mine)")
    elsewhere = page.get_by_label("Elsewhere")
    elsewhere.click()
    for again in ("Same again", "Other values", "Other text"):
        press_unfocused(page, again)
        page.wait_for_timeout(300)
        expect(elsewhere).to_be_focused()
    expect(chip(page, 1)).to_contain_text("a")  # and not "the"


def test_other_tokens_close_the_menu_and_keep_the_keyboard_in_the_strip(strip: Callable[..., Page]) -> None:
    page = strip(edits=1)
    chip(page, 11).click()
    press_unfocused(page, "Other text")
    expect(menu(page)).to_be_hidden()
    expect(page.locator(f"{STRIP} .chip:focus")).to_have_count(1)


def test_scrolling_stays_and_nothing_moves(strip: Callable[..., Page]) -> None:
    page = strip(size=512, values="amount")
    lists = page.locator(f"{STRIP} .lists")
    lists.evaluate("node => { node.scrollTop = 300; }")
    page.evaluate(
        """() => { window.shifts = []; new PerformanceObserver(list =>
            window.shifts.push(...list.getEntries().map(entry => entry.value))).observe({type: 'layout-shift'}) }"""
    )
    for again in ("Same again", "Other values"):
        press_unfocused(page, again)
        page.wait_for_timeout(400)
    assert lists.evaluate("node => node.scrollTop") == 300
    assert sum(page.evaluate("window.shifts")) < 0.001


def test_a_strip_that_comes_back_counts_on(strip: Callable[..., Page]) -> None:
    page = strip()
    chip(page, 2).click()
    event(page, 1, "select 2 ''")
    page.get_by_text("Hide", exact=True).click()
    expect(page.locator(STRIP)).to_have_count(0)
    page.get_by_text("Hide", exact=True).click()
    chip(page, 3).click()
    event(page, 2, "select 3 ''")


def test_motion_only_where_it_is_wanted(strip: Callable[..., Page]) -> None:
    durations = []
    for wanted in ("reduce", "no-preference"):
        page = strip({"reduced_motion": wanted})
        chip(page, 2).hover()
        durations.append(card(page).evaluate("node => getComputedStyle(node).animationName"))
    assert durations == ["none", "lmviz-appear"]


@pytest.mark.parametrize(("theme", "width"), [("light", 1000), ("dark", 1000), ("light", 400), ("dark", 400)])
def test_a_picture_of_it(strip: Callable[..., Page], theme: str, width: int) -> None:
    page = strip(
        {"color_scheme": theme, "viewport": {"width": width, "height": 480}}, values="signed", labels=1, edits=1
    )
    chip(page, 8).click()
    event(page, 1, "select 8 ''")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"token-strip-{theme}-{width}.png")
    dark = page.locator(STRIP).evaluate("node => node.style.colorScheme")
    assert dark == theme
