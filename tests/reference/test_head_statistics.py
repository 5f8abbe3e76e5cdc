"""Head statistics are what their definitions say, number by number, and find heads that are known to be there."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lmviz
from lmviz.analyses.attention.head_statistics import ANALYSIS, STATISTICS, all_statistics
from lmviz.errors import InvalidParameter
from lmviz.results import LayerHeadGrid, TokenTable
from tests.handmade import handmade
from tests.patterns import random_pattern, table_of
from tests.tiny import tiny


def slowly(slug: str, weights: np.ndarray, table: TokenTable) -> float:
    """Compute one statistic of one head as its definition reads."""
    n, values = len(table), []
    for query in range(n):
        row = [float(weight) for weight in weights[query]]
        earlier = [place for place in range(query) if table.ids[place] == table.ids[query]]
        if slug == "entropy":
            values.append(-sum(p * math.log(p) for p in row if p > 0))
        elif slug == "mean_distance":
            values.append(sum(p * abs(query - key) for key, p in enumerate(row)))
        elif slug == "delimiter":
            values.append(sum(p for key, p in enumerate(row) if table.special[key] or table.tokens[key] in (".", " ,")))
        elif slug in ("duplicate_token", "induction"):
            values += [row[earlier[-1] + (slug == "induction")]] if earlier else []
        elif slug == "first_token":
            values += [row[0]] if query > 0 else []
        else:
            key = query + {"previous_token": -1, "next_token": 1, "self": 0}[slug]
            values += [row[key]] if 0 <= key < n else []
    return sum(values) / len(values) if values else math.nan


_TOKENS = (".", " ,", " cat", "##ing", "[SEP]", "中")


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(0, 5), min_size=1, max_size=14),
    seed=st.integers(0, 10**6),
    is_causal=st.booleans(),
    sharpness=st.floats(0, 8),
)
def test_all_nine_are_their_definitions(ids: list[int], seed: int, is_causal: bool, sharpness: float) -> None:
    table = table_of(ids, tokens=[_TOKENS[i] for i in ids], special=[i == 4 for i in ids])
    pattern = random_pattern((2, 3, len(ids)), seed, is_causal=is_causal, sharpness=sharpness)
    grids = all_statistics(pattern, table)
    assert list(grids) == list(STATISTICS)
    for slug, grid in grids.items():
        want = [[slowly(slug, pattern[layer, head], table) for head in range(3)] for layer in range(2)]
        np.testing.assert_allclose(grid.values, want, atol=2e-6, rtol=1e-5, err_msg=slug)
        assert bool(grid.note) == bool(np.isnan(grid.values).any())
        assert all(check.passed for check in ANALYSIS.check(grid))


def test_heads_that_were_built_are_found_and_no_others() -> None:
    model = lmviz.wrap(*handmade())
    text = "start ant bee cow dog eel fox ant bee cow dog eel fox"

    def values(statistic: str) -> np.ndarray:
        result = lmviz.run("head-statistics", model, text=text, statistic=statistic)
        assert isinstance(result, LayerHeadGrid)
        return result.values

    for statistic, layer, head in (("previous_token", 0, 0), ("first_token", 0, 1), ("induction", 1, 0)):
        others = np.delete(values(statistic).ravel(), 2 * layer + head)
        assert values(statistic)[layer, head] > 0.99, statistic
        assert others.max() < 0.5, statistic


def test_an_induction_head_shows_on_repeated_words_only() -> None:
    model = lmviz.wrap(*handmade())
    result = lmviz.run("head-statistics", model, text="start ant bee cow", statistic="induction")
    assert isinstance(result, LayerHeadGrid)
    assert np.isnan(result.values).all()
    assert result.note == "No token of this text occurs twice."
    assert result.to_dict()["values"] == [[None, None], [None, None]]


def test_one_token_has_no_neighbours() -> None:
    grids = all_statistics(np.ones((1, 1, 1, 1), dtype=np.float32), table_of([3]))
    assert {slug for slug, grid in grids.items() if np.isnan(grid.values).all()} == {
        "previous_token", "next_token", "first_token", "induction", "duplicate_token",
    }  # fmt: skip
    assert all(grid.note for grid in grids.values() if np.isnan(grid.values).any())


def test_across_two_texts_only_entropy_and_delimiters_are_said() -> None:
    result = lmviz.run("head-statistics", lmviz.wrap(*tiny("t5")), text="the cat sat.", part="cross", statistic="self")
    assert isinstance(result, LayerHeadGrid)
    assert np.isnan(result.values).all()
    assert "different texts" in result.note
    entropy = lmviz.run("head-statistics", lmviz.wrap(*tiny("t5")), text="the cat sat.", part="cross")
    assert isinstance(entropy, LayerHeadGrid)
    assert np.isfinite(entropy.values).all()


def test_uniform_attention_has_the_entropy_of_the_number_of_keys() -> None:
    grids = all_statistics(np.full((1, 1, 8, 8), 1 / 8, dtype=np.float32), table_of(range(8)))
    assert grids["entropy"].values[0, 0] == pytest.approx(math.log(8), abs=1e-6)


def test_an_unknown_statistic_and_a_wrong_table_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="Did you mean 'previous_token'"):
        lmviz.run("head-statistics", lmviz.wrap(*tiny("bert")), text="the cat", statistic="previous_tokens")
    with pytest.raises(InvalidParameter, match="same input"):
        all_statistics(random_pattern((1, 1, 4), 0), table_of([1, 2, 3]))


def test_a_wrong_number_fails_the_check() -> None:
    assert not ANALYSIS.check(LayerHeadGrid(values=np.array([[1.5]], dtype=np.float32), unit="share"))[0].passed
    assert ANALYSIS.check(LayerHeadGrid(values=np.array([[1.5, np.nan]], dtype=np.float32), unit="nats"))[0].passed
    assert not ANALYSIS.check(LayerHeadGrid(values=np.array([[-0.5]], dtype=np.float32), unit="nats"))[0].passed


def test_all_nine_of_a_large_pattern_take_less_time_than_the_slow_definition_of_one() -> None:
    n = 64
    pattern, table = random_pattern((12, 12, n), 0), table_of([i % 40 for i in range(n)])
    all_statistics(pattern, table)
    start = time.perf_counter()
    all_statistics(pattern, table)
    fast = time.perf_counter() - start
    start = time.perf_counter()
    for head in range(12):
        slowly("mean_distance", pattern[0, head], table)
    assert fast < 12 * (time.perf_counter() - start)
