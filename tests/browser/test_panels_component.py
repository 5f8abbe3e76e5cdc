"""Panels in a real browser: numbers, the one scale, what is linked, keyboard, zoom, long inputs, awkward texts."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lmviz.figures.panels_payload import Panel, PanelAxis, PanelLook, panels_payload
from lmviz.figures.wording import format_number
from tests.browser.conftest import Server, Visit, running_harness
from tests.browser.harness.figures import opened, opened_all
from tests.browser.harness.panel_documents import WORDS, compared, panels_page, sides, words_payload
from tests.figure_samples import TEXTS

PANELS = ".lmviz-panels"
TITLES = ("A", "B", "B − A")
GAP = 6  # the word that B does not have
HINT = "Point at a cell for its numbers; click to keep it."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The harness page instead of the app."""
    with running_harness("panels", tmp_path_factory.mktemp("panels") / "server.log") as running:
        yield running


def words_sides() -> tuple[np.ndarray, np.ndarray]:
    a, b = sides(len(WORDS), len(WORDS))
    b[GAP] = b[:, GAP] = np.nan
    return a, b


def names(axis: str, letter: str, count: int) -> PanelAxis:
    return PanelAxis(axis, tuple(f"{letter}{i}" for i in range(count)))


def plain(panels: list[Panel], look: PanelLook | None = None) -> str:
    rows, columns = panels[0].values.shape
    axes = {"rows": names("layer", "L", rows), "columns": names("head", "H", columns)}
    return panels_page(panels_payload(panels, **axes, look=look or PanelLook()))


def place(page: Page, row: int, column: int) -> dict[str, float]:
    """Give the middle of a cell on its canvas."""
    found: dict[str, float] = page.evaluate(
        """([row, column]) => { const box = panelBox(view.layout, { row, column });
            return { x: box.left + box.width / 2, y: box.top + box.height / 2 }; }""",
        [row, column],
    )
    return found


def hover(page: Page, row: int, column: int, *, panel: int = 0) -> str:
    page.locator(f"{PANELS} canvas").nth(panel).hover(position=place(page, row, column))  # type: ignore[arg-type]
    return page.locator(".readout").inner_text()


def click(page: Page, row: int, column: int, *, panel: int = 0) -> None:
    page.locator(f"{PANELS} canvas").nth(panel).click(position=place(page, row, column))  # type: ignore[arg-type]


def colour(page: Page, row: int, column: int, *, panel: int, down: float = 0.25) -> list[int]:
    """Give the colour of a cell above its middle, where no stroke runs; `down` is how far, 0 to 1."""
    found: list[int] = page.evaluate(
        """([row, column, number, down]) => {
            const canvas = view.pictures[number].canvas;
            const box = panelBox(view.layout, { row, column });
            const ratio = canvas.width / view.layout.picture.width;
            const at = [(box.left + box.width * 0.5) * ratio, (box.top + box.height * down) * ratio];
            const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            probe.drawImage(canvas, ...at.map(Math.floor), 1, 1, 0, 0, 1, 1);
            return Array.from(probe.getImageData(0, 0, 1, 1).data.slice(0, 3)); }""",
        [row, column, panel, down],
    )
    return found


def lit(page: Page, side: str) -> list[str]:
    return page.locator(f"{PANELS} .{side} .lit").all_inner_texts()


# ---- numbers -------------------------------------------------------------------------------------------------------


def test_the_readout_says_the_numbers_of_every_panel(browser: Browser) -> None:
    a, b = words_sides()
    with opened(browser, panels_page(words_payload())) as page:
        for panel, row, column in ((0, 0, 0), (1, 4, 7), (2, 8, 2), (0, 3, 3)):
            values = (float(a[row, column]), float(b[row, column]), float((b - a)[row, column]))
            numbers = " · ".join(f"{title} {format_number(x)}" for title, x in zip(TITLES, values, strict=True))
            from_, to = WORDS[row].strip(), WORDS[column].strip()
            assert " ".join(hover(page, row, column, panel=panel).split()) == f"“{from_}” → “{to}” {numbers}"


def test_names_and_units_are_said_and_repeated_words_told_apart(browser: Browser) -> None:
    values = np.array([[0.5, 0], [1e-5, 1234]], dtype=np.float32)
    axes = PanelAxis("position", (" same", " same"), holds_text=True), names("layer", "L", 2)
    document = panels_page(
        panels_payload([Panel("A", values)], rows=axes[0], columns=axes[1], look=PanelLook(unit="nats"))
    )
    with opened(browser, document) as page:
        assert hover(page, 0, 0).split() == "position “same” (1 of 2) · layer L0 A 0.500 nats".split()
        assert hover(page, 1, 0).split() == "position “same” (2 of 2) · layer L0 A 1.00e−5 nats".split()
        assert hover(page, 1, 1).endswith("1234 nats")
        assert page.locator("[data-control=own]").is_hidden()  # nothing is signed


def test_what_is_not_defined_is_said_and_struck(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        assert hover(page, 0, GAP).split("\n")[-1].endswith("B only in one text · B − A only in one text")
        expect(page.locator(".legend")).to_contain_text("only in one text")
        assert colour(page, 0, GAP, panel=1) == colour(page, GAP, 3, panel=2)
        assert colour(page, 0, GAP, panel=1) != colour(page, 0, GAP, panel=0)
        assert colour(page, 0, GAP, panel=1) != colour(page, 0, GAP, panel=1, down=0.48)  # the stroke
        assert colour(page, 0, GAP, panel=0) == colour(page, 0, GAP, panel=0, down=0.48)
    with opened(browser, panels_page(words_payload(gap=None))) as page:
        expect(page.locator(".legend")).not_to_contain_text("only in one text")


def test_nothing_defined_at_all_is_drawn(browser: Browser) -> None:
    empty = np.full((2, 3), np.nan, dtype=np.float32)
    with opened(browser, plain(compared(empty, empty))) as page:
        assert hover(page, 1, 2).endswith("A not defined · B not defined · B − A not defined")
        assert page.locator(".legend .key").count() == 3


# ---- one scale -----------------------------------------------------------------------------------------------------


def ladder() -> list[Panel]:
    """Give panels with the same number in several places: 0.5 in A and B, zero and ±0.5 in B − A."""
    a = np.array([[0.5, 0.0, 1.0], [0.25, 0.5, 0.0]], dtype=np.float32)
    b = np.array([[1.0, 0.0, 0.5], [0.25, 0.0, 0.5]], dtype=np.float32)
    return compared(a, b)


def test_the_same_number_has_the_same_colour_in_every_panel(browser: Browser) -> None:
    with opened(browser, plain(ladder())) as page:
        assert colour(page, 0, 0, panel=0) == colour(page, 0, 2, panel=1) == colour(page, 1, 1, panel=0)
        assert colour(page, 0, 2, panel=0) == colour(page, 0, 0, panel=1) != colour(page, 0, 0, panel=0)
        assert colour(page, 0, 1, panel=0) == [255, 255, 255]  # an amount of zero is the background
        expect(page.locator(".legend")).to_contain_text("one scale in all panels")
        assert page.locator(".legend .key").all_inner_texts() == ["A, B\n0\n1.00", "B − A\n−1.00\n1.00"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_zero_is_neutral_and_signs_differ(browser: Browser, theme: str) -> None:
    axes = {"rows": names("layer", "L", 2), "columns": names("head", "H", 3)}
    with opened(browser, panels_page(panels_payload(ladder(), **axes), theme=theme)) as page:
        more, zero, less = (colour(page, *cell, panel=2) for cell in ((0, 0), (0, 1), (0, 2)))
        assert max(zero) - min(zero) < 16
        assert zero == colour(page, 1, 0, panel=2)
        assert more[0] > more[2] + 30  # orange
        assert less[2] > less[0] + 30  # blue


def test_the_difference_alone_gets_its_own_scale(browser: Browser) -> None:
    with opened(browser, plain(ladder())) as page:
        before = [colour(page, 0, 0, panel=panel) for panel in range(3)]
        page.get_by_label("Own scale for the difference").check()
        after = [colour(page, 0, 0, panel=panel) for panel in range(3)]
        assert after[:2] == before[:2]
        assert after[2] != before[2]
        expect(page.locator(".legend")).to_contain_text("the difference has a scale of its own")
        assert page.locator(".legend .key").all_inner_texts()[1] == "B − A\n−0.500\n0.500 (own scale)"
        assert hover(page, 0, 0).endswith("B − A 0.500")  # numbers stay as they are
        page.get_by_label("Own scale for the difference").uncheck()
        assert [colour(page, 0, 0, panel=panel) for panel in range(3)] == before


def test_the_square_root_shows_what_is_small(browser: Browser) -> None:
    panels = [Panel("A", np.array([[0.0, 0.01, 1.0]], dtype=np.float32))]
    with opened(browser, plain(panels)) as page:
        zero, small, full = (colour(page, 0, column, panel=0) for column in range(3))
        page.get_by_role("radio", name="√").click()
        assert colour(page, 0, 0, panel=0) == zero
        assert colour(page, 0, 2, panel=0) == full
        assert zero[0] - colour(page, 0, 1, panel=0)[0] > 5 * (zero[0] - small[0])
        expect(page.locator(".legend")).to_contain_text("colour grows with the square root")


def test_a_fixed_maximum_says_what_it_cuts(browser: Browser) -> None:
    with opened(browser, plain(ladder(), PanelLook(maximum=0.5))) as page:
        assert colour(page, 0, 0, panel=0) == colour(page, 0, 2, panel=0)
        assert page.locator(".legend .key").all_inner_texts() == ["A, B\n0\n≥ 0.500", "B − A\n−0.500\n0.500"]


# ---- what is linked ------------------------------------------------------------------------------------------------


def test_pointing_frames_the_same_cell_and_its_labels_in_every_panel(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        hover(page, 4, 7, panel=1)
        frames = page.locator(".frame:visible")
        expect(frames).to_have_count(3)
        for panel in range(3):
            canvas, frame = page.locator("canvas").nth(panel).bounding_box(), frames.nth(panel).bounding_box()
            assert canvas is not None
            assert frame is not None
            at = place(page, 4, 7)
            assert frame["x"] + frame["width"] / 2 == pytest.approx(canvas["x"] + at["x"], abs=1)
            assert frame["y"] + frame["height"] / 2 == pytest.approx(canvas["y"] + at["y"], abs=1)
        assert lit(page, "rows") == ["·she"] * 3
        assert lit(page, "columns") == ["·tired"] * 3
        page.mouse.move(2, 2)
        expect(frames).to_have_count(0)
        assert lit(page, "rows") == []
        expect(page.locator(".readout")).to_have_text(HINT)


def test_a_click_selects_once_and_stays(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        click(page, 2, 5, panel=2)
        page.mouse.move(2, 2)
        expect(page.locator(".ring:visible")).to_have_count(3)
        expect(page.locator(".readout")).to_contain_text("“said” → “was”")
        (told,) = page.evaluate("told")
        assert (told["row"], told["column"], told["is_selected"]) == (2, 5, True)
        click(page, 2, 6)
        first, second = page.evaluate("told")
        assert second["number"] > first["number"]


def test_the_keyboard_reaches_every_cell(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        page.locator(".pictures").focus()
        for keys, said in (
            ("ArrowDown", "“The” → “The”"),
            ("ArrowDown ArrowDown ArrowRight", "“said” → “nurse”"),
            ("End", "“said” → “.”"),
            ("ArrowRight ArrowUp", "“nurse” → “.”"),
            ("Home ArrowLeft", "“nurse” → “The”"),
        ):
            for key in keys.split():
                page.keyboard.press(key)
            expect(page.locator(".readout .place")).to_have_text(said)
        page.keyboard.press("Enter")
        expect(page.locator(".ring:visible")).to_have_count(3)
        page.keyboard.press("Escape")
        expect(page.locator(".ring:visible")).to_have_count(0)
        expect(page.locator(".readout")).to_have_text(HINT)
        assert [(event["row"], event["column"], event["is_selected"]) for event in page.evaluate("told")] == [
            (1, 0, True),
            (1, 0, False),
        ]
        assert page.locator(".keys").is_hidden()
        page.keyboard.press("?")
        expect(page.locator(".keys")).to_contain_text("the cell beside it, in every panel")
        page.keyboard.press("?")
        expect(page.locator(".keys")).to_be_hidden()


def test_tab_passes_through_in_reading_order(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        reached = []
        for _ in range(4):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.className || document.activeElement.dataset"))
        assert [item if isinstance(item, str) else next(iter(item.values())) for item in reached] == [
            "linear",
            "own",
            "help",
            "pictures",
        ]


def test_other_values_keep_what_is_looked_at_and_other_labels_do_not(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        for payload, rings, calls in (
            (words_payload(), 3, 0),
            (words_payload(gap=2), 3, 1),
            (words_payload(WORDS[:5], gap=None), 0, 1),
        ):
            click(page, 1, 1)
            drawn = page.evaluate(
                """(bytes) => { const draw = view.draw; let calls = 0;
                    view.draw = (...given) => { calls += 1; return draw.apply(view, given); };
                    view.update(Uint8Array.from(bytes)); delete view.draw; return calls; }""",
                list(payload),
            )
            assert drawn == calls
            expect(page.locator(".ring:visible")).to_have_count(rings)


# ---- size ----------------------------------------------------------------------------------------------------------


def long_page(count: int) -> str:
    axis = PanelAxis("from", tuple(f" w{i}" for i in range(count)), holds_text=True)
    return panels_page(panels_payload(compared(*sides(count, count)), rows=axis, columns=replace(axis, name="to")))


def test_a_long_input_is_drawn_and_enlarged_everywhere_at_once(browser: Browser) -> None:
    a, _ = sides(512, 512)
    with opened(browser, long_page(512)) as page:
        assert page.locator("canvas").first.evaluate("node => Math.max(node.width, node.height)") < 2000
        assert page.locator(".panel-label").count() == 0  # too small to be written
        said = hover(page, 300, 200)
        assert f"A {format_number(float(a[300, 200]))} " in said
        assert lit(page, "rows") == ["·w300"] * 3
        for _ in range(12):
            page.get_by_role("button", name="Zoom in").click()
        page.wait_for_function("view.layout.zoom === view.layout.most")
        shown = page.evaluate("({ row: view.layout.row, column: view.layout.column, span: view.layout.span.row })")
        assert shown["span"] < 20
        labels = page.locator(".rows .panel-label").all_inner_texts()
        assert len(labels) > 30
        assert labels[: len(labels) // 3] == labels[len(labels) // 3 : 2 * len(labels) // 3]
        row, column = int(shown["row"]) + 3, int(shown["column"]) + 4
        assert f"A {format_number(float(a[row, column]))} " in hover(page, row, column, panel=2)
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Show everything").click()
        page.wait_for_function("view.layout.zoom === 1")


def test_pooling_keeps_the_largest_size_with_its_sign(browser: Browser) -> None:
    values = np.zeros((600, 600), dtype=np.float32)
    values[401, 77], values[33, 500] = -1, 0.9
    with opened(browser, plain([Panel("A", values, "signed")]), viewport={"width": 400, "height": 900}) as page:
        pooled = page.evaluate(
            """() => { const most = { width: 100, height: 100 };
                const found = panelPooled(view.model.panels[0].values, 600, panelsRange(view.layout), most).values;
                const at = (row, column) => found[Math.floor(row / 6) * 100 + Math.floor(column / 6)];
                return [at(401, 77), at(33, 500), found.filter((value) => value !== 0).length]; }"""
        )
        assert pooled == [-1, pytest.approx(0.9), 2]


def test_wheel_and_drag_move_what_is_enlarged(browser: Browser) -> None:
    with opened(browser, long_page(120)) as page:
        hover(page, 60, 60)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -300)
        page.keyboard.up("Control")
        page.wait_for_function("view.layout.zoom > 2")
        where = "[view.layout.row, view.layout.column]"
        row, column = page.evaluate(where)
        box = page.locator("canvas").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 150, steps=4)
        page.mouse.up()
        page.wait_for_timeout(50)
        moved = page.evaluate(where)
        assert moved[0] < row
        assert moved[1] > column
        assert page.evaluate("told") == []  # a drag is no click
        page.mouse.wheel(0, 50)
        page.wait_for_timeout(50)
        assert page.evaluate(where)[0] > moved[0]


@pytest.mark.parametrize(("width", "across"), [(1200, 3), (700, 2), (400, 1)])
def test_panels_wrap_and_nothing_scrolls_sideways(browser: Browser, width: int, across: int) -> None:
    documents = {
        "words": panels_page(words_payload(WORDS * 3)),
        "layers": plain(compared(*sides(6, 30))),
        "tall": plain(compared(*sides(30, 9))),
        "long": long_page(200),
    }
    with opened_all(browser, documents, viewport={"width": width, "height": 800}) as visits:
        for name, page in visits:
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            lefts = {box["x"] for box in (node.bounding_box() for node in page.locator(".panel").all()) if box}
            needs_a_line = name == "layers" and width == 700  # for the names of its 30 columns
            assert len(lefts) == (1 if needs_a_line else across) or name == "tall", name
            before = page.locator("canvas").last.bounding_box()
            hover(page, 2, 3)
            assert page.locator("canvas").last.bounding_box() == before, name  # nothing moves under the pointer


def test_panels_go_under_each_other_where_columns_would_lose_their_names(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload(WORDS * 4)), viewport={"width": 1000, "height": 800}) as page:
        lefts = {box["x"] for box in (node.bounding_box() for node in page.locator(".panel").all()) if box}
        assert len(lefts) < 3
        assert page.evaluate("view.layout.cell.width") >= page.evaluate("PANEL_LABEL")


def test_cells_are_never_larger_than_they_need(browser: Browser) -> None:
    for shape in ((1, 1), (1, 30), (30, 1), (6, 30), (30, 9), (512, 1), (1, 512)):
        with opened(browser, plain(compared(*sides(*shape)))) as page:
            picture = page.evaluate("view.layout.picture")
            assert max(picture["width"] / shape[1], picture["height"] / shape[0]) <= 28, shape
            assert min(picture["width"], picture["height"]) >= 20, shape


# ---- texts and themes ----------------------------------------------------------------------------------------------


def test_awkward_texts_open_without_trouble(browser: Browser) -> None:
    documents = {text: panels_page(words_payload(TEXTS[text], gap=None)) for text in TEXTS if text != "512"}
    with opened_all(browser, documents) as visits:
        for name, page in visits:
            assert page.locator(PANELS).get_attribute("data-ready") == "true"
            assert page.locator(f"{PANELS} b, {PANELS} img").count() == 0
            if TEXTS[name]:
                hover(page, 0, 0)
                assert page.locator(".rows").first.inner_text() != ""
            else:
                expect(page.locator(".pictures")).to_have_text("There is nothing to compare here.")
                page.locator(".pictures").press("ArrowDown")


def test_the_theme_may_change_while_it_is_shown(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        light = colour(page, 0, 1, panel=1)
        page.evaluate(
            """() => { const style = document.documentElement.style;
                style.setProperty("--st-background-color", "#0d0f14");
                style.setProperty("--st-text-color", "#e8eaf1"); }"""
        )
        page.wait_for_function("view.theme.dark")
        page.wait_for_timeout(100)
        assert colour(page, 0, 1, panel=1) != light


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_background(browser: Browser, theme: str) -> None:
    with opened(browser, panels_page(words_payload(), theme=theme)) as page:
        hover(page, 1, 1)
        low = page.evaluate(
            """() => [".panel-label", "figcaption *", ".legend *", ".readout *", ".corner *"]
                .flatMap((some) => Array.from(document.querySelectorAll(some)))
                .map((node) => { const { color, backgroundColor } = getComputedStyle(node);
                    const isClear = backgroundColor === "rgba(0, 0, 0, 0)";
                    const back = isClear ? view.theme.background : parseColour(backgroundColor);
                    return [node.textContent, contrast(parseColour(color), back)]; })
                .filter(([, found]) => found < 4.5)"""
        )
        assert low == []


def test_the_finding_is_there_for_those_who_hear_the_page(browser: Browser) -> None:
    with opened(browser, panels_page(words_payload())) as page:
        expect(page.locator(".about")).to_have_text("Largest difference: 0.5.")
        assert [node.get_attribute("aria-label") for node in page.get_by_role("img").all()] == [
            "A, minilm, pattern",
            "B, smollm2-135m, pattern",
            "B − A, pattern",
        ]


# ---- in Streamlit --------------------------------------------------------------------------------------------------


def test_a_page_hears_a_click_once_and_keeps_it(visitor: Callable[..., Visit]) -> None:
    visit = visitor().open()
    page = visit.page
    canvas = page.locator(f"{PANELS} canvas").first
    canvas.click(position={"x": 40, "y": 70})
    expect(page.get_by_text("Event 1: (2, 1)", exact=True)).to_be_visible()
    visit.settle()
    page.get_by_role("button", name="Same again").click()
    visit.settle()
    expect(page.get_by_text("Event 1: (2, 1)", exact=True)).to_be_visible()
    page.get_by_role("button", name="Other values").click()
    visit.settle()
    page.mouse.move(5, 5)
    expect(page.locator(f"{PANELS} .ring:visible")).to_have_count(3)
    page.locator(f"{PANELS} .pictures").press("Escape")
    expect(page.get_by_text("Event 2: None", exact=True)).to_be_visible()
    expect(page.locator(f"{PANELS} .ring:visible")).to_have_count(0)


def test_the_page_may_select_and_change_what_is_shown(visitor: Callable[..., Visit]) -> None:
    visit = visitor().open()
    page = visit.page
    page.get_by_role("button", name="Select the first").click()
    expect(page.locator(f"{PANELS} .readout .place")).to_have_text("“The” → “The”")
    page.get_by_role("button", name="Fewer words").click()
    expect(page.locator(f"{PANELS} .panel").first.locator(".rows .panel-label")).to_have_count(5)
    expect(page.locator(f"{PANELS} .ring:visible")).to_have_count(0)
    page.get_by_text("Hide").click()
    expect(page.locator(PANELS)).to_have_count(0)
    page.get_by_text("Hide").click()
    expect(page.locator(f"{PANELS} canvas")).to_have_count(3)
