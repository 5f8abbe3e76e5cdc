"""Permutation, equivalence and multiplicity against SciPy and against every pattern there is."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmviz.errors import InvalidParameter
from lmviz.statistics import benjamini_hochberg, holm, max_t, paired_permutation, tost

shares = st.lists(st.floats(0, 1), max_size=12)


def patterns(n: int) -> np.ndarray:
    return np.array(list(itertools.product((1.0, -1.0), repeat=n)))


@pytest.mark.parametrize("n", [1, 2, 5, 10, 13])
def test_few_differences_are_tried_with_every_sign(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1, size=n).round(1)  # rounded: with ties
    sums = np.abs(patterns(n) @ values)
    assert paired_permutation(values) == pytest.approx((sums >= abs(values.sum()) - 1e-9).mean())


def test_many_differences_agree_with_scipy() -> None:
    values = np.random.default_rng(0).normal(0.15, 1, size=200)
    expected = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(1)
    ).pvalue
    assert paired_permutation(values) == pytest.approx(expected, abs=0.01)


def test_p_is_never_zero_and_there_is_none_without_items() -> None:
    assert paired_permutation(np.ones(100), n_draws=999) == 1 / 1000
    assert paired_permutation([]) == 1.0
    assert paired_permutation([0.0] * 40) == 1.0
    assert max_t(np.zeros((0, 3))).tolist() == [1.0] * 3


def test_under_the_null_p_is_small_as_often_as_it_says() -> None:
    p = [paired_permutation(np.random.default_rng(i).normal(size=30), n_draws=199, seed=i) for i in range(1000)]
    assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.07


def test_clusters_are_flipped_together() -> None:
    values, clusters = np.array([1.0, 2.0, 0.5, 0.25, 3.0, -1.0]), list("aabbcc")
    assert paired_permutation(values, clusters=clusters) == paired_permutation([3.0, 0.75, 2.0]) == 2 / 8
    assert paired_permutation(values) < 2 / 8


def test_the_best_of_many_is_compared_with_the_best_of_many() -> None:
    values = np.random.default_rng(0).normal(size=(9, 4))
    values[:, 2] += 1.5
    largest = np.abs(patterns(9) @ values).max(axis=1)
    expected = [(largest >= abs(total) - 1e-9).mean() for total in values.sum(axis=0)]
    assert max_t(values) == pytest.approx(expected)
    assert max_t(values)[2] < 0.05
    assert max_t(values)[2] >= paired_permutation(values[:, 2])


def test_the_best_of_many_heads_that_do_nothing_is_rarely_found() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 40, 60))
    assert np.mean([max_t(one, n_draws=199).min() <= 0.05 for one in noise]) <= 0.08
    alone = [stats.ttest_1samp(one, 0).pvalue.min() <= 0.05 for one in noise]
    assert np.mean(alone) > 0.8  # what would be found without correction


def test_draws_from_eight_threads_are_the_same() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, size=100)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: paired_permutation(values), range(16)))) == 1


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.4])
def test_equivalence_is_two_t_tests(mean: float) -> None:
    values = np.random.default_rng(0).normal(mean, 1, size=80)
    above = stats.ttest_1samp(values, -0.3, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.3, alternative="less").pvalue
    assert tost(values, low=-0.3, high=0.3) == pytest.approx(max(above, below))


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=20), st.floats(0.1, 5))
def test_equivalence_is_the_interval_inside_the_band(values: list[float], half: float) -> None:
    if np.std(values) < 1e-3:
        return
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    p = tost(values, low=-half, high=half)
    if abs(p - 0.05) > 1e-6:
        assert (p < 0.05) == (-half < interval.low and interval.high < half)


def test_equivalence_without_spread_or_without_data() -> None:
    assert math.isnan(tost([1.0], low=-1, high=1))
    assert tost([0.5] * 3, low=-1, high=1) == 0.0
    assert tost([1.5] * 3, low=-1, high=1) == 1.0


@given(shares)
def test_holm_steps_down(p: list[float]) -> None:
    expected, so_far = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        so_far = max(so_far, p[place] * (len(p) - rank))
        expected[place] = min(1.0, so_far)
    assert holm(p) == pytest.approx(expected)


@given(shares)
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    expected = stats.false_discovery_control(p) if p else []
    assert benjamini_hochberg(p) == pytest.approx(expected)


@given(shares)
def test_adjusting_never_helps_and_keeps_the_order(p: list[float]) -> None:
    strict, lenient = holm(p), benjamini_hochberg(p)
    assert (lenient >= np.array(p) - 1e-15).all()
    assert (strict >= lenient - 1e-15).all()
    for adjusted in (strict, lenient):
        order = np.argsort(p, kind="stable")
        assert (np.diff(adjusted[order]) >= 0).all()


def test_tests_that_were_not_made_do_not_count() -> None:
    for adjust in (holm, benjamini_hochberg):
        with_gap = adjust([0.01, math.nan, 0.04])
        assert math.isnan(with_gap[1])
        assert with_gap[[0, 2]] == pytest.approx(adjust([0.01, 0.04]))


def test_families_of_null_tests_keep_their_promise() -> None:
    p = np.random.default_rng(0).random((1000, 20))
    assert np.mean([holm(row).min() <= 0.05 for row in p]) <= 0.07
    assert np.mean([row.min() <= 0.05 for row in p]) > 0.5  # unadjusted


def test_wrong_input_is_refused_in_a_sentence() -> None:
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(InvalidParameter, match="outside 0 to 1"):
            adjust([0.5, 1.5])
    with pytest.raises(InvalidParameter, match="not finite"):
        paired_permutation([1.0, math.inf])
    with pytest.raises(InvalidParameter, match="1 axes"):
        max_t([1.0, 2.0])
    with pytest.raises(InvalidParameter, match="draws"):
        max_t([[1.0], [2.0]], n_draws=0)
    with pytest.raises(InvalidParameter, match="empty"):
        tost([1.0, 2.0], low=1, high=-1)
