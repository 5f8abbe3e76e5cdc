"""Activations of many texts are those of one pass over each; they are kept, gone on with, and keep to themselves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.capture.activation_files import JOURNAL, layer_file
from lmviz.capture.activations import Capture, capture, captured
from lmviz.capture.intervene import ProjectOut, intervening
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import Cancelled, CorruptedFile, EmptyInput, InvalidParameter, NotForThisModel, OverBudget
from tests.tiny import tiny

TEXTS = (
    "The nurse said that she was tired.",
    "the old cat sat on the mat",
    "What is the capital of France?",
    "a",
    "sleeping dogs don't fly, they said 😀 中文",
    "the old cat sat on the mat",
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


def nothing(_fraction: float, _message: str = "") -> None:
    """Be told."""


def whole(wanted: Capture, layer: int) -> np.ndarray:
    found = captured(wanted, on_progress=nothing)
    return found.rows(layer, np.arange(wanted.tokens.n_tokens))


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "roberta", "deberta-v2"])
def test_every_row_is_that_of_one_pass_over_its_text(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    wanted = capture(model, TEXTS)
    found = captured(wanted, on_progress=nothing)
    for number, text in enumerate(TEXTS):
        encoding = encode(model, text)
        rows = np.arange(wanted.tokens.offsets[number], wanted.tokens.offsets[number + 1])
        assert len(rows) == len(encoding.table)
        assert tuple(wanted.tokens.special[rows]) == encoding.table.special
        alone = trace(model, encoding, ("resid_pre", "resid_post"))
        np.testing.assert_allclose(found.rows(0, rows), alone["resid_pre"][0], atol=1e-5)
        for layer in range(model.n_layers):
            np.testing.assert_allclose(found.rows(layer + 1, rows), alone["resid_post"][layer], atol=2e-5)


def test_hidden_states_of_the_library_are_the_same() -> None:
    hf_model, tokenizer = tiny("bert")
    wanted = capture(lmviz.wrap(hf_model, tokenizer), TEXTS[:1])
    with torch.no_grad():
        states = hf_model(**tokenizer(TEXTS[0], return_tensors="pt"), output_hidden_states=True).hidden_states
    for layer, state in enumerate(states):
        np.testing.assert_allclose(whole(wanted, layer), state[0].numpy(), atol=1e-5)


def test_pieces_are_the_tokens_of_some_characters() -> None:
    model = lmviz.wrap(*tiny("bert"))
    tokens = capture(model, TEXTS).tokens
    table = encode(model, TEXTS[4]).table
    start = int(tokens.offsets[4])
    first = TEXTS[4].index("don't")
    wanted = [place for place, (a, b) in enumerate(table.spans) if a < first + 5 and b > first and b > a]
    assert list(tokens.pieces(4, [(first, first + 5)]) - start) == wanted
    plain = [place for place, special in enumerate(table.special) if not special]
    assert list(tokens.pieces(4, []) - start) == plain


def test_it_is_captured_once() -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    wanted = capture(model, TEXTS)
    assert not wanted.is_there
    before = whole(wanted, 1)
    assert capture(model, TEXTS).is_there
    assert capture(model, TEXTS).seconds == 0.0
    stamp = layer_file(wanted.folder, 1).stat().st_mtime_ns
    np.testing.assert_array_equal(whole(capture(model, TEXTS), 1), before)
    assert layer_file(wanted.folder, 1).stat().st_mtime_ns == stamp
    assert wanted.n_bytes == sum(file.stat().st_size for file in wanted.folder.glob("*.f32"))


def test_what_was_stopped_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmviz.capture.activations._N_TOKENS", 12)
    model = lmviz.wrap(*tiny("bert"))
    wanted = capture(model, TEXTS)
    calls: list[float] = []

    def stop(fraction: float, _message: str = "") -> None:
        calls.append(fraction)
        if len(calls) == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        captured(wanted, on_progress=stop)
    n_first = len(list(wanted.batches()))
    with layer_file(wanted.folder, 0).open("ab") as file:
        file.write(b"half a row that was not written down")
    later: list[float] = []
    captured(wanted, on_progress=lambda fraction, _message: later.append(fraction))
    assert len(later) == n_first - 2
    fresh = lmviz.wrap(*tiny("bert"))
    for number, text in enumerate(TEXTS):
        rows = np.arange(wanted.tokens.offsets[number], wanted.tokens.offsets[number + 1])
        alone = trace(fresh, encode(fresh, text), ("resid_post",))
        found = captured(wanted, on_progress=nothing).rows(1, rows)
        np.testing.assert_allclose(found, alone["resid_post"][0], atol=2e-5)


def test_other_weights_and_other_texts_are_kept_apart() -> None:
    hf_model, tokenizer = tiny("bert")
    first = capture(lmviz.wrap(hf_model, tokenizer), TEXTS)
    with torch.no_grad():
        changed = type(hf_model)(hf_model.config)
    assert capture(lmviz.wrap(changed, tokenizer), TEXTS).folder != first.folder
    assert capture(lmviz.wrap(hf_model, tokenizer), TEXTS[:2]).folder != first.folder
    assert capture(lmviz.wrap(hf_model, tokenizer), TEXTS).folder == first.folder


def test_eight_threads_capture_the_same_once() -> None:
    model = lmviz.wrap(*tiny("llama"))
    wanted = trace(model, encode(model, TEXTS[0]), ("resid_post",))["resid_post"][1]

    def run(_: int) -> Any:
        return whole(capture(model, TEXTS), 2)[: len(wanted)]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(run, range(8)):
            np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_a_text_that_is_too_long_has_no_rows() -> None:
    model = lmviz.wrap(*tiny("bert"))
    wanted = capture(model, ("the cat", "the cat sat " * 200, "a dog"))
    assert wanted.texts.too_long == (1,)
    assert not wanted.tokens.pieces(1, []).size
    assert whole(wanted, 0).shape == (wanted.tokens.n_tokens, wanted.width)
    with pytest.raises(InvalidParameter, match="longer than"):
        capture(model, ("the cat sat " * 200,))


def test_what_cannot_be_is_told() -> None:
    model = lmviz.wrap(*tiny("bert"))
    with pytest.raises(InvalidParameter, match="no text"):
        capture(model, ())
    with pytest.raises(EmptyInput):
        capture(model, ("a", " "))
    with pytest.raises(NotForThisModel):
        capture(lmviz.wrap(*tiny("t5")), TEXTS)
    direction = np.ones((1, 32), dtype=np.float32)
    with intervening(model, (ProjectOut(0, direction),)), pytest.raises(InvalidParameter, match="as it is"):
        capture(model, TEXTS)


def test_more_than_the_room_is_refused_and_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lmviz.wrap(*tiny("bert"))
    old, new = capture(model, TEXTS[:3]), capture(model, TEXTS[3:])
    whole(old, 0)
    monkeypatch.setenv("LMVIZ_ACTIVATIONS_GB", str((new.n_bytes + 100) / 1e9))
    whole(new, 0)
    assert not old.folder.exists()
    assert new.is_there
    monkeypatch.setenv("LMVIZ_ACTIVATIONS_GB", "1e-9")
    with pytest.raises(OverBudget, match="LMVIZ_ACTIVATIONS_GB"):
        captured(capture(model, TEXTS), on_progress=nothing)


def test_a_damaged_file_is_told() -> None:
    wanted = capture(lmviz.wrap(*tiny("bert")), TEXTS)
    found = captured(wanted, on_progress=nothing)
    layer_file(found.folder, 0).write_bytes(b"short")
    with pytest.raises(CorruptedFile, match="Delete the folder"):
        found.rows(0, np.arange(3))
    (found.folder / JOURNAL).write_text("nonsense", encoding="utf-8")
    assert whole(wanted, 0).shape[1] == wanted.width
