"""The structural probe finds a tree that is there by construction, and none in noise; its gradients are right."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import lmviz
from lmviz.analyses.probing.attachment import control_heads
from lmviz.analyses.probing.structural import (
    Settings,
    Tree,
    chain_scores,
    depth_loss,
    distance_loss,
    fit_depth,
    fit_distance,
    scores,
    spearman_rows,
    squared_distances,
)
from lmviz.analyses.probing.trees import depths, tree_distances
from lmviz.errors import InvalidParameter
from lmviz.results import LayerCurve
from tests.tiny import tiny
from tests.trees import many, written

WIDTH, LONGEST = 48, 12


def random_heads(n: int, generator: np.random.Generator) -> tuple[int, ...]:
    """Draw a tree: each word but the first of some order hangs on one before it."""
    order, heads = generator.permutation(n), [-1] * n
    for place in range(1, n):
        heads[order[place]] = int(order[generator.integers(0, place)])
    return tuple(heads)


def ways(heads: Sequence[int], names: np.ndarray) -> np.ndarray:
    """Write each word as the sum over its way to the root of one direction per edge, named after the lower word."""
    x = np.zeros((len(heads), WIDTH))
    for word in range(len(heads)):
        at = word
        while heads[at] != -1:
            x[word, names[at]] = 1.0
            at = heads[at]
    return x


def grown(n_sentences: int, *, is_tree: bool, seed: int = 0) -> list[Tree]:
    """Make sentences whose vectors are their tree, hidden in a rotated space with noise beside it; or only noise.

    A word is the sum over its way to the root of one direction per edge, so that squared distances count edges.
    """
    generator = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(WIDTH, WIDTH)))[0]
    found = []
    for _ in range(n_sentences):
        n = int(generator.integers(5, LONGEST + 1))
        heads = random_heads(n, generator)
        x = ways(heads, generator.permutation(LONGEST))
        if not is_tree:
            x[:] = 0
        x[:, LONGEST:] = generator.normal(size=(n, WIDTH - LONGEST))
        found.append(Tree((x @ turn).astype(np.float32), heads, tuple(range(n))))
    return found


@pytest.mark.parametrize("loss", [distance_loss, depth_loss])
def test_gradients_are_those_of_small_steps(loss) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    heads = random_heads(6, generator)
    wanted = (tree_distances if loss is distance_loss else depths)(heads).astype(np.float64)
    places = generator.normal(size=(6, 3))
    _, gradient = loss(places, wanted)
    for row, column in np.ndindex(6, 3):
        step = np.zeros_like(places)
        step[row, column] = 1e-6
        numeric = (loss(places + step, wanted)[0] - loss(places - step, wanted)[0]) / 2e-6
        assert gradient[row, column] == pytest.approx(numeric, abs=1e-5)


def test_a_tree_by_construction_is_found_whole_and_noise_is_not() -> None:
    settings = Settings(rank=WIDTH, n_rounds=40)
    train, dev, test = (grown(n, is_tree=True, seed=seed) for n, seed in ((300, 0), (40, 1), (60, 2)))
    distance, depth = (fit(train, dev, settings=settings) for fit in (fit_distance, fit_depth))
    found = scores(test, distance=distance, depth=depth)
    assert found.hits.sum() == found.edges.sum()  # UUAS 1.0
    assert found.correlation.mean() > 0.95  # words at one distance are in no order, which costs the rest
    assert found.depth_correlation.mean() > 0.85
    assert found.has_root.mean() > 0.97
    noise = [grown(n, is_tree=False, seed=seed) for n, seed in ((100, 0), (20, 1), (60, 2))]
    few = Settings(rank=WIDTH, n_rounds=5)
    distance, depth = (fit(noise[0], noise[1], settings=few) for fit in (fit_distance, fit_depth))
    lost = scores(noise[2], distance=distance, depth=depth)
    assert lost.hits.sum() / lost.edges.sum() < 0.45  # about two edges of n, as any tree has


def test_trees_that_forms_have_drawn_are_found_where_vectors_are_those_trees_and_nowhere_else() -> None:
    generator = np.random.default_rng(3)
    turn = np.linalg.qr(generator.normal(size=(WIDTH, WIDTH)))[0]

    def drawn(n_sentences: int, *, is_told: bool) -> list[Tree]:
        found = []
        for _ in range(n_sentences):
            forms = [f"word{number}" for number in generator.integers(0, 40, size=int(generator.integers(6, LONGEST)))]
            heads = control_heads(forms, range(len(forms)), seed=0)
            x = ways(heads, np.arange(LONGEST)) if is_told else generator.normal(size=(len(forms), WIDTH))
            found.append(Tree((x @ turn).astype(np.float32), heads, tuple(range(len(forms)))))
        return found

    rates = []
    for is_told in (True, False):
        train, dev, test = (drawn(n, is_told=is_told) for n in (200, 30, 60))
        own = scores(test, distance=fit_distance(train, dev, settings=Settings(rank=WIDTH, n_rounds=20)))
        assert np.isnan(own.depth_correlation).all() and np.isnan(own.has_root).all()
        rates.append(own.hits.sum() / own.edges.sum())
    assert rates[0] > 0.99
    assert rates[1] < 0.45


def test_scores_are_those_of_plain_code() -> None:
    generator = np.random.default_rng(0)
    trees = grown(20, is_tree=True)
    distance = generator.normal(size=(5, WIDTH)).astype(np.float32)
    found = scores(trees, distance=distance, depth=distance)
    for number, tree in enumerate(trees):
        places = (tree.vectors @ distance.T).astype(np.float64)
        apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
        np.testing.assert_allclose(squared_distances(places), apart, atol=1e-6)
        wanted = tree_distances(tree.heads)
        own = [spearmanr(wanted[word], apart[word]).statistic for word in range(len(apart))]
        assert found.correlation[number] == pytest.approx(np.nanmean(own), abs=1e-9)
        lengths = (places**2).sum(axis=1)
        assert found.depth_correlation[number] == pytest.approx(spearmanr(depths(tree.heads), lengths).statistic)
        assert found.has_root[number] == float(tree.heads[int(lengths.argmin())] == -1)


def test_neighbours_are_tied_and_punctuation_does_not_count() -> None:
    chain = Tree(np.zeros((4, 2), dtype=np.float32), (-1, 0, 1, 2), (0, 1, 2, 3))
    star = Tree(np.zeros((4, 2), dtype=np.float32), (-1, 0, 0, 0), (0, 1, 2))
    hits, edges = chain_scores([chain, star])
    assert list(hits) == [3, 1]
    assert list(edges) == [3, 2]


def test_rows_that_do_not_vary_have_no_correlation() -> None:
    found = spearman_rows(np.array([[1.0, 2, 3], [1, 1, 1]]), np.array([[3.0, 2, 1], [1, 2, 3]]))
    assert found[0] == pytest.approx(-1)
    assert np.isnan(found[1])


def test_nothing_to_fit_on_is_told() -> None:
    with pytest.raises(InvalidParameter, match="no sentence with a tree"):
        fit_distance([], [], settings=Settings())


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_every_layer_of_a_model_is_asked(family: str, tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny(family)), written(tmp_path, many(80))
    found = lmviz.run("structural-probe", model, source=source, rank=16, n_rounds=4)
    assert isinstance(found, LayerCurve)
    assert found.layers == (0, 1, 2)
    assert {"uuas", "dspr", "root", "nspr", "uuas_random_weights"} <= set(found.series)
    assert 0 < found.baselines["neighbours"] < 1
    beyond = found.series["uuas"] - found.series["uuas_control"]
    np.testing.assert_allclose(found.series["selectivity"], beyond, atol=1e-6)
    assert (found.low["selectivity"] <= beyond).all() and (beyond <= found.high["selectivity"]).all()
    assert ((found.series["uuas"] >= 0) & (found.series["uuas"] <= 1)).all()
    assert (found.low["uuas"] <= found.series["uuas"]).all()
    assert all(check.passed for check in lmviz.ANALYSES["structural-probe"].check(found))


@pytest.mark.usefixtures("_cache")
def test_eight_threads_get_the_same(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(40))

    def ask(_: int) -> np.ndarray:
        return lmviz.run(
            "structural-probe", model, source=source, rank=8, n_rounds=2, layers=(1,), random_weights=False
        ).series["dspr"]  # type: ignore[attr-defined,no-any-return]

    wanted = ask(0)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(ask, range(8)):
            np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.usefixtures("_cache")
def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(40))
    for params, said in (({"layers": (5,)}, "no layer 5"), ({"rank": 0}, "1 or more"), ({"pooling": "max"}, "mean")):
        with pytest.raises(InvalidParameter, match=said):
            lmviz.run("structural-probe", model, source=source, **params)
