"""Attributions against Captum, against brute force, and on models whose answer is known by construction."""

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import GradientShap, InputXGradient, IntegratedGradients, Saliency
from torch import nn

import lmviz
from lmviz.analyses.attribution.baselines import BASELINES, ends
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.capture.gradients import gradients, token_embeddings
from lmviz.errors import InvalidParameter, NoMaskToken, NotForThisModel, NotOneToken, OverBudget
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenScores
from tests.handmade import WORDS, handmade
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

TEXTS = {
    "bert": "the cat sat on the [MASK] and the dog",
    "gpt2": "the cat sat on the mat and the",
    "llama": "the cat sat on the mat and the",
    "minilm-mlm": "The doctor told the [MASK] to rest.",
    "smollm2-135m": "The capital of France is",
}
OWN_UNIT = {"attention-relevance": "relevance", "rollout-scores": "share"}  # whatever is explained
GRADIENT_METHODS = ("saliency", "input-x-gradient", "integrated-gradients", "gradient-shap")


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.load(name) if "-" in name else lmviz.wrap(*tiny(name))


def ask(slug: str, model: LoadedModel, text: str, **params: Any) -> TokenScores:
    found = lmviz.run(slug, model, text=text, **params)
    assert isinstance(found, TokenScores)
    return found


class Plain:
    """The model as transformers has it: one logit, as a function of embeddings."""

    def __init__(self, model: LoadedModel, text: str, baseline: str = "pad") -> None:
        self.model, self.hf_model = model, model.hf_model
        self.given = dict(model.tokenizer(text, return_tensors="pt").items())
        ids = self.given.pop("input_ids")[0]
        mask = model.tokenizer.mask_token_id
        self.place = ids.tolist().index(mask) if model.kind == "encoder" else len(ids) - 1
        self.embeddings = self.hf_model.get_input_embeddings()(ids)[None].detach()
        stand_in = {"pad": model.tokenizer.pad_token_id, "mask": mask, "zero": None}[baseline]
        stand_in = model.tokenizer.eos_token_id if stand_in is None else stand_in
        row = torch.zeros(self.embeddings.shape[-1])
        if baseline != "zero" and stand_in is not None:
            row = self.hf_model.get_input_embeddings()(torch.tensor([stand_in]))[0].detach()
        special = set(model.tokenizer.all_special_ids) - {model.tokenizer.unk_token_id}
        stays = torch.tensor([int(i) in special for i in ids])
        self.stays = stays
        self.baseline = torch.where(stays[:, None], self.embeddings[0], row)[None]
        self.token = int(self.logits(self.embeddings)[0].argmax())

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        given = {name: value.expand(len(embeddings), -1) for name, value in self.given.items()}
        output = self.hf_model(inputs_embeds=embeddings, **given)
        logits: torch.Tensor = output.prediction_logits if "prediction_logits" in output else output.logits
        return logits[:, self.place]

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        return self.logits(embeddings)[:, self.token]

    @torch.no_grad()
    def value(self, there: Any) -> float:
        """Give the logit with the embeddings of some tokens replaced."""
        mixed = torch.where(torch.tensor(there)[None, :, None], self.embeddings, self.baseline)
        return float(self(mixed))


def captums(slug: str, plain: Plain) -> np.ndarray:
    x, base = plain.embeddings.clone().requires_grad_(), plain.baseline
    if slug == "saliency":
        found = Saliency(plain).attribute(x, abs=False).norm(dim=-1)
    elif slug == "input-x-gradient":
        found = InputXGradient(plain).attribute(x).sum(dim=-1)
    elif slug == "integrated-gradients":
        found = IntegratedGradients(plain).attribute(x, base, n_steps=32).sum(dim=-1)
    else:
        np.random.seed(7)  # noqa: NPY002  (Captum draws from the global generator)
        found = GradientShap(plain).attribute(x, base, n_samples=16, stdevs=0.0).sum(dim=-1)
    scores: np.ndarray = found[0].detach().double().numpy()
    return scores


@pytest.mark.parametrize("slug", GRADIENT_METHODS)
@pytest.mark.parametrize("name", TEXTS)
def test_gradient_methods_are_captums(name: str, slug: str) -> None:
    model = model_of(name)
    plain = Plain(model, TEXTS[name])
    extra = {"n_samples": 16, "seed": 7} if slug == "gradient-shap" else {}
    result = ask(slug, model, TEXTS[name], **extra)
    wanted = captums(slug, plain)
    assert np.abs(wanted).max() > 0.01
    scale = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(result.scores, wanted, atol=1e-5 * scale)
    assert result.provenance["value"] == pytest.approx(float(plain(plain.embeddings)), abs=1e-4)
    if slug in ("integrated-gradients", "gradient-shap"):
        difference = float(plain(plain.embeddings)) - float(plain(plain.baseline))
        assert result.residue == pytest.approx(difference - wanted.sum(), abs=1e-4 * scale)
    else:
        assert math.isnan(result.residue)


@pytest.mark.parametrize("baseline", ["pad", "zero", "mask"])
def test_every_baseline_is_what_its_name_says(baseline: str) -> None:
    model = model_of("bert")
    plain = Plain(model, TEXTS["bert"], baseline)
    wanted = IntegratedGradients(plain).attribute(plain.embeddings, plain.baseline, n_steps=32).sum(dim=-1)[0]
    result = ask("integrated-gradients", model, TEXTS["bert"], baseline=baseline)
    np.testing.assert_allclose(result.scores, wanted.detach().numpy(), atol=1e-5)


def test_the_mean_is_that_of_all_embeddings() -> None:
    model = model_of("gpt2")
    empty, own = ends(model, explained(model, TargetParams("the cat sat")), baseline="mean")
    np.testing.assert_allclose(empty[0], model.hf_model.get_input_embeddings().weight.numpy().mean(axis=0), atol=1e-6)
    assert np.abs(own - empty).max() > 0.01


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_steps_go_where_the_way_bends_until_the_tolerance_is_reached(family: str) -> None:
    model = model_of(family)
    exact = ask("integrated-gradients", model, TEXTS[family], n_steps=512)
    difference = abs(exact.provenance["value"] - exact.provenance["baseline_value"])
    steps = []
    for tolerance in (0.3, 0.01, 0.001):
        result = ask("integrated-gradients", model, TEXTS[family], tolerance=tolerance)
        assert abs(result.residue) <= max(tolerance * difference, 1e-3) * 1.01
        np.testing.assert_allclose(result.scores, exact.scores, atol=max(tolerance * difference, 1e-3) * 2)
        steps.append(result.provenance["steps"])
    assert steps == sorted(steps) and steps[0] < 24
    assert abs(exact.residue) < 1e-3


def coalition_values(plain: Plain, players: list[int]) -> dict[tuple[int, ...], float]:
    values = {}
    for size in range(len(players) + 1):
        for there in itertools.combinations(players, size):
            values[there] = plain.value([place in there or place not in players for place in range(len(plain.stays))])
    return values


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_shapley_values_and_erasure_of_four_words_are_brute_force(family: str) -> None:
    text = "the cat sat down [MASK]" if family == "bert" else "the cat sat down"
    plain = Plain(model_of(family), text)
    players = [place for place, stays in enumerate(plain.stays.tolist()) if not stays][:7]
    values = coalition_values(plain, players)
    whole, none = values[tuple(players)], values[()]
    wanted = dict.fromkeys(players, 0.0)
    orders = list(itertools.permutations(players))
    for order in orders:
        for number, player in enumerate(order):
            before, after = (tuple(sorted(order[:n])) for n in (number, number + 1))
            wanted[player] += (values[after] - values[before]) / len(orders)
    exact = ask("shapley-sampling", plain.model, text, n_samples=200)
    assert "Every set" in exact.note
    np.testing.assert_allclose(exact.scores[players], list(wanted.values()), atol=1e-5)
    assert exact.scores.sum() == pytest.approx(whole - none, abs=1e-5)
    assert np.abs(exact.scores).max() > 0.01
    alone = ask("erasure", plain.model, text)
    for player in players:
        rest = tuple(other for other in players if other != player)
        assert alone.scores[player] == pytest.approx(whole - values[rest], abs=1e-5)
    fixed = [place for place, stays in enumerate(plain.stays.tolist()) if stays]
    for result in (exact, alone):
        assert not result.scores[fixed].any()


def test_sampled_shapley_values_add_up_and_come_to_the_exact_ones() -> None:
    model, text = model_of("gpt2"), "the cat sat on the mat and the dog"
    exact = ask("shapley-sampling", model, text, n_samples=2**9)
    assert "Every set" in exact.note
    errors = []
    for n_samples in (4, 50):
        sampled = [ask("shapley-sampling", model, text, n_samples=n_samples, seed=seed) for seed in range(6)]
        assert all("random orders" in one.note for one in sampled)
        for one in sampled:
            difference = one.provenance["value"] - one.provenance["baseline_value"]
            assert one.scores.sum() == pytest.approx(difference, abs=1e-4)
        errors.append(np.sqrt(np.mean([(one.scores - exact.scores) ** 2 for one in sampled])))
    assert errors[1] < 0.5 * errors[0]
    assert not np.array_equal(sampled[0].scores, sampled[1].scores)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_what_is_deleted_is_not_there(family: str) -> None:
    model = model_of(family)
    ids = model.tokenizer(TEXTS[family])["input_ids"]
    result = ask("erasure", model, TEXTS[family], baseline="delete")
    place = ids.index(model.tokenizer.mask_token_id) if family == "bert" else len(ids) - 1
    plain = Plain(model, TEXTS[family])

    @torch.no_grad()
    def logit(rest: list[int], at: int) -> float:
        output = model.hf_model(input_ids=torch.tensor([rest]))
        logits = output.prediction_logits if "prediction_logits" in output else output.logits
        return float(logits[0, at, plain.token])

    for player, score in enumerate(result.scores):
        if player == place or plain.stays[player]:
            assert score == 0
            continue
        rest = [i for other, i in enumerate(ids) if other != player]
        wanted = logit(ids, place) - logit(rest, place - (player < place))
        assert score == pytest.approx(wanted, abs=1e-4)
    assert np.abs(result.scores).max() > 0.01


def test_words_go_whole_and_their_pieces_share() -> None:
    model, text = model_of("bert"), "the unhappiest doctors sat [MASK]"
    result = ask("erasure", model, text, by="word")
    words: dict[int, list[int]] = {}
    table = result.table
    assert table is not None
    for place, word in enumerate(table.words):
        words.setdefault(word, []).append(place)
    several = [own for word, own in words.items() if word >= 0 and len(own) > 1]
    assert several, "no word of several pieces, so nothing was shared"
    plain = Plain(model, text)
    for own in several:
        there = [place not in own for place in range(len(table))]
        wanted = float(plain(plain.embeddings)) - plain.value(there)
        assert result.scores[own].sum() == pytest.approx(wanted, abs=1e-5)
        assert np.ptp(result.scores[own]) == 0


# ---- models whose answer is known -----------------------------------------------------------------------------------

CLAIM_A_SUM = ("integrated-gradients", "gradient-shap", "deeplift", "shapley-sampling", "kernel-shap")


def linear(looks: str) -> LoadedModel:
    """Give a GPT-2 without norms whose logits are linear in the words: in all of them, or in the one before the last.

    The scores of the words at a position are what its head gathered: the mean of all words, or the previous word.
    """
    hf_model, tokenizer = handmade()
    hf_model.transformer.ln_f = nn.Identity()
    for block in hf_model.transformer.h:
        block.ln_1 = nn.Identity()
    hf_model.lm_head = nn.Linear(hf_model.config.n_embd, len(WORDS), bias=False)
    with torch.no_grad():
        hf_model.lm_head.weight.zero_()
        hf_model.lm_head.weight[:, 36:48] = 10 * torch.eye(len(WORDS))  # reads what the head noted down
        if looks == "all":
            hf_model.transformer.h[0].attn.c_attn.weight[:, : 2 * hf_model.config.n_embd] = 0
            hf_model.transformer.h[0].attn.c_attn.bias.zero_()
    return lmviz.wrap(hf_model.eval(), tokenizer)


@pytest.mark.parametrize("slug", CLAIM_A_SUM)
def test_a_bag_of_words_is_explained_by_its_words(slug: str) -> None:
    model, text = linear("all"), "ant bee cow bee dog"
    result = ask(slug, model, text, target="bee", baseline="zero")
    np.testing.assert_allclose(result.scores, [0, 2, 0, 2, 0], atol=1e-4)  # 10 / 5 for each
    assert result.provenance["value"] == pytest.approx(4, abs=1e-4) and abs(result.residue) < 1e-4
    contrast = ask(slug, model, text, target="bee", contrast="dog", baseline="zero")
    np.testing.assert_allclose(contrast.scores, [0, 2, 0, 2, -2], atol=1e-4)
    assert contrast.target == "bee − dog"


@pytest.mark.parametrize("slug", [*CLAIM_A_SUM, "erasure"])
def test_a_copier_is_explained_by_what_it_copies(slug: str) -> None:
    result = ask(slug, linear("before"), "ant bee cow dog eel", target="dog", baseline="zero")
    assert result.provenance["value"] == pytest.approx(10, abs=0.1)
    np.testing.assert_allclose(result.scores, [0, 0, 0, 10, 0], atol=0.1)


# ---- targets --------------------------------------------------------------------------------------------------------


def test_a_label_a_tag_and_an_answer_are_explained() -> None:
    text = "the cat sat on the mat"
    for ending, more, read in (
        ("ForSequenceClassification", {}, lambda output: output.logits[0]),
        ("ForTokenClassification", {"position": 3}, lambda output: output.logits[0, 3]),
        ("ForQuestionAnswering", {"text_pair": "the dog sat"}, lambda output: output.start_logits[0]),
    ):
        model = lmviz.wrap(*tiny_head("bert", ending))
        result = ask("integrated-gradients", model, text, n_steps=64, **more)
        with torch.no_grad():
            said = read(model.hf_model(**model.tokenizer(text, more.get("text_pair"), return_tensors="pt")))
        assert result.provenance["value"] in [pytest.approx(float(score), abs=1e-4) for score in said]
        assert abs(result.residue) < 0.01 * max(1, abs(result.provenance["value"]))
    labels = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    names = list(labels.hf_model.config.id2label.values())
    both = [ask("saliency", labels, text, target=one, contrast=other) for one, other in (names[:2], names[1::-1])]
    assert both[0].provenance["value"] == pytest.approx(-both[1].provenance["value"], abs=1e-5)
    assert both[0].target == f"{names[0]} − {names[1]}"


def test_the_first_choice_is_explained_unless_another_is_asked_for() -> None:
    model = model_of("gpt2")
    plain = Plain(model, TEXTS["gpt2"])
    own = ask("saliency", model, TEXTS["gpt2"])
    other = ask("saliency", model, TEXTS["gpt2"], target=" dog")
    assert own.target == model.tokenizer.convert_ids_to_tokens(plain.token).replace("Ġ", " ") or own.target
    assert other.target == " dog" and not np.array_equal(own.scores, other.scores)
    earlier = ask("saliency", model, TEXTS["gpt2"], position=2)
    assert not earlier.scores[3:].any() and earlier.scores[:3].all()  # a decoder does not see what follows
    assert np.array_equal(ask("saliency", model, TEXTS["gpt2"], position=-1).scores, own.scores)


@pytest.mark.parametrize(
    ("family", "slug", "params", "error", "message"),
    [
        ("bert", "saliency", {"text": "no mask"}, NoMaskToken, "Put"),
        ("gpt2", "saliency", {"target": "antidisestablishment"}, NotOneToken, "must be one token"),
        ("gpt2", "saliency", {"position": 99}, InvalidParameter, "There is no position 99"),
        ("gpt2", "integrated-gradients", {"baseline": "mask"}, InvalidParameter, "has no mask token"),
        ("gpt2", "integrated-gradients", {"baseline": "noise"}, InvalidParameter, "Choose from pad, zero"),
        ("gpt2", "integrated-gradients", {"n_steps": 0}, InvalidParameter, "ask for 1 to"),
        ("gpt2", "integrated-gradients", {"tolerance": 1.5}, InvalidParameter, "give a share"),
        ("gpt2", "gradient-shap", {"seed": -1}, InvalidParameter, "The seed is -1"),
        ("gpt2", "gradient-shap", {"n_samples": 0}, InvalidParameter, "ask for 1 to"),
        ("gpt2", "shapley-sampling", {"n_samples": 0}, InvalidParameter, "ask for 1 to"),
        ("gpt2", "shapley-sampling", {"seed": -1}, InvalidParameter, "The seed is -1"),
        ("gpt2", "erasure", {"by": "letter"}, InvalidParameter, "Choose token or word"),
        ("gpt2", "erasure", {"baseline": "x"}, InvalidParameter, "mean, delete"),
        ("t5", "saliency", {}, NotForThisModel, "is an encoder-decoder"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(
    family: str, slug: str, params: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        lmviz.run(slug, model_of(family), **{"text": "the cat sat", **params})


def test_a_model_without_a_head_and_a_label_that_is_not_there_are_told() -> None:
    with pytest.raises(NotForThisModel, match="no language-model head"):
        ask("saliency", lmviz.load("minilm"), "the cat")
    labels = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    with pytest.raises(InvalidParameter, match="There is no label 'blue'"):
        ask("saliency", labels, "the cat", target="blue")
    answers = lmviz.wrap(*tiny_head("bert", "ForQuestionAnswering"))
    for params, message in (({}, "as text_pair"), ({"text_pair": "b", "target": "middle"}, "'start' or 'end'")):
        with pytest.raises(InvalidParameter, match=message):
            ask("saliency", answers, "who?", **params)


# ---- capture --------------------------------------------------------------------------------------------------------


def test_batches_change_nothing_and_fit_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("bert")
    target = explained(model, TargetParams(TEXTS["bert"]))
    own = token_embeddings(model, target.encoding.table.ids)
    points = [own * share for share in np.linspace(0, 1, 9, dtype=np.float32)]

    def sizes() -> tuple[list[int], np.ndarray]:
        found = list(gradients(model, target.encoding, points=points, quantity=target.quantity))
        return [len(value) for value, _ in found], np.concatenate([gradient for _, gradient in found])

    many, together = sizes()
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.5")
    few, apart = sizes()
    assert sum(many) == sum(few) == 9 and max(few) < max(many)
    np.testing.assert_allclose(apart, together, atol=1e-5)
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.01")
    with pytest.raises(OverBudget, match="would take about"):
        sizes()


def test_baselines_are_listed_once() -> None:
    assert len(set(BASELINES)) == len(BASELINES)
    for baseline in BASELINES:
        assert f"Baseline: {baseline}" in ask("erasure", model_of("bert"), TEXTS["bert"], baseline=baseline).note
