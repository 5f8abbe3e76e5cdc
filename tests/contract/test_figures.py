"""What holds for every figure, whatever was typed: it is drawn, it is valid, and text stays text."""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.image import imread

from lmviz import results
from lmviz.figures.bertviz_views import bertviz_html, bertviz_offered
from lmviz.figures.export import render
from lmviz.results import AttentionPattern, Result
from tests.figure_samples import INJECTION, MAKERS, TEXTS, attention

SVG = "{http://www.w3.org/2000/svg}"
EVERY = [(kind, text) for kind in MAKERS for text in TEXTS]
SHORT = [name for name in TEXTS if name not in ("empty", "512")]
every_figure = pytest.mark.parametrize(("kind", "text"), EVERY)


class Elements(HTMLParser):
    """The elements of a document, with what their scripts hold."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        (self.scripts if self.tags and self.tags[-1][0] == "script" else self.texts).append(data)


def drawn(kind: str, text: str) -> Result:
    return MAKERS[kind](TEXTS[text])


def addresses(document: str) -> Iterator[str]:
    """Give everything that a document would load or link to."""
    for tag, attributes in Elements(document).tags:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            if attributes.get(name) is not None and tag != "meta":
                yield str(attributes[name])
        yield from re.findall(r"url\(([^)]*)\)", attributes.get("style") or "")


def test_every_result_type_has_a_figure() -> None:
    types = {
        name for name, item in vars(results).items()
        if isinstance(item, type) and issubclass(item, Result) and item is not Result
    }  # fmt: skip
    assert types == set(MAKERS)


@every_figure
def test_svg_is_valid_and_only_draws(kind: str, text: str) -> None:
    svg = render(drawn(kind, text), "svg").decode()
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    allowed = {"svg", "title", "desc", "rect", "path", "g", "text", "image"}
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= allowed
    assert not [name for node in root.iter() for name in node.attrib if name.startswith("on")]
    assert all(address.startswith("data:image/png;base64,") for address in addresses(svg))
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None


@every_figure
def test_png_can_be_read(kind: str, text: str) -> None:
    picture = imread(io.BytesIO(render(drawn(kind, text), "png")), format="png")
    assert min(picture.shape[:2]) > 100
    assert np.ptp(picture[..., :3]) > 0.5  # something dark on something light


@every_figure
def test_html_runs_nothing_that_was_typed(kind: str, text: str) -> None:
    page = render(drawn(kind, text), "html").decode()
    found = Elements(page)
    policies = [attributes["content"] for tag, attributes in found.tags if tag == "meta" and "http-equiv" in attributes]
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none'; script-src ")
    assert "unsafe-inline" not in str(policies[0]).split("style-src")[0]
    tags = [tag for tag, _ in found.tags]
    assert not {"b", "img", "i", "iframe", "link", "object"} & set(tags)
    assert all(address.startswith("data:") for address in addresses(page))
    assert INJECTION not in page
    assert "window.injected" not in "".join(s for s in found.scripts if "mountExplorer" in s)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in MAKERS if kind not in ("AttentionPattern", "LayerHeadGrid", "LayerMatrix", "BiasLocalisation")],
)
@pytest.mark.parametrize(
    "token", ["<b>bold</b>", "<|endoftext|>", "##ing", "Ġ", "中", "مرحبا", "😀", "&lt;", "\\u003c"]
)
def test_svg_shows_tokens_as_typed(kind: str, token: str) -> None:
    root = ET.fromstring(render(MAKERS[kind]((token, " cat")), "svg"))
    shown = ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]
    assert any(token in text for text in shown)
    assert any("·cat" in text for text in shown)


@pytest.mark.parametrize("view", ["head", "model"])
@pytest.mark.parametrize("text", SHORT)
def test_bertviz_runs_nothing_that_was_typed(view: str, text: str) -> None:
    result = attention(TEXTS[text])
    page = bertviz_html(result, "head" if view == "head" else "model")
    found = Elements(page)
    assert [tag for tag, _ in found.tags].count("script") == 5  # the data, jQuery, d3, the parameters, the view
    assert INJECTION not in page
    assert not list(addresses(page))
    policy = next(str(attributes["content"]) for tag, attributes in found.tags if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; script-src 'unsafe-inline'; ")  # the app fits its height from inside


@pytest.mark.parametrize("text", ["empty", "512"])
def test_bertviz_says_why_not(text: str) -> None:
    reason = bertviz_offered(attention(TEXTS[text]))
    assert reason is not None
    assert "text" in reason


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_result_gives_the_same_file(kind: str) -> None:
    for ending in ("svg", "html", "png"):
        assert render(drawn(kind, "markup"), ending) == render(drawn(kind, "markup"), ending)


def test_provenance_stands_under_every_figure() -> None:
    for maker in MAKERS.values():
        result = maker(TEXTS["one token"])
        for ending in ("svg", "html"):
            assert "53aa51172d14" in render(result, ending).decode()


def test_a_figure_changes_nothing_in_its_result() -> None:
    result = attention(TEXTS["special"])
    before = result.pattern.copy()
    for ending in ("svg", "png", "html"):
        render(result, ending)
    assert isinstance(result, AttentionPattern)
    np.testing.assert_array_equal(result.pattern, before)
