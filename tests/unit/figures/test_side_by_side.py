"""A, B and B − A as one figure: one scale, the right names, and what is left out is said."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from lmviz.figures.colours import ACCENT, BLUE, ORANGE, UNDEFINED_STEP, amounts, signed
from lmviz.figures.differences import MAX_LAYERS, MAX_ROWS, difference
from lmviz.figures.export import render
from lmviz.figures.scene import Box, Heat, Label, Scene
from lmviz.figures.sides import one_head, sides
from lmviz.figures.wording import format_number
from lmviz.results import (
    Alignment,
    AttentionPattern,
    Difference,
    LabelProbabilities,
    LayerHeadGrid,
    LayerPositionGrid,
    Result,
    TokenDistributions,
    TokenMatrix,
    TokenScores,
)

WORDS = ("the", "nurse", "<b>", "中", "tired")
WIDEST = 1100 + 3 * 24 + 28  # pixels


def alignment(words: tuple[str, ...]) -> Alignment:
    each = tuple((i,) for i in range(len(words)))
    return Alignment(words, a=each, b=each, special=(False,) * len(words), unit="word")


def made(a: Result, b: Result, *, compared: str = "values", **more: Any) -> Difference:
    delta = getattr(b, compared) - getattr(a, compared)
    given = {"alignment": alignment(getattr(a, "tokens", ())), "tokens_a": (), "tokens_b": (), **more}
    return Difference(a=a, b=b, delta=delta, compared=compared, **given)


def shares(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def matrices(words: tuple[str, ...] = WORDS) -> Difference:
    a, b = (TokenMatrix(tokens=words, values=shares(len(words), len(words), seed=seed)) for seed in (0, 1))
    return made(a, b)


def attention(layers: int, heads: int, size: int = 3) -> Difference:
    words = tuple(f"w{i}" for i in range(size))
    a, b = (AttentionPattern(tokens=words, pattern=shares(layers, heads, size, size, seed=seed)) for seed in (0, 1))
    return made(a, b, compared="pattern")


def scores(a: list[float], b: list[float]) -> Difference:
    words = tuple(f"w{i}" for i in range(len(a)))
    left, right = (
        TokenScores(tokens=words, scores=np.array(side, dtype=np.float32), target="", residue=0.0, unit="nats")
        for side in (a, b)
    )
    return made(left, right, compared="scores")


def heads_grid(layers: int = 6, heads: int = 12, **more: Any) -> Difference:
    a, b = (LayerHeadGrid(values=shares(layers, heads, seed=seed), unit="nats") for seed in (0, 1))
    return made(a, b, alignment=None, **more)


def heats(scene: Scene) -> list[Heat]:
    """Give the pictures without the colour bars."""
    return [shape for shape in scene.shapes if isinstance(shape, Heat) and shape.steps.shape != (1, 255)]


def texts(scene: Scene) -> list[str]:
    return [shape.text for shape in scene.shapes if isinstance(shape, Label)]


def bars(scene: Scene) -> list[Box]:
    return [shape for shape in scene.shapes if isinstance(shape, Box) and shape.fill in (ACCENT, ORANGE, BLUE)]


EVERY: dict[str, Difference] = {
    "scores": scores([1, np.nan, 3], [2, 1, np.inf]),
    "matrix": matrices(),
    "attention": attention(2, 3),
    "one head": attention(1, 1),
    "heads": heads_grid(),
    "heads in pairs": heads_grid(1, 2, head_pairs=("L5H1:L29H3", "mean:mean")),
    "positions": made(
        *(LayerPositionGrid(tokens=WORDS, values=shares(5, 5, seed=seed) - 0.5, unit="nats") for seed in (0, 1))
    ),
    "labels": made(
        *(
            LabelProbabilities(labels=("x", "y"), probabilities=shares(2, seed=i), logits=shares(2), kind="one of")
            for i in (0, 1)
        ),
        compared="probabilities",
        alignment=None,
    ),
    "distributions": made(
        *(
            TokenDistributions(
                tokens=WORDS, positions=(1, 4), candidates=(("x", "y", "z"), ("x", "</script>", "w")),
                candidate_ids=np.zeros((2, 3), dtype=np.int64), probabilities=shares(2, 3, seed=seed),
                entropy=shares(2),
            )
            for seed in (0, 1)
        ),
        compared="probabilities",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_is_drawn_with_all_three(kind: str) -> None:
    scene = difference(EVERY[kind])
    assert [shape.text for shape in scene.shapes if isinstance(shape, Label) and shape.size == 14] == [
        "A",
        "B",
        "B − A",
    ]
    assert scene.description.startswith("Largest difference: ")
    assert scene.width <= WIDEST
    for ending in ("svg", "html"):
        assert render(EVERY[kind], ending)
    assert imread(io.BytesIO(render(EVERY[kind], "png")), format="png").shape[0] > 100


def test_the_same_number_has_the_same_colour_in_a_and_b() -> None:
    a = np.array([[0.5, 0.0], [1.0, 0.25]], dtype=np.float32)
    b = np.array([[1.0, 0.0], [0.5, np.nan]], dtype=np.float32)
    left, right, change = heats(
        difference(made(*(TokenMatrix(tokens=("x", "y"), values=side) for side in (a, b)), note="a gap"))
    )
    assert left.steps[0, 0] == right.steps[1, 0]
    assert left.steps[1, 0] == right.steps[0, 0] == 254
    assert left.steps[0, 1] == right.steps[0, 1] == 0
    assert change.steps[0, 1] == 127  # zero is neutral
    assert change.steps[0, 0] + change.steps[1, 0] == 254  # +0.5 and −0.5
    assert right.steps[1, 1] == change.steps[1, 1] == UNDEFINED_STEP
    assert not np.array_equal(left.palette, change.palette)


def test_sides_with_negative_numbers_are_signed_as_well() -> None:
    for picture in heats(difference(EVERY["positions"])):
        np.testing.assert_array_equal(picture.palette, signed(np.zeros(1)).palette)
    for picture in heats(difference(EVERY["matrix"]))[:2]:
        np.testing.assert_array_equal(picture.palette, amounts(np.zeros(1)).palette)


def test_a_unit_is_as_long_in_every_panel() -> None:
    a, b = [1.0, 4.0, 0.5], [3.0, 1.0, 0.5]
    scene = difference(scores(a, b))
    drawn = {colour: [bar.width for bar in bars(scene) if bar.fill == colour] for colour in (ACCENT, ORANGE, BLUE)}
    unit = drawn[ACCENT][0] / a[0]
    np.testing.assert_allclose(drawn[ACCENT], np.array(a + b) * unit)
    np.testing.assert_allclose([drawn[ORANGE][0], drawn[BLUE][0]], [2 * unit, 3 * unit])
    zeros = [bar.x + bar.width for bar in bars(scene) if bar.fill == BLUE]
    assert zeros == pytest.approx([bar.x for bar in bars(scene) if bar.fill == ORANGE][:1])  # both start at zero


def test_every_number_of_a_bar_is_written() -> None:
    scene = difference(scores([1.0, 1e-5], [3.25, 1234]))
    for value in (1.0, 1e-5, 3.25, 1234, 2.25):
        assert format_number(float(np.float32(value))) in texts(scene)


def test_numbers_stand_in_cells_where_there_is_room() -> None:
    few, many = difference(matrices(WORDS[:3])), difference(matrices(tuple(f"w{i}" for i in range(30))))
    result = matrices(WORDS[:3])
    for side in (result.a.values, result.b.values, result.delta):  # type: ignore[attr-defined]
        assert {format_number(float(value)) for value in side.flat} <= set(texts(few))
    assert len({heat.y for heat in heats(many)}) == 1  # beside each other
    assert not [text for text in texts(many) if text == format_number(float(matrices().delta[0, 0]))]


@pytest.mark.parametrize("size", [1, 2, 5, 12, 40, 60, 120, 300])
def test_any_length_fits(size: int) -> None:
    scene = difference(matrices(tuple(f"w{i}" for i in range(size))))
    assert scene.width <= WIDEST
    assert len(heats(scene)) == 3
    (said,) = {heat.steps.shape for heat in heats(scene)}
    assert said == (min(size, 120),) * 2
    assert any("the 120 with the largest differences" in text for text in texts(scene)) == (size > 120)


def test_long_answers_keep_the_largest_differences_in_order() -> None:
    a, b = np.zeros(100), np.zeros(100)
    b[40:], b[3] = 1, -5
    a[50] = b[50]
    scene = difference(scores(a.tolist(), b.tolist()))
    kept = [text for text in texts(scene) if text.startswith("w") and text[1:].isdigit()]
    assert len(kept) == MAX_ROWS
    assert kept[:3] == ["w3", "w40", "w41"]
    assert "w50" not in kept
    assert any(f"Of 100 rows the {MAX_ROWS} with the largest differences" in text for text in texts(scene))


def test_layers_keep_their_names_when_some_are_left_out() -> None:
    result = attention(20, 2)
    changed = np.zeros_like(result.delta)
    changed[5:18] = 0.1
    changed[9] = 0
    scene = difference(replace(result, delta=changed))
    names = [text for text in texts(scene) if text.startswith("L") and text[1:].isdigit()]
    assert names == [f"L{layer}" for layer in range(5, 18) if layer != 9] * 3
    assert len(names) == 3 * MAX_LAYERS
    assert any(f"Of 20 layers the {MAX_LAYERS}" in text for text in texts(scene))


def test_one_head_is_drawn_with_its_tokens() -> None:
    scene = difference(attention(1, 1))
    assert {heat.steps.shape for heat in heats(scene)} == {(3, 3)}
    assert texts(scene).count("w1") == 4  # once beside the rows, and above each picture


def test_axes_are_named_for_what_they_count() -> None:
    six = tuple(f"w{i}" for i in range(6))
    grid = made(*(LayerPositionGrid(tokens=six, values=shares(6, 6, seed=seed), unit="nats") for seed in (0, 1)))
    rows, columns = sides(grid).axes
    assert (rows.name, rows.labels, rows.holds_text) == ("layer", tuple(f"L{i}" for i in range(6)), False)
    assert (columns.name, columns.labels, columns.holds_text) == ("position", six, True)
    assert [axis.name for axis in sides(attention(2, 3)).axes] == ["layer", "head", "from", "to"]
    assert sides(EVERY["heads in pairs"]).axes[1].labels == ("L5H1:L29H3", "mean:mean")
    assert sides(EVERY["distributions"]).axes[0].labels[:4] == ("nurse → x", "nurse → y", "nurse → z", "tired → x")
    keys = alignment(("k0", "k1", "k2"))
    assert sides(replace(attention(1, 1), key_alignment=keys)).axes[3].labels == keys.texts


def test_one_head_of_many_is_its_pattern() -> None:
    result = attention(2, 3)
    a, b, change = one_head(sides(result), layer=1, head=2).panels
    np.testing.assert_array_equal(a.values, result.a.pattern[1, 2])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(b.values, result.b.pattern[1, 2])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(change.values, result.delta[1, 2])


def test_the_place_of_the_largest_difference_is_named() -> None:
    result = matrices()
    row, column = np.unravel_index(int(np.abs(result.delta).argmax()), result.delta.shape)
    said = difference(result).description
    assert f"from {WORDS[row]}, to {WORDS[column]}: A " in said
    assert said.endswith(f"B − A {format_number(float(result.delta[row, column]))}.")


@pytest.mark.parametrize(
    ("known", "subtitles"),
    [
        ({"model": "minilm", "model_b": "smollm2"}, ("minilm", "smollm2")),
        ({"model": "m", "model_b": "m", "parameters": {"text": "a\ncat", "text_b": "a dog"}}, ("a\ncat", "a dog")),
        ({"model": "m", "parameters": {"text": "a cat", "text_b": None}}, ("", "")),
        ({}, ("", "")),
    ],
)
def test_panels_say_what_is_a_and_what_is_b(known: dict[str, Any], subtitles: tuple[str, str]) -> None:
    result = replace(matrices(), provenance=known)
    assert tuple(panel.subtitle for panel in sides(result).panels)[:2] == subtitles
    assert all(text.replace("\n", "⏎") in texts(difference(result)) for text in subtitles if text)


def test_nothing_to_compare_is_said() -> None:
    result = replace(matrices(), delta=np.full((5, 5), np.nan, dtype=np.float32))
    assert "nothing to draw" in difference(result).description


def test_equal_sides_are_drawn() -> None:
    zero = TokenMatrix(tokens=WORDS, values=np.zeros((5, 5), dtype=np.float32))
    assert all(
        (heat.steps == (127 if i == 2 else 0)).all() for i, heat in enumerate(heats(difference(made(zero, zero))))
    )
