"""How alike spaces are and what shape they have: against plain code, with laws, and on models end to end."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import spearmanr

import lmviz
from lmviz.analyses.compare.similarity import linear_cka
from lmviz.analyses.probing import spaces
from lmviz.analyses.probing.layer_similarity import Params, between
from lmviz.errors import InvalidParameter
from lmviz.results import LayerCurve, LayerMatrix
from tests.tiny import tiny
from tests.trees import many, written


def normal(n: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width))


@pytest.mark.parametrize(("n", "width"), [(40, 7), (12, 60), (200, 33)])
def test_cka_is_that_of_the_matrices_of_items(n: int, width: int) -> None:
    a, b = normal(n, width), normal(n, width + 3, seed=1) + normal(n, 1, seed=2)
    wanted = float(linear_cka(a[None], b[None])[0, 0])
    assert spaces.debiased_cka(a, b) == pytest.approx(wanted, abs=1e-9)


def test_cka_does_not_see_turns_and_sizes_and_finds_nothing_in_noise() -> None:
    a = normal(300, 20)
    turn = np.linalg.qr(normal(20, 20, seed=3))[0]
    assert spaces.debiased_cka(a, 7 * a @ turn + 3) == pytest.approx(1, abs=1e-9)
    apart = [spaces.debiased_cka(normal(30, 200, seed=seed), normal(30, 200, seed=seed + 99)) for seed in range(20)]
    assert abs(np.mean(apart)) < 0.02  # without the correction it is about 0.87
    assert np.isnan(spaces.debiased_cka(np.ones((9, 3)), normal(9, 3)))
    assert np.isnan(spaces.debiased_cka(a[:3], a[:3]))


def test_rsa_is_spearmans_of_all_cosines() -> None:
    a, b = normal(30, 8) + 1, normal(30, 5, seed=1)
    pairs = [(i, j) for i in range(30) for j in range(i + 1, 30)]

    def cosine(x: np.ndarray, i: int, j: int) -> float:
        return float(x[i] @ x[j] / np.linalg.norm(x[i]) / np.linalg.norm(x[j]))

    wanted = spearmanr([cosine(a, *pair) for pair in pairs], [cosine(b, *pair) for pair in pairs]).statistic
    assert spaces.rsa(a, b) == pytest.approx(wanted, abs=1e-9)
    assert spaces.rsa(a, a @ np.linalg.qr(normal(8, 8, seed=3))[0]) == pytest.approx(1)


@pytest.mark.parametrize("n", [5, 40, 400])
def test_pairs_are_different_and_of_different_items(n: int) -> None:
    pairs = spaces.drawn_pairs(n, most=300, seed=1)
    assert len(pairs) == min(300, n * (n - 1) // 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.max() < n
    assert len({tuple(pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("dimension", [1, 2, 5, 10])
def test_a_cube_in_a_large_space_has_its_own_dimension(dimension: int) -> None:
    inside = np.random.default_rng(0).random((4000, dimension))
    x = inside @ normal(dimension, 50, seed=1)
    found = spaces.intrinsic_dimension(x)
    assert found == pytest.approx(dimension, rel=0.15)  # edges cost a little in ten dimensions
    apart, _ = cKDTree(x).query(x, k=3)
    assert found == pytest.approx((len(x) - 1) / np.log(apart[:, 2] / apart[:, 1]).sum(), rel=1e-6)
    assert spaces.intrinsic_dimension(np.concatenate([x, x[:50]])) == pytest.approx(found)


def test_shapes_of_known_clouds() -> None:
    x = normal(2000, 30)
    assert abs(spaces.anisotropy(x)) < 0.01
    assert spaces.anisotropy(x + 20) > 0.98
    assert spaces.participation_ratio(x) == pytest.approx(30, rel=0.1)
    flat = np.concatenate([x[:, :1], np.zeros((2000, 9))], axis=1)
    assert spaces.participation_ratio(flat) == pytest.approx(1)
    assert np.isnan(spaces.participation_ratio(np.ones((5, 3))))
    assert np.isnan(spaces.intrinsic_dimension(np.ones((5, 3))))


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("measure", ["cka", "rsa"])
def test_layers_are_compared_with_each_other_and_with_another_models(measure: str, tmp_path: Path) -> None:
    a, b = lmviz.wrap(*tiny("bert")), lmviz.wrap(*tiny("gpt2"))
    source = written(tmp_path, many(60))
    own = lmviz.run("layer-similarity", a, source=source, measure=measure)
    assert isinstance(own, LayerMatrix)
    assert own.values.shape == (3, 3)
    np.testing.assert_allclose(np.diag(own.values), 1, atol=1e-5)
    np.testing.assert_allclose(own.values, own.values.T, atol=1e-5)
    other = between(a, b, params=Params(source=source, measure=measure))
    assert other.values.shape == (3, 3)
    assert np.abs(other.values).max() <= 1 + 1e-5
    back = between(b, a, params=Params(source=source, measure=measure))
    np.testing.assert_allclose(other.values, back.values.T, atol=1e-5)
    assert own.n_units >= other.n_units > 50  # position 0 of the decoder is a word, and left out


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("measure", ["intrinsic_dimension", "anisotropy", "participation_ratio"])
def test_every_layer_has_a_shape(measure: str, tmp_path: Path) -> None:
    source = written(tmp_path, many(60))
    found = lmviz.run("layer-geometry", lmviz.wrap(*tiny("gpt2")), source=source, measure=measure, n_halves=5)
    assert isinstance(found, LayerCurve)
    assert found.layers == (0, 1, 2)
    for name, values in found.series.items():
        assert np.isfinite(values).all()
        assert (found.low[name] <= values).all()
        assert (found.high[name] >= values).all()
    assert all(check.passed for check in lmviz.ANALYSES["layer-geometry"].check(found))


@pytest.mark.usefixtures("_cache")
def test_eight_threads_get_the_same(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(40))

    def ask(slug: str) -> np.ndarray:
        found = lmviz.run(slug, model, source=source)
        return found.values if isinstance(found, LayerMatrix) else found.series["intrinsic_dimension"]  # type: ignore[attr-defined,no-any-return]

    slugs = ("layer-similarity", "layer-geometry") * 4
    wanted = {slug: ask(slug) for slug in slugs[:2]}
    with ThreadPoolExecutor(8) as pool:
        for slug, found in zip(slugs, pool.map(ask, slugs), strict=True):
            np.testing.assert_allclose(found, wanted[slug], atol=1e-4)


@pytest.mark.usefixtures("_cache")
def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(40))
    for slug, params, said in (
        ("layer-similarity", {"measure": "angle"}, "cka or rsa"),
        ("layer-geometry", {"measure": "volume"}, "intrinsic_dimension"),
        ("layer-similarity", {"n_words": 3}, "Only"),
        ("layer-geometry", {"source": "/none"}, "There is no file"),
    ):
        with pytest.raises(InvalidParameter, match=said):
            lmviz.run(slug, model, **{"source": source, **params})
