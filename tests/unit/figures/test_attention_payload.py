"""Packing and a slow, independent unpacking agree within the bound that the packing promises."""

import json
import math
import struct
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lmviz.errors import InvalidParameter
from lmviz.figures.attention_payload import (
    MAX_TILE,
    ExplorerWords,
    HeadStatistic,
    PipeAddress,
    explorer_payload,
    payload_header,
    pipe_payload,
)
from lmviz.results import AttentionPattern, LayerHeadGrid, TokenTable, is_punctuation

WORDS = ExplorerWords(model="tiny", caption="tiny, sha256 abc", file_name="tiny-attention")
AWKWARD = (
    "",
    " ",
    "<b>",
    "</script>",
    "<|endoftext|>",
    "Ġ",
    "##ing",
    "👩‍👩‍👧",
    "中文",
    "مرحبا",
    "\ud83d",
    '"\\',
    "\u2028",
    "…",
)


def softmax_pattern(layers: int, heads: int, size: int, key_size: int | None = None) -> np.ndarray:
    scores = np.random.default_rng(3).normal(size=(layers, heads, size, key_size or size)).astype(np.float32) * 3
    weights = np.exp(scores)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float32)


def result_of(pattern: np.ndarray, **fields: Any) -> AttentionPattern:
    tokens = tuple(f" w{index}" for index in range(pattern.shape[2]))
    return replace(AttentionPattern(tokens=tokens, pattern=pattern), **fields)


def statistic(values: np.ndarray, note: str = "") -> HeadStatistic:
    grid = LayerHeadGrid(values=np.asarray(values, dtype=np.float32), unit="nats", note=note)
    return HeadStatistic("Entropy", "How widely it looks.", grid)


def decode(payload: bytes) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The explorer's format, one number at a time, from its description alone."""
    length = struct.unpack("<I", payload[:4])[0]
    header = json.loads(
        payload[4 : 4 + length].decode("utf-8"), parse_constant=lambda word: pytest.fail(f"{word} in JSON")
    )
    shape = (header["layers"], header["heads"], header["tile"], header["tile_key"])
    place = 4 + length
    assert place % 4 == 0
    tiles = np.zeros(shape)
    for index, byte in zip(np.ndindex(shape), payload[place:], strict=False):
        tiles[index] = (byte / 255) ** 2 * header["maximum"]
    place += math.prod(shape)
    place += -place % 4
    grid = (len(header["statistics"]), header["layers"], header["heads"])
    numbers = [struct.unpack_from("<f", payload, place + 4 * index)[0] for index in range(math.prod(grid))]
    assert len(payload) == place + 4 * math.prod(grid)
    return header, tiles, np.array(numbers).reshape(grid)


def bound(values: np.ndarray, maximum: float) -> np.ndarray:
    """Half a step of the square root: the derivative is 2 · share, plus the square of the half step."""
    return np.asarray(maximum * (np.sqrt(values / maximum) / 255 + 1 / 510**2) * 1.001)


def test_tiles_decode_within_the_bound_of_the_companding() -> None:
    pattern = softmax_pattern(2, 3, 7)
    header, tiles, _ = decode(explorer_payload(result_of(pattern), {}, channel="main", words=WORDS))
    assert not header["pooled"]
    assert np.all(np.abs(tiles - pattern) <= bound(pattern, float(pattern.max())))


def test_the_bound_is_tight_enough_to_notice_plain_eight_bits() -> None:
    values = np.linspace(0, 1, 4097)[1:]
    linear = np.rint(values * 255) / 255
    assert np.any(np.abs(linear - values) > bound(values, 1.0))


@pytest.mark.parametrize("size", [65, 100, 130, 512])
def test_pooling_keeps_the_largest_of_each_run(size: int) -> None:
    pattern = softmax_pattern(1, 2, size)
    header, tiles, _ = decode(explorer_payload(result_of(pattern), {}, channel="main", words=WORDS))
    assert (header["tile"], header["tile_key"], header["pooled"]) == (MAX_TILE, MAX_TILE, True)
    starts = [run * size // MAX_TILE for run in range(MAX_TILE + 1)]
    expected = np.zeros_like(tiles)
    for _, head, query, key in np.ndindex(tiles.shape):
        expected[0, head, query, key] = pattern[
            0, head, starts[query] : starts[query + 1], starts[key] : starts[key + 1]
        ].max()
    assert np.all(np.abs(tiles - expected) <= bound(expected, float(pattern.max())))


def test_amounts_above_one_survive() -> None:
    pattern = softmax_pattern(1, 1, 5) * 40
    header, tiles, _ = decode(explorer_payload(result_of(pattern), {}, channel="main", words=WORDS))
    assert header["maximum"] == pytest.approx(float(pattern.max()))
    assert header["maximum"] > 1
    assert np.all(np.abs(tiles - pattern) <= bound(pattern, header["maximum"]))


def test_undefined_statistics_leave_the_json_valid() -> None:
    values = np.array([[1.5, np.nan], [0.25, np.inf]])
    statistics = {"entropy": statistic(values, note="No query qualifies.")}
    header, _, numbers = decode(
        explorer_payload(result_of(softmax_pattern(2, 2, 3)), statistics, channel="main", words=WORDS)
    )
    np.testing.assert_array_equal(numbers[0], values.astype(np.float32))
    assert header["statistics"] == [
        {"slug": "entropy", "title": "Entropy", "unit": "nats", "explain": "How widely it looks. No query qualifies."}
    ]


def test_undefined_amounts_count_as_nothing() -> None:
    pattern = softmax_pattern(1, 1, 80)
    pattern[0, 0, 3] = np.nan
    header, tiles, _ = decode(explorer_payload(result_of(pattern), {}, channel="main", words=WORDS))
    assert math.isfinite(header["maximum"])
    assert np.isfinite(tiles).all()


def test_nothing_at_all_is_drawn_as_nothing() -> None:
    header, tiles, _ = decode(
        explorer_payload(result_of(np.zeros((1, 1, 2, 2), dtype=np.float32)), {}, channel="main", words=WORDS)
    )
    assert header["maximum"] == 0
    assert not tiles.any()


def test_cross_attention_has_its_own_keys() -> None:
    keys = tuple(f"k{index}" for index in range(70))
    result = result_of(softmax_pattern(1, 2, 5, 70), key_tokens=keys, part="cross")
    header, tiles, _ = decode(explorer_payload(result, {}, channel="main", words=WORDS))
    assert (header["size"], header["key_size"], header["tile"], header["tile_key"]) == (5, 70, 5, 64)
    assert [token["text"] for token in header["key_tokens"]] == list(keys)
    assert tiles.shape == (1, 2, 5, 64)
    assert not header["causal"]


@pytest.mark.parametrize("size", [6, 200])
def test_a_decoder_is_causal_only_if_its_numbers_are(size: int) -> None:
    pattern = softmax_pattern(1, 1, size)
    full = result_of(pattern, part="decoder")
    lower = result_of(np.tril(pattern), part="decoder")
    assert not payload_header(explorer_payload(full, {}, channel="main", words=WORDS))["causal"]
    assert payload_header(explorer_payload(lower, {}, channel="main", words=WORDS))["causal"]


def test_awkward_tokens_arrive_as_they_are() -> None:
    table = TokenTable(
        text="x",
        text_pair=None,
        ids=tuple(range(len(AWKWARD))),
        tokens=AWKWARD,
        raw=tuple(reversed(AWKWARD)),
        spans=tuple((index, index + 1) for index in range(len(AWKWARD))),
        words=tuple(range(len(AWKWARD))),
        segments=(0,) * len(AWKWARD),
        special=tuple(token.startswith("<|") for token in AWKWARD),
    )
    pattern = softmax_pattern(1, 1, len(AWKWARD))
    result = AttentionPattern(tokens=AWKWARD, pattern=pattern, table=table)
    tokens = decode(explorer_payload(result, {}, channel="main", words=WORDS))[0]["tokens"]
    assert tuple(token["text"] for token in tokens) == AWKWARD
    assert tuple(token["raw"] for token in tokens) == table.raw
    assert [token["text"] for token in tokens if token["special"]] == ["<|endoftext|>"]
    assert [token["text"] for token in tokens if token["punctuation"]] == ["\"\\", "…"]  # fmt: skip
    assert (tokens[2]["start"], tokens[2]["end"], tokens[2]["id"]) == (2, 3, 2)


def test_the_id_follows_the_data_and_nothing_else() -> None:
    pattern = softmax_pattern(2, 2, 4)
    values = {"entropy": statistic(np.ones((2, 2)))}
    first = explorer_payload(result_of(pattern), values, channel="main", words=WORDS)
    again = explorer_payload(result_of(pattern.copy()), values, channel="main", words=WORDS)
    assert first == again
    changed = pattern.copy()
    changed[1, 1, 2] = changed[1, 1, 2, ::-1]
    others = [
        explorer_payload(result_of(changed), values, channel="main", words=WORDS),
        explorer_payload(result_of(pattern), {"entropy": statistic(np.zeros((2, 2)))}, channel="main", words=WORDS),
        explorer_payload(result_of(pattern), values, channel="main", words=replace(WORDS, model="other")),
    ]
    assert len({payload_header(payload)["id"] for payload in (first, *others)}) == 4


def test_a_statistic_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="same model"):
        explorer_payload(
            result_of(softmax_pattern(2, 2, 3)), {"entropy": statistic(np.ones((3, 2)))}, channel="main", words=WORDS
        )


def decode_pipe(payload: bytes) -> tuple[dict[str, Any], np.ndarray]:
    length = struct.unpack("<I", payload[:4])[0]
    header = json.loads(payload[4 : 4 + length])
    rows, cols = header["rows"], header["cols"]
    matrix = np.zeros((rows, cols), dtype=np.float32)
    cells = [(row, col) for row in range(rows) for col in range(cols) if not header["triangle"] or col <= row]
    for index, cell in enumerate(cells):
        matrix[cell] = struct.unpack_from("<f", payload, 4 + length + 4 * index)[0]
    assert len(payload) == 4 + length + 4 * len(cells)
    return header, matrix


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (4, 9)])
@pytest.mark.parametrize("lower", [False, True])
def test_the_pipe_carries_every_number_exactly(shape: tuple[int, int], *, lower: bool) -> None:
    matrix = softmax_pattern(1, 1, *shape)[0, 0]
    matrix = np.tril(matrix) if lower else matrix
    view = {"shown": "mean", "chosen": [[0, 1]], "locked": [["q", 2]]}
    payload = pipe_payload(matrix, view, to=PipeAddress("main", "abc", 3), label="mean of 1 head")
    header, decoded = decode_pipe(payload)
    np.testing.assert_array_equal(decoded, matrix)
    assert header["triangle"] == (lower and shape == (5, 5))
    assert (header["channel"], header["id"], header["revision"], header["label"]) == (
        "main",
        "abc",
        3,
        "mean of 1 head",
    )
    assert (header["view"], header["shown"]) == (view, "mean")


def test_a_triangle_saves_nearly_half() -> None:
    matrix = softmax_pattern(1, 1, 100)[0, 0]
    address = PipeAddress("main", "abc", 0)
    whole, half = (len(pipe_payload(values, {}, to=address, label="L0H0")) for values in (matrix, np.tril(matrix)))
    assert half < 0.52 * whole


def test_512_tokens_of_144_heads_are_packed_fast_and_small() -> None:
    result = result_of(np.random.default_rng(0).random((12, 12, 512, 512), dtype=np.float32))
    best = math.inf
    for _ in range(3):
        started = time.perf_counter()
        payload = explorer_payload(result, {}, channel="main", words=WORDS)
        best = min(best, time.perf_counter() - started)
    assert best < 0.5
    assert len(payload) < 800_000


@pytest.mark.parametrize("token", [".", " ,", "...", "…", "。", "“", "-", "!?\n"])
def test_punctuation_is_punctuation(token: str) -> None:
    assert is_punctuation(token)


@pytest.mark.parametrize("token", ["", " ", "a.", "$", "+", "中", "[CLS]", "<|endoftext|>"])
def test_everything_else_is_not(token: str) -> None:
    assert not is_punctuation(token)
