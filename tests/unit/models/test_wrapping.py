"""A wrapped model shares its tensors with the caller's, which stays as it was found and can still be trained."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.models.wrapping import wrap
from tests.tiny import FAMILIES, tiny


def state(hf_model: Any) -> dict:
    """Everything about a model that a person could notice."""
    hooks = [name for name in vars(nn.Module()) if "hooks" in name]
    return {
        "training": [module.training for module in hf_model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in hf_model.parameters()],
        "identity": [id(tensor) for tensor in (*hf_model.parameters(), *hf_model.buffers())],
        "values": [tensor.clone() for tensor in hf_model.state_dict().values()],
        "grads": [parameter.grad for parameter in hf_model.parameters()],
        "config": hf_model.config.to_dict(),
        "attention": hf_model.config._attn_implementation,
        "hooks": [[list(getattr(module, name).items()) for name in hooks] for module in hf_model.modules()],
        "attributes": [sorted(vars(module)) for module in hf_model.modules()],
        "forward": [module.forward.__func__ for module in hf_model.modules()],
    }


def same(before: dict, after: dict) -> bool:
    values = [torch.equal(a, b) for a, b in zip(before.pop("values"), after.pop("values"), strict=True)]
    return all(values) and before == after


def inputs(tokenizer: Any, family: str):
    encoded = {"input_ids": tokenizer("The cat sat", return_tensors="pt").input_ids}
    return {**encoded, "decoder_input_ids": encoded["input_ids"]} if family in ("t5", "bart", "marian") else encoded


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_tensors_are_shared_and_the_callers_model_is_as_it_was(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    hf_model.train()
    next(hf_model.parameters()).requires_grad_(False)
    before = state(hf_model)
    wrapped = wrap(hf_model, tokenizer)
    assert isinstance(wrapped, LoadedModel)
    assert same(before, state(hf_model))
    mine = {name: tensor.data_ptr() for name, tensor in hf_model.named_parameters(remove_duplicate=False)}
    theirs = {name: tensor.data_ptr() for name, tensor in wrapped.hf_model.named_parameters(remove_duplicate=False)}
    assert mine == theirs
    assert not any(parameter.requires_grad for parameter in wrapped.hf_model.parameters())
    assert not wrapped.hf_model.training
    assert len(list(hf_model.parameters())) == len(list(wrapped.hf_model.parameters()))  # ties are ties


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_the_wrapped_model_computes_what_the_callers_does(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    wrapped = wrap(hf_model, tokenizer)
    with torch.no_grad():
        expected = hf_model(**inputs(tokenizer, family)).logits
        found = wrapped.hf_model(**inputs(tokenizer, family)).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_callers_model_can_be_trained_and_the_wrapped_one_follows() -> None:
    hf_model, tokenizer = tiny("gpt2")
    wrapped = wrap(hf_model, tokenizer)
    ids = inputs(tokenizer, "gpt2")
    with torch.no_grad():
        before = wrapped.hf_model(**ids).logits
    optimiser = torch.optim.SGD(hf_model.train().parameters(), lr=0.1)
    hf_model(**ids, labels=ids["input_ids"]).loss.backward()
    optimiser.step()
    assert all(parameter.grad is None for parameter in wrapped.hf_model.parameters())
    with torch.no_grad():
        after = wrapped.hf_model(**ids).logits
        torch.testing.assert_close(after, hf_model.eval()(**ids).logits, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(before, after)


def test_hooks_of_the_caller_stay_with_the_caller() -> None:
    hf_model, tokenizer = tiny("bert")
    calls = []

    def double(module: Any, args: Any, output: Any):
        calls.append(module)
        return output * 2

    hf_model.bert.embeddings.register_forward_hook(double)
    hf_model.bert.encoder.register_forward_pre_hook(lambda module, args, kwargs: calls.append(args), with_kwargs=True)
    wrapped = wrap(hf_model, tokenizer)
    with torch.no_grad():
        wrapped.hf_model(**inputs(tokenizer, "bert"))
        assert calls == []
        hf_model(**inputs(tokenizer, "bert"))
    assert len(calls) == 2


def test_the_librarys_own_hooks_come_along() -> None:
    hf_model, tokenizer = tiny("bert")
    ids = inputs(tokenizer, "bert")
    with torch.no_grad():
        expected = hf_model(**ids, output_hidden_states=True).hidden_states
        found = wrap(hf_model, tokenizer).hf_model(**ids, output_hidden_states=True).hidden_states
    assert len(found) == len(expected) == 3
    torch.testing.assert_close(found[-1], expected[-1], atol=1e-5, rtol=1e-5)


def test_unusual_parameters_are_shared_as_they_are() -> None:
    class Packed(nn.Parameter):
        def __deepcopy__(self, memo: Any):
            raise RuntimeError("cannot be copied")

    hf_model, tokenizer = tiny("bert")
    layer = hf_model.bert.encoder.layer[0].output.dense
    layer.weight = Packed(layer.weight.detach(), requires_grad=False)
    assert wrap(hf_model, tokenizer).hf_model.bert.encoder.layer[0].output.dense.weight is layer.weight


def test_a_model_spread_by_accelerate_is_wrapped() -> None:
    from accelerate import dispatch_model

    hf_model, tokenizer = tiny("bert")
    ids = inputs(tokenizer, "bert")
    expected = copy.deepcopy(hf_model)(**ids).logits
    spread = dispatch_model(hf_model, {"bert": "cpu", "cls": "cpu"}, force_hooks=True)
    wrapped = wrap(spread, tokenizer)
    with torch.no_grad():
        torch.testing.assert_close(wrapped.hf_model(**ids).logits, expected.detach(), atol=1e-5, rtol=1e-5)
    assert spread.config._attn_implementation == "eager"


def test_wrapping_twice_and_wrapping_what_was_wrapped() -> None:
    hf_model, tokenizer = tiny("llama")
    first = wrap(hf_model, tokenizer)
    again = wrap(first.hf_model, first.tokenizer)
    assert all(check.passed for model in (first, again) for check in model.self_check)


def test_the_tokenizer_is_left_alone_and_the_origin_is_told() -> None:
    hf_model, tokenizer = tiny("bert")
    wrapped = wrap(hf_model, tokenizer)
    assert wrapped.tokenizer is not tokenizer
    assert (wrapped.entry.source, wrapped.entry.id, wrapped.entry.revision) == ("memory", "BertForMaskedLM", "")
    hf_model.config._name_or_path = "org/own-bert"
    assert wrap(hf_model, tokenizer).entry.id == "own-bert"


def test_what_is_no_transformers_model_or_tokenizer_is_refused() -> None:
    hf_model, tokenizer = tiny("bert")
    with pytest.raises(InvalidParameter, match="not Linear"):
        wrap(nn.Linear(2, 2), tokenizer)
    with pytest.raises(InvalidParameter, match="tokenizer, not str"):
        wrap(hf_model, "bert")
