"""Token distributions are the softmax of the logits that transformers itself gives."""

from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses.predictions.token_distributions import ANALYSIS, largest
from lmviz.capture.tokens import token_string
from lmviz.errors import InvalidParameter, LmvizError, NoMaskToken, NotForThisModel
from lmviz.results import TokenDistributions
from tests.tiny import DECODERS, ENCODER_DECODERS, ENCODERS, tiny

TEXT, TARGET = "The cat sat on the mat.", "the dog sat"


def compare(result: TokenDistributions, logits: torch.Tensor) -> None:
    """Compare probabilities, candidates and entropy with the library's logits at the same positions."""
    probabilities = logits.double().softmax(-1)[list(result.positions)]
    want, _ = probabilities.sort(dim=-1, descending=True, stable=True)
    n = result.probabilities.shape[1]
    np.testing.assert_allclose(result.probabilities, want[:, :n].numpy(), atol=1e-6, rtol=0)
    found = np.take_along_axis(probabilities.numpy(), result.candidate_ids, axis=1)
    np.testing.assert_allclose(found, want[:, :n].numpy(), atol=1e-6, rtol=0)
    entropy = -(probabilities * probabilities.log()).sum(-1)
    np.testing.assert_allclose(result.entropy, entropy.numpy(), atol=1e-4)
    assert float(want[:, 0].max()) > 1.3 / logits.shape[-1], "a uniform guess would agree with anything"
    assert all(check.passed for check in ANALYSIS.check(result))


@pytest.mark.parametrize("family", DECODERS)
def test_a_decoders_are_the_next_tokens_at_every_position(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("token-distributions", lmviz.wrap(hf_model, tokenizer), text=TEXT)
    assert isinstance(result, TokenDistributions)
    assert result.table is not None
    assert result.positions == tuple(range(len(result.tokens)))
    with torch.no_grad():
        compare(result, hf_model(input_ids=torch.tensor([result.table.ids])).logits[0])
    assert result.candidates[2][1] == token_string(tokenizer, int(result.candidate_ids[2, 1]))


@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoders_are_at_its_masks(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    text = f"The {tokenizer.mask_token} sat on the {tokenizer.mask_token}."
    result = lmviz.run("token-distributions", lmviz.wrap(hf_model, tokenizer), text=text, top_k=5)
    assert isinstance(result, TokenDistributions)
    assert result.table is not None
    assert [result.table.ids[place] for place in result.positions] == [tokenizer.mask_token_id] * 2
    with torch.no_grad():
        compare(result, hf_model(input_ids=torch.tensor([result.table.ids])).logits[0])


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_an_encoder_decoders_are_those_of_its_decoder(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("token-distributions", lmviz.wrap(hf_model, tokenizer), text=TEXT, target_text=TARGET)
    assert isinstance(result, TokenDistributions)
    assert result.table is not None
    ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        compare(result, hf_model(input_ids=ids, decoder_input_ids=torch.tensor([result.table.ids])).logits[0])


def test_positions_are_those_asked_for_in_their_order() -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    every = lmviz.run("token-distributions", model, text=TEXT)
    some = lmviz.run("token-distributions", model, text=TEXT, positions=(4, 1))
    assert isinstance(every, TokenDistributions)
    assert isinstance(some, TokenDistributions)
    assert some.positions == (4, 1)
    np.testing.assert_allclose(some.probabilities, every.probabilities[[4, 1]], atol=1e-7)
    unmasked = lmviz.run("token-distributions", lmviz.wrap(*tiny("bert")), text=TEXT, positions=[2])
    assert isinstance(unmasked, TokenDistributions)
    assert unmasked.positions == (2,)


@pytest.mark.parametrize(
    ("family", "given", "error", "message"),
    [
        ("bert", {}, NoMaskToken, r"Put \[MASK\] where .* as in 'The nurse said \[MASK\] was tired"),
        ("roberta", {}, NoMaskToken, "Put <mask>"),
        ("gpt2", {"positions": (99,)}, InvalidParameter, "no position 99.*from 0 to"),
        ("gpt2", {"positions": (-1,)}, InvalidParameter, "no position -1"),
        ("gpt2", {"positions": ()}, InvalidParameter, "positions is empty"),
        ("gpt2", {"top_k": 0}, InvalidParameter, "at least 1"),
        ("gpt2", {"top_k": 10**6}, InvalidParameter, "knows 400 tokens"),
        ("gpt2", {"target_text": "a"}, NotForThisModel, "encoder-decoder"),
    ],
)
def test_what_cannot_be_is_refused(family: str, given: dict[str, Any], error: type[LmvizError], message: str) -> None:
    with pytest.raises(error, match=message):
        lmviz.run("token-distributions", lmviz.wrap(*tiny(family)), text=TEXT, **given)


def test_a_model_without_a_head_says_so() -> None:
    hf_model, tokenizer = tiny("bert")
    bare = lmviz.wrap(hf_model.get_submodule("bert"), tokenizer)
    with pytest.raises(NotForThisModel, match="no language-model head"):
        lmviz.run("token-distributions", bare, text="The [MASK] sat.")


def test_of_equal_values_the_first_comes_first() -> None:
    values = np.array([[0.0, 3.0, 1.0, 3.0, 2.0]])
    np.testing.assert_array_equal(largest(values, 3), [[1, 3, 4]])


def test_more_than_one_in_all_fails_the_check() -> None:
    result = lmviz.run("token-distributions", lmviz.wrap(*tiny("gpt2")), text=TEXT)
    assert isinstance(result, TokenDistributions)
    broken = TokenDistributions(**{**vars(result), "probabilities": np.ones_like(result.probabilities)})
    assert not ANALYSIS.check(broken)[0].passed
