"""Divergences and rank correlation agree with scipy and keep their laws."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, spearmanr

from lmviz.analyses.compare.divergences import jensen_shannon, kl, rank_correlation, top_overlap, total_variation

N = 12
weights = (
    hnp.arrays(np.float64, N, elements=st.floats(0, 1)).filter(lambda w: w.sum() > 1e-3).map(lambda w: w / w.sum())
)
positive = hnp.arrays(np.float64, N, elements=st.floats(0.01, 1)).map(lambda w: w / w.sum())
pairs = st.tuples(weights, weights)


@given(p=positive, q=positive)
def test_kl_is_scipys(p: np.ndarray, q: np.ndarray) -> None:
    assert kl(p, q) == pytest.approx(entropy(p, q), abs=1e-12)
    assert kl(p, q) >= -1e-12


TINY = np.full(N, 5e-324)  # the smallest number there is: half of it is zero
TINY[0] = 1.0


@example(pair=(np.eye(N)[0], TINY))
@given(pair=pairs)
def test_jensen_shannon_is_scipys_and_bounded_and_symmetric(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    found = float(jensen_shannon(p, q))
    with np.errstate(invalid="ignore", divide="ignore"):
        want = jensenshannon(p, q) ** 2  # of rounding below zero it takes a root
    if np.isfinite(want):
        assert found == pytest.approx(want, abs=1e-9)
    assert -1e-12 <= found <= math.log(2) + 1e-12
    assert found == float(jensen_shannon(q, p))


@given(pair=pairs)
def test_total_variation_is_the_largest_difference_of_an_event(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair[0][:8] / max(pair[0][:8].sum(), 1e-9), pair[1][:8] / max(pair[1][:8].sum(), 1e-9)
    events = ((np.arange(2**8)[:, np.newaxis] >> np.arange(8)) & 1).astype(bool)
    largest = max(abs(p[event].sum() - q[event].sum()) for event in events)
    if p.sum() > 0.5 and q.sum() > 0.5:
        assert total_variation(p, q) == pytest.approx(largest, abs=1e-9)
        assert 0 <= total_variation(p, q) <= 1 + 1e-12
        assert total_variation(p, q) ** 2 <= 2 * float(jensen_shannon(p, q)) + 1e-9  # Pinsker through the middle


@given(
    x=hnp.arrays(np.float64, 9, elements=st.integers(-4, 4)), y=hnp.arrays(np.float64, 9, elements=st.integers(-4, 4))
)
def test_rank_correlation_is_scipys_with_ties(x: np.ndarray, y: np.ndarray) -> None:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(rank_correlation(x, y))
    else:
        assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


@given(pair=pairs, k=st.integers(1, N))
def test_top_overlap_is_that_of_sets(pair: tuple[np.ndarray, np.ndarray], k: int) -> None:
    p, q = pair
    left, right = (set(sorted(range(N), key=lambda i: (-side[i], i))[:k]) for side in (p, q))
    assert top_overlap(p, q, k=k) == len(left & right) / k


@given(p=weights)
def test_nothing_differs_from_itself(p: np.ndarray) -> None:
    assert (float(kl(p, p)), float(jensen_shannon(p, p)), float(total_variation(p, p))) == (0.0, 0.0, 0.0)
    assert top_overlap(p, p, k=3) == 1.0


def test_distributions_apart_are_as_far_as_they_can_be() -> None:
    p, q = np.eye(2)
    assert kl(p, q) == np.inf
    assert jensen_shannon(p, q) == pytest.approx(math.log(2))
    assert total_variation(p, q) == 1.0


def test_rows_are_taken_one_by_one() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 3))
    for function in (kl, jensen_shannon, total_variation, rank_correlation):
        whole = function(rows, rows[::-1])
        assert whole.shape == (2, 3)
        assert whole[1, 2] == pytest.approx(float(function(rows[1, 2], rows[0, 2])))
