"""Heads as parsers, with patterns that were made for it: where the answer is known, and where there is nothing."""

from collections.abc import Sequence

import numpy as np
import pytest

from lmviz.analyses.probing.parsing_heads import (
    ALL,
    NOWHERE,
    OFFSETS,
    HeadAt,
    Tree,
    Words,
    best_head,
    best_offset,
    gathered,
    hits,
    offset_hits,
    predicted,
    relations_of,
)
from lmviz.analyses.probing.parsing_statistics import Splits, chosen_on_dev, is_in_grid, summarise
from lmviz.results import HeadParsing

N_LAYERS, N_HEADS = 3, 4
RELATIONS = ("nsubj", "obj", "amod")


def tree(*heads: int, relations: Sequence[str] | None = None) -> Tree:
    names = relations or ["root" if head < 0 else "obj" for head in heads]
    return Tree(np.array(heads, dtype=np.int64), tuple(names))


def random_tree(n_words: int, generator: np.random.Generator) -> Tree:
    order = generator.permutation(n_words)
    heads = np.full(n_words, -1)
    for at in range(1, n_words):
        heads[order[at]] = order[generator.integers(0, at)]
    return tree(*heads, relations=["root" if head < 0 else str(generator.choice(RELATIONS)) for head in heads])


def random_trees(n: int, seed: int) -> list[Tree]:
    generator = np.random.default_rng(seed)
    return [random_tree(int(generator.integers(5, 13)), generator) for _ in range(n)]


def other_trees(trees: Sequence[Tree], seed: int) -> list[Tree]:
    """Give each sentence another tree: heads that are only dealt out anew would still be those with many dependents."""
    generator = np.random.default_rng(seed)
    return [random_tree(len(one.heads), generator) for one in trees]


def patterns(trees: Sequence[Tree], planted: HeadAt | None, seed: int) -> list[np.ndarray]:
    """Give noise, and in one head most attention to, or from, the head of each word."""
    generator = np.random.default_rng(seed)
    made = []
    for one in trees:
        n_words = len(one.heads)
        own = generator.random((N_LAYERS, N_HEADS, n_words, n_words)).astype(np.float32)
        for word, head in enumerate(one.heads):
            if planted is not None and head >= 0:
                at = (word, head) if planted.direction == 0 else (head, word)
                own[planted.layer, planted.head, *at] += 2.0
        made.append(own)
    return made


def words(trees: Sequence[Tree], made: Sequence[np.ndarray]) -> Words:
    found = (hits(predicted(own), one) for own, one in zip(made, trees, strict=True))
    return gathered(trees, found, n_layers=N_LAYERS, n_heads=N_HEADS)


def parsed(planted: HeadAt | None, *, test_trees: Sequence[Tree] | None = None, n: int = 60) -> HeadParsing:
    dev, test = random_trees(n, 0), random_trees(n, 1)
    dev_words = words(dev, patterns(dev, planted, 2))
    return summarise(Splits(dev_words, words(test_trees or test, patterns(test, planted, 3))), min_words=20, seed=0)


@pytest.mark.parametrize("planted", [HeadAt(0, 1, 2), HeadAt(1, 2, 3)])
def test_a_planted_head_finds_every_word_and_is_chosen(planted: HeadAt) -> None:
    result = parsed(planted)
    assert result.relations[0] == ALL
    assert set(result.relations) == {ALL, *RELATIONS}
    assert (result.accuracy == 1).all()
    assert {(one.layer, one.head) for one in result.best()} == {planted[1:]}
    assert set(result.direction.tolist()) == {planted.direction}
    assert (result.difference_low > 0).all()
    assert result.is_significant.all()
    assert (result.p_any_head < 0.01).all()
    assert chosen_on_dev(result).passed
    assert is_in_grid(result).passed


def test_in_other_trees_nothing_is_found() -> None:
    planted = HeadAt(0, 1, 2)
    result = parsed(planted, test_trees=other_trees(random_trees(60, 1), 5))
    assert {(one.layer, one.head) for one in result.best()} == {planted[1:]}, "chosen on dev, where it is planted"
    assert (result.difference_low < 0).all()
    assert not result.is_significant.any()
    assert (result.p_any_head > 0.05).all()


def test_where_nothing_is_planted_nothing_is_found_although_the_best_of_many_heads_looks_good() -> None:
    result = parsed(None)
    assert not result.is_significant.any()
    assert (result.p_any_head > 0.05).all()
    best = result.grids["test"].reshape(len(result.relations), -1).max(axis=1)
    assert (best > result.accuracy).any(), "choosing on test would have given more"


def test_heads_are_chosen_on_dev_alone() -> None:
    planted = HeadAt(0, 1, 2)
    one, other = parsed(planted), parsed(planted, test_trees=other_trees(random_trees(60, 1), 5))
    for name in ("layer", "head", "direction", "offset", "n_dev"):
        by_relation = [dict(zip(r.relations, getattr(r, name).tolist(), strict=True)) for r in (one, other)]
        assert by_relation[0] == by_relation[1]
    assert not np.array_equal(one.grids["test"], other.grids["test"])


def test_offsets_of_a_hand_example() -> None:
    # the old dog saw a cat .
    one = tree(2, 2, 3, -1, 5, 3, 3, relations=["det", "amod", "nsubj", "root", "det", "obj", "punct"])
    np.testing.assert_array_equal(one.counted, [0, 1, 2, 4, 5])
    away = [2, 1, 1, 1, -2]
    expected = [[way == offset for offset in OFFSETS] for way in away]
    np.testing.assert_array_equal(offset_hits(one), expected)
    found = words([one], patterns([one], None, 0))
    assert [OFFSETS[best_offset(found, name)] for name in ("amod", "obj", "det", ALL)] == [1, -2, 1, 1]


def test_offsets_are_reported_on_test_where_they_were_chosen_on_dev() -> None:
    dev = [tree(1, 2, -1)] * 3  # always the next word
    test = [tree(1, 2, -1), tree(-1, 0, 1), tree(1, 2, -1)]  # in two of three
    splits = Splits(words(dev, patterns(dev, None, 0)), words(test, patterns(test, None, 1)))
    result = summarise(splits, min_words=1, seed=0)
    assert result.offset.tolist() == [1, 1]
    np.testing.assert_allclose(result.offset_accuracy, 4 / 6, rtol=1e-6)


def test_both_directions_of_a_hand_example() -> None:
    pattern = np.array([[[[9.0, 0.3, 0.1], [0.2, 9.0, 0.4], [0.6, 0.5, 9.0]]]])  # a word's own does not count
    np.testing.assert_array_equal(predicted(pattern)[:, 0, 0], [[1, 2, 0], [2, 2, 1]])


def test_a_word_without_attention_points_nowhere() -> None:
    decoder = np.tril(np.full((1, 1, 3, 3), 0.5))
    np.testing.assert_array_equal(predicted(decoder)[:, 0, 0], [[NOWHERE, 0, 0], [1, 2, NOWHERE]])
    assert not hits(predicted(decoder), tree(-1, 0, 0))[:, 1, 0, 0][-1], "the last word's head is the first"
    assert predicted(np.ones((1, 1, 1, 1))).tolist() == [[[[NOWHERE]]], [[[NOWHERE]]]]


def test_words_that_share_a_token_do_not_point_at_each_other() -> None:
    pattern = np.array([[[[0.0, 0.9, 0.1], [0.9, 0.0, 0.1], [0.5, 0.5, 0.0]]]])
    np.testing.assert_array_equal(predicted(pattern)[0, 0, 0], [1, 0, 0])
    np.testing.assert_array_equal(predicted(pattern, [(1, 2), (2, 3), (4,)])[0, 0, 0], [2, 2, 0])


def test_counts_agree_with_loops() -> None:
    trees = random_trees(12, 4)
    made = patterns(trees, HeadAt(1, 0, 0), 6)
    found = words(trees, made)
    for relation in RELATIONS:
        for at in np.ndindex(2, N_LAYERS, N_HEADS):
            n_hits = n_words = 0
            for own, one in zip(made, trees, strict=True):
                rows = own[at[1], at[2]] if at[0] == 0 else own[at[1], at[2]].T
                for word, (head, name) in enumerate(zip(one.heads, one.relations, strict=True)):
                    others = [other for other in range(len(one.heads)) if other != word]
                    n_hits += name == relation and max(others, key=lambda other, r=rows[word]: r[other]) == head
                    n_words += name == relation
            own_words = found.hits[found.of(relation)][:, *at]
            assert (int(own_words.sum()), len(own_words)) == (n_hits, n_words)
    assert best_head(found, ALL) == HeadAt(1, 0, 0)


def test_rare_relations_are_not_reported() -> None:
    trees = [tree(1, -1, 1, relations=["det", "root", "obj"]), tree(1, -1, relations=["obj", "root"])]
    found = words(trees, patterns(trees, None, 0))
    assert relations_of(found, found, min_words=1) == (ALL, "obj", "det")
    assert relations_of(found, found, min_words=2) == (ALL, "obj")
    assert relations_of(found, found, min_words=4) == ()
    none = words([], [])
    assert relations_of(none, found, min_words=1) == ()
    result = summarise(Splits(none, none), min_words=1, seed=0)
    assert result.relations == ()
    assert "No relation has enough words" in result.note
    assert result.to_frame().empty
