"""The explorer in one file: which precision its numbers have, and that they come back as they went in."""

import base64
import gzip
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lmviz.errors import FigureUnavailable
from lmviz.figures import standalone
from lmviz.figures.attention_payload import ExplorerWords, payload_header
from lmviz.figures.standalone import explorer_html, precision_for
from tests.figure_samples import attention

WORDS = (" the", " cat", " sat")


def block(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None, name
    return json.loads(found[1])


def unpacked(page: str, name: str) -> bytes:
    return gzip.decompress(base64.b64decode(block(page, name)))


def test_short_inputs_are_kept_to_the_last_bit() -> None:
    result = attention(WORDS)
    page = explorer_html(result, {})
    kept = np.frombuffer(unpacked(page, "weights"), dtype="<f4").reshape(result.pattern.shape)
    np.testing.assert_array_equal(kept, result.pattern)
    assert block(page, "about")["precision"] == "float32"
    assert block(page, "about")["id"] == payload_header(unpacked(page, "payload"))["id"]


@pytest.mark.parametrize(
    ("precision", "kind", "steps", "limit"), [("uint16", "<u2", 65535, 2e-5), ("uint8", "u1", 255, 5e-3)]
)
def test_longer_inputs_are_quantised_within_what_is_said(precision: str, kind: str, steps: int, limit: float) -> None:
    pattern = attention(WORDS).pattern
    packed = standalone._weights(pattern, precision, float(pattern.max()))
    read = (np.frombuffer(packed, dtype=kind) / steps) ** 2 * pattern.max()
    np.testing.assert_allclose(read.reshape(pattern.shape), pattern, atol=limit)
    assert np.abs(read.reshape(pattern.shape) - pattern).max() > 0  # it is quantised


def test_precision_falls_with_length() -> None:
    sizes = [144 * tokens**2 for tokens in (64, 384, 600, 4096)]
    assert [precision_for(size) for size in sizes] == ["float32", "uint16", "uint8", "tiles"]


def test_a_file_of_pictures_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "UINT8_BYTES", 1)
    monkeypatch.setattr(standalone, "UINT16_BYTES", 1)
    monkeypatch.setattr(standalone, "FLOAT32_BYTES", 1)
    page = explorer_html(attention(WORDS), {})
    assert "64 × 64 blocks" in page
    assert 'id="weights"' not in page


def test_words_view_and_flow_are_carried() -> None:
    flow = np.eye(3, dtype=np.float32)
    view = {"shown": "flow", "chosen": [[0, 1], [1, 2]]}
    words = ExplorerWords(model="tiny", what="Norms", caption="made <here>")
    page = explorer_html(attention(WORDS), {}, view=view, words=words, focused=(flow, "flow of 2 heads"))
    assert "<h1>Norms · tiny</h1>" in page
    assert "made &lt;here&gt;" in page
    assert (block(page, "about")["view"], block(page, "about")["focused"]) == (view, "flow of 2 heads")
    np.testing.assert_array_equal(np.frombuffer(unpacked(page, "focused"), dtype="<f4").reshape(3, 3), flow)
    assert offered(page) == ["head", "mean", "max", "rollout", "flow"]


def offered(page: str) -> list[str]:
    return list(payload_header(unpacked(page, "payload"))["offers"])


def test_the_open_head_is_kept_to_the_last_bit_however_long_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UINT8_BYTES", "UINT16_BYTES", "FLOAT32_BYTES"):
        monkeypatch.setattr(standalone, name, 1)
    result = attention(WORDS)
    page = explorer_html(result, {}, view={"layer": 1, "head": 2})
    kept = np.frombuffer(unpacked(page, "focused"), dtype="<f4").reshape(3, 3)
    np.testing.assert_array_equal(kept, result.pattern[1, 2])
    assert block(page, "about")["focused"] == "L1H2"
    assert offered(page) == ["head", "mean", "max"]
    assert block(explorer_html(result, {}, view={"layer": 7}), "about")["focused"] is None


def test_rollout_is_offered_for_shares_alone_and_flow_only_when_it_is_seen() -> None:
    result = attention(WORDS)
    assert offered(explorer_html(result, {})) == ["head", "mean", "max", "rollout"]
    norms = replace(result, pattern=result.pattern * np.linspace(0.5, 3, 3, dtype=np.float32))
    assert offered(explorer_html(norms, {})) == ["head", "mean", "max"]
    sinks = replace(result, pattern=result.pattern * np.float32(0.5))
    assert offered(explorer_html(sinks, {})) == ["head", "mean", "max"]
    known = replace(sinks, provenance={"sinks": True})
    assert offered(explorer_html(known, {})) == ["head", "mean", "max", "rollout"]
    few = ExplorerWords(model="tiny", offers=("head", "mean"))
    assert offered(explorer_html(result, {}, words=few)) == ["head", "mean"]


def test_nothing_to_show_is_said() -> None:
    with pytest.raises(FigureUnavailable, match="Type a text first"):
        explorer_html(attention(()), {})
