"""Families outside the anatomy table still give their attention, and say what they cannot have."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

import lmviz
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import NotForThisModel
from tests.tiny import tiny
from tests.tiny_tokenizers import gpt2_tokenizer

COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 130,
}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "decoder_start_token_id": 0,
}
SINGLE = {
    "granite": (AutoModelForCausalLM, COMMON),  # Llama's shape
    "olmo2": (AutoModelForCausalLM, COMMON),  # Llama's names with other norms: the guess must be refused
    "xlm-roberta": (AutoModelForMaskedLM, COMMON),  # BERT's shape
    "mpnet": (AutoModelForMaskedLM, COMMON),  # no attention interface
    "falcon": (AutoModelForCausalLM, COMMON),
    "openai-gpt": (AutoModelForCausalLM, GPT),
    "ctrl": (AutoModelForCausalLM, {**GPT, "dff": 48}),
}
TEXT = "the cat sat on the mat"


def build(name, auto, settings):
    tokenizer = gpt2_tokenizer()
    ids = {key: getattr(tokenizer, key) for key in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = AutoConfig.for_model(name, **settings, **ids, vocab_size=len(tokenizer))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return auto.from_config(config, attn_implementation="eager").eval(), tokenizer


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_pattern_of_a_family_outside_the_table(name):
    hf_model, tokenizer = build(name, *SINGLE[name])
    model = lmviz.wrap(hf_model, tokenizer)
    encoding = encode(model, TEXT)
    inputs = {key: value for key, value in encoding.inputs().items() if key != "token_type_ids"}
    with torch.no_grad():
        want = hf_model(**inputs, output_attentions=True).attentions
    got = trace(model, encoding, ("pattern",))["pattern"]
    np.testing.assert_allclose(got, np.stack([layer[0] for layer in want]), rtol=0, atol=1e-6)
    assert all(check.passed for check in model.self_check), [check.sentence for check in model.self_check]
    assert any(name in sentence for sentence in model.lacks)


def test_a_wrong_guess_of_the_anatomy_is_not_offered():
    guessed = lmviz.wrap(*build("granite", *SINGLE["granite"]))
    refused = lmviz.wrap(*build("olmo2", *SINGLE["olmo2"]))
    assert guessed.has_stream("decoder")
    assert not refused.has_stream("decoder")
    with pytest.raises(NotForThisModel, match="not known to lmviz"):
        trace(refused, encode(refused, TEXT), ("resid_pre",))


@pytest.mark.parametrize("family", ["xlm-roberta", "roberta", "bert", "gpt2", "opt"])
def test_the_limit_is_the_longest_input_that_runs(family):
    model = lmviz.wrap(*(build(family, *SINGLE[family]) if family in SINGLE else tiny(family)))
    with torch.no_grad():
        for n_tokens in (model.max_positions, model.max_positions + 1):
            ids = torch.full((1, n_tokens), 5)
            if n_tokens == model.max_positions:
                assert model.hf_model(input_ids=ids).logits.shape[1] == n_tokens
            else:
                with pytest.raises((IndexError, RuntimeError)):
                    model.hf_model(input_ids=ids)


@pytest.mark.parametrize("name", ["mbart", "pegasus"])
def test_encoder_decoders_outside_the_table(name):
    hf_model, tokenizer = build(name, AutoModelForSeq2SeqLM, SEQ2SEQ)
    model = lmviz.wrap(hf_model, tokenizer)
    encoding = encode(model, TEXT)
    for part in ("encoder", "decoder", "cross"):
        got = trace(model, encoding, ("pattern",), part=part, decoder_text="the dog")
        ids = torch.tensor([list(got.table.ids if part != "encoder" else [0])])
        with torch.no_grad():
            want = hf_model(**encoding.inputs(), decoder_input_ids=ids, output_attentions=True)[f"{part}_attentions"]
        np.testing.assert_allclose(got["pattern"], np.stack([layer[0] for layer in want]), rtol=0, atol=1e-6)


def test_a_model_without_attention_says_so():
    settings = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "num_attention_heads": 1}
    model = lmviz.wrap(*build("mamba", AutoModelForCausalLM, settings))
    with pytest.raises(NotForThisModel, match="gives no attention patterns"):
        trace(model, encode(model, TEXT), ("pattern",))
