"""Drawn tokens follow the distribution that transformers' own warpers leave, and depend on seed and text alone."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

import lmviz
from lmviz.analyses.predictions.generate import Params, continue_from
from lmviz.models.loaded import LoadedModel
from lmviz.results import ContinuationTree
from tests.tiny import tiny

TEXT = "The cat sat on the mat."
N_DRAWS = 400
RARE = 1e-4


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


def grow(family: str = "gpt2", **params: Any) -> ContinuationTree:
    tree = lmviz.run("generate", model_of(family), text=TEXT, **params)
    assert isinstance(tree, ContinuationTree)
    return tree


def new_tokens(tree: ContinuationTree) -> tuple[int, ...]:
    return tuple(int(tree.token_ids[node]) for node in tree.chosen)


def warped(before: tuple[int, ...] = (), **choice: Any) -> np.ndarray:
    """Give the distribution of the next token under the library's own warpers, in the library's order."""
    hf_model, tokenizer = tiny("gpt2")
    ids = torch.tensor([[*tokenizer(TEXT)["input_ids"], *before]])
    warpers = LogitsProcessorList([TemperatureLogitsWarper(choice["temperature"])])
    if "top_k" in choice:
        warpers.append(TopKLogitsWarper(choice["top_k"]))
    if "top_p" in choice:
        warpers.append(TopPLogitsWarper(choice["top_p"]))
    with torch.no_grad():
        scores = warpers(ids, hf_model(input_ids=ids).logits[:, -1])
    probabilities: np.ndarray = scores[0].double().softmax(-1).numpy()
    return probabilities


def chance(drawn: list[int], probabilities: np.ndarray) -> float:
    """Give the chi-square test's p of these tokens; those expected fewer than five times are counted as one."""
    counts = np.bincount(drawn, minlength=len(probabilities)).astype(float)
    assert counts[probabilities == 0].sum() == 0, "a token was drawn that the warpers exclude"
    often = probabilities * len(drawn) >= 5
    observed = np.array([*counts[often], counts[~often].sum()])
    wanted = np.array([*probabilities[often], probabilities[~often].sum()]) * len(drawn)
    kept = wanted > 0
    return float(chisquare(observed[kept], wanted[kept] * observed.sum() / wanted.sum()).pvalue)


@cache
def first_tokens(choice: tuple[tuple[str, Any], ...]) -> list[int]:
    return [new_tokens(grow(max_new_tokens=1, seed=seed, **dict(choice)))[0] for seed in range(N_DRAWS)]


@pytest.mark.parametrize(
    "choice",
    [{"temperature": 0.3}, {"temperature": 1.0, "top_k": 12}, {"temperature": 0.4, "top_k": 40, "top_p": 0.7}],
    ids=str,
)
def test_first_tokens_follow_the_warped_distribution_and_no_other(choice: dict[str, Any]) -> None:
    drawn = first_tokens(tuple(choice.items()))
    assert chance(drawn, warped(**choice)) > RARE
    wrong = warped(**{**choice, "temperature": choice["temperature"] * 2})
    wrong = np.where(wrong > 0, wrong, 1e-9) / np.where(wrong > 0, wrong, 1e-9).sum()
    assert chance(drawn, wrong) < RARE


def test_the_order_is_temperature_then_top_k_then_top_p() -> None:
    choice = {"temperature": 2.0, "top_k": 10, "top_p": 0.5}
    kept = np.flatnonzero(warped(**choice))
    before_temperature = warped(temperature=1.0, top_k=10, top_p=0.5)
    assert len(np.flatnonzero(before_temperature)) < len(kept), "here the order must matter"
    assert set(first_tokens(tuple(choice.items()))) == set(kept)


def test_a_second_token_follows_from_the_first_and_not_from_its_draw() -> None:
    choice = {"temperature": 0.3}
    pairs = [new_tokens(grow(max_new_tokens=2, seed=seed, **choice)) for seed in range(N_DRAWS)]
    first = Counter(pair[0] for pair in pairs).most_common(1)[0][0]
    second = [pair[1] for pair in pairs if pair[0] == first]
    assert len(second) > 50
    assert chance(second, warped((first,), **choice)) > RARE
    assert chance(second, warped((0,), **choice) + 1e-12) < RARE


def test_a_seed_gives_the_same_text_from_eight_threads_whatever_else_is_drawn() -> None:
    seeds = [seed % 4 for seed in range(24)]

    def ask(seed: int) -> tuple[int, ...]:
        torch.rand(seed + 1)  # the global numbers move on, and are not used
        return new_tokens(grow("llama", temperature=1.0, seed=seed))

    alone = [ask(seed) for seed in seeds]
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(ask, seeds)) == alone
    assert len(set(alone)) == 4


def test_the_global_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    grow(temperature=1.0, seed=3)
    assert torch.equal(before, torch.get_rng_state())


def test_many_ways_of_writing_at_once_do_not_disturb_each_other() -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"n_beams": 3},
        {"temperature": 0.7, "seed": 5},
        {"temperature": 1.4, "top_k": 7, "n_branches": 3},
        {"temperature": 1.0, "top_p": 0.6, "max_new_tokens": 9},
        {"n_beams": 2, "max_new_tokens": 5},
        {"n_branches": 6},
        {"temperature": 2.0, "seed": 6},
    ] * 3
    settings = model_of("t5").hf_model.generation_config.to_dict()
    alone = [grow("t5", **way) for way in ways]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(lambda way: grow("t5", **way), ways))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.token_ids, other.token_ids)
        np.testing.assert_array_equal(one.probability, other.probability)
    assert len({new_tokens(tree) for tree in alone}) == 7  # one of the eight only keeps more
    assert model_of("t5").hf_model.generation_config.to_dict() == settings


@pytest.mark.parametrize("choice", [{}, {"temperature": 1.2, "seed": 9}, {"temperature": 0.8, "top_p": 0.9}], ids=str)
@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "bart"])
def test_a_text_that_was_cut_goes_on_as_it_would_have(family: str, choice: dict[str, Any]) -> None:
    whole = grow(family, max_new_tokens=14, n_branches=3, **choice)
    tree = grow(family, max_new_tokens=5, n_branches=3, **choice)
    for _ in range(3):
        params = Params(TEXT, max_new_tokens=3, n_branches=3, **choice)
        tree = continue_from(model_of(family), tree, node=tree.chosen[-1], params=params)
    assert new_tokens(tree) == new_tokens(whole)
    assert tree.text == whole.text
    np.testing.assert_array_equal(tree.token_ids, whole.token_ids)
    np.testing.assert_allclose(tree.probability, whole.probability, atol=1e-6)
