"""A trace keeps what was asked for and nothing else, leaves nothing behind, and threads do not see each other."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertModel

import lmviz
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import EmptyInput, InputTooLong, InvalidParameter, NotForThisModel, OverBudget
from lmviz.models import anatomy
from lmviz.models.context import Request, asking, current
from tests.tiny import tiny

TEXT = "the cat sat on the mat because it was tired"


@pytest.fixture(scope="module")
def bert():
    return lmviz.wrap(*tiny("bert"))


@pytest.fixture(scope="module")
def llama():
    return lmviz.wrap(*tiny("llama"))


def test_keeps_only_the_places_and_layers_asked_for(bert):
    encoding = encode(bert, TEXT)
    everything = trace(bert, encoding, ("resid_pre", "resid_post"))
    some = trace(bert, encoding, ("resid_pre",), layers=(1,))
    assert set(some.arrays) == {"resid_pre"}
    assert some.layers == (1,)
    np.testing.assert_array_equal(some["resid_pre"][0], everything["resid_pre"][1])
    assert some.logits is None


def test_layers_follow_each_other(llama):
    got = trace(llama, encode(llama, TEXT), ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"))
    np.testing.assert_array_equal(got["resid_post"][0], got["resid_pre"][1])
    np.testing.assert_allclose(got["resid_pre"] + got["attn_out"], got["resid_mid"], atol=1e-5)
    np.testing.assert_allclose(got["resid_mid"] + got["mlp_out"], got["resid_post"], atol=1e-5)


def test_wrong_questions_are_one_sentence(bert):
    encoding = encode(bert, TEXT)
    with pytest.raises(InvalidParameter, match="No place named 'patern'"):
        trace(bert, encoding, ("patern",))
    with pytest.raises(InvalidParameter, match="layers 0 to 1; there is no layer 7"):
        trace(bert, encoding, ("pattern",), layers=(7,))
    with pytest.raises(NotForThisModel, match=r"has no cross attention\. Choose part from 'encoder'"):
        trace(bert, encoding, ("pattern",), part="cross")
    outside = lmviz.wrap(*tiny("deberta-v2"))
    with pytest.raises(NotForThisModel, match="Choose a model of another family"):
        trace(outside, encode(outside, TEXT), ("query",))


def test_nothing_stays_behind_after_an_exception(bert):
    encoding = encode(bert, TEXT)
    before = trace(bert, encoding, ("pattern",), logits=True)
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in bert.hf_model.modules())

    class Breaks:
        def keep(self, *_):
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"), asking(Request("encoder", frozenset({"pattern"}), Breaks())):
        bert.hf_model(**encoding.inputs())
    assert current.get() is None
    assert hooks == sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in bert.hf_model.modules())
    after = trace(bert, encoding, ("pattern",), logits=True)
    np.testing.assert_array_equal(after["pattern"], before["pattern"])
    np.testing.assert_array_equal(after.logits, before.logits)
    assert not any(p.requires_grad or p.grad is not None for p in bert.hf_model.parameters())


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "gemma2", "deberta-v2", "t5"])
def test_eight_threads_give_the_single_threaded_answers(family):
    model = lmviz.wrap(*tiny(family))
    words = ["the", "cat", "sat", "on", "mat", "because", "it", "was", "tired", "dog"]
    texts = [" ".join(words[(i + j * (i % 7 + 1)) % len(words)] for j in range(3 + i % 9)) for i in range(50)]
    decoder_text = "the dog sat" if model.kind == "encoder-decoder" else None

    def one(text):
        with_pattern = trace(
            model, encode(model, text), ("pattern", "resid_post"), logits=True, decoder_text=decoder_text
        )
        without = trace(model, encode(model, text), (), logits=True, decoder_text=decoder_text)
        return with_pattern["pattern"], with_pattern["resid_post"], with_pattern.logits, without.logits

    want = [one(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            got = list(pool.map(one, texts))
            for a, b in zip(got, want, strict=True):
                for x, y in zip(a, b, strict=True):
                    np.testing.assert_array_equal(x, y)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors that are alive, and the most there ever were."""

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self.known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(tensor, torch.Tensor):
                self._watch(tensor.untyped_storage())
        return output

    def _watch(self, storage):
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self.known or size == 0:
            return
        self.known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key, size):
        self.known.discard(key)
        self.live -= size


def test_peak_memory_is_what_is_returned_plus_one_layer():
    config = BertConfig(hidden_size=32, num_hidden_layers=12, num_attention_heads=8, intermediate_size=64)
    _, tokenizer = tiny("bert")
    model = lmviz.wrap(BertModel(config), tokenizer)
    encoding = encode(model, "cat " * 254)
    bert_layer = 8 * 256 * 256 * 4
    with LiveBytes() as counted:
        got = trace(model, encoding, ("pattern",))
    returned = got["pattern"].nbytes
    assert returned == 12 * bert_layer
    assert counted.peak <= returned + 4 * bert_layer  # scores, softmax and output of the one layer at work
    assert counted.peak >= bert_layer  # the counter counts


@pytest.mark.parametrize("family", ["bart", "t5"])
def test_the_decoders_text_is_checked_before_it_runs(family, monkeypatch):
    model = lmviz.wrap(*tiny(family))
    encoding = encode(model, TEXT)
    with pytest.raises(EmptyInput, match="The decoder's text is empty"):
        trace(model, encoding, ("pattern",), part="cross", decoder_text="  ")
    with pytest.raises(InputTooLong, match="The decoder's text has 100,000 characters"):
        trace(model, encoding, ("pattern",), part="cross", decoder_text="x" * 100_000)
    if model.max_positions is not None:
        with pytest.raises(InputTooLong, match="reads at most"):
            trace(model, encoding, ("pattern",), part="decoder", decoder_text="cat " * model.max_positions)
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.1")
    with pytest.raises(OverBudget, match=r"the limit is 0\.1 MB"):
        trace(model, encoding, ("pattern",), part="cross", decoder_text="cat " * 100)
    trace(model, encoding, ("pattern",), part="cross", decoder_text="cat")


def test_no_pass_is_without_a_budget(bert, monkeypatch):
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.001")
    with pytest.raises(OverBudget, match=r"the limit is 0\.001 MB"):
        trace(bert, encode(bert, "cat"), ("pattern",))


@pytest.mark.parametrize("family", ["bert", "gpt_neo", "bloom"])
def test_a_dropped_model_is_freed_without_the_collector(family):
    """Hooks hold no block that holds them, so that weights go as soon as the model does."""
    model = lmviz.wrap(*tiny(family))
    blocks = [weakref.ref(block) for block in anatomy.blocks(model.hf_model, model.anatomy.stacks[0][1])]
    trace(model, encode(model, TEXT), ("pattern", "moved_norm"))
    gc.collect()
    gc.disable()
    try:
        del model
        assert not any(block() for block in blocks)
    finally:
        gc.enable()
