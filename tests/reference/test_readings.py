"""Many inputs in one go say what each says alone, whatever they are padded with and however batches are cut."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import lmviz
from lmviz.capture import readings
from lmviz.capture.readings import label_logits, place_logits
from lmviz.capture.tokens import encode
from tests.tiny import DECODERS, ENCODERS, tiny
from tests.tiny_heads import tiny_head

TEXTS = (
    "The cat sat on the mat.",
    "Dogs",
    "The nurses said sleeping pandas don't fly over the house in the evening.",
    "中文 and <b>bold</b> text",
    "a",
    "the the the the the the",
)


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_scores_at_a_place_are_those_of_a_plain_pass(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hf_model, tokenizer = tiny(family)
    model = lmviz.wrap(hf_model, tokenizer)
    encodings = [encode(model, text) for text in TEXTS]
    places = [(7 * number) % len(encoding.table) for number, encoding in enumerate(encodings)]
    found = place_logits(model, encodings, places=places)
    assert found.dtype == np.float32
    with torch.no_grad():
        want = np.stack(
            [
                hf_model(**tokenizer(text, return_tensors="pt")).logits[0, place].numpy()
                for text, place in zip(TEXTS, places, strict=True)
            ]
        )
    np.testing.assert_allclose(found, want, atol=2e-5, rtol=0)
    assert np.ptp(want, axis=1).min() > 0.5, "scores that are all alike would agree with anything"
    monkeypatch.setattr(readings, "_N_TOKENS", 1)
    np.testing.assert_allclose(place_logits(model, encodings, places=places), found, atol=2e-5, rtol=0)


@pytest.mark.parametrize("ending", ["ForSequenceClassification", "ForTokenClassification"])
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "gpt2", "llama"])
def test_labels_are_those_of_a_plain_pass(family: str, ending: str) -> None:
    hf_model, tokenizer = tiny_head(family, ending)
    model = lmviz.wrap(hf_model, tokenizer)
    found = label_logits(model, [encode(model, text) for text in TEXTS])
    with torch.no_grad():
        for own, text in zip(found, TEXTS, strict=True):
            want = hf_model(**tokenizer(text, return_tensors="pt")).logits[0].numpy()
            np.testing.assert_allclose(own, want, atol=2e-5, rtol=0)
    assert np.ptp(np.stack([own.reshape(-1)[-2:] for own in found]), axis=0).max() > 1e-3


def test_a_decoder_without_padding_classifies_one_text_at_a_time() -> None:
    hf_model, tokenizer = tiny_head("gpt2", "ForSequenceClassification")
    hf_model.config.pad_token_id = None
    model = lmviz.wrap(hf_model, tokenizer)
    found = label_logits(model, [encode(model, text) for text in TEXTS])
    with torch.no_grad():
        want = [hf_model(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in TEXTS]
    np.testing.assert_allclose(np.stack(found), np.stack(want), atol=2e-5, rtol=0)


def test_nothing_in_nothing_out() -> None:
    model = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    assert label_logits(model, []) == []


def test_eight_threads_read_the_same() -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    encodings = [encode(model, text) for text in TEXTS]
    places = [len(encoding.table) - 1 for encoding in encodings]
    want = place_logits(model, encodings, places=places)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: place_logits(model, encodings, places=places), range(16)):
            np.testing.assert_allclose(found, want, atol=1e-5, rtol=0)
