"""Files of figures: endings, colours that can be read back, numbers as written, texts that wrap."""

import math
import threading
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmviz.errors import FigureUnavailable
from lmviz.figures.colours import UNDEFINED_STEP, amounts, fitting, hex_colour, ink_on, signed, signed_palette
from lmviz.figures.export import render, scene
from lmviz.figures.layout import pooled, wrapped
from lmviz.figures.raster import to_png
from lmviz.figures.scene import Box, Heat, Label
from lmviz.figures.wording import format_number, text_width, token_label, visible
from lmviz.results import Result
from tests.figure_samples import MAKERS, attention, products, token_scores

WORDS = (" the", " cat", " sat")


@dataclass(frozen=True, eq=False)
class Unknown(Result):
    """A result that has no figure."""


def test_an_unknown_ending_or_type_is_named() -> None:
    with pytest.raises(FigureUnavailable, match=r"'\.bmp'.*html, svg, png"):
        render(attention(WORDS), "bmp")
    with pytest.raises(FigureUnavailable, match="no figure for Unknown"):
        render(Unknown(), "svg")


def test_endings_are_read_generously() -> None:
    result = MAKERS["TokenMatrix"](WORDS)
    assert render(result, ".SVG") == render(result, "svg")


def test_zero_is_neutral_and_both_signs_share_a_scale() -> None:
    coloured = signed(np.array([-2.0, -1.0, 0.0, 1.0, np.nan]))
    assert coloured.steps.tolist() == [0, 64, 127, 190, UNDEFINED_STEP]
    assert (coloured.low, coloured.high) == (-2.0, 2.0)
    assert hex_colour(signed_palette()[127]) == "#f3f3f5"


def test_amounts_start_at_zero_and_grow_with_the_value() -> None:
    coloured = amounts(np.array([0.0, 0.25, 0.5, 1.0]))
    assert coloured.steps.tolist() == [0, 64, 127, 254]
    assert amounts(np.array([0.0, 0.25, 1.0]), scale="root").steps.tolist() == [0, 127, 254]
    lightness = coloured.palette[:255].astype(int).sum(axis=1)
    assert (np.diff(lightness) <= 0).all()  # works in grey


def test_a_negative_number_makes_the_ramp_signed() -> None:
    assert fitting(np.array([0.0, 1.0])).low == 0.0
    assert fitting(np.array([-0.1, 1.0])).low == -1.0
    assert fitting(np.full(3, np.nan)).steps.tolist() == [UNDEFINED_STEP] * 3


def test_ink_is_readable_on_every_step() -> None:
    def luminance(rgb: np.ndarray) -> float:
        part = rgb.astype(float) / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    for palette in (signed_palette(), amounts(np.zeros(1)).palette):
        for colour in palette:
            ink = np.frombuffer(bytes.fromhex(ink_on(colour)[1:]), dtype=np.uint8)
            low, high = sorted((luminance(ink), luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 4.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.4237, "0.424"), (-1.3, "−1.30"), (1508, "1508"), (12.345, "12.3"), (0.00012, "1.20e−4"),
     (2.5e7, "2.50e7"), (float("nan"), "n/a"), (-math.inf, "−∞"), (99.96, "100.0")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("token", "label"),
    [(" cat", "·cat"), ("##ing", "##ing"), ("", "∅"), (" ", "·"), ("\n", "⏎"), ("a b", "a·b"), ("\ud800", "�"),
     ("x" * 30, "x" * 23 + "…")],
)  # fmt: skip
def test_tokens_are_written_on_one_visible_line(token: str, label: str) -> None:
    assert token_label(token) == label


@given(st.text(alphabet=st.characters(codec=None), max_size=40))
def test_any_text_becomes_valid_xml(text: str) -> None:
    assert (
        "".join(ET.fromstring(f"<a>{visible(text).replace('&', '&amp;').replace('<', '&lt;')}</a>").itertext())
        is not None
    )
    visible(text).encode()


@given(st.text(min_size=0, max_size=200), st.integers(20, 200))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    lines = wrapped(text, width=width, size=10)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(text_width(line, 10) <= width or len(line) <= 1 for line in lines)


def test_pooling_keeps_the_largest() -> None:
    values = np.zeros((1, 100, 100), dtype=np.float32)
    values[0, 57, 3] = 1.0
    values[0, 0, 0] = np.nan
    small = pooled(values, 24, 1, 2)
    assert small.shape == (1, 24, 24)
    assert np.nanmax(small) == 1.0
    assert not np.isnan(small).any()


def test_bars_start_at_zero() -> None:
    result = token_scores(WORDS)
    boxes = [shape for shape in scene(result).shapes if isinstance(shape, Box)]
    bars, axis = boxes[:-1], boxes[-1]
    assert len(bars) == 2  # the score that is not defined has none
    for bar, score in zip(bars, result.scores[[0, 2]], strict=True):
        start = bar.x if score > 0 else bar.x + bar.width
        assert start == pytest.approx(axis.x, abs=0.6)


def test_a_query_among_many_keys_draws_the_strongest() -> None:
    result = products(tuple(f"k{i}" for i in range(100)))
    drawn = scene(result)
    heat = next(shape for shape in drawn.shapes if isinstance(shape, Heat))
    assert heat.steps.shape == (40, 8)
    texts = [shape.text for shape in drawn.shapes if isinstance(shape, Label)]
    assert f"k{int(result.pattern.argmax())}" in texts
    assert f"k{int(result.pattern.argmin())}" not in texts
    assert any("60 more are not drawn" in text for text in texts)


def test_pictures_from_many_threads_are_alike() -> None:
    drawn = [scene(MAKERS["TokenMatrix"]((f" t{i}", "中文", "x"))) for i in range(4)]
    alone = [to_png(item) for item in drawn]
    found: dict[int, bytes] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: to_png(drawn[i])})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == alone
