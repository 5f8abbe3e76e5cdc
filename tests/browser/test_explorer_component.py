"""The explorer on random attention: every tile, key and number, in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, Visit, running_harness

READY = '.lmviz-explorer[data-ready="true"][data-exact="true"]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The harness page instead of the app."""
    with running_harness("explorer", tmp_path_factory.mktemp("explorer") / "server.log") as running:
        yield running


@pytest.fixture
def traffic() -> list[int]:
    """Bytes of each message that came from the server."""
    return []


@pytest.fixture
def explored(visitor: Callable[..., Visit], traffic: list[int]) -> Callable[..., Page]:
    """Give a function that opens the explorer for a query and waits until the exact numbers are drawn."""

    def opened(query: str = "", **options: object) -> Page:
        visit = visitor(**options)
        visit.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: traffic.append(len(frame))))
        visit.open(f"/?{query}").page.wait_for_selector(READY)
        return visit.page

    return opened


def tile(page: Page, layer: int, head: int) -> tuple[float, float]:
    """Where a tile's middle is on screen, from the geometry that the grid states."""
    at: dict[str, float] = page.locator(".overview-grid").evaluate(
        """grid => { const box = grid.getBoundingClientRect(), d = grid.dataset;
            return {x: box.left + +d.left - grid.scrollLeft, y: box.top + +d.top - grid.scrollTop,
                dx: +d.stepX, dy: +d.stepY} }"""
    )
    return at["x"] + (head + 0.4) * at["dx"], at["y"] + (layer + 0.4) * at["dy"]


def focused_on(page: Page, label: str) -> Locator:
    """Wait until this matrix is drawn with the server's own numbers, and give the explorer."""
    explorer = page.locator(f'.lmviz-explorer[data-exact="true"][data-label="{label}"]')
    expect(explorer).to_have_count(1)
    expect(page.get_by_text(f"On the server: {label} ")).to_have_count(1)
    return explorer


def agrees_with_server(page: Page) -> bool:
    """The strongest number on screen is the server's maximum to three digits, and exact."""
    said = page.get_by_text("On the server:").inner_text().split()[-1]
    readout = page.locator(".readout").inner_text()
    assert "≈" not in readout
    shown = re.findall(r"\d+\.\d+", readout)[-1]
    return float(shown) == pytest.approx(float(said), rel=5e-3)


def test_a_click_opens_the_head_with_exact_numbers(explored: Callable[..., Page]) -> None:
    page = explored()
    assert agrees_with_server(page)
    before = page.locator(".readout").inner_text()
    page.mouse.click(*tile(page, 5, 7))
    explorer = focused_on(page, "L5H7")
    expect(page.locator(".head-panel")).to_have_attribute("data-label", "L5H7")
    expect(page.locator(".focus-bar h2")).to_have_text("L5H7")
    assert page.locator(".readout").inner_text() != before
    assert agrees_with_server(page)
    expect(explorer).to_have_attribute("data-draw-ms", re.compile(r"^\d+"))


def test_going_back_asks_nobody(explored: Callable[..., Page]) -> None:
    page = explored()
    page.mouse.click(*tile(page, 2, 2))
    focused_on(page, "L2H2")
    page.locator(".lmviz-explorer").evaluate(
        """node => { window.seen = [];
            new MutationObserver(() => window.seen.push(node.dataset.exact))
                .observe(node, {attributeFilter: ['data-exact']}) }"""
    )
    page.mouse.click(*tile(page, 0, 0))
    focused_on(page, "L0H0")
    assert "false" not in page.evaluate("window.seen")


def test_a_head_change_sends_one_matrix_and_nothing_moves(explored: Callable[..., Page], traffic: list[int]) -> None:
    page = explored("tokens=64")
    page.mouse.click(*tile(page, 3, 1))
    focused_on(page, "L3H1")
    assert sum(traffic) > 600_000  # the tiles of all heads came once
    traffic.clear()
    page.locator(".lmviz-explorer").evaluate(
        """node => { node.dataset.mine = 'kept'; window.shifts = [];
            new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(entry => entry.value)))
                .observe({type: 'layout-shift'}) }"""
    )
    page.mouse.click(*tile(page, 3, 2))
    explorer = focused_on(page, "L3H2")
    expect(explorer).to_have_attribute("data-mine", "kept")
    page.wait_for_timeout(300)
    assert 64 * 64 * 4 < sum(traffic) < 64 * 64 * 4 + 30_000
    assert sum(page.evaluate("window.shifts")) < 0.001


def test_arrows_move_between_heads(explored: Callable[..., Page]) -> None:
    page = explored()
    grid = page.locator(".overview-grid")
    grid.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    focused_on(page, "L2H0")
    page.keyboard.press("End")
    focused_on(page, "L2H11")
    active = grid.get_attribute("aria-activedescendant")
    expect(page.locator(f"#{active}")).to_have_text(re.compile(r"^L2H11, entropy \d.* nats$"))
    expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    sentence = grid.get_attribute("aria-label") or ""
    assert re.match(
        r"Attention pattern of 144 heads in 12 layers\. Highest entropy: L\d+H\d+ with [\d.]+ nats", sentence
    )


def test_question_mark_lists_keys_and_escape_closes(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6")
    page.locator(".overview-grid").focus()
    page.keyboard.press("?")
    expect(page.locator("[data-keys]")).to_be_visible()
    for keys in ("+ − 0", "Ctrl + wheel", "Shift + ↑ ↓ ← →"):
        expect(page.locator("[data-keys] dt").filter(has_text=keys)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("[data-keys]")).to_be_hidden()


def test_a_layer_label_takes_its_heads_together(explored: Callable[..., Page]) -> None:
    page = explored()
    _, y = tile(page, 4, 0)
    left = page.locator(".overview-grid").bounding_box()
    assert left is not None
    page.mouse.click(left["x"] + 8, y)
    focused_on(page, "mean of 12 heads")
    assert agrees_with_server(page)
    page.locator('[data-control="shown"] [data-value="max"]').click()
    focused_on(page, "max of 12 heads")
    assert agrees_with_server(page)
    page.keyboard.down("Shift")
    page.mouse.click(*tile(page, 0, 3))
    page.keyboard.up("Shift")
    focused_on(page, "max of 13 heads")
    expect(page.locator(".summary")).to_have_text("Maximum of 13 of 144 heads")
    page.locator('[data-control="all"]').click()
    focused_on(page, "max of 144 heads")
    page.mouse.click(*tile(page, 1, 1))
    focused_on(page, "L1H1")


def test_heads_are_chosen_by_clicks_alone(explored: Callable[..., Page]) -> None:
    page = explored("layers=3&heads=3&tokens=8")
    page.locator('[data-control="shown"] [data-value="mean"]').click()
    focused_on(page, "mean of 9 heads")
    page.locator('[data-control="choose"]').click()
    page.mouse.click(*tile(page, 0, 0))
    page.mouse.click(*tile(page, 1, 2))
    focused_on(page, "mean of 2 heads")
    assert agrees_with_server(page)
    with page.expect_download() as waiting:
        page.click("button[data-export=csv]")
    first = Path(waiting.value.path()).read_text(encoding="utf-8-sig").splitlines()[0]
    assert first.startswith("# mean of 2 heads · Attention pattern, mean of L0H0, L1H2; linear colour")
    page.keyboard.press("Escape")
    expect(page.locator('[data-control="choose"]')).to_have_attribute("aria-pressed", "false")


def test_sorting_puts_the_highest_first(explored: Callable[..., Page]) -> None:
    page = explored()
    highest = page.locator(".extremes .link-button").first.inner_text()
    page.locator('select[data-control="sort"]').select_option("down")
    page.mouse.click(*tile(page, 0, 0))
    focused_on(page, highest)
    page.locator('select[data-control="statistic"]').select_option("previous_token")
    expect(page.locator(".focus-bar .fact")).to_have_text(re.compile("^previous token"))


def test_a_share_is_written_without_the_word(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6")
    page.locator('select[data-control="statistic"]').select_option("previous_token")
    expect(page.locator(".focus-bar .fact")).to_have_text(re.compile(r"^previous token 0\.\d+$"))
    page.mouse.move(*tile(page, 1, 1))
    expect(page.locator(".tile-card-number")).to_have_text(re.compile(r"^previous token 0\.\d+$"))
    page.get_by_text("Table of all heads").click()
    expect(page.locator(".table-scroll caption")).to_have_text("Previous token, share")
    for place in (".extremes", ".overview-grid"):
        assert "share" not in (page.locator(place).first.inner_text() or "")
    assert "share" not in (page.locator(".overview-grid").get_attribute("aria-label") or "share")


def test_an_undefined_statistic_says_so(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6")
    page.locator('select[data-control="statistic"]').select_option("induction")
    expect(page.locator(".extremes")).to_contain_text("not defined")
    expect(page.locator(".focus-bar .fact")).to_have_text("induction n/a")


def test_hovering_enlarges_a_tile_and_says_its_number(explored: Callable[..., Page]) -> None:
    page = explored()
    page.mouse.move(*tile(page, 6, 6))
    card = page.locator(".tile-card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("L6H6")
    expect(card).to_contain_text(re.compile(r"entropy [\d.]+ nats"))
    page.mouse.move(1, 1)
    expect(card).to_be_hidden()


def test_all_numbers_are_there_as_a_table(explored: Callable[..., Page]) -> None:
    page = explored("layers=3&heads=4&tokens=8")
    page.get_by_text("Table of all heads").click()
    cells = page.locator(".table-scroll td:not(:empty)")
    expect(cells).to_have_count(12)
    fact = page.locator(".focus-bar .fact").inner_text()
    assert cells.first.inner_text() in fact


def test_the_server_may_say_what_is_open(explored: Callable[..., Page]) -> None:
    page = explored("layer=5&head=1")
    focused_on(page, "L5H1")
    expect(page.locator(".focus-bar h2")).to_have_text("L5H1")


def test_the_explorer_follows_other_controls_and_is_followed(explored: Callable[..., Page]) -> None:
    page = explored("layers=3&heads=3&tokens=8")
    page.mouse.click(*tile(page, 2, 0))
    focused_on(page, "L2H0")
    page.get_by_role("button", name="Open L1H1").click()
    focused_on(page, "L1H1")
    page.mouse.click(*tile(page, 0, 2))
    focused_on(page, "L0H2")


def test_another_text_takes_the_place_of_the_first(explored: Callable[..., Page]) -> None:
    page = explored("layers=3&heads=3&tokens=8")
    page.mouse.click(*tile(page, 2, 1))
    explorer = focused_on(page, "L2H1")
    before = explorer.get_attribute("data-id")
    explorer.evaluate(
        """node => { window.blank = 0;
            new MutationObserver(() => { window.blank += node.querySelector('.overview-grid') ? 0 : 1 })
                .observe(node, {childList: true}) }"""
    )
    page.get_by_role("button", name="Longer text").click()
    expect(explorer).not_to_have_attribute("data-id", before or "")
    focused_on(page, "L2H1")
    expect(page.locator('.token[data-side="q"]')).to_have_count(11)
    assert agrees_with_server(page)
    assert page.evaluate("window.blank") == 0


def test_what_only_the_server_has_is_waited_for(explored: Callable[..., Page]) -> None:
    page = explored("layers=3&heads=3&tokens=8")
    page.locator('[data-control="shown"] [data-value="rollout"]').click()
    focused_on(page, "rollout of 9 heads")
    expect(page.locator(".focus-bar h2")).to_have_text("Rollout of 9 heads")
    expect(page.locator(".focus-bar .fact")).to_have_text("")
    expect(page.locator(".lmviz-explorer")).not_to_have_class(re.compile("waiting"))


def test_nothing_is_left_when_the_explorer_goes(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6")
    counts = "[window.__lmviz_attention.explorers.size, window.__lmviz_attention.waiting.size]"
    assert page.evaluate(counts) == [1, 1]
    page.get_by_text("Hide", exact=True).click()
    expect(page.locator(".lmviz-explorer")).to_have_count(0)
    assert page.evaluate(counts) == [0, 0]
    page.get_by_text("Hide", exact=True).click()
    page.wait_for_selector(READY)
    assert agrees_with_server(page)


@pytest.mark.parametrize("query", ["layers=1&heads=1&tokens=1", "layers=48&heads=40&tokens=8", "tokens=12&keys=30"])
@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_scrolls_sideways_but_the_picture(explored: Callable[..., Page], query: str, width: int) -> None:
    page = explored(query, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    left, right = page.locator(".overview").bounding_box(), page.locator(".focus").bounding_box()
    assert left is not None
    assert right is not None
    assert (right["y"] >= left["y"] + left["height"]) == (width == 400)
    assert left["x"] + left["width"] <= (width if width == 400 else right["x"])


def test_the_pipe_takes_no_room(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6")
    gaps = page.evaluate(
        """() => { const box = text => [...document.querySelectorAll('[data-testid="stElementContainer"]')]
                .find(node => node.textContent.trim().startsWith(text)).getBoundingClientRect();
            const host = [...document.querySelectorAll('[data-testid="stElementContainer"]')]
                .find(node => [...node.querySelectorAll('*')].some(child => child.shadowRoot)).getBoundingClientRect();
            return [host.top - box('Above').bottom, box('On the server').top - host.bottom] }"""
    )
    assert gaps[1] == pytest.approx(gaps[0], abs=1)


def test_awkward_tokens_stay_text(explored: Callable[..., Page]) -> None:
    page = explored("tokens=24&awkward=1&layers=2&heads=2")
    assert page.locator(".lmviz-explorer b, .lmviz-explorer script").count() == 0
    expect(page.locator('.token[data-side="q"]').filter(has_text="<b>bold</b>").first).to_be_visible()


def test_the_tiles_follow_the_theme(explored: Callable[..., Page]) -> None:
    page = explored("layers=2&heads=2&tokens=6", color_scheme="light")
    corner = "canvas => [...canvas.getContext('2d').getImageData(1, canvas.height - 2, 1, 1).data]"
    canvas = page.locator(".overview canvas").first
    assert min(canvas.evaluate(corner)[:3]) > 240
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".lmviz-explorer")).to_have_css("color-scheme", "dark")
    page.wait_for_timeout(100)
    assert max(canvas.evaluate(corner)[:3]) < 60


def test_512_tokens_are_drawn_and_exact(explored: Callable[..., Page]) -> None:
    page = explored("tokens=512")
    page.mouse.click(*tile(page, 9, 3))
    focused_on(page, "L9H3")
    assert agrees_with_server(page)
