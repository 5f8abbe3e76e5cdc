"""The edge probe: gradients by small steps, a signal in one layer found there, and none in shuffled labels."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import lmviz
from lmviz.analyses.probing.edges import Edges, EdgeSettings, Spans, fit_edges, initial, loss_and_gradient, micro_f1
from lmviz.errors import InvalidParameter, OverBudget
from lmviz.results import LayerCurve
from tests.tiny import tiny
from tests.trees import many, written

WIDTH, LAYERS = 12, 4


def made(n: int, *, seed: int, layer: int | None = 2, n_spans: int = 1) -> Edges:
    """Make targets of one to three tokens whose label stands in one layer of one of their tokens, or nowhere."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, size=n)
    spans, n_tokens = [], 0
    for _ in range(n_spans):
        counts = generator.integers(1, 4, size=n)
        starts = np.concatenate([[0], np.cumsum(counts)])
        spans.append(Spans(np.arange(starts[-1]) + n_tokens, starts))
        n_tokens += int(starts[-1])
    x = generator.normal(size=(LAYERS, n_tokens, WIDTH)).astype(np.float32)
    if layer is not None:
        at = spans[-1].tokens[spans[-1].starts[:-1]]
        x[layer, at, labels] += 6.0
    return Edges(x, tuple(spans), labels)


@pytest.mark.parametrize("n_spans", [1, 2])
def test_gradients_are_those_of_small_steps(n_spans: int) -> None:
    edges = made(10, seed=0, n_spans=n_spans)
    settings = EdgeSettings(width=5)
    weights = initial(LAYERS, WIDTH, n_spans=n_spans, n_labels=3, settings=settings)
    generator = np.random.default_rng(1)
    weights = {
        name: value.astype(np.float64) + 0.3 * generator.normal(size=value.shape) for name, value in weights.items()
    }
    targets = np.arange(10)
    _, gradient = loss_and_gradient(weights, edges, targets=targets)
    for name, value in weights.items():
        for place in list(np.ndindex(*value.shape))[:: max(1, value.size // 7)]:
            step = np.zeros_like(value)
            step[place] = 1e-5
            ends = [
                loss_and_gradient({**weights, name: value + sign * step}, edges, targets=targets)[0] for sign in (1, -1)
            ]
            assert gradient[name][place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5), name


def f1(edges: Edges, probe: object) -> float:
    twice, either = micro_f1(probe.probabilities(edges), edges.labels)  # type: ignore[attr-defined]
    return float(twice.sum() / either.sum())


@pytest.mark.parametrize("n_spans", [1, 2])
def test_a_signal_in_one_layer_is_read_from_there(n_spans: int) -> None:
    train, dev, test = (made(n, seed=seed, n_spans=n_spans) for n, seed in ((2500, 0), (200, 1), (300, 2)))
    probe = fit_edges(train, dev, n_labels=3, settings=EdgeSettings(width=24, n_rounds=30))
    assert f1(test, probe) > 0.95
    assert int(probe.mix.argmax()) == 2
    assert probe.mix[2] > 0.6


def test_shuffled_labels_are_at_chance() -> None:
    train, dev, test = (made(n, seed=seed, layer=None) for n, seed in ((1500, 0), (200, 1), (400, 2)))
    probe = fit_edges(train, dev, n_labels=3, settings=EdgeSettings(width=16, n_rounds=6))
    told = (probe.probabilities(test).argmax(axis=1) == test.labels).mean()
    assert abs(told - 1 / 3) < 0.08


def test_f1_counts_what_is_chosen_and_what_is_right() -> None:
    twice, either = micro_f1(np.array([[0.9, 0.1], [0.9, 0.9], [0.1, 0.2], [0.8, 0.1]]), np.array([0, 1, 1, -1]))
    assert list(twice) == [2, 2, 0, 0]
    assert list(either) == [2, 3, 1, 2]


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("task", ["upos", "head", "length"])
def test_words_pairs_and_texts_are_probed_end_to_end(task: str, tmp_path: Path) -> None:
    text = many(60) if task != "length" else many(40) + "\n" + "\n\n".join(many(80).split("\n\n")[60:]) + "\n\n"
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, text)
    if task == "length":
        with pytest.raises(InvalidParameter, match="one label"):
            lmviz.run("edge-probe", model, source=source, task=task)
        return
    found = lmviz.run("edge-probe", model, source=source, task=task, width=32, n_rounds=8)
    assert isinstance(found, LayerCurve)
    assert found.series["mix"].sum() == pytest.approx(1, abs=1e-5)
    assert found.numbers["micro_f1"] > (0.9 if task == "upos" else 0.4)
    assert found.series["cumulative_f1"][-1] == pytest.approx(found.numbers["micro_f1"])
    np.testing.assert_allclose(np.diff(found.series["cumulative_f1"]), found.series["gain"][1:], atol=1e-6)
    assert 0 <= found.numbers["center_of_gravity"] <= model.n_layers
    beyond = found.numbers["micro_f1"] - found.numbers["control_f1"]
    assert found.numbers["selectivity"] == pytest.approx(beyond, abs=1e-6)
    assert found.numbers["selectivity_low"] <= beyond <= found.numbers["selectivity_high"]
    assert "of the control" in found.note


@pytest.mark.usefixtures("_cache")
def test_what_does_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(40))
    with pytest.raises(InvalidParameter, match="1 or more"):
        lmviz.run("edge-probe", model, source=source, width=0)
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "0.001")
    with pytest.raises(OverBudget, match="fewer sentences"):
        lmviz.run("edge-probe", model, source=source)


def test_eight_threads_fit_the_same() -> None:
    train, dev = made(300, seed=0), made(60, seed=1)

    def fit(_: int) -> np.ndarray:
        return fit_edges(train, dev, n_labels=3, settings=EdgeSettings(width=8, n_rounds=2)).mix

    wanted = fit(0)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(fit, range(8)):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
