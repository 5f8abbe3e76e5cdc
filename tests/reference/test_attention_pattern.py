"""The attention shown is the attention that transformers itself reports, for every family."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import lmviz
from lmviz.analyses.attention.attention_pattern import ANALYSIS, row_check
from lmviz.errors import NotForThisModel
from lmviz.results import AttentionPattern, TokenTable
from tests.tiny import DECODERS, ENCODER_DECODERS, ENCODERS, tiny

TEXT, TARGET = "The cat sat on the mat, and the cat saw 中 and 😀 <b>.", "the dog sat on the log"


def reported(hf_model: PreTrainedModel, table: TokenTable, part: str, decoder: TokenTable | None = None) -> np.ndarray:
    """Ask the library for its own attentions, on the same token ids."""
    inputs: dict[str, Any] = {"input_ids": torch.tensor([table.ids])}
    if decoder is not None:
        inputs["decoder_input_ids"] = torch.tensor([decoder.ids])
    with torch.no_grad():
        output = hf_model(**inputs, output_attentions=True)
    name = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}[part]
    layers = output[name] if decoder is not None else output["attentions"]
    return torch.cat(layers).numpy()


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_it_is_what_the_library_reports(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("attention-pattern", lmviz.wrap(hf_model, tokenizer), text=TEXT)
    assert isinstance(result, AttentionPattern)
    assert result.table is not None
    want = reported(hf_model, result.table, result.part)
    np.testing.assert_allclose(result.pattern, want, atol=1e-6, rtol=0)
    assert want.max() > 2 / len(result.tokens), "uniform attention would agree with anything"


@pytest.mark.parametrize("part", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_each_part_of_an_encoder_decoder_is_what_the_library_reports(family: str, part: str) -> None:
    hf_model, tokenizer = tiny(family)
    model = lmviz.wrap(hf_model, tokenizer)
    result = lmviz.run("attention-pattern", model, text=TEXT, part=part, target_text=TARGET)
    source = lmviz.run("attention-pattern", model, text=TEXT)
    decoder = lmviz.run("attention-pattern", model, text=TEXT, part="decoder", target_text=TARGET)
    assert isinstance(result, AttentionPattern)
    assert isinstance(source, AttentionPattern)
    assert isinstance(decoder, AttentionPattern)
    assert source.part == "encoder"
    assert source.table is not None
    want = reported(hf_model, source.table, part, decoder.table)
    np.testing.assert_allclose(result.pattern, want, atol=1e-6, rtol=0)
    assert (result.key_tokens is not None) == (part == "cross")
    assert result.tokens == (source.tokens if part == "encoder" else decoder.tokens)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_without_a_target_the_decoder_reads_what_it_writes_itself(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("attention-pattern", lmviz.wrap(hf_model, tokenizer), text=TEXT, part="decoder")
    assert isinstance(result, AttentionPattern)
    assert result.table is not None
    ids = torch.tensor([lmviz.wrap(hf_model, tokenizer).tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        steps = [result.table.ids[0]]
        for _ in result.table.ids[1:]:
            logits = hf_model(input_ids=ids, decoder_input_ids=torch.tensor([steps])).logits
            steps.append(int(logits[0, -1].argmax()))
    assert tuple(steps) == result.table.ids


def test_a_part_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(NotForThisModel, match="'encoder'"):
        lmviz.run("attention-pattern", lmviz.wrap(*tiny("bert")), text=TEXT, part="decoder")
    with pytest.raises(NotForThisModel, match="target_text"):
        lmviz.run("attention-pattern", lmviz.wrap(*tiny("bert")), text=TEXT, target_text=TARGET)
    with pytest.raises(NotForThisModel, match="'encoder', 'decoder', 'cross'"):
        lmviz.run("attention-pattern", lmviz.wrap(*tiny("t5")), text=TEXT, part="middle")


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_its_laws_hold_and_a_broken_pattern_breaks_them(family: str) -> None:
    result = lmviz.run("attention-pattern", lmviz.wrap(*tiny(family)), text=TEXT)
    assert isinstance(result, AttentionPattern)
    checks = {check.slug: check for check in ANALYSIS.check(result)}
    assert all(check.passed for check in checks.values()), checks
    assert ("causal" in checks) == (family in DECODERS)
    broken = AttentionPattern(tokens=result.tokens, pattern=result.pattern + 0.1, part=result.part)
    assert not any(check.passed for check in ANALYSIS.check(broken))


def test_a_sink_may_take_a_share_and_never_give_one() -> None:
    half = np.full((1, 1, 2, 2), 0.25, dtype=np.float32)
    assert not row_check(half, {}, limit=1e-5).passed
    assert row_check(half, {"sinks": True}, limit=1e-5).passed
    assert not row_check(3 * half, {"sinks": True}, limit=1e-5).passed


def test_a_pair_gives_one_pattern_over_both_segments() -> None:
    hf_model, tokenizer = tiny("bert")
    result = lmviz.run("attention-pattern", lmviz.wrap(hf_model, tokenizer), text="The cat sat.", text_pair="the dog")
    assert isinstance(result, AttentionPattern)
    given = tokenizer("The cat sat.", "the dog", return_tensors="pt")
    with torch.no_grad():
        want = torch.cat(hf_model(**given, output_attentions=True).attentions).numpy()
    np.testing.assert_allclose(result.pattern, want, atol=1e-6, rtol=0)
    assert result.table is not None
    assert set(result.table.segments) == {0, 1}
