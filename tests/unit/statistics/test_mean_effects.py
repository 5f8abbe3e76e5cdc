"""Many means at once are what one mean after the other is; their p-values know of each other."""

import math

import numpy as np
import pytest

from lmviz.errors import InvalidParameter
from lmviz.statistics import bootstrap, max_t, mean_effects, paired_permutation

TABLE = np.random.default_rng(0).normal(0.2, 1.0, size=(23, 5))
CLUSTERS = [f"c{number % 7}" for number in range(23)]


@pytest.mark.parametrize("clusters", [None, CLUSTERS])
def test_intervals_are_those_of_the_bootstrap(clusters: list[str] | None) -> None:
    found = mean_effects(TABLE, clusters=clusters, seed=3)
    np.testing.assert_allclose(found.mean, TABLE.mean(axis=0))
    for at in range(TABLE.shape[1]):
        low, high = bootstrap(TABLE[:, at], np.mean, clusters=clusters, seed=3)
        assert found.low[at] == pytest.approx(low)
        assert found.high[at] == pytest.approx(high)


def rms(table: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.sqrt((table**2).mean(axis=0))
    return found


def test_p_values_are_those_of_max_t_on_the_scaled_sums_of_clusters() -> None:
    np.testing.assert_array_equal(mean_effects(TABLE).p_adjusted, max_t(TABLE / rms(TABLE)))
    sums = np.stack([TABLE[[name == own for own in CLUSTERS]].sum(axis=0) for name in sorted(set(CLUSTERS))])
    np.testing.assert_array_equal(mean_effects(TABLE, clusters=CLUSTERS).p_adjusted, max_t(sums / rms(sums)))
    alone = mean_effects(TABLE[:, :1], clusters=CLUSTERS).p_adjusted[0]
    assert alone == paired_permutation(TABLE[:, 0], clusters=CLUSTERS)


def test_of_pure_chance_few_tables_have_a_finding_and_a_real_effect_is_found() -> None:
    n_found = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=(12, 40))
        n_found += mean_effects(noise, seed=seed).p_adjusted.min() < 0.05
    assert 2 <= n_found <= 20
    noise[:, 7] += 3
    assert np.flatnonzero(mean_effects(noise).p_adjusted < 0.05).tolist() == [7]


def test_a_large_effect_hides_no_small_one_and_rounding_is_none() -> None:
    table = np.random.default_rng(1).normal(size=(20, 6))
    table[:, 0], table[:, 1] = 100 + table[:, 0], 0.02 + 0.002 * table[:, 1]
    table[:, 2], table[:, 3] = 1e-7, 0
    found = mean_effects(table, least=1e-3).p_adjusted
    assert (found < 0.05).tolist() == [True, True, False, False, False, False]
    assert mean_effects(table).p_adjusted[2] < 0.05, "without a least effect it is one"
    assert found[3] == 1
    by_pair = mean_effects(table, clusters=[number // 2 for number in range(20)], least=1e-3).p_adjusted
    assert (by_pair < 0.05).tolist() == (found < 0.05).tolist()


def test_too_few_units_have_no_interval() -> None:
    for rows, clusters in ((0, None), (1, None), (3, ["a"] * 3)):
        found = mean_effects(TABLE[:rows], clusters=clusters)
        assert np.isnan(found.low).all()
        assert np.isnan(found.high).all()
        assert (found.p_adjusted == 1).all()
        assert math.isnan(found.mean[0]) == (rows == 0)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="1 axes"):
        mean_effects([1.0, 2.0])
    with pytest.raises(InvalidParameter, match="not finite"):
        mean_effects([[1.0, np.nan]])
    with pytest.raises(InvalidParameter, match="one cluster per value"):
        mean_effects(TABLE, clusters=["a"])
    with pytest.raises(InvalidParameter, match="between 0 and 1"):
        mean_effects(TABLE, level=95)
