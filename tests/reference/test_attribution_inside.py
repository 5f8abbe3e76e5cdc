"""Attributions that look inside a model, against Captum, against brute force, and where the answer is known."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from torch import Tensor, nn
from transformers import MixtralConfig, MixtralForCausalLM

import lmviz
from lmviz.capture.intervene import AblateHead, intervening
from lmviz.errors import InvalidParameter, NotForThisModel, OverBudget
from lmviz.models.loaded import LoadedModel
from lmviz.models.rescaling import with_rescaling
from lmviz.results import TokenScores
from tests.reference.test_attribution import TEXTS, Plain, linear, model_of
from tests.tiny import tiny


def deeplift(model: LoadedModel, text: str, **params: Any) -> TokenScores:
    found = lmviz.run("deeplift", model, text=text, **params)
    assert isinstance(found, TokenScores)
    return found


# ---- DeepLIFT -------------------------------------------------------------------------------------------------------


class Logit(nn.Module):
    """A model as Captum wants it: from embeddings to the logits at one place."""

    def __init__(self, plain: Plain) -> None:
        super().__init__()
        self.hf_model, self.plain = plain.hf_model, plain

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.plain.logits(embeddings)


def with_relu(family: str) -> LoadedModel:
    """Give a tiny model whose activations are those that Captum knows."""
    hf_model, tokenizer = tiny(family)
    for module in list(hf_model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__module__ == "transformers.activations":
                setattr(module, name, nn.ReLU())
    return lmviz.wrap(hf_model, tokenizer)


@pytest.mark.parametrize("baseline", ["pad", "zero"])
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_deeplift_is_captums_where_it_knows_the_activation(family: str, baseline: str) -> None:
    model = with_relu(family)
    plain = Plain(model, TEXTS[family], baseline)
    start = plain.embeddings.clone().requires_grad_()
    with pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        found = DeepLift(Logit(plain)).attribute(start, plain.baseline, target=plain.token)
    wanted = found.sum(dim=-1)[0].detach().double().numpy()
    result = deeplift(model, TEXTS[family], baseline=baseline)
    assert np.abs(wanted).max() > 0.05
    np.testing.assert_allclose(result.scores, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))
    difference = float(plain(plain.embeddings)) - float(plain(plain.baseline))
    assert result.residue == pytest.approx(difference - wanted.sum(), abs=1e-4)
    plainly = lmviz.run("input-x-gradient", model, text=TEXTS[family])
    assert isinstance(plainly, TokenScores)
    assert np.abs(result.scores - plainly.scores).max() > 0.01


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def new_gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


class Formula(nn.Module):
    """An activation by its formula, that notes down what it reads; once it knows both ends, the line through them."""

    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.formula, self.read = formula, list[Tensor]()

    def forward(self, x: Tensor) -> Tensor:
        if len(self.read) < 2:
            self.read.append(x)
            return self.formula(x)
        empty, own = self.read
        with torch.enable_grad():
            at = own.detach().requires_grad_()
            (steep,) = torch.autograd.grad(self.formula(at).sum(), at)
        slope = torch.where(own == empty, steep, (self.formula(own) - self.formula(empty)) / (own - empty))
        return self.formula(own) + slope * (x - own)


@pytest.mark.parametrize(
    ("family", "formula", "names"),
    [
        ("bert", gelu, ("intermediate_act_fn", "transform_act_fn")),
        ("roberta", gelu, ("intermediate_act_fn",)),  # that of its head is a plain function
        ("gpt2", new_gelu, ("act",)),
        ("bloom", new_gelu, ("gelu_impl",)),
        ("llama", silu, ("act_fn",)),
    ],
)
def test_deeplift_is_brute_force_with_its_own_formulas(
    family: str, formula: Callable[[Tensor], Tensor], names: tuple[str, ...]
) -> None:
    model = lmviz.wrap(*tiny(family))
    text = TEXTS.get(family, "the cat sat on the <mask> and the dog" if family == "roberta" else TEXTS["gpt2"])
    plain = Plain(model, text)
    other = copy.copy(plain)
    other.hf_model = copy.deepcopy(model.hf_model).double()
    for module in list(other.hf_model.modules()):
        for name, _ in list(module.named_children()):
            if name in names:
                setattr(module, name, Formula(formula))
    with torch.no_grad():
        low, high = (float(other(ends.double())) for ends in (plain.baseline, plain.embeddings))
    x = plain.embeddings.double().requires_grad_()
    (gradient,) = torch.autograd.grad(other(x).sum(), x)
    wanted = ((x - plain.baseline) * gradient).sum(dim=-1)[0].detach().numpy()
    result = deeplift(model, text)
    np.testing.assert_allclose(result.scores, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))
    assert result.residue == pytest.approx(high - low - wanted.sum(), abs=1e-4)
    assert result.provenance["activations"] == len([one for one in other.hf_model.modules() if type(one) is Formula])


@pytest.mark.parametrize(("kind", "said"), [(nn.ReLU, 3.0), (nn.GELU, 3.0), (nn.Tanh, 1.0)])
def test_deeplift_is_complete_where_only_an_activation_bends(kind: type[nn.Module], said: float) -> None:
    """The score of a word is f(10 · its share − 1): without products the rule explains all of it, half by each bee."""
    model = linear("all")
    block = model.hf_model.transformer.h[1]
    block.ln_2, mlp = nn.Identity(), block.mlp
    mlp.act = kind()
    with torch.no_grad():
        mlp.c_fc.weight[36:48, :12] = 10 * torch.eye(12)
        mlp.c_fc.bias[:12] = -1
        mlp.c_proj.weight[:12, 36:48] = torch.eye(12)
        model.hf_model.lm_head.weight[:, 36:48] = torch.eye(12)
    result = deeplift(model, "ant bee cow bee dog", target="bee", baseline="zero")
    value = float(kind()(torch.tensor(3.0)) - kind()(torch.tensor(-1.0)))
    assert value == pytest.approx(said, abs=1.0) and result.provenance["activations"] == 2
    np.testing.assert_allclose(result.scores, [0, (value + 0.4) / 2, 0, (value + 0.4) / 2, 0], atol=1e-4)
    assert abs(result.residue) < 1e-4
    steep = lmviz.run("input-x-gradient", model, text="ant bee cow bee dog", target="bee")
    assert isinstance(steep, TokenScores)
    assert abs(steep.scores.sum() - value - 0.4) > 0.3  # the gradient alone does not add up


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_the_rule_stays_in_a_copy(family: str) -> None:
    model = model_of(family)
    before = lmviz.run("saliency", model, text=TEXTS[family])
    inputs = model.tokenizer(TEXTS[family], return_tensors="pt")
    rescaling = with_rescaling(model)
    with torch.no_grad():
        own, other = (one.hf_model(**inputs)[0] for one in (model, rescaling.model))
    assert torch.equal(own, other) and not rescaling.n_run
    assert {p.data_ptr() for p in model.hf_model.parameters()} == {
        p.data_ptr() for p in rescaling.model.hf_model.parameters()
    }
    deeplift(model, TEXTS[family])
    after = lmviz.run("saliency", model, text=TEXTS[family])
    assert isinstance(before, TokenScores) and isinstance(after, TokenScores)
    np.testing.assert_array_equal(before.scores, after.scores)
    for parameter in model.hf_model.parameters():
        assert parameter.grad is None and not parameter.requires_grad


def test_deeplift_sees_what_stands() -> None:
    model = model_of("gpt2")
    plainly = deeplift(model, TEXTS["gpt2"], target=" dog")
    with intervening(model, (AblateHead(0, 1),)):
        ablated = deeplift(model, TEXTS["gpt2"], target=" dog")
        other = lmviz.run("integrated-gradients", model, text=TEXTS["gpt2"], target=" dog")
    assert ablated.provenance["value"] == pytest.approx(other.provenance["value"], abs=1e-5)
    assert abs(ablated.provenance["value"] - plainly.provenance["value"]) > 0.01


def test_models_that_deeplift_cannot_compare_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotForThisModel, match=r"no activation of its own .* Choose integrated-gradients"):
        deeplift(lmviz.wrap(*tiny("gpt_oss")), "the cat sat")
    _, tokenizer = tiny("llama")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = MixtralConfig(**sizes, intermediate_size=48, num_local_experts=4, vocab_size=len(tokenizer))
    with pytest.raises(NotForThisModel, match=r"different experts.* Choose integrated-gradients"):
        deeplift(lmviz.wrap(MixtralForCausalLM(config).eval(), tokenizer), "the cat sat")
    hf_model, own = tiny("gpt2")
    for block in hf_model.transformer.h:
        block.mlp.act, block.mlp.unused = nn.Identity(), nn.ReLU()
    with pytest.raises(NotForThisModel, match="does not come by"):
        deeplift(lmviz.wrap(hf_model, own), "the cat sat")
    with pytest.raises(InvalidParameter, match="Choose from pad, zero"):
        deeplift(model_of("gpt2"), "the cat sat", baseline="noise")
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.1")
    assert isinstance(lmviz.run("saliency", model_of("gpt2"), text="the cat sat"), TokenScores)
    with pytest.raises(OverBudget, match="would take about"):
        deeplift(model_of("gpt2"), "the cat sat")  # two inputs and the rule take more than one input
