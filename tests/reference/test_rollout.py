"""Rollout is the sum over all paths through the layers, each with the product of its weights."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmviz
from lmviz.analyses.attention.attention_rollout import ANALYSIS, rollout
from lmviz.errors import InvalidParameter
from lmviz.results import AttentionPattern, TokenMatrix
from tests.patterns import random_pattern, shapes
from tests.tiny import tiny

TEXT = "The cat sat on the mat."


def over_all_paths(pattern: np.ndarray) -> np.ndarray:
    """Walk every path from a query down to a key."""
    n_layers, n_heads, n, _ = pattern.shape
    found = np.zeros((n, n))
    for path in product(range(n), repeat=n_layers + 1):  # path[0] is the key, path[-1] the query
        weight = 1.0
        for layer in range(n_layers):
            key, query = path[layer], path[layer + 1]
            mean = sum(float(pattern[layer, head, query, key]) for head in range(n_heads)) / n_heads
            weight *= 0.5 * mean + (0.5 if key == query else 0.0)
        found[path[-1], path[0]] += weight
    return found


@settings(max_examples=30, deadline=None)
@given(shape=shapes(longest=4), seed=st.integers(0, 10**6), is_causal=st.booleans())
def test_it_is_the_sum_over_all_paths(shape: tuple[int, int, int], seed: int, is_causal: bool) -> None:
    pattern = random_pattern(shape, seed, is_causal=is_causal)
    np.testing.assert_allclose(rollout(pattern), over_all_paths(pattern), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(shape=shapes(longest=12), seed=st.integers(0, 10**6), is_causal=st.booleans())
def test_rows_sum_to_one_and_causal_stays_causal(shape: tuple[int, int, int], seed: int, is_causal: bool) -> None:
    values = rollout(random_pattern(shape, seed, is_causal=is_causal))
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
    assert not is_causal or not np.triu(values, k=1).any()


def test_layers_are_multiplied_in_the_order_they_run() -> None:
    first, second = random_pattern((2, 1, 5), 0)[:, 0]
    eye = np.eye(5)
    want = (0.5 * second + 0.5 * eye) @ (0.5 * first + 0.5 * eye)
    other = (0.5 * first + 0.5 * eye) @ (0.5 * second + 0.5 * eye)
    got = rollout(np.stack([first, second])[:, None])
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert np.abs(want - other).max() > 0.01


def test_only_layers_with_a_chosen_head_count() -> None:
    pattern = random_pattern((3, 4, 6), 1)
    chosen = [(0, 1), (2, 0), (2, 3), (0, 1)]
    small = np.stack([pattern[0, [1, 1]], pattern[2, [0, 3]]])
    np.testing.assert_allclose(rollout(pattern, chosen), rollout(small), atol=1e-6)
    every = [(layer, head) for layer in range(3) for head in range(4)]
    np.testing.assert_array_equal(rollout(pattern, every), rollout(pattern))


@pytest.mark.parametrize("family", ["bert", "llama", "t5"])
def test_a_models_rollout_is_that_of_its_pattern(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    pattern = lmviz.run("attention-pattern", model, text=TEXT)
    assert isinstance(pattern, AttentionPattern)
    everything = lmviz.run("attention-rollout", model, text=TEXT)
    two = lmviz.run("attention-rollout", model, text=TEXT, heads=["L0H1", "l1h3"])
    assert isinstance(everything, TokenMatrix)
    assert isinstance(two, TokenMatrix)
    np.testing.assert_array_equal(everything.values, rollout(pattern.pattern))
    np.testing.assert_array_equal(two.values, rollout(pattern.pattern, [(0, 1), (1, 3)]))
    assert all(check.passed for check in ANALYSIS.check(everything))
    doubled = TokenMatrix(tokens=everything.tokens, values=2 * everything.values)
    assert not any(check.passed for check in ANALYSIS.check(doubled))


@pytest.mark.parametrize(
    ("heads", "message"),
    [(("L9H0",), "layers 0 to 1"), (("five",), "L5H1"), ((), "No head"), (("L0H4",), "heads 0 to 3")],
)
def test_heads_that_are_not_there_are_refused(heads: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        lmviz.run("attention-rollout", lmviz.wrap(*tiny("bert")), text=TEXT, heads=heads)
