"""Heads are named, averaged and taken the maximum of."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmviz
from lmviz.analyses.attention.attention_flow import flow
from lmviz.analyses.attention.attention_rollout import rollout
from lmviz.analyses.attention.maximum_flow import bounded_flow
from lmviz.analyses.attention.selecting import heads_named, maximum, mean, mean_by_layer, mixed_with_identity
from lmviz.capture import budget
from lmviz.errors import InvalidParameter, OverBudget
from lmviz.results import AttentionPattern
from tests.patterns import random_pattern
from tests.tiny import tiny


@given(chosen=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1))
def test_aggregates_are_those_of_the_chosen_heads(chosen: list[tuple[int, int]]) -> None:
    pattern = random_pattern((3, 4, 5), 0)
    picked = np.stack([pattern[layer, head] for layer, head in sorted(set(chosen))])
    np.testing.assert_allclose(mean(pattern, chosen), picked.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(maximum(pattern, chosen), picked.max(axis=0))


def test_no_choice_means_every_head() -> None:
    pattern = random_pattern((3, 4, 5), 0)
    every = [(layer, head) for layer in range(3) for head in range(4)]
    np.testing.assert_array_equal(mean(pattern), mean(pattern, every))
    np.testing.assert_array_equal(maximum(pattern), maximum(pattern, every))
    np.testing.assert_allclose(mean_by_layer(pattern), mean_by_layer(pattern, every))
    assert mean(pattern).dtype == maximum(pattern).dtype == np.float32


@pytest.mark.parametrize("chosen", [[], [(3, 0)], [(0, 4)], [(-1, 0)]])
def test_heads_that_are_not_there_are_refused(chosen: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidParameter, match=r"There is no|No head is chosen"):
        mean(random_pattern((3, 4, 5), 0), chosen)


def test_names_are_read_once_each() -> None:
    assert heads_named(["L1H3", "l0h0", "L1H3", " L2H2 "], n_layers=3, n_heads=4) == ((1, 3), (0, 0), (2, 2))
    assert heads_named(None, n_layers=3, n_heads=4) is None


def test_cross_attention_cannot_be_followed() -> None:
    with pytest.raises(InvalidParameter, match="cross attention"):
        mixed_with_identity(np.full((1, 1, 2, 3), 1 / 3, dtype=np.float32))


@pytest.mark.parametrize("follow", [rollout, flow])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, 3.0, float("nan"), float("inf")])
def test_only_shares_of_attention_are_followed(follow, wrong: float) -> None:
    pattern = random_pattern((3, 4, 5), 0)
    assert np.isfinite(follow(pattern)).all()
    pattern[1, 2, 3, 4] = wrong
    with pytest.raises(InvalidParameter, match="Give the pattern after the softmax"):
        follow(pattern)
    others = [(0, 1), (1, 0), (1, 3)]
    assert np.isfinite(follow(pattern, others)).all()
    with pytest.raises(InvalidParameter, match="Give the pattern after the softmax"):
        follow(pattern, [*others, (1, 2)])


@pytest.mark.parametrize("follow", [rollout, flow])
def test_value_weighted_attention_is_not_followed(follow) -> None:
    moved = lmviz.run("value-weighted-attention", lmviz.wrap(*tiny("bert")), text="The cat sat on the mat.")
    assert isinstance(moved, AttentionPattern)
    with pytest.raises(InvalidParameter, match="Give the pattern after the softmax"):
        follow(moved.pattern)
    small = random_pattern((2, 2, 5), 1) * np.float32(0.9)
    small[0, 0, 0] = 0.4  # five shares that sum to two
    with pytest.raises(InvalidParameter, match="a query has 2"):
        follow(small)


def test_the_solver_takes_no_capacity_it_cannot_hold() -> None:
    with pytest.raises(InvalidParameter, match="from 0 to 2"):
        bounded_flow(np.array([[[2.0, 0.0], [0.0, 2.0]]]))


@pytest.mark.parametrize("slug", ["attention-pattern", "value-weighted-attention", "token-distributions"])
@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_no_text_is_too_short_for_the_budget(slug: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lmviz.wrap(*tiny(family))
    lmviz.run(slug, model, text="The cat.")
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.001")
    with pytest.raises(OverBudget, match="LMVIZ_MEMORY_LIMIT"):
        lmviz.run(slug, model, text="The cat.")


@pytest.mark.parametrize(("slug", "given"), [("attention-pattern", {"part": "cross"}), ("token-distributions", {})])
def test_a_source_over_budget_is_refused_before_the_decoder_writes(
    slug: str, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hf_model, tokenizer = tiny("t5")
    model = lmviz.wrap(hf_model, tokenizer)
    ran: list[object] = []
    model.hf_model.get_encoder().register_forward_pre_hook(lambda *_: ran.append(None))
    lmviz.run(slug, model, text="The cat.", **given)
    assert ran
    assert budget.estimate(model, 1, places=()).seconds > 0  # the model is timed now, not while it is refused
    ran.clear()
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.001")
    with pytest.raises(OverBudget):
        lmviz.run(slug, model, text="The cat.", **given)
    assert not ran


def test_weighting_by_values_makes_no_second_copy() -> None:
    model, text = lmviz.wrap(*tiny("gpt2")), "a " * 300
    seen = lmviz.run("value-weighted-attention", model, text=text)
    assert isinstance(seen, AttentionPattern)
    tracemalloc.start()
    try:
        again = lmviz.run("value-weighted-attention", model, text=text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(again, AttentionPattern)
    assert again.pattern.nbytes <= peak < 1.5 * seen.pattern.nbytes
