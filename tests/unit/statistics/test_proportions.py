"""Shares against SciPy, against the definition of the interval, and against every table there is."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lmviz.errors import InvalidParameter
from lmviz.statistics import mcnemar, minimum_detectable_difference, sign_test, tost_share, wilson, wilson_of_share

COUNTS = [(k, n) for n in (1, 2, 7, 60, 1508) for k in sorted({0, 1, n // 3, n // 2, n - 1, n})]


@pytest.mark.parametrize(("k", "n"), COUNTS)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_scipys(k: int, n: int, level: float) -> None:
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_wilson_ends_where_the_score_test_rejects(k: int, n: int) -> None:
    z = stats.norm.ppf(0.975)
    for end in wilson(k, n):
        if 0 < end < 1:
            assert abs(k / n - end) / math.sqrt(end * (1 - end) / n) == pytest.approx(z)


def test_wilson_of_a_share_is_wilsons_of_its_count_and_covers_means_of_shares() -> None:
    assert all(wilson_of_share(k / 15, 15) == pytest.approx(wilson(k, 15)) for k in range(16))
    with pytest.raises(InvalidParameter, match="not between 0 and 1"):
        wilson_of_share(1.01, 3)
    drawn = np.random.default_rng(0).beta(4, 2, size=(1000, 15)).mean(axis=1)  # shares of 15 words, of mean 2 / 3
    ends = np.array([wilson_of_share(share, 15) for share in drawn])
    assert ((ends[:, 0] <= 2 / 3) & (ends[:, 1] >= 2 / 3)).mean() >= 0.95


def test_wilson_of_the_published_example() -> None:
    for k, n, low, high in ((905, 1508, 57.5, 62.4), (63, 105, 50.4, 68.9), (36, 60, 47.4, 71.4)):
        assert [100 * end for end in wilson(k, n)] == pytest.approx([low, high], abs=0.06)


def test_nothing_is_excluded_without_data_and_the_ends_are_exact() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 9)[0] == 0.0
    assert wilson(9, 9)[1] == 1.0
    assert sign_test(0, 0) == mcnemar(0, 0) == tost_share(0, 0) == 1.0


@pytest.mark.parametrize("truth", [0.1, 0.5, 0.62])
@pytest.mark.parametrize("n", [60, 262, 1508])
def test_wilson_covers_as_often_as_it_says(truth: float, n: int) -> None:
    drawn = np.random.default_rng(1).binomial(n, truth, size=1000)
    covered = [low <= truth <= high for low, high in (wilson(int(k), n) for k in drawn)]
    assert 0.93 <= np.mean(covered) <= 0.97
    exact = sum(stats.binom.pmf(k, n, truth) for k in range(n + 1) if wilson(k, n)[0] <= truth <= wilson(k, n)[1])
    assert 0.93 <= exact <= 0.97


def test_share_plus_minus_error_does_not_cover_at_the_edge() -> None:
    n, truth = 60, 0.02
    drawn = np.random.default_rng(1).binomial(n, truth, size=1000) / n
    half = 1.96 * np.sqrt(drawn * (1 - drawn) / n)
    assert np.mean(np.abs(drawn - truth) <= half) < 0.8
    covered = [low <= truth <= high for low, high in (wilson(round(k * n), n) for k in drawn)]
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_sign_test_is_scipys(k: int, n: int) -> None:
    assert sign_test(k, n) == pytest.approx(stats.binomtest(k, n).pvalue, rel=1e-9)


def test_sign_test_counts_every_row_of_tosses() -> None:
    for n in range(1, 11):
        heads = np.array([sum(row) for row in itertools.product((0, 1), repeat=n)])
        for k in range(n + 1):
            as_uneven = np.abs(heads - n / 2) >= abs(k - n / 2)
            assert sign_test(k, n) == pytest.approx(as_uneven.mean())


def test_mcnemar_of_the_published_comparisons() -> None:
    assert mcnemar(24, 17) == pytest.approx(0.35, abs=0.005)
    assert mcnemar(63, 41) == pytest.approx(0.039, abs=0.0005)
    assert mcnemar(41, 63) == mcnemar(63, 41)


@pytest.mark.parametrize(("k", "n"), COUNTS)
def test_equivalence_of_a_share_is_two_binomial_tests(k: int, n: int) -> None:
    above = stats.binomtest(k, n, 0.45, alternative="greater").pvalue
    below = stats.binomtest(k, n, 0.55, alternative="less").pvalue
    assert tost_share(k, n) == pytest.approx(max(above, below), abs=1e-12)


def test_equal_is_shown_only_with_many_pairs() -> None:
    assert tost_share(30, 60) > 0.2  # not significant against 0.5 either: no evidence for anything
    assert tost_share(1000, 2000) < 0.001


@pytest.mark.parametrize("n", [6, 20, 60, 262, 1508])
def test_the_smallest_difference_that_is_found_is_found_as_often_as_asked(n: int) -> None:
    share = 0.5 + minimum_detectable_difference(n)
    is_found = np.array([k > n / 2 and sign_test(k, n) <= 0.05 for k in range(n + 1)])
    assert stats.binom.pmf(np.arange(n + 1), n, share)[is_found].sum() == pytest.approx(0.8)
    assert minimum_detectable_difference(n, power=0.9) > minimum_detectable_difference(n)


def test_five_pairs_can_show_nothing() -> None:
    assert math.isnan(minimum_detectable_difference(5))
    assert math.isnan(minimum_detectable_difference(0))
    assert minimum_detectable_difference(400) == pytest.approx(0.07, abs=0.005)
    assert minimum_detectable_difference(8_000_000) == pytest.approx(1.4 / math.sqrt(8e6), rel=0.02)


@pytest.mark.parametrize(("k", "n"), [(3, 2), (-1, 2), (0.5, 2), (1, 2.5), (math.nan, 3), (1, math.inf)])
def test_impossible_counts_are_refused_in_a_sentence(k: float, n: float) -> None:
    for function in (wilson, sign_test, tost_share):
        with pytest.raises(InvalidParameter, match="count of successes"):
            function(k, n)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_an_impossible_level_is_refused(level: float) -> None:
    with pytest.raises(InvalidParameter, match="between 0 and 1"):
        wilson(1, 2, level)
    with pytest.raises(InvalidParameter, match="between 0 and 1"):
        minimum_detectable_difference(9, power=level)


def test_an_impossible_band_is_refused() -> None:
    for low, high in ((0.6, 0.5), (0.5, 0.5), (math.nan, 1.0), (-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(InvalidParameter, match=r"band|cannot lie"):
            tost_share(1, 2, low=low, high=high)
