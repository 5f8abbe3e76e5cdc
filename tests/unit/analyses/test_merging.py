"""From positions to units: sums and means by brute force, gaps are NaN, shares stay shares."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmviz.analyses.compare.merging import mean_size, merged, merged_attention
from tests.patterns import random_pattern


@st.composite
def groupings(draw: st.DrawFn) -> tuple[int, list[tuple[int, ...]]]:
    """Draw how some positions fall into units, with gaps between them."""
    n = draw(st.integers(1, 8))
    cuts = sorted(draw(st.sets(st.integers(1, n - 1)))) if n > 1 else []
    groups = [tuple(range(start, end)) for start, end in zip([0, *cuts], [*cuts, n], strict=True)]
    for place in sorted(draw(st.lists(st.integers(0, len(groups)), max_size=2))):
        groups.insert(place, ())
    return n, groups


@given(grouping=groupings(), seed=st.integers(0, 99))
def test_sums_and_means_are_those_of_a_loop(grouping: tuple[int, list[tuple[int, ...]]], seed: int) -> None:
    n, groups = grouping
    values = np.random.default_rng(seed).normal(size=(3, n, 2)).astype(np.float32)
    for how in ("sum", "mean"):
        found = merged(values, groups, axis=1, how=how)
        assert found.dtype == np.float32
        for unit, positions in enumerate(groups):
            want = np.full((3, 2), np.nan)
            if positions:
                want = sum(values[:, p].astype(np.float64) for p in positions) / (
                    len(positions) if how == "mean" else 1
                )
            np.testing.assert_allclose(found[:, unit], want, rtol=1e-6, atol=1e-6)


@given(grouping=groupings(), seed=st.integers(0, 99))
def test_rows_that_sum_to_one_still_do(grouping: tuple[int, list[tuple[int, ...]]], seed: int) -> None:
    n, groups = grouping
    pattern = random_pattern((2, 2, n), seed)
    found = merged_attention(pattern, groups, keys=groups)
    there = [unit for unit, positions in enumerate(groups) if positions]
    np.testing.assert_allclose(np.nansum(found, axis=-1)[..., there], 1, atol=1e-5)
    assert np.isnan(found[:, :, [unit for unit in range(len(groups)) if unit not in there]]).all()


def test_the_mean_over_to_would_not_keep_the_sum() -> None:
    """Positive control: the other way round rows do not sum to one."""
    pattern, groups = random_pattern((1, 1, 4), 0), [(0,), (1, 2, 3)]
    wrong = merged(merged(pattern, groups, axis=-1, how="mean"), groups, axis=-2, how="sum")
    right = merged_attention(pattern, groups, keys=groups)
    assert np.abs(right.sum(-1) - 1).max() < 1e-6
    assert np.abs(wrong.sum(-1) - 1).max() > 0.1


def test_one_position_per_unit_changes_nothing() -> None:
    pattern = random_pattern((2, 3, 5), 1)
    groups = [(p,) for p in range(5)]
    assert merged_attention(pattern, groups, keys=groups) is pattern


def test_the_mean_size_leaves_out_what_is_not_defined() -> None:
    delta = np.array([[1.0, -3.0], [np.nan, 2.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(mean_size(delta, 0), [2.0, 2.0, np.nan])
    np.testing.assert_array_equal(mean_size(delta), [2.0])
