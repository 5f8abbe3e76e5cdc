"""Attention packed into bytes for the browser: all heads as small tiles, or one matrix in full precision."""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from lmviz.errors import InvalidParameter
from lmviz.results import AttentionPattern, LayerHeadGrid, TokenTable, is_punctuation

MAX_TILE = 64  # rows and columns of a tile; longer inputs are pooled


@dataclass(frozen=True)
class HeadStatistic:
    """One number per head for the overview, with what a person reads about it."""

    title: str
    explain: str
    grid: LayerHeadGrid


@dataclass(frozen=True)
class ExplorerWords:
    """What the explorer says about its data; `caption` and `file_name` are for exports.

    `offers` are the kinds of picture that whoever answers the explorer can give: of cross attention, for one, there is
    no rollout.
    """

    model: str
    what: str = "Attention pattern"
    unit: str = ""
    caption: str = ""
    file_name: str = "attention"
    offers: tuple[str, ...] = ("head", "mean", "max", "rollout", "flow")


@dataclass(frozen=True)
class PipeAddress:
    """Which explorer a matrix is for, and the number of the view; a new revision makes the explorer follow it."""

    channel: str
    explorer_id: str
    revision: int


def explorer_payload(
    result: AttentionPattern,
    statistics: Mapping[str, HeadStatistic],
    *,
    channel: str,
    words: ExplorerWords,
) -> bytes:
    """Pack every head of a result as a tile of at most 64 x 64, with the statistics beside them.

    A tile holds maxima, so that a single strong weight in a long text stays visible. Its bytes are square roots of the
    share of the largest amount: a byte u stands for (u / 255)² · maximum, which spends more steps on small amounts.
    The bytes depend on the arguments alone, so an unchanged result is never sent twice.

    Args:
        result: Patterns, or other amounts of zero or more per layer, head, query and key.
        statistics: Slug to statistic, in the order of the menu.
        channel: Name by which pipes find this explorer on the page.
        words: Titles, unit and provenance.

    Returns:
        u32 header length, JSON header, u8 tiles, padding to 4, f32 statistics; everything little-endian.

    Raises:
        InvalidParameter: A statistic has another number of layers or heads than the result.
    """
    layers, heads, size, key_size = result.pattern.shape
    tiles, maximum = _tiles(result.pattern)
    header = {
        "channel": channel,
        **asdict(words),
        "part": result.part,
        "layers": layers,
        "heads": heads,
        "size": size,
        "key_size": key_size,
        "tile": tiles.shape[2],
        "tile_key": tiles.shape[3],
        "pooled": tiles.shape[2:] != (size, key_size),
        "causal": result.part == "decoder" and size == key_size and _is_lower(tiles, size),
        "maximum": maximum,
        "tokens": _token_rows(result.tokens, result.table),
        "key_tokens": None if result.key_tokens is None else _token_rows(result.key_tokens, result.key_table),
        "statistics": [
            {"slug": slug, "title": item.title, "unit": item.grid.unit, "explain": _explanation(item)}
            for slug, item in statistics.items()
        ],
    }
    body = tiles.tobytes()
    body += b"\0" * (-len(body) % 4) + _statistic_bytes(statistics, (layers, heads))
    digest = hashlib.sha256(json.dumps(header).encode() + body).hexdigest()[:20]
    return _message({"id": digest, **header}, body)


def pipe_payload(
    matrix: Float32[np.ndarray, "query key"],
    view: Mapping[str, Any],
    *,
    to: PipeAddress,
    label: str,
) -> bytes:
    """Pack one matrix in full precision; of a causal one only the lower triangle, row by row.

    Args:
        matrix: What the head panel draws.
        view: The view that asked for it; its key "shown" says what the matrix is.
        to: The explorer it is for.
        label: What it is called on screen: "L5H1", "mean of 12 heads", "rollout".

    Returns:
        u32 header length, JSON header, f32 numbers; everything little-endian.
    """
    values = np.ascontiguousarray(matrix, dtype="<f4")
    rows, cols = values.shape
    triangle = rows == cols and rows > 1 and not np.triu(values, 1).any()
    header = {
        "channel": to.channel,
        "id": to.explorer_id,
        "revision": to.revision,
        "view": dict(view),
        "label": label,
        "shown": view.get("shown", "head"),
        "rows": rows,
        "cols": cols,
        "triangle": triangle,
    }
    return _message(header, (values[np.tril_indices(rows)] if triangle else values).tobytes())


def payload_header(payload: bytes) -> dict[str, Any]:
    """Read the header of a payload; its "id" is what a pipe's address needs.

    Args:
        payload: What explorer_payload or pipe_payload gave.

    Returns:
        The JSON header.
    """
    (length,) = struct.unpack_from("<I", payload)
    header: dict[str, Any] = json.loads(payload[4 : 4 + length])
    return header


def _message(header: Mapping[str, Any], body: bytes) -> bytes:
    # ASCII JSON, so that lone surrogates in a token cannot break the encoding
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-(len(text) + 4) % 4)
    return struct.pack("<I", len(text)) + text + body


def _tiles(
    pattern: Float32[np.ndarray, "layer head query key"],
) -> tuple[UInt8[np.ndarray, "layer head tile tile_key"], float]:
    """Pool to the size of a tile and quantise; NaN counts as nothing."""
    pooled = _pooled(_pooled(pattern, axis=2), axis=3)
    pooled = np.nan_to_num(pooled, nan=0.0, posinf=float(np.finfo(np.float32).max), neginf=0.0)
    maximum = float(pooled.max(initial=0.0))
    if maximum <= 0:
        return np.zeros(pooled.shape, dtype=np.uint8), 0.0
    share = np.sqrt(np.clip(pooled, 0, None) / np.float32(maximum))
    return np.rint(share * 255).astype(np.uint8), maximum


def _pooled(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Take maxima over at most 64 runs of an axis; run i starts at i * size // runs."""
    size = values.shape[axis]
    if size <= MAX_TILE:
        return values
    edges = np.arange(MAX_TILE + 1) * size // MAX_TILE
    whole: list[slice] = [slice(None)] * axis
    runs = [values[(*whole, slice(start, stop))] for start, stop in pairwise(edges)]
    return np.stack([np.fmax.reduce(run, axis=axis) for run in runs], axis=axis)


def _is_lower(tiles: UInt8[np.ndarray, "layer head tile tile_key"], size: int) -> bool:
    """Say whether every tile cell that lies wholly above the diagonal is zero."""
    runs = tiles.shape[2]
    edges = np.arange(runs + 1) * size // runs
    above = edges[None, :-1] >= edges[1:, None]  # (query run, key run)
    return not bool(tiles[:, :, above].any())


def _statistic_bytes(statistics: Mapping[str, HeadStatistic], shape: tuple[int, int]) -> bytes:
    for slug, item in statistics.items():
        if item.grid.values.shape != shape:
            raise InvalidParameter(
                f"The statistic '{slug}' has shape {item.grid.values.shape} and the pattern {shape} layers and heads; "
                "compute both from the same model and text."
            )
    return b"".join(np.ascontiguousarray(item.grid.values, dtype="<f4").tobytes() for item in statistics.values())


def _explanation(item: HeadStatistic) -> str:
    return " ".join(part for part in (item.explain, item.grid.note) if part)


def _token_rows(tokens: Sequence[str], table: TokenTable | None) -> list[dict[str, Any]]:
    if table is None:
        return [
            {"text": text, "raw": text, "id": -1, "word": index, "special": False, "segment": 0, "start": -1, "end": -1}
            | {"punctuation": is_punctuation(text)}
            for index, text in enumerate(tokens)
        ]
    return [
        {
            "text": table.tokens[index],
            "raw": table.raw[index],
            "id": table.ids[index],
            "word": table.words[index],
            "special": table.special[index],
            "punctuation": not table.special[index] and is_punctuation(table.tokens[index]),
            "segment": table.segments[index],
            "start": table.spans[index][0],
            "end": table.spans[index][1],
        }
        for index in range(len(table))
    ]
