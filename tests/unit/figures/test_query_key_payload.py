"""The query–key payload: the numbers come back, masks are named, a soft cap is noticed."""

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np

from lmviz.figures.query_key_payload import query_key_payload, query_token
from tests.figure_samples import DIMENSIONS, products

WORDS = (" the", "<b>", "中")


def header_of(payload: bytes) -> tuple[dict[str, Any], np.ndarray]:
    (length,) = struct.unpack_from("<I", payload)
    assert (4 + length) % 4 == 0
    return json.loads(payload[4 : 4 + length]), np.frombuffer(payload[4 + length :], dtype="<f4")


def test_every_number_comes_back() -> None:
    result = products(WORDS)
    header, numbers = header_of(query_key_payload(result))
    assert [token["text"] for token in header["tokens"]] == list(WORDS)
    parts = np.split(numbers, np.cumsum([DIMENSIONS, 3 * DIMENSIONS, 3 * DIMENSIONS, 3, 3]))
    wanted = (result.query_vector, result.key_vectors, result.products, result.added, result.scores, result.pattern)
    for part, want in zip(parts, wanted, strict=True):
        np.testing.assert_array_equal(part, want.ravel())


def test_the_same_result_gives_the_same_bytes() -> None:
    assert query_key_payload(products(WORDS)) == query_key_payload(products(WORDS))


def test_masked_keys_are_named_and_are_no_soft_cap() -> None:
    header, _ = header_of(query_key_payload(products(WORDS, masked_from=2)))
    assert header["masked"] == [False, False, True]
    assert header["capped"] is False


def test_a_soft_cap_is_noticed() -> None:
    result = products(WORDS)
    capped = replace(result, scores=np.tanh(result.scores).astype(np.float32))
    assert header_of(query_key_payload(capped))[0]["capped"] is True


def test_the_query_of_cross_attention_is_not_among_the_keys() -> None:
    result = products(WORDS, query=1)
    assert query_token(result) == "<b>"
    assert query_token(replace(result, provenance={"parameters": {"part": "cross"}})) is None
