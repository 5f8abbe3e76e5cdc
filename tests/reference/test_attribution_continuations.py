"""The log-probability of a whole continuation, explained: against plain passes, Captum, and tokens really replaced."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.attribution.methods import METHODS
from lmviz.capture.narrow import _cuts, cut
from lmviz.errors import EmptyInput, InputTooLong, InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenScores
from tests.reference.test_attribution import OWN_UNIT
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

CASES = {
    "gpt2": ("the cat sat on", " the mat and the dog"),
    "llama": ("the cat sat on", " the mat and the dog"),
    "smollm2-135m": ("The capital of France is", " Paris, a city."),
}
MERGING = ("the cat s", "at on the mat")


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.load(name) if "-" in name else lmviz.wrap(*tiny(name))


def ask(slug: str, name: str, case: tuple[str, str], **params: Any) -> TokenScores:
    found = lmviz.run(slug, model_of(name), text=case[0], continuation=case[1], **params)
    assert isinstance(found, TokenScores)
    return found


class Sum:
    """The sum of log-probabilities of what follows the first tokens, as transformers has it."""

    def __init__(self, name: str, case: tuple[str, str]) -> None:
        self.model = model_of(name)
        tokenizer = self.model.tokenizer
        own = tokenizer(case[0])["input_ids"]
        whole = tokenizer("".join(case))["input_ids"]
        if whole[: len(own)] != own:
            whole = [*own, *tokenizer(case[1], add_special_tokens=False)["input_ids"]]
        self.ids, self.n_text = torch.tensor(whole), len(own)
        table = self.model.hf_model.get_input_embeddings()
        self.own = table(self.ids)[None].detach()
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        self.stays = np.array([place >= self.n_text or i in special for place, i in enumerate(whole)])
        self.empty = torch.where(torch.tensor(self.stays)[:, None], self.own[0], table(torch.tensor(pad)).detach())[
            None
        ]

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        return self.read(self.model.hf_model(inputs_embeds=embeddings).logits, self.ids, self.n_text)

    @staticmethod
    def read(logits: torch.Tensor, ids: torch.Tensor, n_text: int) -> torch.Tensor:
        places = range(n_text, len(ids))
        return sum(logits[:, place - 1].log_softmax(-1)[:, ids[place]] for place in places)  # type: ignore[return-value]

    @torch.no_grad()
    def without(self, player: int) -> float:
        """Give the sum with one token deleted."""
        rest = torch.tensor([int(i) for place, i in enumerate(self.ids) if place != player])
        return float(self.read(self.model.hf_model(input_ids=rest[None]).logits, rest, self.n_text - 1))


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_the_sum_of_log_probabilities(name: str) -> None:
    plain = Sum(name, CASES[name])
    result = ask("saliency", name, CASES[name])
    with torch.no_grad():
        logits = plain.model.hf_model(input_ids=plain.ids[None]).logits.double()
    wanted = float(Sum.read(logits, plain.ids, plain.n_text))
    assert wanted < -1
    assert result.provenance["value"] == pytest.approx(wanted, abs=1e-4)
    assert result.unit == "nat" and result.target == f"log p({CASES[name][1]!r})"
    assert result.table is not None and list(result.table.ids) == plain.ids.tolist()


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_captums(name: str) -> None:
    plain = Sum(name, CASES[name])
    wanted = IntegratedGradients(plain).attribute(plain.own, plain.empty, n_steps=32).sum(dim=-1)[0].detach().numpy()
    result = ask("integrated-gradients", name, CASES[name])
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(result.scores, wanted, atol=1e-4 * scale)
    slope = InputXGradient(plain).attribute(plain.own.clone().requires_grad_()).sum(dim=-1)[0].detach().numpy()
    result = ask("input-x-gradient", name, CASES[name])
    np.testing.assert_allclose(
        result.scores[: plain.n_text], slope[: plain.n_text], atol=1e-4 * max(1, abs(slope).max())
    )
    assert not result.scores[plain.n_text :].any()
    assert "its tokens have 0" in result.note


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_what_is_erased_is_really_replaced_or_not_there(family: str) -> None:
    plain = Sum(family, CASES[family])
    replaced, deleted = (ask("erasure", family, CASES[family], baseline=baseline) for baseline in ("pad", "delete"))
    with torch.no_grad():
        whole = float(plain(plain.own))
        for player in range(len(plain.ids)):
            there = torch.arange(len(plain.ids)) != player
            without = float(plain(torch.where(there[None, :, None], plain.own, plain.empty)))
            assert replaced.scores[player] == pytest.approx(whole - without, abs=1e-4)
            if plain.stays[player] or player == plain.n_text - 1:  # the first of the continuation is read there
                assert deleted.scores[player] == 0
            else:
                assert deleted.scores[player] == pytest.approx(whole - plain.without(player), abs=1e-4)
    assert np.abs(replaced.scores).max() > 0.01 < np.abs(deleted.scores).max()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_border_within_a_token_stays_where_it_is(family: str) -> None:
    model = model_of(family)
    plain = Sum(family, MERGING)
    result = ask("saliency", family, MERGING)
    assert result.table is not None and list(result.table.ids) == plain.ids.tolist()
    assert result.table.ids[: plain.n_text] == tuple(model.tokenizer(MERGING[0])["input_ids"])
    assert model.tokenizer("".join(MERGING))["input_ids"] != plain.ids.tolist(), "nothing was merged"
    with torch.no_grad():
        assert result.provenance["value"] == pytest.approx(float(plain(plain.own)), abs=1e-4)


def test_a_narrow_head_gives_what_the_whole_model_gives() -> None:
    model, case = model_of("llama"), CASES["llama"]
    assert cut(model) is not None
    narrow = ask("integrated-gradients", "llama", case)
    known, _cuts[model.hf_model] = _cuts[model.hf_model], {False: None}
    try:
        whole = ask("integrated-gradients", "llama", case)
    finally:
        _cuts[model.hf_model] = known
    np.testing.assert_allclose(narrow.scores, whole.scores, atol=1e-5)


@pytest.mark.parametrize("slug", METHODS)
def test_every_method_explains_it(slug: str) -> None:
    short = ("the cat sat", " on the mat")
    result = ask(slug, "gpt2", short)
    plain = Sum("gpt2", short)
    assert result.unit == OWN_UNIT.get(slug, "nat") and not result.scores[plain.n_text :].any()
    assert np.abs(result.scores[: plain.n_text]).max() > 1e-3
    with torch.no_grad():
        assert result.provenance["value"] == pytest.approx(float(plain(plain.own)), abs=1e-4)
    assert all(check.passed for check in ANALYSES[slug].check(result))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"target": " dog"}, InvalidParameter, "leave out target, or"),
        ({"contrast": " dog", "position": 1}, InvalidParameter, "leave out contrast, position, or"),
        ({"text_pair": "a"}, InvalidParameter, "leave out text_pair"),
        ({"continuation": ""}, EmptyInput, "Type what follows"),
        ({"continuation": " the cat" * 400}, InputTooLong, "Shorten it by"),
        ({"text": ""}, EmptyInput, "Type a sentence"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(params: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lmviz.run("saliency", model_of("gpt2"), **{"text": "the cat", "continuation": " sat", **params})


def test_models_that_continue_no_text_are_told() -> None:
    for model, message in (
        (model_of("bert"), "choose a decoder such as smollm2-135m"),
        (model_of("t5"), "is an encoder-decoder"),
        (lmviz.wrap(*tiny_head("gpt2", "ForSequenceClassification")), "has no language-model head"),
    ):
        with pytest.raises(NotForThisModel, match=message):
            lmviz.run("saliency", model, text="the cat", continuation=" sat")
