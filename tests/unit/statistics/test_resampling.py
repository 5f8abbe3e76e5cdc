"""The bootstrap against SciPy, against every resample there is, and against the coverage it promises."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from lmviz.errors import InvalidParameter
from lmviz.statistics import bootstrap, paired_effect

TRUTH = 0.3


def clustered(
    seed: int, sizes: list[int], *, between: float = 1.0, within: float = 1.0
) -> tuple[np.ndarray, list[int]]:
    """Give values around the truth that share something with the others of their cluster, and the clusters."""
    rng = np.random.default_rng(seed)
    codes = [code for code, size in enumerate(sizes) for _ in range(size)]
    return TRUTH + between * rng.normal(size=len(sizes))[codes] + within * rng.normal(size=len(codes)), codes


def quick_mean(values: np.ndarray) -> float:
    return float(values.sum() / len(values))


def coverage(sizes: list[int], *, is_by_cluster: bool, between: float = 1.0) -> float:
    """Give the share of 1,000 data sets whose interval holds the true mean."""
    hits = 0
    mean = np.mean if len(set(sizes)) == 1 else quick_mean
    for seed in range(1000):
        values, codes = clustered(seed + 10_000, sizes, between=between)
        clusters = codes if is_by_cluster else None
        low, high = bootstrap(values, mean, clusters=clusters, n_resamples=300, seed=seed + 5000)
        hits += low <= TRUTH <= high
    return hits / 1000


@pytest.mark.parametrize("sizes", [[5] * 30, [8] * 10, [1, 2, 3, 4] * 5], ids=["30 × 5", "10 × 8", "uneven"])
def test_intervals_of_clustered_data_cover(sizes: list[int]) -> None:
    assert 0.93 <= coverage(sizes, is_by_cluster=True) <= 0.97


@pytest.mark.parametrize("sizes", [[5] * 30, [1, 2, 3, 40] * 5, [1] * 50])
def test_the_short_way_of_a_mean_gives_the_interval_of_the_long_one(sizes: list[int]) -> None:
    values, codes = clustered(3, sizes)
    short = bootstrap(values, np.mean, clusters=codes, seed=7)
    assert short == pytest.approx(bootstrap(values, quick_mean, clusters=codes, seed=7), abs=1e-12)


def test_intervals_of_single_items_cover() -> None:
    assert 0.93 <= coverage([1] * 50, is_by_cluster=False) <= 0.97


def test_items_of_clusters_drawn_one_by_one_do_not_cover() -> None:
    assert coverage([5] * 15, is_by_cluster=False) < 0.85
    assert 0.93 <= coverage([5] * 15, is_by_cluster=False, between=0.0) <= 0.97  # where nothing is shared they do


def test_the_plain_percentiles_of_ten_clusters_do_not_cover() -> None:
    hits = 0
    for seed in range(1000):
        means = clustered(seed, [8] * 10)[0].reshape(10, 8).mean(axis=1)
        drawn = means[np.random.default_rng(seed + 5000).integers(0, 10, size=(500, 10))].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        hits += low <= TRUTH <= high
    assert hits < 925


def test_with_many_items_it_is_scipys_percentile_interval() -> None:
    values = np.random.default_rng(0).exponential(size=2000)
    for statistic in (np.mean, np.median):
        expected = stats.bootstrap(
            (values,), statistic, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
        ).confidence_interval
        width = expected.high - expected.low
        assert bootstrap(values, statistic, n_resamples=4000) == pytest.approx(tuple(expected), abs=0.1 * width)


def test_it_is_the_percentile_of_every_resample_there_is() -> None:
    values, level = np.array([0.0, 1.0, 5.0, 7.0]), 0.6
    every = [np.mean(row) for row in itertools.product(values, repeat=4)]
    tail = stats.norm.cdf(math.sqrt(4 / 3) * stats.t.ppf((1 - level) / 2, 3))
    expected = np.quantile(every, [tail, 1 - tail], method="weibull")
    assert bootstrap(values, np.mean, n_resamples=200_000, level=level) == pytest.approx(expected, abs=0.26)


def test_clusters_are_drawn_whole() -> None:
    values, codes = np.arange(12.0), np.array(list("abcabcaabbcc"))
    sums = {code: values[codes == code].sum() for code in "abc"}
    possible = {sum(draw) for draw in itertools.product(sums.values(), repeat=3)}
    seen: list[float] = []

    def total(resample: np.ndarray) -> float:
        seen.append(float(resample.sum()))
        return seen[-1]

    bootstrap(values, total, clusters=codes, n_resamples=500)
    assert set(seen) == possible


def test_whether_a_statistic_takes_an_axis_makes_no_difference() -> None:
    values = np.random.default_rng(0).normal(size=30)
    for clusters in (None, np.arange(30) // 3):
        quick = bootstrap(values, np.mean, clusters=clusters)
        assert quick == pytest.approx(bootstrap(values, lambda v: v.mean(), clusters=clusters))


def test_a_statistic_may_read_rows() -> None:
    rows = np.random.default_rng(0).normal(loc=(1.0, 0.0), size=(80, 2))
    low, high = bootstrap(rows, lambda r: float(r[:, 0].mean() - r[:, 1].mean()))
    assert low < 1.0 < high


def test_memory_is_bounded_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=100)
    whole = bootstrap(values, np.mean)
    monkeypatch.setattr("lmviz.statistics.resampling._BATCH", 1000)
    assert bootstrap(values, np.mean) == pytest.approx(whole)


def test_what_one_unit_cannot_say_is_not_a_number() -> None:
    for values, clusters in (([], None), ([1.0], None), ([1.0, 2.0, 3.0], ["a", "a", "a"])):
        assert all(math.isnan(end) for end in bootstrap(values, np.mean, clusters=clusters))
    nowhere = bootstrap([0.0, 1.0, 2.0], lambda v: 1.0 if 2.0 in v else math.nan)
    assert all(math.isnan(end) for end in nowhere)
    assert bootstrap([True] * 9, np.mean) == (1.0, 1.0)  # no width; wilson has one


def test_the_same_seed_from_eight_threads_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=200)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: bootstrap(values, np.mean, seed=3), range(16)))
    assert found == {bootstrap(values, np.mean, seed=3)}
    assert bootstrap(values, np.mean, seed=4) not in found


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": [1.0, math.nan]}, "1 of 2 values are not finite"),
        ({"values": 3.0}, "single number"),
        ({"clusters": ["a"]}, "2 values and 1 clusters"),
        ({"n_resamples": 0}, "resamples"),
        ({"level": 95}, "between 0 and 1"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(changed: dict[str, object], message: str) -> None:
    arguments = {"values": [1.0, 2.0], "statistic": np.mean, **changed}
    with pytest.raises(InvalidParameter, match=message):
        bootstrap(**arguments)  # type: ignore[arg-type]


def test_the_size_of_a_preference() -> None:
    differences = np.random.default_rng(0).normal(0.4, 0.8, size=500)
    effect = paired_effect(differences)
    assert effect.mean == pytest.approx(differences.mean())
    assert effect.d_z == pytest.approx(stats.ttest_1samp(differences, 0).statistic / math.sqrt(500))
    assert effect.interval == bootstrap(differences, np.mean)
    assert effect.n == 500
    assert paired_effect(differences, clusters=np.arange(500) // 50).interval != effect.interval


def test_the_size_of_too_few_preferences_is_not_a_number() -> None:
    assert math.isnan(paired_effect([]).mean)
    assert math.isnan(paired_effect([1.0]).d_z)
    assert math.isnan(paired_effect([1.0, 1.0]).d_z)
    assert paired_effect([1.0, 1.0]).mean == 1.0
