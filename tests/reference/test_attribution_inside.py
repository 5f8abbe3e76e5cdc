"""DeepLIFT and integrated gradients of layers, against Captum, by other formulas, and where the answer is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import DeepLift, LayerIntegratedGradients
from torch import nn
from transformers import BertConfig, BertForMaskedLM, PreTrainedModel

import lmviz
from lmviz.analyses.attribution.baselines import ends
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.capture.intervene import ProjectOut, intervening
from lmviz.capture.rescaling import rescaled
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import LayerPositionGrid, TokenDistributions
from tests.reference.test_attribution import TEXTS, Plain, ask, linear, model_of
from tests.tiny import tiny


def relu_bert() -> LoadedModel:
    hf_model, tokenizer = tiny("bert")
    config = BertConfig(**{**hf_model.config.to_dict(), "hidden_act": "relu"})
    other = BertForMaskedLM(config).eval()
    other.load_state_dict(hf_model.state_dict(), strict=False)
    return lmviz.wrap(other, tokenizer)


class Logits(nn.Module):
    """A logit of an unchanged model as a function of embeddings, as Captum asks for it."""

    def __init__(self, plain: Plain) -> None:
        super().__init__()
        self.hf_model, self.plain = plain.hf_model, plain

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        return self.plain(embeddings)


def test_deeplift_is_captums_where_captum_knows_the_activation() -> None:
    model = relu_bert()
    plain = Plain(model, TEXTS["bert"])
    with pytest.warns(UserWarning, match="hooks"):
        wanted = DeepLift(Logits(plain)).attribute(plain.embeddings.clone().requires_grad_(), plain.baseline)
    found = ask("deeplift", model, TEXTS["bert"])
    np.testing.assert_allclose(found.scores, wanted.sum(dim=-1)[0].detach().numpy(), atol=1e-5)
    gradient = ask("input-x-gradient", model, TEXTS["bert"]).scores
    assert not np.allclose(found.scores, gradient, atol=1e-3)


def by_quotients(model: LoadedModel, plain: Plain) -> np.ndarray:
    """Follow the rule by hand: note the activations' inputs on both ends, then go back with fixed slopes."""
    names = {"GPT2LMHeadModel": ".act", "LlamaForCausalLM": ".act_fn"}[type(model.hf_model).__name__]
    functions = [one for name, one in plain.hf_model.named_modules() if name.endswith(names)]
    seen: dict[int, list[torch.Tensor]] = {}
    handles = [
        one.register_forward_hook(
            lambda _, args, __, number=number: seen.setdefault(number, []).append(args[0].detach())
        )
        for number, one in enumerate(functions)
    ]
    with torch.no_grad():
        plain(plain.embeddings), plain(plain.baseline)
    for handle in handles:
        handle.remove()
    slopes = []
    for function, (own, empty) in zip(functions, seen.values(), strict=True):
        apart = own - empty
        plain_slope = torch.func.vmap(torch.func.grad(function))(own.flatten()).view_as(own)
        between = (function(own) - function(empty)) / torch.where(apart == 0, 1.0, apart)
        slopes.append(torch.where(apart.abs() > 1e-6, between, plain_slope))

    def fixed(number: int) -> Callable[..., torch.Tensor]:
        def hook(_: nn.Module, args: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
            linear_part = slopes[number] * args[0]
            return output.detach() + linear_part - linear_part.detach()

        return hook

    handles = [one.register_forward_hook(fixed(number)) for number, one in enumerate(functions)]
    embeddings = plain.embeddings.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(plain(embeddings).sum(), embeddings)
    for handle in handles:
        handle.remove()
    found: np.ndarray = (gradient * (plain.embeddings - plain.baseline)).sum(dim=-1)[0].numpy()
    return found


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_deeplift_follows_its_rule_for_other_activations(family: str) -> None:
    model = model_of(family)
    plain = Plain(model, TEXTS[family])
    wanted = by_quotients(model, plain)
    found = ask("deeplift", model, TEXTS[family])
    np.testing.assert_allclose(found.scores, wanted, atol=1e-5 * max(1.0, float(np.abs(wanted).max())))
    difference = float(plain(plain.embeddings)) - float(plain(plain.baseline))
    assert found.residue == pytest.approx(difference - wanted.sum(), abs=1e-3)


def test_deeplift_is_complete_where_only_activations_bend() -> None:
    """Without norms, and with attention that does not look, all that is left to bend is the MLP."""
    model = linear("all")
    for block in model.hf_model.transformer.h:
        block.ln_2 = nn.Identity()
    inner: Any = model.hf_model.transformer.h[0].mlp
    with torch.no_grad():
        torch.manual_seed(1)
        inner.c_fc.weight.normal_(std=0.5)
        inner.c_proj.weight.normal_(std=0.5)
    text = "ant bee cow bee dog"
    exact = ask("integrated-gradients", model, text, target="bee", baseline="zero", tolerance=1e-4)
    found = ask("deeplift", model, text, target="bee", baseline="zero")
    bent = ask("input-x-gradient", model, text, target="bee")
    assert abs(found.residue) < 1e-3 * max(1.0, abs(found.provenance["value"]))
    assert abs(exact.scores.sum() - found.scores.sum()) < 0.01
    assert abs(bent.scores.sum() - found.scores.sum()) > 0.01


def test_a_copy_that_rescales_says_what_the_model_says() -> None:
    model = lmviz.load("minilm-mlm")
    text = TEXTS["minilm-mlm"]
    copy = rescaled(model)
    own, other = (lmviz.run("token-distributions", one, text=text) for one in (model, copy))
    assert isinstance(own, TokenDistributions) and isinstance(other, TokenDistributions)
    np.testing.assert_array_equal(own.probabilities, other.probabilities)
    assert copy.hf_model is not model.hf_model
    for weight, shared in zip(model.hf_model.parameters(), copy.hf_model.parameters(), strict=True):
        assert weight.data_ptr() == shared.data_ptr()
    assert not any("Rescaling" in type(module).__name__ for module in model.hf_model.modules())


def test_what_stands_cannot_be_explained_by_a_copy_or_from_a_layer() -> None:
    model = model_of("gpt2")
    direction = np.eye(model.hf_model.config.n_embd, dtype=np.float32)[0]
    with intervening(model, (ProjectOut(0, direction),)):
        for slug in ("deeplift", "layer-integrated-gradients"):
            with pytest.raises(NotForThisModel, match="replaced"):
                lmviz.run(slug, model, text=TEXTS["gpt2"])


# ---- layers ---------------------------------------------------------------------------------------------------------


def grid(model: LoadedModel, text: str, **params: Any) -> LayerPositionGrid:
    found = lmviz.run("layer-integrated-gradients", model, text=text, **params)
    assert isinstance(found, LayerPositionGrid)
    return found


def before(hf_model: PreTrainedModel) -> list[Any]:
    """List the modules whose outputs are the streams before the layers; None: there is no such module."""
    base: Any = hf_model.base_model
    if hasattr(base, "encoder"):
        return [base.embeddings, *base.encoder.layer[:-1]]
    return [base.drop, *base.h[:-1]] if hasattr(base, "h") else [None, *base.layers[:-1]]


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_layers_are_captums(family: str) -> None:
    model, text = model_of(family), TEXTS[family]
    plain = Plain(model, text)
    found = grid(model, text)
    modules = before(plain.hf_model)
    assert len(found.values) == len(modules) == model.n_layers
    for layer, module in enumerate(modules):
        if module is not None:
            method = LayerIntegratedGradients(Logits(plain), module)
            wanted = method.attribute(plain.embeddings, plain.baseline, n_steps=32)
            scores = wanted.sum(dim=-1)[0].detach().numpy()
            np.testing.assert_allclose(found.values[layer], scores, atol=1e-5 * max(1.0, float(np.abs(scores).max())))


def test_the_first_layer_of_a_decoder_without_position_embeddings_is_integrated_gradients() -> None:
    for name in ("llama", "smollm2-135m"):
        model, text = model_of(name), TEXTS[name]
        whole = ask("integrated-gradients", model, text, n_steps=16)
        first = grid(model, text, n_steps=16, layers=(0,))
        scale = max(1.0, float(np.abs(whole.scores).max()))
        np.testing.assert_allclose(first.values[0], whole.scores, atol=2e-5 * scale)
        assert first.provenance["residues"][0] == pytest.approx(whole.residue, abs=1e-3 * scale)


@pytest.mark.parametrize("name", ["minilm-mlm", "minilm-sentiment"])
def test_more_steps_leave_less_over_in_every_layer(name: str) -> None:
    text = TEXTS.get(name, "A wonderful film.")
    few, many = (grid(lmviz.load(name), text, n_steps=steps) for steps in (4, 128))
    assert np.abs(many.provenance["residues"]).max() < 0.02 * abs(
        many.provenance["value"] - many.provenance["baseline_value"]
    )
    assert np.abs(few.provenance["residues"]).max() > np.abs(many.provenance["residues"]).max()


def test_streams_of_the_ends_are_the_ends() -> None:
    model = model_of("llama")
    target = explained(model, TargetParams(TEXTS["llama"]))
    from lmviz.capture.layer_gradients import streams

    points = ends(model, target, baseline="pad")
    values, found = streams(model, target.encoding, points=points, quantity=target.quantity)
    np.testing.assert_allclose(found[:, 0], np.stack(points), atol=1e-6)
    plain = Plain(model, TEXTS["llama"])
    assert values.tolist() == pytest.approx([float(plain(plain.baseline)), float(plain(plain.embeddings))], abs=1e-4)


@pytest.mark.parametrize(
    ("slug", "change", "remedy"),
    [
        ("deeplift", {"baseline": "nothing"}, "Choose from pad"),
        ("layer-integrated-gradients", {"baseline": "nothing"}, "Choose from pad"),
        ("layer-integrated-gradients", {"n_steps": 0}, "ask for 1 to"),
        ("layer-integrated-gradients", {"layers": (99,)}, "has layers 0 to"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(slug: str, change: dict[str, Any], remedy: str) -> None:
    with pytest.raises(InvalidParameter, match=remedy):
        lmviz.run(slug, model_of("gpt2"), text="the cat", **change)
