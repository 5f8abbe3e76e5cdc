"""Probes find what is planted and nothing else; a code costs what it must; all from eight threads alike."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from lmviz.analyses.bias.erasure.leace import leace
from lmviz.analyses.probing.controls import control_task
from lmviz.analyses.probing.fitting import (
    FITS,
    MOST_FOR_STRENGTH,
    STRENGTHS,
    LinearProbe,
    fit_linear,
    fit_mlp,
    fit_named,
    whitening,
)
from lmviz.analyses.probing.mdl_probe import code_of
from lmviz.errors import InvalidParameter
from lmviz.statistics import resampled
from lmviz.statistics.resampling import bootstrap

WIDTH = 40
Data = tuple[np.ndarray, np.ndarray]


def planted(n: int, *, n_labels: int = 2, noise: float = 0.0, seed: int = 0) -> tuple[Data, np.ndarray]:
    """Make vectors with a label written along a direction, amid directions of very different sizes."""
    generator = np.random.default_rng(seed)
    direction = np.random.default_rng(99).normal(size=WIDTH)
    direction /= np.linalg.norm(direction)
    y = generator.integers(0, n_labels, size=n)
    x = generator.normal(size=(n, WIDTH))
    x -= np.outer(x @ direction, direction)
    x += np.outer(y - (n_labels - 1) / 2 + noise * generator.normal(size=n), direction) * 4
    return (x.astype(np.float32), y.astype(np.int64)), direction


def accuracy(probe: object, data: Data) -> float:
    return float((probe.log_probabilities(data[0]).argmax(axis=1) == data[1]).mean())  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(FITS))
def test_a_planted_label_is_found_whole(kind: str) -> None:
    (train, _), (dev, _), (test, _) = (planted(n, seed=seed) for n, seed in ((2000, 0), (300, 1), (500, 2)))
    probe = fit_named(kind)(*train, n_labels=2, dev=dev, seed=0)
    assert accuracy(probe, test) == 1.0


def test_its_direction_is_recovered() -> None:
    train, direction = planted(4000)
    probe = fit_linear(*train, n_labels=2, dev=planted(500, seed=1)[0])
    found = probe.rows[1] - probe.rows[0]
    assert float(found @ direction / np.linalg.norm(found)) > 0.99


@pytest.mark.parametrize("kind", sorted(FITS))
def test_shuffled_labels_are_at_chance(kind: str) -> None:
    told = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        sides = [planted(n, seed=seed + other)[0] for n, other in ((2000, 0), (500, 10), (2000, 20))]
        train, dev, test = ((x, generator.permutation(y)) for x, y in sides)
        probe = fit_named(kind)(*train, n_labels=2, dev=dev, seed=seed)
        told.append(accuracy(probe, test))
    assert abs(np.mean(told) - 0.5) < 0.03  # a standard error is 0.0065


def test_a_control_is_told_no_better_than_the_task_is_when_neither_is_there() -> None:
    """Random vectors that belong to nothing: task and control are at chance, so selectivity is around zero."""
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(3000, WIDTH)).astype(np.float32), generator.integers(0, 2, size=3000)
    forms = [f"word {n}" for n in range(3000)]
    control = control_task(y[:2000], seed=1).of(forms)
    told = []
    for labels in (y, control):
        probe = fit_linear(x[:2000], labels[:2000], n_labels=2, dev=(x[2000:2500], labels[2000:2500]))
        told.append(accuracy(probe, (x[2500:], labels[2500:])))
    assert abs(told[0] - told[1]) < 0.08
    assert abs(told[0] - 0.5) < 0.08


def test_after_erasure_the_probe_is_at_chance() -> None:
    train, _ = planted(4000, noise=0.1)
    test, _ = planted(2000, noise=0.1, seed=2)
    eraser = leace(*train)
    gone = [(eraser(x).astype(np.float32), y) for x, y in (train, test)]
    probe = fit_linear(*gone[0], n_labels=2, dev=gone[0])
    assert abs(accuracy(probe, gone[1]) - 0.5) < 0.05
    assert accuracy(fit_linear(*train, n_labels=2, dev=train), test) > 0.99


def test_a_fit_is_scikit_learns_own() -> None:
    """With many rows the penalty says little, and the probabilities are those of an unregularised regression."""
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    x = generator.normal(size=(6000, 12)).astype(np.float32) * np.exp(generator.normal(size=12)).astype(np.float32)
    scores = x @ generator.normal(size=(12, 4)) + generator.gumbel(size=(6000, 4)) * 3
    y = scores.argmax(axis=1)
    probe = fit_linear(x, y, n_labels=4, dev=(x[:500], y[:500]), strength=1.0)
    other = LogisticRegression(C=np.inf, max_iter=5000, tol=1e-8).fit(x.astype(np.float64), y)
    np.testing.assert_allclose(np.exp(probe.log_probabilities(x)), other.predict_proba(x), atol=0.03)


def test_whitening_makes_all_directions_alike() -> None:
    generator = np.random.default_rng(0)
    mixing = np.eye(20) * np.exp(generator.normal(size=20)) + 0.3 * generator.normal(size=(20, 20))
    x = (generator.normal(size=(20_000, 20)) @ mixing + 5).astype(np.float32)
    flat = whitening(x)(x)
    spread = np.cov(flat.T)
    assert 0.7 < np.diag(spread).min() <= np.diag(spread).max() < 1.05  # small ones are shrunk a little
    assert np.abs(spread - np.diag(np.diag(spread))).max() < 0.05
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=1e-2)


def test_few_rows_are_not_blown_up() -> None:
    """With fewer rows than directions a probe still finds a label that is there."""
    (x, y), _ = planted(30, noise=0.1)
    probe = fit_linear(x, y, n_labels=2, dev=planted(30, seed=1, noise=0.1)[0])
    assert accuracy(probe, planted(1000, seed=2, noise=0.1)[0]) > 0.9


def test_vectors_without_spread_and_labels_without_rows_do_not_matter() -> None:
    (x, y), _ = planted(500)
    x[:, 3] = 7.0
    probe = fit_linear(x, y, n_labels=5, dev=(x[:50], y[:50]))
    assert accuracy(probe, (x, y)) == 1.0
    assert np.isfinite(probe.log_probabilities(x)).all()
    assert np.exp(probe.log_probabilities(x))[:, 2:].max() < 1e-6
    np.testing.assert_allclose(np.exp(probe.log_probabilities(x).astype(np.float64)).sum(axis=1), 1, rtol=1e-5)


def test_one_label_alone_is_told_always() -> None:
    (x, _), _ = planted(100)
    probe = fit_linear(x, np.full(100, 2), n_labels=4, dev=(x, np.full(100, 2)))
    assert accuracy(probe, (x, np.full(100, 2))) == 1.0


def test_three_labels_along_one_line_need_the_network() -> None:
    """Which of three steps it is can be told by a line; whether it is the middle one can not."""
    (x, y), _ = planted(3000, n_labels=3)
    middle = (y == 1).astype(np.int64)
    (u, v), _ = planted(500, n_labels=3, seed=1)
    other = (v == 1).astype(np.int64)
    straight = fit_linear(x, middle, n_labels=2, dev=(u, other))
    bent = fit_mlp(x, middle, n_labels=2, dev=(u, other))
    assert accuracy(straight, (u, other)) < 0.75
    assert accuracy(bent, (u, other)) > 0.97


def test_a_fair_coin_costs_one_bit_a_label() -> None:
    generator = np.random.default_rng(0)
    n = 4000
    x, y = generator.normal(size=(n, WIDTH)).astype(np.float32), generator.integers(0, 2, size=n)
    texts = np.arange(n) // 8
    dev = generator.normal(size=(500, WIDTH)).astype(np.float32), generator.integers(0, 2, size=500)
    code = code_of((x, y), texts, dev=dev, n_labels=2)
    assert 0.99 < code.bits < 1.03
    assert code.sizes[-1] == n // 2
    ends = (*code.sizes, n)
    whole = ends[0] + sum(bits * (b - a) for bits, (a, b) in zip(code.next_bits, pairwise(ends), strict=True))
    assert whole / n == pytest.approx(code.bits)  # the first block takes one bit a label


def test_what_is_there_costs_almost_nothing() -> None:
    (x, y), _ = planted(4000)
    code = code_of((x, y), np.arange(4000) // 8, dev=planted(500, seed=1)[0], n_labels=2)
    assert code.bits < 0.05
    assert code.next_bits[0] > 10 * code.next_bits[-1]  # it is learnt


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="linear, mlp"):
        fit_named("quadratic")


def test_eight_threads_fit_the_same() -> None:
    train, dev = planted(800, noise=0.5)[0], planted(200, noise=0.5, seed=1)[0]

    def run(kind: str) -> np.ndarray:
        return fit_named(kind)(*train, n_labels=2, dev=dev, seed=3).log_probabilities(dev[0])

    wanted = {kind: run(kind) for kind in FITS}
    with ThreadPoolExecutor(8) as pool:
        for kind, found in zip(("linear", "mlp") * 8, pool.map(run, ("linear", "mlp") * 8), strict=True):
            np.testing.assert_allclose(found, wanted[kind], atol=1e-3)


def test_one_probe_is_a_linear_map() -> None:
    probe = LinearProbe(np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32), np.zeros(2, dtype=np.float32))
    found = np.exp(probe.log_probabilities(np.array([[1.0, 1.0]], dtype=np.float32)))
    np.testing.assert_allclose(found, [[1 / (1 + np.e), np.e / (1 + np.e)]], rtol=1e-6)


def test_series_are_resampled_as_the_bootstrap_does() -> None:
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(60), generator.integers(1, 9, size=60))
    values = generator.integers(0, 2, size=(3, len(clusters))).astype(np.float64)
    found = resampled(values, clusters=clusters, n_resamples=4000)
    low, high = found.interval()
    for row in range(3):
        wanted = bootstrap(values[row], np.mean, clusters=clusters, n_resamples=4000)
        assert (low[row], high[row]) == pytest.approx(wanted, abs=0.01)
        assert found.means[row] == pytest.approx(values[row].mean())


def test_the_best_is_named_only_when_it_is_clear() -> None:
    generator = np.random.default_rng(1)
    clusters = np.arange(400)
    base = (generator.random(400) < 0.7).astype(float)
    near = base.copy()
    near[:3] = 1 - near[:3]
    assert resampled(np.stack([base, near]), clusters=clusters).clear_best() is None
    far = (generator.random(400) < 0.5).astype(float)
    assert resampled(np.stack([far, base, far]), clusters=clusters).clear_best() == 1
    assert resampled(np.stack([base, base]), clusters=clusters).clear_best() is None
    n_named = sum(
        resampled((np.random.default_rng(seed).random((7, 200)) < 0.7), clusters=np.arange(200), n_resamples=400)
        .clear_best() is not None
        for seed in range(60)
    )  # fmt: skip
    assert n_named <= 6  # no layer is better, and about one in twenty or fewer is named


def test_the_penalty_is_chosen_on_rows_of_every_label_where_labels_take_turns() -> None:
    generator = np.random.default_rng(0)
    n, width = 2 * MOST_FOR_STRENGTH, 150
    x, dev = (generator.normal(size=(size, width)).astype(np.float32) for size in (n, 4000))
    y, known = np.arange(n) % 2, np.arange(4000) % 2
    assert fit_linear(x, y, n_labels=2, dev=(dev, known)).strength == min(STRENGTHS)  # there is nothing to learn


def test_a_whitening_that_is_given_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(500, 8)).astype(np.float32)
    y = (x[:, 0] + generator.normal(size=500) > 0).astype(np.int64)
    own, given = (fit_linear(x, y, n_labels=2, dev=(x, y), change=change) for change in (None, whitening(x)))
    np.testing.assert_array_equal(own.rows, given.rows)
