"""Attributions that look inside a model, against Captum, against brute force, and where the answer is known."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import DeepLift, LayerIntegratedGradients
from torch import Tensor, nn
from transformers import MixtralConfig, MixtralForCausalLM

import lmviz
from lmviz.capture.intervene import AblateHead, AddDirection, intervening
from lmviz.errors import InvalidParameter, NotForThisModel, OverBudget
from lmviz.figures.heatmaps import layer_position_grid
from lmviz.figures.scene import Heat, Label
from lmviz.models.loaded import LoadedModel
from lmviz.models.rescaling import with_rescaling
from lmviz.results import Difference, LayerPositionGrid, TokenScores
from tests.reference.test_attribution import TEXTS, Plain, linear, model_of
from tests.tiny import DECODERS, ENCODERS, tiny


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


# ---- integrated gradients at every layer ----------------------------------------------------------------------------

BLOCKS: dict[str, Callable[[Any], Any]] = {
    "bert": lambda hf_model: hf_model.bert.encoder.layer,
    "gpt2": lambda hf_model: hf_model.transformer.h,
    "llama": lambda hf_model: hf_model.model.layers,
}


def by_layer(model: LoadedModel, text: str, **params: Any) -> LayerPositionGrid:
    found = lmviz.run("layer-integrated-gradients", model, text=text, **params)
    assert isinstance(found, LayerPositionGrid)
    return found


class Marked(nn.Module):
    """A block with a module of its own where the stream comes in: Captum copies all that a block reads, None too."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.here = block, nn.Identity()

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        return self.block(self.here(hidden_states), *args, **kwargs)


@pytest.mark.parametrize("baseline", ["pad", "zero"])
@pytest.mark.parametrize("family", BLOCKS)
def test_every_layer_is_captums(family: str, baseline: str) -> None:
    model = model_of(family)
    plain = Plain(model, TEXTS[family], baseline)
    result = by_layer(model, TEXTS[family], baseline=baseline)
    plain.hf_model = copy.deepcopy(model.hf_model)
    blocks = BLOCKS[family](plain.hf_model)
    assert len(result.values) == len(blocks) == 2 and result.unit == "logit"
    difference = float(plain(plain.embeddings)) - float(plain(plain.baseline))
    for layer, block in enumerate(blocks):
        blocks[layer] = Marked(block)
        other = LayerIntegratedGradients(plain, blocks[layer].here)
        own = other.attribute(plain.embeddings, plain.baseline, n_steps=32, attribute_to_layer_input=True)
        wanted = own[0].sum(dim=-1).detach().double().numpy()
        assert np.abs(wanted).max() > 0.05
        np.testing.assert_allclose(result.values[layer], wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))
        assert result.provenance["residues"][layer] == pytest.approx(difference - wanted.sum(), abs=1e-4)
    assert np.abs(result.values[0] - result.values[1]).max() > 0.05


@pytest.mark.parametrize("family", ["gpt2", "llama"])  # what GPT-2 adds for positions is the same on the whole way
def test_the_first_layer_of_a_decoder_is_integrated_gradients(family: str) -> None:
    model = model_of(family)
    whole = lmviz.run("integrated-gradients", model, text=TEXTS[family])
    assert isinstance(whole, TokenScores)
    result = by_layer(model, TEXTS[family])
    np.testing.assert_allclose(result.values[0], whole.scores, atol=1e-5 * max(1.0, np.abs(whole.scores).max()))
    assert result.provenance["value"] == pytest.approx(whole.provenance["value"], abs=1e-5)
    assert result.target == whole.target


@pytest.mark.parametrize("family", sorted({*ENCODERS, *DECODERS} - {"gpt_oss"}))  # whose experts change at a jump
def test_every_family_can_be_entered_and_adds_up_with_steps_enough(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    text = "the cat sat on the mat"
    text = f"{text} {model.tokenizer.mask_token}" if model.kind == "encoder" else text
    result = by_layer(model, text, n_steps=256)
    step = abs(result.provenance["value"] - result.provenance["baseline_value"])
    assert step > 0.01
    largest = np.abs(result.values).sum(axis=1).max()
    assert np.abs(result.provenance["residues"]).max() < 0.01 * largest


def test_only_later_blocks_run() -> None:
    hf_model, tokenizer = tiny("gpt2")
    model = lmviz.wrap(hf_model, tokenizer)
    by_layer(model, "the cat sat", layers=(1,))
    ran: list[int] = []
    for number, block in enumerate(model.hf_model.transformer.h):
        block.mlp.register_forward_hook(lambda *_, number=number: ran.append(number))
    found = by_layer(model, "the cat sat", layers=(1,), target=" dog")
    assert ran.count(1) == ran.count(0) + 1  # all 32 steps are one batch, which begins there
    assert found.layers == (1,) and found.layer_names == ("L1",) and len(found.values) == 1
    assert set(found.to_frame()["layer"]) == {1}
    np.testing.assert_allclose(found.values[0], by_layer(model, "the cat sat", target=" dog").values[1], atol=1e-6)


def test_a_linear_model_is_explained_at_every_layer() -> None:
    """The words make the score below; what the last position has gathered makes all of it above."""
    result = by_layer(linear("all"), "ant bee cow bee dog", target="bee", baseline="zero")
    np.testing.assert_allclose(result.values, [[0, 2, 0, 2, 0], [0, 0, 0, 0, 4]], atol=1e-4)
    np.testing.assert_allclose(result.provenance["residues"], 0, atol=1e-4)


def test_a_continuation_is_explained_at_every_layer() -> None:
    model = model_of("gpt2")
    given = {"text": "the cat sat", "continuation": " on the mat"}
    whole, result = (lmviz.run(slug, model, **given) for slug in ("integrated-gradients", "layer-integrated-gradients"))
    assert isinstance(whole, TokenScores) and isinstance(result, LayerPositionGrid)
    assert result.unit == "nat"
    np.testing.assert_allclose(result.values[0], whole.scores, atol=1e-4)
    assert result.values[1][3:].any()  # the tokens of the continuation hold what they gathered


@pytest.mark.parametrize("place", ["resid_pre", "resid_post", "attn_out"])
def test_layers_see_what_stands(place: str) -> None:
    model = model_of("llama")
    direction = np.random.default_rng(0).normal(size=32)
    plainly = by_layer(model, TEXTS["llama"], target="dog", n_steps=128)
    for layer in (0, 1):
        with intervening(model, (AddDirection(layer, direction, 1.0, place), AblateHead(1, 2))):
            found = by_layer(model, TEXTS["llama"], target="dog", n_steps=128)
        assert abs(found.provenance["value"] - plainly.provenance["value"]) > 0.01
        assert np.abs(found.provenance["residues"]).max() < 0.02 * np.abs(found.values).sum(axis=1).max()


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("bert")
    together = by_layer(model, TEXTS["bert"])
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.5")
    np.testing.assert_allclose(by_layer(model, TEXTS["bert"]).values, together.values, atol=1e-5)
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.01")
    with pytest.raises(OverBudget, match="Choose a shorter text"):
        by_layer(model, TEXTS["bert"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layers": (5,)}, "has layers 0 to 1; there is no layer 5"),
        ({"layers": ()}, "Name at least one"),
        ({"n_steps": 0}, "ask for 1 to 1024"),
        ({"baseline": "noise"}, "Choose from pad, zero"),
    ],
)
def test_layers_asked_wrongly_get_a_remedy(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        by_layer(model_of("gpt2"), "the cat sat", **params)


def test_a_model_whose_stream_is_not_known_is_told() -> None:
    model = model_of("gpt2")
    unknown = replace(model, anatomy=replace(model.anatomy, stacks=(), is_known=False))
    with pytest.raises(NotForThisModel, match="Choose integrated-gradients"):
        by_layer(unknown, "the cat sat")


def test_signed_numbers_have_a_neutral_zero_and_the_picture_says_what_of() -> None:
    values = np.array([[0.0, 1.0], [0.5, 2.0]], dtype=np.float32)
    grid = LayerPositionGrid(
        tokens=("a", "b"), values=values, unit="logit", target=" dog", layers=(3, 7), note="A note."
    )
    scene = layer_position_grid(grid)
    said = [shape.text for shape in scene.shapes if isinstance(shape, Label)]
    assert {"L3", "L7", "A note."} <= set(said) and any("dog, in logit." in text for text in said)
    assert any("logit; zero is neutral" in text for text in said) and "L7 at b, 2.00 logit" in scene.description
    heat = next(shape for shape in scene.shapes if isinstance(shape, Heat))
    assert heat.steps[0, 0] == 127


def test_two_texts_are_compared_by_the_sum_over_a_words_tokens() -> None:
    found = lmviz.run(
        "compare", model_of("gpt2"), analysis="layer-integrated-gradients", text="the unhappiest cat", text_b="the dog"
    )
    assert isinstance(found, Difference) and isinstance(found.a, LayerPositionGrid)
    facts = found.a.provenance
    for row, residue in zip(found.a.values, facts["residues"], strict=True):
        assert np.nansum(row) + residue == pytest.approx(facts["value"] - facts["baseline_value"], abs=1e-4)
    with pytest.raises(InvalidParameter, match="leave out layers, or head_pairs"):
        lmviz.run(
            "compare", model_of("gpt2"), analysis="layer-integrated-gradients", text="the cat", text_b="the dog",
            layers=(1,), head_pairs=("L1:L1",),
        )  # fmt: skip
