"""Every family of the anatomy table: what lmviz records is what the library's own eager attention returns."""

import sys

import numpy as np
import pytest
import torch

import lmviz
from lmviz.capture.tokens import encode
from lmviz.capture.trace import Trace, decoder_input, trace
from lmviz.models import anatomy
from lmviz.models.anatomy import FAMILIES
from lmviz.models.context import Patch, Request, asking
from lmviz.models.loaded import LoadedModel
from tests import tiny as tiny_models

TEXT = "the cat sat on the mat because it was tired"
DECODER_TEXT = "the dog was tired"
STREAM = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")


def wrapped(family: str) -> tuple[LoadedModel, torch.nn.Module]:
    hf_model, tokenizer = tiny_models.tiny(family)
    return lmviz.wrap(hf_model, tokenizer), hf_model


def eager_output(hf_model: torch.nn.Module, model: LoadedModel, text: str = TEXT):
    encoding = encode(model, text)
    inputs = encoding.inputs()
    if model.kind == "encoder-decoder":
        ids = model.tokenizer(text_target=DECODER_TEXT, add_special_tokens=False)["input_ids"]
        inputs["decoder_input_ids"] = torch.tensor([[hf_model.config.decoder_start_token_id, *ids]])
    with torch.no_grad():
        return hf_model(**inputs, output_attentions=True, output_hidden_states=True)


def recorded(model: LoadedModel, part: str, *, logits: bool = False, places=("pattern",)) -> Trace:
    return trace(model, encode(model, TEXT), places, part=part, logits=logits, decoder_text=DECODER_TEXT)


def attentions(output, model: LoadedModel, part: str):
    single = model.kind != "encoder-decoder"
    return output["attentions" if single else f"{part}_attentions"]


def test_every_family_of_the_table_is_tried():
    assert set(FAMILIES) == set(tiny_models.FAMILIES)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_pattern_equals_the_librarys_eager_attention(family):
    model, hf_model = wrapped(family)
    output = eager_output(hf_model, model)
    for part in model.parts:
        want = np.stack([layer[0].numpy() for layer in attentions(output, model, part)])
        got = recorded(model, part)["pattern"]
        assert got.shape == (model.layers_of(part), model.heads_of(part), *want.shape[2:])
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)
        assert want.std() > 1e-3  # the comparison is of something, not of uniform rows


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_logits_are_the_same_recorded_and_idle(family):
    model, hf_model = wrapped(family)
    want = eager_output(hf_model, model).logits[0].numpy()
    for places in ((), ("pattern", *(STREAM if model.has_stream(model.parts[-1]) else ()))):
        part = "decoder" if model.kind == "encoder-decoder" else model.parts[0]
        got = recorded(model, part, logits=True, places=places).logits
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-5)
    with torch.no_grad():  # nothing asked for at all
        inputs = encode(model, TEXT).inputs()
        if model.kind != "encoder-decoder":
            np.testing.assert_allclose(model.hf_model(**inputs).logits[0], want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_residual_stream_is_the_hidden_states(family):
    model, hf_model = wrapped(family)
    output = eager_output(hf_model, model)
    for part in (part for part in model.parts if part != "cross"):
        got = recorded(model, part, places=STREAM)
        single = model.kind != "encoder-decoder"
        hidden = output["hidden_states" if single else f"{part}_hidden_states"]
        want = np.stack([state[0].numpy() for state in hidden])
        np.testing.assert_allclose(got["resid_pre"], want[:-1], rtol=0, atol=1e-5)
        np.testing.assert_allclose(got["resid_post"][:-1], want[1:-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_self_check_passes(family):
    model, _ = wrapped(family)
    checks = {check.slug: check for check in model.self_check}
    assert set(checks) == {"rows", "plain", "stream", "patch"}
    assert all(check.passed for check in checks.values()), [check.sentence for check in checks.values()]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_moved_norm_is_the_norm_of_what_one_head_adds(family):
    """Let one head look at one key only and all others at nothing: what attention then adds has that norm."""
    model, _ = wrapped(family)
    encoding = encode(model, TEXT)
    for part in model.parts:
        got = recorded(model, part, places=("pattern", "moved_norm"))
        pattern = torch.zeros(1, *got["pattern"].shape[1:])
        pattern[0, 2, :, 3] = 1.0
        off, on = (_attention_output(model, encoding, part, value) for value in (torch.zeros_like(pattern), pattern))
        want = np.linalg.norm(on - off, axis=-1)
        np.testing.assert_allclose(want, got["moved_norm"][0, 2, 3], rtol=1e-4)


def _attention_output(model, encoding, part, pattern):
    """What W_O writes in layer 0 when the pattern there is replaced: (query, width)."""
    stack = model.anatomy.stack(part)
    block = anatomy.blocks(model.hf_model, stack)[0]
    out_proj = anatomy.at(block, stack.cross_out_proj if part == "cross" else stack.out_proj)
    written = []
    hook = out_proj.register_forward_hook(lambda _module, _args, output: written.append(output))
    inputs = encoding.inputs()
    if model.kind == "encoder-decoder":
        inputs["decoder_input_ids"] = decoder_input(model, encoding, text=DECODER_TEXT)
    patches = {("pattern", 0): Patch("pattern", 0, pattern)}
    with torch.no_grad(), asking(Request(part=part, places=frozenset(), keeper=None, patches=patches)):
        model.hf_model(**inputs)
    hook.remove()
    return written[0].reshape(-1, written[0].shape[-1]).numpy()


def test_a_broken_pattern_is_caught_by_the_self_check(monkeypatch):
    """Positive control: attention that lies about its rows turns badges red, and they say what that means."""
    model, _ = wrapped("bert")
    file = sys.modules["transformers.models.bert.modeling_bert"]
    own = file.eager_attention_forward

    def inflated(*args, **kwargs):
        output, pattern = own(*args, **kwargs)
        return output, pattern * 1.01

    monkeypatch.setattr(file, "eager_attention_forward", inflated)
    checks = {check.slug: check for check in model.self_check}
    assert not checks["rows"].passed
    assert not checks["patch"].passed
    assert "do not trust" in checks["rows"].meaning
