"""The tests that explanations are put to, against brute force; and explanations that must fail them, and do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import lmviz
from lmviz.analyses.attribution import agreement, methods
from lmviz.analyses.attribution import input_x_gradient as ixg
from lmviz.analyses.attribution.curves import SHARES
from lmviz.analyses.attribution.verdicts import Evidence, verdict
from lmviz.analyses.base import ignore
from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.models.shuffling import shuffled
from lmviz.results import Faithfulness
from lmviz.results.faithfulness import DO_NOT_RELY, HOLDS, WITH_CARE
from tests.reference.test_attribution import TEXTS, Plain, linear, model_of

FILM = "A slow start, but a wonderful film in the end."


def ask(model: LoadedModel, text: str, **params: Any) -> Faithfulness:
    found = lmviz.run("faithfulness", model, text=text, **params)
    assert isinstance(found, Faithfulness)
    return found


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_curves_and_their_shares_are_brute_force(family: str) -> None:
    model, text = model_of(family), TEXTS[family]
    plain = Plain(model, text)
    found = ask(model, text, methods=("erasure", "saliency"), by="token", n_shuffles=0)
    players = [place for place, stays in enumerate(plain.stays.tolist()) if not stays]
    n = len(players)

    def value(gone: list[int]) -> float:
        return plain.value([place not in gone for place in range(len(plain.stays))])

    alone = np.array([value([]) - value([place]) for place in players])
    np.testing.assert_allclose(found.scores[0], alone, atol=1e-5)
    order = [players[at] for at in np.argsort(-found.scores[0], kind="stable")]
    deletion = [value(order[:count]) for count in range(n + 1)]
    insertion = [value(order[count:]) for count in range(n + 1)]
    np.testing.assert_allclose(found.fractions, np.arange(n + 1) / n, atol=1e-6)
    np.testing.assert_allclose(found.deletion[0], deletion, atol=1e-5)
    np.testing.assert_allclose(found.insertion[0], insertion, atol=1e-5)
    area = sum((a + b) / 2 / n for a, b in pairwise(deletion))
    assert found.deletion_area[0] == pytest.approx(area, abs=1e-5)
    firsts = [int(np.ceil(share * n)) for share in SHARES]
    assert found.comprehensiveness[0] == pytest.approx(value([]) - np.mean([deletion[k] for k in firsts]), abs=1e-5)
    assert found.sufficiency[0] == pytest.approx(value([]) - np.mean([insertion[k] for k in firsts]), abs=1e-5)
    as_good = (found.deletion_area[2:] <= found.deletion_area[0]).sum()
    assert found.p_deletion[0] == pytest.approx((1 + as_good) / 51)
    low, high = found.band("deletion")
    assert (low <= high).all() and low[0] == high[0] == found.deletion[0, 0]


def test_words_are_taken_away_whole() -> None:
    found = ask(lmviz.load("minilm-sentiment"), "An unputdownable film.", methods=("erasure",), n_shuffles=0)
    assert found.players == ("an", "unputdownable", "film", ".")
    single = lmviz.run("erasure", lmviz.load("minilm-sentiment"), text="An unputdownable film.", by="word")
    assert found.scores.sum() == pytest.approx(float(single.scores.sum()), abs=1e-5)


def test_rank_correlation_is_scipys_and_shared_words_have_one_sign() -> None:
    generator = np.random.default_rng(0)
    for size in (2, 5, 30):
        a, b = generator.integers(0, 4, size).astype(float), generator.normal(size=size)
        a[0] = 9.0
        assert agreement.spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
        assert agreement.compared(a, -a, is_signed=True) == pytest.approx(-1)
        assert agreement.compared(a, -a, is_signed=False) == pytest.approx(1)
    assert np.isnan(agreement.spearman(np.ones(3), np.arange(3.0)))
    a, b = np.array([5.0, -4.0, 3.0, 0.1, 0.0, 0.0]), np.array([5.0, 4.0, 0.1, 3.0, 0.0, 0.0])
    assert agreement.shared_top(a, b, is_signed=True) == 1
    assert agreement.shared_top(a, b, is_signed=False) == 2


def test_chance_is_what_unrelated_orders_stay_under() -> None:
    generator = np.random.default_rng(1)
    limit = agreement.chance(8, 3, seed=0)
    means = [
        np.mean([spearmanr(generator.permutation(8), np.arange(8)).statistic for _ in range(3)]) for _ in range(800)
    ]
    assert np.mean(np.array(means) > limit) == pytest.approx(0.05, abs=0.02)


def test_right_explanations_of_a_bag_of_words_hold_up() -> None:
    slugs = ("integrated-gradients", "erasure", "shapley-sampling")
    text = "ant bee cow bee dog eel fox gnu hen ibis"
    found = ask(linear("all"), text, methods=slugs, target="bee", contrast="dog", baseline="zero", n_random=200)
    assert found.verdicts == (HOLDS,) * 3, found.reasons
    assert found.summary == "Holds up: Integrated gradients, Erasure, Shapley values."
    np.testing.assert_allclose(found.scores, np.tile([0, 1, 0, 1, -1, 0, 0, 0, 0, 0], (3, 1)), atol=1e-3)
    assert found.deletion_area[0] == found.deletion_area.min() and found.insertion_area[0] == found.insertion_area.max()
    assert abs(found.residues[0]) < 1e-3 and found.doubling[0] < 1e-3


def stand_in(monkeypatch: pytest.MonkeyPatch, scores: Callable[[LoadedModel, np.ndarray], np.ndarray]) -> None:
    """Put an attribution with other scores in the place of input × gradient."""

    def run(model: LoadedModel, params: Any, *, on_progress: Any = ignore) -> Any:
        result = ixg.ANALYSIS.run(model, params, on_progress=on_progress)
        fixed = np.array(result.table.special)
        return replace(result, scores=np.where(fixed, 0, scores(model, result.scores)).astype(np.float32))

    changed = {**methods.METHODS, "input-x-gradient": replace(ixg.ANALYSIS, run=run)}
    monkeypatch.setattr(methods, "METHODS", changed)


def test_scores_that_know_nothing_of_the_model_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, lambda _, scores: np.sin(np.arange(len(scores)) * 2.0))
    found = ask(lmviz.load("minilm-sentiment"), FILM, methods=("integrated-gradients", "input-x-gradient"))
    np.testing.assert_allclose(found.randomised[1], 1, atol=1e-6)
    assert found.verdicts[1] == DO_NOT_RELY
    assert any("shuffled weights" in why for why in found.reasons[1])
    assert found.verdicts[0] == HOLDS  # that one of two fails says nothing against the other


def test_scores_turned_round_are_worse_than_random_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    right = lmviz.run("shapley-sampling", lmviz.load("minilm-sentiment"), text=FILM).scores
    stand_in(monkeypatch, lambda model, scores: -right if model.hf_model is real.hf_model else scores)
    real = lmviz.load("minilm-sentiment")
    found = ask(real, FILM, methods=("shapley-sampling", "input-x-gradient"), by="token")
    assert found.p_deletion[0] < 0.05 and found.p_deletion[1] > 0.5
    assert found.verdicts[1] == DO_NOT_RELY
    assert any("no better than random" in why for why in found.reasons[1])
    assert found.agreement[0, 1] == pytest.approx(-1, abs=1e-6)


def test_too_few_steps_are_seen_when_they_double() -> None:
    model, text = lmviz.load("smollm2-135m"), TEXTS["smollm2-135m"]
    few = ask(model, text, methods=("integrated-gradients",), n_steps=2, n_shuffles=0, n_random=10)
    assert few.doubling[0] > 0.1 and abs(few.residues[0]) > 0.1 * abs(few.value - few.baseline_value)
    assert few.verdicts == (DO_NOT_RELY,)
    again = lmviz.run("integrated-gradients", model, text=text, n_steps=4).scores
    first = lmviz.run("integrated-gradients", model, text=text, n_steps=2).scores
    assert few.doubling[0] == pytest.approx(np.abs(again - first).max() / np.abs(again).max(), rel=1e-3)


def test_shuffled_weights_keep_their_numbers_but_not_their_places() -> None:
    model = model_of("bert")
    before = {name: weight.clone() for name, weight in model.hf_model.named_parameters()}
    other, same, third = (shuffled(model, seed=seed) for seed in (1, 1, 2))
    for (name, weight), own in zip(other.hf_model.named_parameters(), before.values(), strict=True):
        assert torch.equal(weight.flatten().sort().values, own.flatten().sort().values), name
        is_kept = "embeddings." in name and "LayerNorm" not in name
        if is_kept or len(own.unique()) > 1:
            assert torch.equal(weight, own) == is_kept, name
    assert all(torch.equal(weight, before[name]) for name, weight in model.hf_model.named_parameters())
    text = TEXTS["bert"]
    values = [lmviz.run("saliency", one, text=text, target="cat").scores for one in (other, same, third, model)]
    np.testing.assert_array_equal(values[0], values[1])
    assert all(not np.allclose(values[0], one) for one in values[2:])


GOOD = Evidence(
    n_players=9, residue=0.001, difference=1.0, doubling=0.01, other_baseline=0.9, p_deletion=0.02, p_insertion=0.02,
    randomised=0.0, chance=0.3, n_top=4, others=(("Erasure", 1),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said", "why"),
    [
        ({}, HOLDS, "better than random"),
        ({"residue": 0.05}, WITH_CARE, "leaves 5 % of the difference"),
        ({"residue": -0.3}, DO_NOT_RELY, "leaves 30 % of the difference"),
        ({"difference": 0.0}, DO_NOT_RELY, "leaves all that there is"),
        ({"residue": float("nan")}, HOLDS, "better than random"),
        ({"doubling": 0.5}, DO_NOT_RELY, "moves by 50 % of the largest"),
        ({"other_baseline": 0.2}, WITH_CARE, "Another baseline"),
        ({"p_deletion": 0.3}, WITH_CARE, "deletion curve is no better"),
        ({"p_deletion": 0.3, "p_insertion": 0.4}, DO_NOT_RELY, "insertion curve is no better"),
        ({"randomised": 0.6}, DO_NOT_RELY, "shuffled weights"),
        ({"others": (("Erasure", 3),)}, WITH_CARE, "It and Erasure disagree on 3 of 4 top words."),
        ({"n_players": 3}, WITH_CARE, "With 3 words no order"),
    ],
)
def test_each_test_has_its_say(change: dict[str, Any], said: str, why: str) -> None:
    found, reasons = verdict(replace(GOOD, **change))
    assert found == said
    assert any(why in one for one in reasons)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"methods": ("integratedgradients",)}, "Did you mean 'integrated-gradients'"),
        ({"methods": ()}, "Name one attribution"),
        ({"methods": ("erasure", "erasure")}, "each once"),
        ({"baseline": "delete"}, "Choose from pad"),
        ({"second_baseline": "nothing"}, "Choose from pad"),
        ({"n_random": 3}, "ask for 10 to 1,000"),
        ({"n_shuffles": 99}, "ask for 0 to 20"),
        ({"by": "letter"}, "token or word"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(change: dict[str, Any], remedy: str) -> None:
    with pytest.raises(InvalidParameter, match=remedy):
        ask(model_of("gpt2"), "the cat sat", **change)


def test_heads_for_labels_tags_and_answers_are_tested_and_the_target_stays_the_same() -> None:
    for name, text, more in (
        ("minilm-pos", "The old man saw the boats.", {"position": 3}),
        ("minilm-ner", "Anna lives in London.", {}),
    ):
        found = ask(lmviz.load(name), text, methods=("input-x-gradient",), n_random=10, **more)
        assert np.isfinite(found.randomised).all()
    own = ask(lmviz.load("minilm-sentiment"), FILM, methods=("saliency",), n_random=10)
    named = ask(lmviz.load("minilm-sentiment"), FILM, methods=("saliency",), n_random=10, target=own.target)
    np.testing.assert_array_equal(own.randomised, named.randomised)


def test_eight_threads_are_told_the_same() -> None:
    model = lmviz.load("minilm-sentiment")
    texts = [f"A {word} film." for word in ("good", "bad", "slow", "great", "dull", "fine", "odd", "new")]

    def asked(text: str) -> tuple[bytes, tuple[str, ...]]:
        found = ask(model, text, methods=("input-x-gradient", "erasure"), n_random=10, n_shuffles=1)
        return found.deletion.tobytes() + found.randomised.tobytes(), found.verdicts

    alone = [asked(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(asked, texts)) == alone
