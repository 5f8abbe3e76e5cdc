"""Flow is what networkx finds, pair by pair."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmviz
from lmviz.analyses.attention.attention_flow import ANALYSIS, flow
from lmviz.analyses.attention.maximum_flow import bounded_flow
from lmviz.errors import Cancelled, OverBudget
from lmviz.results import AttentionPattern, TokenMatrix
from tests.patterns import random_pattern, shapes
from tests.tiny import tiny


def by_networkx(pattern: np.ndarray) -> np.ndarray:
    """Build the graph of Abnar & Zuidema and solve every pair."""
    layers = 0.5 * pattern.astype(np.float64).mean(axis=1) + 0.5 * np.eye(pattern.shape[-1])
    n_layers, n, _ = layers.shape
    graph: nx.DiGraph[tuple[int, int]] = nx.DiGraph()
    for layer in range(n_layers):
        for query, key in zip(*np.nonzero(layers[layer]), strict=True):
            graph.add_edge((layer + 1, int(query)), (layer, int(key)), capacity=float(layers[layer, query, key]))
    found = np.zeros((n, n))
    for query in range(n):
        for key in range(n):
            found[query, key] = nx.maximum_flow_value(graph, (n_layers, query), (0, key))
    return found


@settings(max_examples=25, deadline=None)
@given(shape=shapes(longest=6), seed=st.integers(0, 10**6), is_causal=st.booleans(), sharpness=st.floats(0, 6))
def test_it_is_what_networkx_finds(shape: tuple[int, int, int], seed: int, is_causal: bool, sharpness: float) -> None:
    pattern = random_pattern(shape, seed, is_causal=is_causal, sharpness=sharpness)
    np.testing.assert_allclose(flow(pattern), by_networkx(pattern), atol=1e-6)


@pytest.mark.parametrize("is_causal", [False, True])
def test_a_deeper_and_longer_one_is_what_networkx_finds(is_causal: bool) -> None:
    pattern = random_pattern((6, 4, 9), 3, is_causal=is_causal, sharpness=3)
    np.testing.assert_allclose(flow(pattern), by_networkx(pattern), atol=1e-6)


def test_the_bound_on_its_error_is_small_and_true() -> None:
    pattern = random_pattern((6, 2, 8), 5)
    layers = 0.5 * pattern.astype(np.float64).mean(axis=1) + 0.5 * np.eye(8)
    values, gap = bounded_flow(layers)
    assert 0 <= gap < 1e-6
    assert np.abs(values - by_networkx(pattern)).max() <= gap


@settings(max_examples=20, deadline=None)
@given(shape=shapes(longest=8), seed=st.integers(0, 10**6))
def test_it_is_at_least_the_rollout_and_at_most_what_can_leave_and_arrive(
    shape: tuple[int, int, int], seed: int
) -> None:
    pattern = random_pattern(shape, seed)
    layers = 0.5 * pattern.astype(np.float64).mean(axis=1) + 0.5 * np.eye(shape[2])
    values = flow(pattern)
    through = layers[0]
    for layer in layers[1:]:
        through = layer @ through  # one flow among many: attention split by its own shares
    assert (values >= through - 1e-6).all()
    assert (values <= np.minimum(1, layers[0].sum(axis=0)) + 1e-6).all()


def test_a_text_that_would_take_too_long_is_refused_with_the_seconds() -> None:
    pattern = random_pattern((4, 1, 20), 0)
    with pytest.raises(OverBudget, match=r"20 tokens and 4 layers would take about [\d,]+ s .* Shorten"):
        flow(pattern, limit=1e-3)


def test_it_tells_how_far_it_is_and_can_be_stopped() -> None:
    told: list[float] = []

    def stop_at_half(fraction: float, message: str = "") -> None:
        told.append(fraction)
        if fraction >= 0.5:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        flow(random_pattern((2, 1, 6), 0), on_progress=stop_at_half)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("family", ["bert", "gpt2", "bart"])
def test_a_models_flow_is_that_of_its_pattern(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    pattern = lmviz.run("attention-pattern", model, text="The cat sat on the mat.")
    result = lmviz.run("attention-flow", model, text="The cat sat on the mat.", heads=["L0H2", "L1H0"])
    assert isinstance(pattern, AttentionPattern)
    assert isinstance(result, TokenMatrix)
    np.testing.assert_allclose(result.values, by_networkx(pattern.pattern[[0, 1], [2, 0]][:, None]), atol=1e-6)
    assert all(check.passed for check in ANALYSIS.check(result))
    doubled = TokenMatrix(tokens=result.tokens, values=4 * result.values, provenance={"error_bound": 0.1})
    assert not any(check.passed for check in ANALYSIS.check(doubled))
