"""Trees of words against scipy's graphs, and laws that hold for every tree."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from lmviz.analyses.probing.trees import (
    ROOT,
    checked_heads,
    depths,
    edges_of,
    mean_by_length,
    recovered_edges,
    spanning_tree,
    tree_distances,
)
from lmviz.errors import InvalidParameter


def random_heads(n_words: int, seed: int) -> list[int]:
    """Hang each word of a shuffled sentence on one that came before it."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_words)
    heads = [ROOT] * n_words
    for place in range(1, n_words):
        heads[order[place]] = int(order[generator.integers(place)])
    return heads


@pytest.mark.parametrize("seed", range(20))
def test_the_spanning_tree_is_as_short_as_scipys(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n_words = int(generator.integers(2, 40))
    points = generator.normal(size=(n_words, 3))
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    found = spanning_tree(distances)
    assert len(found) == n_words - 1
    wanted = minimum_spanning_tree(distances)
    assert set(found) == {(min(a, b), max(a, b)) for a, b in zip(*wanted.nonzero(), strict=True)}
    assert sum(distances[edge] for edge in found) == pytest.approx(wanted.sum())


@pytest.mark.parametrize(
    "distances", [np.zeros((6, 6)), np.where(np.eye(6), 0, np.inf), np.zeros((1, 1)), np.zeros((0, 0))]
)
def test_alike_and_endless_distances_still_give_a_tree(distances: np.ndarray) -> None:
    found = spanning_tree(distances)
    assert len(found) == max(0, len(distances) - 1)
    reached = {0}
    for _ in found:
        reached |= {word for edge in found if reached & set(edge) for word in edge}
    assert len(distances) == 0 or reached == set(range(len(distances)))


@pytest.mark.parametrize(
    ("distances", "remedy"),
    [
        (np.zeros((2, 3)), "square"),
        (np.zeros(4), "square"),
        ([[0, 1], [2, 0]], "same in both directions"),
        ([[0, np.nan], [np.nan, 0]], "no numbers"),
    ],
)
def test_what_are_no_distances_is_refused(distances: np.ndarray, remedy: str) -> None:
    with pytest.raises(InvalidParameter, match=remedy):
        spanning_tree(distances)


@pytest.mark.parametrize("seed", range(20))
def test_distances_and_depths_are_those_of_the_graph(seed: int) -> None:
    heads = random_heads(2 + seed, seed)
    graph = np.zeros((len(heads), len(heads)))
    for word, head in enumerate(heads):
        if head != ROOT:
            graph[word, head] = graph[head, word] = 1
    wanted = shortest_path(graph, unweighted=True)
    np.testing.assert_array_equal(tree_distances(heads), wanted)
    np.testing.assert_array_equal(depths(heads), wanted[heads.index(ROOT)])
    np.testing.assert_array_equal(checked_heads(heads), heads)
    assert recovered_edges(wanted, heads) == (len(heads) - 1, len(heads) - 1)  # a tree is its own spanning tree
    assert set(spanning_tree(wanted)) == edges_of(heads)


def test_only_words_that_count_are_in_the_tree() -> None:
    heads = [1, ROOT, 1, 2, 2]  # the last one is punctuation
    assert edges_of(heads, kept=(0, 1, 2, 3)) == {(0, 1), (1, 2), (2, 3)}
    distances = tree_distances(heads).astype(float)
    assert recovered_edges(distances, heads, kept=(0, 1, 2, 3)) == (3, 3)
    far = distances.copy()
    far[2, 3] = far[3, 2] = 9
    assert recovered_edges(far, heads, kept=(0, 1, 2, 3)) == (2, 3)


@pytest.mark.parametrize(
    ("heads", "remedy"),
    [([1, 0], "one root; this one has 0"), ([-1, -1], "has 2"), ([-1, 5], "not"), ([-1, 2, 1], "its own ancestor")],
)
def test_heads_that_are_no_tree_are_refused(heads: list[int], remedy: str) -> None:
    with pytest.raises(InvalidParameter, match=remedy):
        checked_heads(heads)


def test_every_length_counts_alike() -> None:
    assert mean_by_length([1.0, 0.0, 0.0, 0.5], [5, 6, 6, 50]) == pytest.approx(0.5)
    assert mean_by_length([1.0, 0.0], [5, 4]) == 1.0  # shorter ones do not count
    assert np.isnan(mean_by_length([1.0], [51]))
