"""Models that have learnt nothing: what they share with the real one, and what they do not."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import lmviz
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.models.random_weights import with_random_weights
from tests.tiny import FAMILIES, tiny


def weights(model: LoadedModel) -> dict[str, torch.Tensor]:
    return dict(model.hf_model.named_parameters())


def are_equal(one: LoadedModel, other: LoadedModel) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_repeats_and_another_differs(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    first = with_random_weights(model, seed=0)
    assert are_equal(first, with_random_weights(model, seed=0))
    other = weights(with_random_weights(model, seed=1))
    for name, own in weights(first).items():
        is_sine = family == "marian" and name.endswith("embed_positions.weight")
        is_drawn = own.dim() >= 2 and own.std() > 0 and not is_sine
        assert not (is_drawn and torch.equal(own, other[name])), name


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_of_the_same_make_and_nothing_of_the_weights_is_left(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    fresh = with_random_weights(model, seed=0)
    assert {n: p.shape for n, p in weights(fresh).items()} == {n: p.shape for n, p in weights(model).items()}
    for name, own in weights(model).items():
        assert not torch.equal(own, weights(fresh)[name]), name
    assert not {p.data_ptr() for p in weights(fresh).values()} & {p.data_ptr() for p in weights(model).values()}
    assert fresh.tokenizer is model.tokenizer
    assert (fresh.dtype, fresh.device, fresh.kind, fresh.uses) == (model.dtype, model.device, model.kind, model.uses)
    assert fresh.id == f"{model.id} (random weights, seed 0)"
    assert fresh.entry.source == "memory"
    assert not fresh.hf_model.training
    assert not any(p.requires_grad for p in fresh.hf_model.parameters())
    assert encode(fresh, "the cat").table.ids == encode(model, "the cat").table.ids
    assert trace(fresh, encode(fresh, "the cat sat"), ["pattern"])["pattern"].shape[0] == model.n_layers


def test_the_real_one_and_the_generator_of_the_process_stay_as_they_were() -> None:
    model = lmviz.wrap(*tiny("bert"))
    before = {name: (value.clone(), value.data_ptr()) for name, value in weights(model).items()}
    config, state = model.hf_model.config.to_json_string(), torch.random.get_rng_state()
    with_random_weights(model, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.hf_model.config.to_json_string() == config
    for name, (value, place) in before.items():
        assert torch.equal(weights(model)[name], value)
        assert weights(model)[name].data_ptr() == place


def test_the_dtype_of_each_weight_is_kept() -> None:
    hf_model, tokenizer = tiny("llama")
    model = lmviz.wrap(hf_model.to(torch.bfloat16), tokenizer)
    fresh = with_random_weights(model, seed=0)
    assert fresh.dtype == "bfloat16"
    assert {value.dtype for value in weights(fresh).values()} == {torch.bfloat16}
    buffers = dict(model.hf_model.named_buffers())
    assert {n: b.dtype for n, b in fresh.hf_model.named_buffers()} == {n: b.dtype for n, b in buffers.items()}


def test_tied_weights_are_tied() -> None:
    fresh = with_random_weights(lmviz.wrap(*tiny("gpt2")), seed=0).hf_model
    assert fresh.get_output_embeddings().weight is fresh.get_input_embeddings().weight


def test_threads_at_once_agree() -> None:
    model = lmviz.wrap(*tiny("bert"))
    alone = [with_random_weights(model, seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = list(pool.map(lambda turn: with_random_weights(model, seed=turn % 4), range(16)))
    for turn, one in enumerate(together):
        assert are_equal(one, alone[turn % 4])


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="0 or more"):
        with_random_weights(lmviz.wrap(*tiny("bert")), seed=-1)
