"""Kernel SHAP and LIME against exact Shapley values, another regression, Captum, and models that are linear."""

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import Lime
from captum.attr._core.lime import get_exp_kernel_similarity_function
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression, Ridge

import lmviz
from lmviz.analyses.attribution.coalitions import Game, game
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenScores
from tests.reference.test_attribution import linear
from tests.tiny import tiny

TEXTS = {"bert": "the cat sat down [MASK]", "gpt2": "the cat sat down", "llama": "the cat sat down"}
LONGER = "the cat sat on the mat and the dog sat down"


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.wrap(*tiny(name))


def ask(slug: str, model: LoadedModel, text: str, **params: Any) -> TokenScores:
    found = lmviz.run(slug, model, text=text, **params)
    assert isinstance(found, TokenScores)
    return found


def played(family: str, text: str) -> Game:
    model = model_of(family)
    return game(model, explained(model, TargetParams(text)), baseline="pad", by="token")


def values_of(play: Game, sets: np.ndarray) -> np.ndarray:
    return np.concatenate(list(play.values(sets))).astype(np.float64)


# ---- Kernel SHAP ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["token", "word"])
@pytest.mark.parametrize("baseline", ["pad", "delete"])
@pytest.mark.parametrize("family", TEXTS)
def test_asked_for_every_set_it_gives_the_shapley_values(family: str, baseline: str, by: str) -> None:
    how = {"baseline": baseline, "by": by}
    exact = ask("shapley-sampling", model_of(family), TEXTS[family], n_samples=2000, **how)
    result = ask("kernel-shap", model_of(family), TEXTS[family], n_samples=4096, **how)
    assert "Every set" in exact.note and "Every set" in result.note
    assert np.abs(exact.scores).max() > 0.01
    np.testing.assert_allclose(result.scores, exact.scores, atol=1e-5)
    assert abs(result.residue) < 1e-5


def test_it_is_the_regression_of_the_paper() -> None:
    """Both ends as rows of huge weight, and a fit of another program."""
    play = played("gpt2", TEXTS["gpt2"])
    n_players = len(play.players)
    sets = np.array(list(itertools.product((False, True), repeat=n_players)))
    sizes = sets.sum(axis=1)
    kernel = np.array([1e7 if size in (0, n_players) else _paper(n_players, int(size)) for size in sizes])
    wanted = LinearRegression().fit(sets, values_of(play, sets), sample_weight=kernel).coef_
    result = ask("kernel-shap", model_of("gpt2"), TEXTS["gpt2"], n_samples=4096)
    own = [place for player in play.players for place in player]
    np.testing.assert_allclose(result.scores[own], wanted, atol=1e-5)


def _paper(n_players: int, size: int) -> float:
    n_sets = len(list(itertools.combinations(range(n_players), size)))
    return (n_players - 1) / (n_sets * size * (n_players - size))


@pytest.mark.parametrize("n_samples", [10, 12, 16])
def test_of_a_linear_model_few_sets_are_enough(n_samples: int) -> None:
    result = ask(
        "kernel-shap", linear("all"), "ant bee cow bee dog", target="bee", baseline="zero", n_samples=n_samples
    )
    assert "sets of tokens were asked" in result.note and "settle" not in result.note
    assert result.provenance["passes"] <= n_samples
    np.testing.assert_allclose(result.scores, [0, 2, 0, 2, 0], atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 8, 64, 300])
def test_drawn_sets_add_up_too(n_samples: int) -> None:
    result = ask("kernel-shap", model_of("gpt2"), LONGER, n_samples=n_samples)
    difference = result.provenance["value"] - result.provenance["baseline_value"]
    assert result.scores.sum() == pytest.approx(difference, abs=1e-5)
    assert abs(result.residue) < 1e-6
    assert result.provenance["passes"] == max(4, n_samples)
    assert ("settle" in result.note) == (n_samples < 22)


def test_more_sets_come_closer_to_the_exact_values() -> None:
    model = model_of("llama")
    exact = ask("kernel-shap", model, LONGER, n_samples=2**12)
    n_players = int(np.log2(exact.provenance["passes"]))
    assert 2**n_players == exact.provenance["passes"]
    errors = []
    for n_samples in (32, 256):
        drawn = [ask("kernel-shap", model, LONGER, n_samples=n_samples, seed=seed) for seed in range(5)]
        errors.append(np.sqrt(np.mean([(one.scores - exact.scores) ** 2 for one in drawn])))
    assert errors[1] < 0.5 * errors[0]
    assert not np.array_equal(drawn[0].scores, drawn[1].scores)


def test_as_many_passes_tell_more_than_orders_do() -> None:
    model = model_of("gpt2")
    exact = ask("shapley-sampling", model, LONGER, n_samples=2**11)
    assert "Every set" in exact.note
    orders = [ask("shapley-sampling", model, LONGER, n_samples=20, seed=seed) for seed in range(5)]
    sets = [ask("kernel-shap", model, LONGER, n_samples=200, seed=seed) for seed in range(5)]
    assert max(one.provenance["passes"] for one in sets) <= 1.1 * min(one.provenance["passes"] for one in orders) + 30
    errors = [np.sqrt(np.mean([(one.scores - exact.scores) ** 2 for one in some])) for some in (orders, sets)]
    assert errors[1] < errors[0]


# ---- LIME -----------------------------------------------------------------------------------------------------------


def test_of_a_linear_model_the_linear_picture_is_exact() -> None:
    result = ask("lime", linear("all"), "ant bee cow bee dog", target="bee", baseline="zero")
    np.testing.assert_allclose(result.scores, [0, 2, 0, 2, 0], atol=1e-3)
    assert result.provenance["r_squared"] == pytest.approx(1, abs=1e-5)
    assert "explains 100%" in result.note and np.isnan(result.residue)
    flat = ask("lime", linear("all"), "ant ant", target="dog", baseline="zero")
    assert not flat.scores.any() and "does not move" in flat.note and "r_squared" not in flat.provenance


@pytest.mark.parametrize("family", TEXTS)
def test_it_is_a_weighted_ridge_regression(family: str) -> None:
    play, more = played(family, TEXTS[family]), {"n_samples": 60, "kernel_width": 0.4, "penalty": 0.7, "seed": 3}
    result = ask("lime", model_of(family), TEXTS[family], **more)
    generator, rows = np.random.default_rng(3), []
    n_players = len(play.players)
    for _ in range(59):
        order = generator.permutation(n_players)
        gone = set(order[: generator.integers(1, n_players, endpoint=True)].tolist())
        rows.append([player not in gone for player in range(n_players)])
    sets = np.array([[True] * n_players, *rows])
    cosine = sets.sum(axis=1) / np.sqrt(np.maximum(sets.sum(axis=1), 1) * n_players)
    weights = np.exp(-((1 - cosine) ** 2) / (2 * 0.4**2))
    values = values_of(play, sets)
    ridge = Ridge(alpha=0.7).fit(sets, values, sample_weight=weights)
    own = [place for player in play.players for place in player]
    np.testing.assert_allclose(result.scores[own], ridge.coef_, atol=1e-5)
    assert result.provenance["intercept"] == pytest.approx(ridge.intercept_, abs=1e-5)
    assert result.provenance["r_squared"] == pytest.approx(ridge.score(sets, values, sample_weight=weights), abs=1e-5)
    assert result.provenance["passes"] == len({row.tobytes() for row in sets})


def captums_lime(play: Game, n_samples: int) -> np.ndarray:
    """Ask Captum with its own draws, each token there or not by the toss of a coin."""

    def forward(own: torch.Tensor) -> torch.Tensor:
        return torch.tensor(values_of(play, own.bool().numpy()))

    torch.manual_seed(0)
    whole = torch.ones(1, len(play.players))
    method = Lime(
        forward,
        interpretable_model=_Fit(),
        similarity_func=get_exp_kernel_similarity_function("cosine", kernel_width=0.25),
    )
    found: np.ndarray = method.attribute(whole, n_samples=n_samples, perturbations_per_eval=64)[0].numpy()
    return found


class _Fit:
    """A ridge regression in the form that Captum asks for."""

    def fit(self, loader: Any) -> None:
        rows, values, weights = (torch.cat([batch[at] for batch in loader]).double().numpy() for at in range(3))
        self.ridge = Ridge(alpha=0.001).fit(rows, values, sample_weight=weights)

    def representation(self) -> torch.Tensor:
        return torch.tensor(self.ridge.coef_)


@pytest.mark.parametrize(("family", "text"), [("gpt2", LONGER), ("llama", LONGER), ("bert", f"{LONGER} [MASK]")])
def test_tokens_are_ranked_as_captum_ranks_them(family: str, text: str) -> None:
    play = played(family, text)
    result = ask("lime", model_of(family), text, n_samples=2000)
    own = [place for player in play.players for place in player]
    assert spearmanr(result.scores[own], captums_lime(play, 1000)).statistic > 0.9


@pytest.mark.parametrize("slug", ["kernel-shap", "lime"])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, "ask for 1 to"),
        ({"n_samples": 10_001}, "ask for 1 to"),
        ({"seed": -1}, "The seed is -1"),
        ({"by": "letter"}, "Choose token or word"),
        ({"baseline": "x"}, "mean, delete"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(slug: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        ask(slug, model_of("gpt2"), "the cat", **params)


@pytest.mark.parametrize("params", [{"kernel_width": 0.0}, {"penalty": -1.0}, {"penalty": float("inf")}])
def test_a_width_or_penalty_that_cannot_be_is_told(params: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match="give a number above 0"):
        ask("lime", model_of("gpt2"), "the cat", **params)
