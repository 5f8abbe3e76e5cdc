"""Pairs as a table, as JSON, through pickle, counted as they are scored, and drawn."""

import json
import math
import pickle

import numpy as np
import pytest

from lmviz import PairScores
from lmviz.analyses.bias.preference import pair_scores
from lmviz.errors import InvalidParameter
from lmviz.figures.export import render
from lmviz.statistics import bootstrap, wilson

MORE = np.array([1, 2, 3, 0, 5], dtype=np.float32)
LESS = np.array([0, 2, 4, -1, 1], dtype=np.float32)
CATEGORIES = ("b", "a", "b", "b", "a")


def test_shares_ties_and_categories_are_counted() -> None:
    found = pair_scores(MORE, LESS, categories=CATEGORIES)
    assert (found.preference, found.n, found.ties, found.interval) == (3 / 5, 5, 1, wilson(3, 5))
    assert list(found.by_category) == ["a", "b"]
    a, b = found.by_category.values()
    assert (a.preference, a.n, a.ties, b.preference, b.n, b.ties) == (1 / 2, 2, 1, pytest.approx(2 / 3), 3, 0)
    np.testing.assert_array_equal(b.more, MORE[[0, 2, 3]])
    assert found.cluster_interval is None
    assert found.has_few_pairs


def test_clusters_give_an_interval_of_their_own() -> None:
    rng = np.random.default_rng(0)
    writers = [f"w{i // 20}" for i in range(200)]
    more = np.repeat(rng.normal(size=10), 20) + 0.1 * rng.normal(size=200)
    found = pair_scores(more, np.zeros(200), clusters=writers, categories=["x"] * 200)
    assert found.cluster_interval == bootstrap(more > 0, np.mean, clusters=writers)
    assert np.ptp(found.cluster_interval) > np.ptp(found.interval)
    assert found.by_category["x"].cluster_interval == found.cluster_interval
    assert not found.has_few_pairs


def test_scores_are_compared_before_they_are_shortened() -> None:
    assert pair_scores([1.0 + 1e-12], [1.0]).preference == 1.0


def test_swapping_the_sides_swaps_the_preference() -> None:
    found, other = pair_scores(MORE, LESS), pair_scores(LESS, MORE)
    assert found.preference + other.preference + found.ties / found.n == pytest.approx(1)


def test_nothing_is_preferred_without_pairs() -> None:
    found = pair_scores([], [])
    assert math.isnan(found.preference)
    assert (found.n, found.interval) == (0, (0.0, 1.0))


def test_the_table_has_a_row_per_pair() -> None:
    found = PairScores(
        more=MORE, less=LESS, preference=0.6, interval=(0.2, 0.9), n=5, ties=1, categories=CATEGORIES,
        texts=tuple((f"m{i}", f"l{i}") for i in range(5)),
    )  # fmt: skip
    frame = found.to_frame()
    assert list(frame.columns) == ["pair", "category", "more_text", "less_text", "more", "less", "difference"]
    np.testing.assert_array_equal(frame["difference"], MORE - LESS)
    assert list(pair_scores(MORE, LESS).to_frame().columns) == ["pair", "more", "less", "difference"]
    assert pair_scores([], [], categories=()).to_frame().empty


def test_it_becomes_json_and_comes_back_from_pickle() -> None:
    found = pair_scores(MORE, LESS, categories=CATEGORIES, clusters=["one"] * 5)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["type"] == plain["by_category"]["a"]["type"] == "PairScores"
    assert plain["cluster_interval"] == [None, None]  # one cluster says nothing
    assert pickle.loads(pickle.dumps(found)).by_category["b"].interval == found.by_category["b"].interval
    assert not found.more.flags.writeable


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_the_figure_says_what_the_numbers_say(share: float) -> None:
    more = np.array([1.0] * round(share * 200) + [-1.0] * round((1 - share) * 200))
    found = pair_scores(more, np.zeros(200), categories=["few"] * 20 + ["many"] * 180)
    svg = render(found, "svg").decode()
    low, high = (f"{100 * end:.1f}" for end in found.interval)
    assert f"{100 * share:.1f} % of 200 pairs score higher on the first text; 95 % interval {low} to {high} %." in svg
    assert "few" in svg and "n = 20" in svg
    colour = "#c45100" if found.interval[0] > 0.5 else "#0b5fa5" if found.interval[1] < 0.5 else None
    assert (colour is None) == (share == 0.5)
    assert colour is None or colour in svg


def test_wrong_lengths_are_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidParameter, match="5 first scores and 4 second"):
        pair_scores(MORE, LESS[:4])
    with pytest.raises(InvalidParameter, match="1 categories"):
        pair_scores(MORE, LESS, categories=["a"])
    with pytest.raises(InvalidParameter, match="1 clusters"):
        pair_scores(MORE, LESS, clusters=["a"])
    with pytest.raises(InvalidParameter, match="not finite"):
        pair_scores([math.nan], [1.0])
