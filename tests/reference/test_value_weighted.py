"""Value-weighted attention is the length of what each head moves, worked out from the library's own modules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lmviz
from lmviz.analyses.attention.value_weighted_attention import ANALYSIS
from lmviz.results import AttentionPattern
from tests.tiny import DECODERS, ENCODERS, N_HEADS, WIDTH, tiny

TEXT = "The cat sat on the mat, and the cat saw the dog."
HEAD = WIDTH // N_HEADS


@contextmanager
def heard(module: nn.Module) -> Iterator[list[Tensor]]:
    """Listen to what a module gives."""
    outputs: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()


def in_bert(hf_model: nn.Module) -> tuple[nn.Module, Tensor]:
    attention = hf_model.get_submodule("bert.encoder.layer.1.attention")
    return attention.get_submodule("self.value"), attention.get_parameter("output.dense.weight").T


def in_gpt2(hf_model: nn.Module) -> tuple[nn.Module, Tensor]:
    attention = hf_model.get_submodule("transformer.h.1.attn")
    return attention.get_submodule("c_attn"), attention.get_parameter("c_proj.weight")


def in_llama(hf_model: nn.Module) -> tuple[nn.Module, Tensor]:
    attention = hf_model.get_submodule("model.layers.1.self_attn")
    return attention.get_submodule("v_proj"), attention.get_parameter("o_proj.weight").T


@pytest.mark.parametrize(("family", "find"), [("bert", in_bert), ("gpt2", in_gpt2), ("llama", in_llama)])
def test_it_is_the_length_of_what_is_moved(family: str, find: Callable[[nn.Module], tuple[nn.Module, Tensor]]) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("value-weighted-attention", lmviz.wrap(hf_model, tokenizer), text=TEXT)
    assert isinstance(result, AttentionPattern)
    assert result.table is not None
    module, output = find(hf_model)
    with torch.no_grad(), heard(module) as outputs:
        pattern = hf_model(input_ids=torch.tensor([result.table.ids]), output_attentions=True).attentions[1][0]
    values = outputs[0][0, :, -WIDTH:] if family == "gpt2" else outputs[0][0]
    for head in range(N_HEADS):
        shared = head * values.shape[1] // WIDTH  # several heads of llama share one value
        moved = values[:, shared * HEAD : (shared + 1) * HEAD] @ output[head * HEAD : (head + 1) * HEAD]
        vectors = pattern[head][:, :, None] * moved[None]  # (query, key, width)
        np.testing.assert_allclose(result.pattern[1, head], vectors.norm(dim=-1).detach().numpy(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_it_is_not_normalised_and_differs_from_the_pattern(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    result = lmviz.run("value-weighted-attention", model, text=TEXT)
    pattern = lmviz.run("attention-pattern", model, text=TEXT)
    assert isinstance(result, AttentionPattern)
    assert isinstance(pattern, AttentionPattern)
    assert np.abs(result.pattern.sum(axis=-1) - 1).max() > 0.05
    np.testing.assert_array_equal(result.pattern == 0, pattern.pattern == 0)
    seen = pattern.pattern[:, :, -1] > 1e-4
    lengths = (result.pattern / np.maximum(pattern.pattern, 1e-30))[:, :, -1][seen]
    assert np.ptp(lengths) > 0.01
    assert all(check.passed for check in ANALYSIS.check(result))


@pytest.mark.parametrize("part", ["encoder", "decoder", "cross"])
def test_each_part_of_an_encoder_decoder_has_it(part: str) -> None:
    result = lmviz.run("value-weighted-attention", lmviz.wrap(*tiny("bart")), text=TEXT, part=part)
    assert isinstance(result, AttentionPattern)
    assert result.part == part
    assert all(check.passed for check in ANALYSIS.check(result))
    negative = AttentionPattern(tokens=result.tokens, pattern=-result.pattern, part=part)
    assert not ANALYSIS.check(negative)[0].passed
