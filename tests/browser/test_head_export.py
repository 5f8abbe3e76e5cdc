"""What the head panel hands out and how it looks: SVG, PNG and CSV files, user text, colours, speed."""

import io
import struct
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser

from tests.browser.harness import head_panel as harness
from tests.browser.harness.head_panel import AWKWARD, IT, PRONOUN, PanelPage, header, pattern, pronoun, tokens

SVG = "{http://www.w3.org/2000/svg}"
CONTRASTS = """() => {
    const nodes = '.token, .token-number, .readout, .head-notes, .axis-title, .head-panel button';
    const colour = (node, name) => parseColour(getComputedStyle(node)[name]);
    const clear = (node) => /, 0\\)$|transparent/.test(getComputedStyle(node).backgroundColor);
    return [...document.querySelectorAll(nodes)].filter((node) => node.textContent).map((node) => {
        let behind = node;
        while (clear(behind)) behind = behind.parentElement;
        return contrast(colour(node, "color"), colour(behind, "backgroundColor"));
    });
}"""
Opener = Callable[..., PanelPage]


@pytest.fixture
def panel(browser: Browser) -> Iterator[Opener]:
    with harness.panels(browser) as make:
        yield make


@pytest.fixture
def short(panel: Opener) -> PanelPage:
    return panel().show(header(tokens(PRONOUN)), pronoun())


def test_text_is_never_markup(panel: Opener) -> None:
    page = panel().show(header(tokens(AWKWARD)), pattern(len(AWKWARD), len(AWKWARD)), {"hide_special": False})
    assert page.page.locator(".head-panel b, .head-panel script").count() == 0
    shown = page.page.locator(".token[data-side=q]").all_inner_texts()
    assert shown[1:7] == ["·<b>bold</b>", "</script>", "<|endoftext|>", "⏎", "⇥", "·"]
    assert shown[9:11] == ["·مرحبا", "بالعالم"]
    assert page.token("q", 13).get_attribute("title") == f"“{AWKWARD[13]}” · id 1013 · position 13"
    name, data = page.download("svg")
    assert name == "minilm-attention-L5H1.svg"
    words = [node.text or "" for node in ET.fromstring(data).iter(f"{SVG}text")]
    assert "·<b>bold</b>" in words and "中文" in words


def test_svg_is_vector_and_carries_its_provenance(short: PanelPage) -> None:
    short.view(locked=[["q", IT]], threshold=0.01)
    _, data = short.download("svg")
    root = ET.fromstring(data)
    text = " ".join(node.text or "" for node in root.iter(f"{SVG}text"))
    for part in ("L5H1 · Attention pattern", "sha256 53aa5117", "special tokens hidden", "locked: from “it”", "0.623"):
        assert part in text
    cut = pronoun()[1:-1, 1:-1]
    cells = [node for node in root.iter(f"{SVG}rect") if node.get("fill", "").startswith("rgb")]
    assert len(cells) == pytest.approx((cut >= 0.01 * cut.max()).sum() + 1, abs=1)
    assert len(list(root.iter(f"{SVG}path"))) == (cut[IT - 1] >= 0.01 * cut.max()).sum()
    assert list(root.iter(f"{SVG}image")) == []
    assert "http" not in data.decode().replace("http://www.w3.org/2000/svg", "")


def test_svg_of_a_long_text_embeds_one_picture(panel: Opener) -> None:
    page = panel().show(header(tokens([f"t{i}" for i in range(300)])), pattern(300, 300))
    root = ET.fromstring(page.download("svg")[1])
    assert [(node.get("href") or "")[:22] for node in root.iter(f"{SVG}image")] == ["data:image/png;base64,"]
    assert len(list(root.iter(f"{SVG}rect"))) < 20


def test_png_is_the_svg_at_twice_its_size(short: PanelPage) -> None:
    root = ET.fromstring(short.download("svg")[1])
    name, data = short.download("png")
    assert name.endswith(".png") and data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2 * int(root.get("width", 0)), 2 * int(root.get("height", 0)))
    assert len(data) > 20_000  # something is drawn on it


def test_csv_holds_what_is_shown(short: PanelPage) -> None:
    short.view(words=True)
    name, data = short.download("csv")
    lines = data.decode("utf-8-sig").splitlines()
    assert name == "minilm-attention-L5H1.csv" and lines[1] == "query_position,query,key_position,key,value"
    assert len(lines) == 2 + 12 * 12
    assert any(line.startswith("10,unbelievably,2,cat,") for line in lines)
    value = next(line for line in lines if line.startswith("8,it,2,cat,")).rsplit(",", 1)[1]
    assert float(value) == pytest.approx(0.623)


def test_csv_begins_with_where_it_comes_from_on_one_line(panel: Opener) -> None:
    about = header(tokens(PRONOUN), caption='lmviz 0.1 · minilm\n· text 5" of\r\nsnow')
    page = panel().show(about, pronoun(), {"locked": [["q", IT]], "threshold": 0.01})
    page.give(pronoun(), "mean of 2 heads", made="mean of L0H1, L2H3")
    _, data = page.download("csv")
    first = data.decode("utf-8-sig").splitlines()[0]
    assert first.startswith(
        "# lmviz 0.1 · minilm · text 5' of snow · mean of 2 heads · Attention pattern, mean of L0H1, L2H3;"
    )
    assert "special tokens hidden; locked: from “it”" in first
    frame = pd.read_csv(io.BytesIO(data), skiprows=1)
    assert list(frame.columns) == ["query_position", "query", "key_position", "key", "value"]
    assert len(frame) == (pronoun()[1:-1, 1:-1] >= 0.01 * pronoun()[1:-1, 1:-1].max()).sum()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(panel: Opener, theme: str) -> None:
    page = panel()
    page.page.evaluate("(theme) => { document.body.className = theme }", theme)
    page.show(header(tokens(PRONOUN)), pronoun(), {"locked": [["q", IT]], "hide_special": False})
    ratios = page.page.evaluate(CONTRASTS)
    assert len(ratios) > 40 and min(ratios) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sliders_track_fits_the_page(panel: Opener, theme: str) -> None:
    page = panel()
    page.page.evaluate("(theme) => { document.body.className = theme }", theme)
    page.show(header(tokens(PRONOUN)), pronoun(), {"threshold": 0.5})
    box = page.page.locator("input[type=range]").bounding_box()
    assert box is not None
    strip = {"x": box["x"], "y": box["y"] + box["height"] / 2 - 1, "width": box["width"], "height": 2}
    pixels = imread(io.BytesIO(page.page.screenshot(clip=strip)), format="png")[..., :3]  # type: ignore[arg-type]
    width = pixels.shape[1]
    filled, empty = pixels[0, width // 4], pixels[0, 3 * width // 4]
    behind = np.array([17, 19, 26] if theme == "dark" else [255, 255, 255]) / 255
    assert 0.1 < np.abs(empty - behind).mean() < 0.4  # seen, and not the brightest thing on the page
    assert np.abs(filled - empty).max() > 0.2


def test_another_theme_redraws_in_its_colours(short: PanelPage) -> None:
    pixel = """() => [...document.querySelector("canvas.matrix").getContext("2d").getImageData(2, 2, 1, 1).data]"""
    short.view(threshold=1)  # an empty cell has the colour of the background
    assert short.page.evaluate(pixel)[:3] == [255, 255, 255]
    short.page.evaluate(
        """() => {
            document.body.className = "dark";
            panel.setTheme(readTheme(document.querySelector(".lmviz-explorer")));
        }"""
    )
    assert short.rest().page.evaluate(pixel)[:3] == [17, 19, 26]


@pytest.mark.parametrize(
    "texts", [PRONOUN, AWKWARD, [f"token{i}" for i in range(300)]], ids=["short", "awkward", "long"]
)
def test_nothing_overflows(panel: Opener, texts: list[str]) -> None:
    page = panel().show(header(tokens(texts)), pattern(len(texts), len(texts)), {"locked": [["q", 3], ["k", 4]]})
    for width in (288, 320, 400, 700, 1200):
        page.page.set_viewport_size({"width": width + 32, "height": 900})
        assert page.rest().page.evaluate("document.documentElement.scrollWidth") <= width + 32


@pytest.mark.parametrize(("size", "limit"), [(64, 60), (512, 400)])
def test_drawing_is_fast(panel: Opener, size: int, limit: float) -> None:
    page = panel(1000).show(header(tokens([f"t{i}" for i in range(size)])), pattern(size, size))
    times = page.page.evaluate(
        """(size) => Array.from({length: 9}, (_, i) => {
            const values = Float32Array.from({length: size * size}, (_, j) => ((j * 7919 + i) % 1009) / 1009);
            const start = performance.now();
            panel.setMatrix(values, size, size, {label: `L0H${i}`, exact: true});
            return performance.now() - start;
        })""",
        size,
    )
    assert np.median(times) < limit
