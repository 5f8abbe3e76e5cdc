"""One query's products with every key, packed into bytes for the browser."""

import json
import struct
from collections.abc import Mapping

import numpy as np

from lmviz.figures.provenance import caption
from lmviz.results import QueryKeyProducts

MASKED_BELOW = -1e9  # what a mask adds to a score


def query_key_payload(result: QueryKeyProducts) -> bytes:
    """Pack the vectors, products, scores and pattern of one query; a pure function of the result.

    Args:
        result: The products, one row per key.

    Returns:
        u32 header length, JSON header, then f32, little-endian: the query vector, then for every key its vector, its
        products, and what is added, score and pattern.
    """
    keys, dimensions = result.products.shape
    header = {
        "layer": result.layer,
        "head": result.head,
        "query": result.query,
        "query_token": query_token(result),
        "scale": result.scale,
        "capped": _is_capped(result),
        "keys": keys,
        "dimensions": dimensions,
        "masked": [bool(value < MASKED_BELOW) for value in result.added],
        "tokens": _tokens(result),
        "caption": caption(result),
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-(len(text) + 4) % 4)
    parts = (result.query_vector, result.key_vectors, result.products, result.added, result.scores, result.pattern)
    body = b"".join(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in parts)
    return struct.pack("<I", len(text)) + text + body


def query_token(result: QueryKeyProducts) -> str | None:
    """Give the token that looks; None in cross attention, where it is not among the keys."""
    parameters = result.provenance.get("parameters", result.provenance.get("params", {}))
    part = parameters.get("part") if isinstance(parameters, Mapping) else None
    is_cross = "cross" in (result.provenance.get("part"), part)
    return None if is_cross or not 0 <= result.query < len(result.tokens) else result.tokens[result.query]


def _is_capped(result: QueryKeyProducts) -> bool:
    """Say whether a soft cap stands between sum × scale and the score."""
    seen = result.added > MASKED_BELOW
    plain = result.products[seen].sum(axis=1, dtype=np.float64) * result.scale + result.added[seen]
    return bool(np.any(np.abs(plain - result.scores[seen]) > 1e-3 * np.maximum(1.0, np.abs(plain))))


def _tokens(result: QueryKeyProducts) -> list[dict[str, object]]:
    table = result.table
    if table is None or len(table) != len(result.tokens):
        return [{"text": text, "raw": text, "id": -1, "special": False} for text in result.tokens]
    rows = zip(table.tokens, table.raw, table.ids, table.special, strict=True)
    return [{"text": text, "raw": raw, "id": number, "special": special} for text, raw, number, special in rows]
