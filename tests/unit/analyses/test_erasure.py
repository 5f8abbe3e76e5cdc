"""Erasure: what was planted is found and then gone, for the linear probes that it promises something about."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from lmviz.analyses.bias.erasure.directions import direction
from lmviz.analyses.bias.erasure.eraser import Eraser, orthogonal_eraser, random_eraser
from lmviz.analyses.bias.erasure.inlp import inlp
from lmviz.analyses.bias.erasure.leace import leace, shrunk
from lmviz.analyses.bias.erasure.probes import held_out, linear_accuracy, majority_share, mlp_accuracy
from lmviz.errors import InvalidParameter

WIDTH, N = 16, 600
MIXING = np.random.default_rng(99).normal(size=(WIDTH, WIDTH))


def planted(n_classes: int = 2, *, seed: int = 0, n: int = N, size: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Give correlated vectors, classes of unequal sizes, and a mean of its own for each class."""
    draw = np.random.default_rng(seed)
    z = draw.choice(n_classes, size=n, p=np.arange(2, n_classes + 2) / np.arange(2, n_classes + 2).sum())
    means = size * np.random.default_rng(1).normal(size=(n_classes, WIDTH))
    return draw.normal(size=(n, WIDTH)) @ MIXING + means[z] + 5, z


def accuracy(x: np.ndarray, z: np.ndarray) -> float:
    """Someone else's cross-validation."""
    return float(cross_val_score(LogisticRegression(max_iter=5000), x, z, cv=5).mean())


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("has_shrinkage", [True, False])
def test_after_leace_no_linear_probe_beats_the_majority_and_one_did(n_classes: int, has_shrinkage: bool) -> None:
    x, z = planted(n_classes)
    eraser = leace(x, z, has_shrinkage=has_shrinkage)
    assert eraser.rank == n_classes - 1
    assert accuracy(x, z) > majority_share(z) + 0.15
    assert accuracy(eraser(x), z) <= majority_share(z) + 0.01
    before, after = (
        np.abs(LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(a - x.mean(axis=0), z).coef_).max()
        for a in (x, eraser(x))
    )
    assert after < 1e-4
    assert before > 0.05


@pytest.mark.parametrize("n_classes", [2, 4])
def test_leace_is_the_projection_along_the_class_means_in_the_metric_of_the_covariance(n_classes: int) -> None:
    """P = Σxz (Σzx Σ⁻¹ Σxz)⁺ Σzx Σ⁻¹ needs neither a root nor a singular vector."""
    x, z = planted(n_classes)
    centred, one_hot = x - x.mean(axis=0), np.eye(n_classes)[z]
    covariance = np.cov(x.T, ddof=0)
    shared = centred.T @ one_hot / len(x)
    inverse = np.linalg.inv(covariance)
    projection = shared @ np.linalg.pinv(shared.T @ inverse @ shared, rcond=1e-10) @ shared.T @ inverse
    want = x - centred @ projection.T
    np.testing.assert_allclose(leace(x, z, has_shrinkage=False)(x), want, atol=1e-8)


def test_leace_moves_less_than_an_orthogonal_projection_that_erases_as_well() -> None:
    x, z = planted()
    least = leace(x, z, has_shrinkage=False)
    other = orthogonal_eraser(x[z == 1].mean(axis=0) - x[z == 0].mean(axis=0), x.mean(axis=0), method="means")
    assert accuracy(other(x), z) <= majority_share(z) + 0.01
    assert 0 < least.removed(x) < other.removed(x)


def test_few_vectors_of_many_dimensions_are_erased_as_well() -> None:
    draw = np.random.default_rng(0)
    z = np.arange(60) % 2
    x = draw.normal(size=(60, 300)) + 3 * np.outer(z, np.ones(300) / 10)
    erased = leace(x, z)(x)
    shared = (erased - erased.mean(axis=0)).T @ (z - z.mean()) / len(z)
    assert np.abs(shared).max() < 1e-9
    fresh_z = draw.integers(0, 2, 2000)
    fresh = draw.normal(size=(2000, 300)) + 3 * np.outer(fresh_z, np.ones(300) / 10)
    before, after = (linear_accuracy((a, z), (b, fresh_z)) for a, b in ((x, fresh), (erased, leace(x, z)(fresh))))
    assert before > 0.75
    assert after < before - 0.15


def test_shrinking_is_the_published_formula_and_goes_away_with_many_vectors() -> None:
    x = np.random.default_rng(0).normal(size=(50, WIDTH)) @ MIXING
    covariance = np.cov(x.T, ddof=0)
    alpha_beta = np.linalg.lstsq(
        np.stack([covariance.ravel(), np.eye(WIDTH).ravel()], axis=1), shrunk(covariance, 50).ravel(), rcond=None
    )[0]
    target = np.eye(WIDTH) * np.trace(covariance) / WIDTH
    norm = float((target**2).sum())
    alpha = 1 - np.trace(covariance) ** 2 * norm / 50 / (
        (covariance**2).sum() * norm - np.trace(covariance @ target) ** 2
    )
    assert 0 < alpha < 1
    assert alpha_beta[0] == pytest.approx(alpha)
    assert np.trace(shrunk(covariance, 50)) == pytest.approx(np.trace(covariance))
    np.testing.assert_allclose(shrunk(covariance, 10**9), covariance, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shrunk(np.eye(3) * 2, 10), np.eye(3) * 2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_inlp_reduces_what_a_linear_probe_finds(n_classes: int) -> None:
    x, z = planted(n_classes)
    eraser = inlp(x, z)
    assert accuracy(x, z) > majority_share(z) + 0.15
    assert accuracy(eraser(x), z) < majority_share(z) + 0.08
    assert 1 <= eraser.rank < WIDTH
    np.testing.assert_allclose(eraser.readers @ eraser.readers.T, np.eye(eraser.rank), atol=1e-10)
    np.testing.assert_allclose(eraser(x).mean(axis=0), x.mean(axis=0))


def test_inlp_ends_at_once_where_there_is_nothing_and_at_its_limit() -> None:
    draw = np.random.default_rng(0)
    assert inlp(draw.normal(size=(400, 8)), np.arange(400) % 2).rank <= 3
    x, z = planted(size=6.0)
    assert inlp(x, z, max_rounds=1).rank == 1


def test_groups_are_held_out_whole() -> None:
    groups = np.repeat(np.arange(20), 10)
    z = np.tile([0, 1], 100)
    fit, test = held_out(z, groups=groups)
    assert sorted([*fit, *test]) == list(range(200))
    assert not set(groups[fit]) & set(groups[test])
    assert len(test) == 40 and z[test].mean() == 0.5
    assert not np.array_equal(held_out(z, groups=groups, seed=1)[1], test)
    assert len(set(groups[held_out(z)[1]])) > 10


def test_inlp_goes_on_while_vectors_it_has_not_fitted_are_told() -> None:
    """Few vectors of many dimensions: what the first row leaves is found in other vectors, not in its own."""
    draw = np.random.default_rng(0)
    mean = np.repeat([1.0, 0.0], [12, 108])

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        z = np.arange(n) % 2
        return draw.normal(size=(n, 120)) + np.outer(2 * z - 1, mean), z

    (x, z), fresh = sample(80), sample(1000)
    assert linear_accuracy((x, z), fresh) > 0.9
    once, all_rounds = (inlp(x, z, max_rounds=rounds) for rounds in (1, 40))
    assert all_rounds.rank > once.rank == 1
    accuracies = [linear_accuracy((eraser(x), z), (eraser(fresh[0]), fresh[1])) for eraser in (once, all_rounds)]
    assert accuracies[0] > 0.65 > accuracies[1]


@pytest.mark.parametrize("fit", [leace, inlp])
def test_erasing_twice_is_erasing_once_and_a_random_subspace_erases_nothing(fit: object) -> None:
    x, z = planted(3)
    eraser: Eraser = fit(x, z)  # type: ignore[operator]
    np.testing.assert_allclose(eraser(eraser(x)), eraser(x), atol=1e-9)
    np.testing.assert_allclose(eraser.readers @ eraser.writers.T, np.eye(eraser.rank), atol=1e-9)
    control = random_eraser(eraser, seed=0)
    assert control.rank == eraser.rank
    np.testing.assert_array_equal(control.center, eraser.center)
    assert accuracy(control(x), z) > accuracy(eraser(x), z) + 0.1
    assert not np.allclose(random_eraser(eraser, seed=1).readers, control.readers)
    np.testing.assert_array_equal(random_eraser(eraser, seed=0).readers, control.readers)


def test_what_is_removed_is_a_share_of_the_variance() -> None:
    x = np.random.default_rng(0).normal(size=(4000, 10)) + 3
    rows = np.eye(10)[:3]
    assert orthogonal_eraser(rows, x.mean(axis=0), method="axes").removed(x) == pytest.approx(0.3, abs=0.02)
    assert orthogonal_eraser(np.eye(10), x.mean(axis=0), method="axes").removed(x) == pytest.approx(1)
    assert orthogonal_eraser(rows, np.zeros(10), method="axes").removed(np.zeros((2, 10))) == 0


def test_a_planted_direction_is_found_and_random_pairings_explain_less() -> None:
    draw = np.random.default_rng(0)
    true = draw.normal(size=64)
    true /= np.linalg.norm(true)
    base = draw.normal(size=(30, 64))
    first, second = base + np.outer(draw.uniform(1, 3, 30), true), base - np.outer(draw.uniform(1, 3, 30), true)
    found = direction(first, second + 0.02 * draw.normal(size=base.shape))
    assert found.vector @ true > 0.99  # the sign too
    assert found.explained > 0.95
    assert found.null.shape == (1000,) and found.null.max() < found.explained
    assert found.p == pytest.approx(1 / 1001)
    assert direction(second, first).vector @ true < -0.99


@pytest.mark.parametrize("n_pairs", [5, 40])
def test_the_direction_is_someone_elses_principal_component_of_centred_pairs(n_pairs: int) -> None:
    from sklearn.decomposition import PCA

    draw = np.random.default_rng(n_pairs)
    first, second = draw.normal(size=(2, n_pairs, 12)) + draw.normal(size=(2, 1, 12))
    middle = (first + second) / 2
    pca = PCA(1).fit(np.concatenate([first - middle, second - middle]))
    found = direction(first, second, n_draws=0)
    assert abs(found.vector @ pca.components_[0]) == pytest.approx(1)
    assert found.explained == pytest.approx(pca.explained_variance_ratio_[0])
    assert np.isnan(found.p)


def test_pairs_without_a_common_direction_are_like_random_pairings() -> None:
    p = [direction(*np.random.default_rng(seed).normal(size=(2, 12, 20)), n_draws=99).p for seed in range(40)]
    assert 0.3 < np.mean(p) < 0.7


def test_a_network_finds_what_linear_erasure_leaves() -> None:
    """A class that is the sign of a product is no linear matter; that it shifts a third number is."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(800, 6))
    z = (x[:, 0] * x[:, 1] > 0).astype(int)
    x[:, 2] += 3 * z
    eraser = leace(x[:400], z[:400])
    before, after = (((a[:400], z[:400]), (a[400:], z[400:])) for a in (x, eraser(x)))
    assert linear_accuracy(*before) > 0.9
    assert linear_accuracy(*after) < 0.6
    assert mlp_accuracy(*after) > 0.85


def test_the_rest_of_an_erased_axis_is_not_blown_up() -> None:
    """Float32 rounding along a direction that is gone still knows the class."""
    draw = np.random.default_rng(0)
    z = np.arange(400) % 2
    x = draw.normal(size=(400, 4))
    x[:, 0] = 1e-9 * (2 * z - 1)
    halves = (x[:200], z[:200]), (x[200:], z[200:])
    assert linear_accuracy(*halves) < 0.62
    assert mlp_accuracy(*halves) < 0.62


def test_eight_threads_fit_as_one_does() -> None:
    data = [planted(2 + seed % 2, seed=seed, n=150) for seed in range(16)]

    def fit(pair: tuple[np.ndarray, np.ndarray]) -> list[object]:
        x, z = pair
        return [leace(x, z)(x).sum(), inlp(x, z)(x).sum(), mlp_accuracy((x, z), (x, z)), len(held_out(z)[0])]

    alone = [fit(pair) for pair in data]
    with ThreadPoolExecutor(max_workers=8) as pool:
        np.testing.assert_allclose(list(pool.map(fit, data)), alone, rtol=1e-6)


def test_wrong_input_gets_a_remedy() -> None:
    x, z = planted(n=20)
    with pytest.raises(InvalidParameter, match="20 vectors and 19 classes"):
        leace(x, z[:-1])
    with pytest.raises(InvalidParameter, match="of one class"):
        leace(x, np.zeros(20))
    with pytest.raises(InvalidParameter, match="one row per text"):
        inlp(x[0], z)
    with pytest.raises(InvalidParameter, match="not finite"):
        leace(np.full((4, 2), np.nan), [0, 1, 0, 1])
    with pytest.raises(InvalidParameter, match="0 rounds"):
        inlp(x, z, max_rounds=0)
    with pytest.raises(InvalidParameter, match="a width of 16"):
        leace(x, z)(x[:, :3])
    with pytest.raises(InvalidParameter, match="length zero"):
        orthogonal_eraser(np.zeros((1, 3)), np.zeros(3), method="none")
    with pytest.raises(InvalidParameter, match="one row per pair"):
        direction(x, x[:-1])
    with pytest.raises(InvalidParameter, match="pairs that differ"):
        direction(x, x)
    with pytest.raises(InvalidParameter, match="too few to hold some out"):
        held_out(z, groups=np.zeros(20))
