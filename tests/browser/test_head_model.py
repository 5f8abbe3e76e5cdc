"""The head panel's arithmetic (head_model.js, head_words.js, head_layout.js), run in a browser without any drawing."""

import csv
import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.harness import head_panel as harness

SHOW = """([values, rows, cols, tokens, keys, view, about]) => {
    const matrix = {...headSpread(Float32Array.from(values), rows, cols, about), label: "L0H0", exact: true};
    const shown = headShown(matrix, headSides(tokens, keys || tokens, completeView(view)));
    const plain = (group) => ({...group, tokens: undefined});
    return {...shown, rows: shown.rows.map(plain), cols: shown.cols.map(plain), values: [...shown.values],
            rowHidden: [...shown.rowHidden], picks: null};
}"""


@pytest.fixture(scope="module")
def script(browser: Browser) -> Iterator[harness.PanelPage]:
    context = browser.new_context()
    panel = harness.PanelPage(context.new_page()).open()
    yield panel
    context.close()
    assert panel.problems == []


def shown(script: harness.PanelPage, values: Any, tokens: Any, keys: Any = None, **view: Any) -> dict[str, Any]:
    rows, cols = values.shape
    about = {"size": len(tokens), "key_size": len(keys or tokens), "pooled": False}
    view = {"hide_special": False, **view}
    flat = [float(value) for value in values.ravel()]
    found: dict[str, Any] = script.page.evaluate(SHOW, [flat, rows, cols, tokens, keys, view, about])
    return found


def test_words_sum_over_keys_and_average_over_queries(script: harness.PanelPage) -> None:
    tokens = harness.tokens(harness.PRONOUN)
    values = harness.pattern(len(tokens), len(tokens), seed=3)
    got = shown(script, values, tokens, words=True)
    texts = [group["text"] for group in got["rows"]]
    assert "unbelievably" in texts
    words = [group["positions"] for group in got["rows"]]
    expected = np.array([[values[np.ix_(row, col)].sum(1).mean() for col in words] for row in words])
    matrix = np.reshape(got["values"], (len(words), len(words)))
    np.testing.assert_allclose(matrix, expected, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)  # rows still sum to one
    assert (
        abs(values[:, words[texts.index("unbelievably")]].mean(1) - values.mean()).max() > 0.01
    )  # and it is no average


def test_special_tokens_stay_apart_when_words_are_merged(script: harness.PanelPage) -> None:
    tokens = harness.tokens(["[CLS]", "[SEP]", "a", "##b"])
    got = shown(script, harness.pattern(4, 4), tokens, words=True)
    assert [group["positions"] for group in got["rows"]] == [[0], [1], [2, 3]]


def test_hiding_never_renormalises_and_says_what_is_hidden(script: harness.PanelPage) -> None:
    tokens = harness.tokens(harness.PRONOUN)
    values = harness.pattern(len(tokens), len(tokens), seed=1)
    got = shown(script, values, tokens, hide_special=True, hide_punctuation=True)
    kept = [group["first"] for group in got["rows"]]
    assert kept == list(range(1, 14))
    part = values[np.ix_(kept, kept)]
    np.testing.assert_array_equal(np.reshape(got["values"], part.shape), part)
    np.testing.assert_allclose(got["rowHidden"], values[kept].sum(1) - part.sum(1), atol=1e-6)
    assert got["hiddenShare"] == pytest.approx(1 - part.sum() / values[kept].sum(), abs=1e-6)
    assert got["hiddenShare"] > 0.01
    assert shown(script, values, tokens)["hiddenShare"] == 0


@pytest.mark.parametrize(("name", "rows", "cols"), [("aa", 0, 0), ("ab", 0, 1), ("ba", 1, 0), ("bb", 1, 1)])
def test_sentence_filters_choose_queries_and_keys(script: harness.PanelPage, name: str, rows: int, cols: int) -> None:
    segments = [0, 0, 0, 1, 1]
    tokens = harness.tokens(["a", "b", "c", "d", "e"], segments)
    got = shown(script, harness.pattern(5, 5), tokens, filter=name)
    assert [segments[group["first"]] for group in got["rows"]] == [rows] * segments.count(rows)
    assert [segments[group["first"]] for group in got["cols"]] == [cols] * segments.count(cols)


@pytest.mark.parametrize(("cutoff", "limit"), [(0.0, 50), (0.02, 50), (0.0, 10**6), (0.3, 400), (2.0, 5)])
def test_the_strongest_pairs_are_the_strongest(script: harness.PanelPage, cutoff: float, limit: int) -> None:
    values = harness.pattern(90, 90, causal=True, seed=5)
    tokens = harness.tokens([f"t{i}" for i in range(90)])
    got = script.page.evaluate(
        """([values, tokens, cutoff, limit]) => {
            const matrix = headSpread(Float32Array.from(values), 90, 90, {size: 90, key_size: 90});
            return headStrongest(headShown(matrix, headSides(tokens, tokens, completeView({}))), cutoff, limit);
        }""",
        [[float(value) for value in values.ravel()], tokens, cutoff, limit],
    )
    positive = np.sort(values[values > 0])[::-1]
    above = positive[positive >= np.float32(cutoff)]
    assert [pair["value"] for pair in got["pairs"]] == pytest.approx(above[:limit].tolist())
    assert (got["above"], got["below"]) == (len(above), len(positive) - len(above))
    assert all(values[pair["row"], pair["col"]] == np.float32(pair["value"]) for pair in got["pairs"])


def test_one_strong_cell_survives_pooling(script: harness.PanelPage) -> None:
    pooled = script.page.evaluate(
        """() => {
            const shown = {values: new Float32Array(360000), rows: {length: 600}, cols: {length: 600}};
            shown.values[431 * 600 + 17] = 0.9;
            const {rows, cols, values: small} = headPooled(shown, {row: [0, 600], col: [0, 600]}, 100, 150);
            return {rows, cols, small: [...small]};
        }"""
    )
    small = np.reshape(pooled["small"], (pooled["rows"], pooled["cols"]))
    assert small.shape == (100, 150)
    assert np.argwhere(small > 0).tolist() == [[431 // 6, 17 // 4]]
    assert small.max() == pytest.approx(0.9)


def test_a_coarse_preview_is_spread_and_makes_one_arc_per_block(script: harness.PanelPage) -> None:
    got = script.page.evaluate(
        """(tokens) => {
            const about = {size: 100, key_size: 100, tile: 10, tile_key: 10, pooled: true};
            const values = Float32Array.from({length: 100}, (_, i) => (i + 1) / 100);
            const matrix = headSpread(values, 10, 10, about);
            const shown = headShown(matrix, headSides(tokens, tokens, completeView({})));
            return {cell: shown.values[25 * 100 + 99], count: headStrongest(shown, 0, 1000).pairs.length};
        }""",
        harness.tokens([f"t{i}" for i in range(100)]),
    )
    assert got == {"cell": pytest.approx(0.30), "count": 100}


def test_written_labels_never_overlap_and_hold_the_wanted_ones(script: harness.PanelPage) -> None:
    for step in (0.7, 3.0, 9.9, 14.0, 22.0):
        chosen = script.page.evaluate("(step) => headChosenLabels([5, 400], step, [77, 78, 300, 9999])", step)
        gaps = np.diff(chosen) * step
        assert gaps.min() >= 14 - 1e-6 or step >= 14
        assert 77 in chosen and 300 in chosen and min(chosen) >= 5 and max(chosen) < 400
        assert (78 in chosen) == (step >= 14)


def test_the_plan_stays_inside_its_width(script: harness.PanelPage) -> None:
    sizes = [(1, 1), (14, 14), (6, 40), (64, 64), (512, 512), (1024, 30)]
    for width, (rows, cols), mode in product((280, 480, 700, 1200), sizes, ("arcs", "matrix", "both")):
        got = script.page.evaluate(
            """([width, rows, cols, mode]) => headLayout({width, rows, cols, mode,
                labels: {query: 300, key: 300}, window: {zoom: 1, row: 0, col: 0}})""",
            [width, rows, cols, mode],
        )
        boxes = ((got["arcs"], got["columns"]["key"] + 56), (got["matrix"], 0))
        right = [box["left"] + box["width"] + extra for box, extra in boxes if box]
        case = (width, rows, cols, mode)
        assert max(right) <= width, case
        assert min(box["width"] for box, _ in boxes if box) > 0, case
        assert (got["seen"]["rowSpan"], got["seen"]["colSpan"]) == (rows, cols), case  # unzoomed: everything is seen
        if got["columns"]["beside"]:
            assert got["arcs"]["top"] == got["matrix"]["top"], case  # the same rows stand at the same height


def test_csv_holds_awkward_tokens_as_they_are_read(script: harness.PanelPage) -> None:
    tokens = harness.tokens(harness.AWKWARD)
    values = harness.pattern(len(tokens), len(tokens), seed=2)
    text = script.page.evaluate(
        """([values, tokens]) => {
            const n = tokens.length;
            const matrix = headSpread(Float32Array.from(values), n, n, {size: n, key_size: n});
            return headCsv(headShown(matrix, headSides(tokens, tokens, completeView({hide_special: false}))), 0, "# a");
        }""",
        [[float(value) for value in values.ravel()], tokens],
    )
    assert text.startswith("# a\r\n")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("# a\r\n"), newline="")))
    assert len(rows) == len(tokens) ** 2
    for row in rows:
        query, key = int(row["query_position"]), int(row["key_position"])
        assert (row["query"], row["key"]) == (harness.AWKWARD[query], harness.AWKWARD[key])
        assert np.float32(float(row["value"])) == values[query, key]


@pytest.mark.parametrize(
    ("stem", "label", "name"),
    [
        ("m-attention", "L5H1", "m-attention-L5H1.svg"),
        ("a/b", "mean of 12 heads", "a-b-mean-of-12-heads.svg"),
        ("", "", "attention.svg"),
        ("../..", "中文", "中文.svg"),
    ],
)
def test_file_names_are_plain(script: harness.PanelPage, stem: str, label: str, name: str) -> None:
    assert script.page.evaluate("([stem, label]) => headFileName(stem, label, 'svg')", [stem, label]) == name


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ({"shown": "head", "layer": 5, "head": 1, "chosen": [[0, 1]]}, "L5H1"),
        ({"shown": "mean", "chosen": [[0, 1], [2, 3]]}, "mean of L0H1, L2H3"),
        ({"shown": "max"}, "maximum of all 144 heads"),
        ({"shown": "flow", "chosen": [[0, 7]]}, "flow of L0H7"),
    ],
)
def test_captions_name_what_a_matrix_is_made_of(script: harness.PanelPage, view: dict[str, object], words: str) -> None:
    assert script.page.evaluate("(view) => matrixWords(completeView(view), 144)", view) == words


@pytest.mark.parametrize(("count", "ending"), [(20, "L1H7"), (21, "L1H7 … (21 heads)")])
def test_many_heads_are_named_up_to_twenty_and_counted(script: harness.PanelPage, count: int, ending: str) -> None:
    chosen = [[index // 12, index % 12] for index in range(count)]
    words = script.page.evaluate("(chosen) => matrixWords(completeView({shown: 'rollout', chosen}), 144)", chosen)
    assert words.startswith("rollout of L0H0, L0H1, ") and words.endswith(ending)
    assert words.count("L") == 20
