"""CKA without bias: the estimator of Song et al. by brute force, its invariances, and what bias would do."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.compare.cka import ANALYSIS
from lmviz.analyses.compare.similarity import linear_cka
from lmviz.errors import InvalidParameter, LmvizError, OverBudget
from lmviz.results import AttentionPattern, LayerMatrix
from tests.tiny import tiny

LONG = "The nurse said that she was tired because the doctor had left. Time flies like an arrow; fruit flies like it."


def noise(seed: int, n_units: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, n_units, width))


def hsic_by_brute_force(x: np.ndarray, y: np.ndarray) -> float:
    """Average over all ordered quadruples of different units: Song et al. 2012, the U-statistic that is HSIC."""
    left, right = x @ x.T, y @ y.T
    total, count = 0.0, 0
    for i, j, q, r in permutations(range(len(x)), 4):
        total += left[i, j] * (right[i, j] + right[q, r] - 2 * right[i, q])
        count += 1
    return total / count


def biased(x: np.ndarray, y: np.ndarray) -> float:
    """Give the plain CKA: the cosine of centred Gram matrices with their diagonals."""
    left, right = ((side - side.mean(0)) @ (side - side.mean(0)).T for side in (x, y))
    return float((left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum()))


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_unbiased_estimator(seed: int) -> None:
    x = noise(seed, 7, 3)[0]
    y = x @ np.random.default_rng(9).normal(size=(3, 4)) + noise(seed + 50, 7, 4)[0]
    want = hsic_by_brute_force(x, y) / np.sqrt(hsic_by_brute_force(x, x) * hsic_by_brute_force(y, y))
    assert linear_cka(x[np.newaxis], y[np.newaxis])[0, 0] == pytest.approx(want, abs=1e-10)


def test_a_space_is_like_itself_turned_mirrored_scaled_and_moved() -> None:
    x = noise(0, 20, 6)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    for other in (x, x @ turned, -x, 1e-3 * x, 1e3 * x + 7.0, np.concatenate([x, 0 * x], axis=-1)):
        assert linear_cka(x, other)[0, 0] == pytest.approx(1, abs=1e-9)
    bent = x * np.array([1, 1, 1, 1, 1, 9.0])
    assert linear_cka(x, bent)[0, 0] < 0.95  # positive control: what is no turn is seen


def test_noise_is_like_nothing_though_the_biased_number_says_otherwise() -> None:
    pairs = [(noise(2 * seed, 30, 300), noise(2 * seed + 1, 30, 300)) for seed in range(20)]
    found = [linear_cka(x, y)[0, 0] for x, y in pairs]
    assert abs(np.mean(found)) < 0.02
    assert max(abs(value) for value in found) < 0.2
    assert min(biased(x[0], y[0]) for x, y in pairs) > 0.85


def test_rows_are_layers_of_a_and_columns_layers_of_b() -> None:
    a = np.concatenate([noise(seed, 12, 5) for seed in range(3)])
    b = np.concatenate([a[2:3], a[0:1]])
    found = linear_cka(a, b)
    assert found.shape == (3, 2)
    assert found[2, 0] == pytest.approx(1)
    assert found[0, 1] == pytest.approx(1)
    np.testing.assert_allclose(linear_cka(b, a), found.T, atol=1e-12)


def test_the_same_vector_everywhere_is_not_defined() -> None:
    x = np.concatenate([noise(0, 8, 4), np.ones((1, 8, 4)), 1 + 1e-8 * noise(1, 8, 4)])
    assert np.isnan(linear_cka(x, x)).tolist() == [[False, True, True], [True] * 3, [True] * 3]
    assert np.isnan(linear_cka(x[:, :3], x[:, :3])).all()


def test_a_models_layers_are_like_themselves_and_the_order_does_not_matter() -> None:
    model = lmviz.wrap(*tiny("llama"))
    own = lmviz.run("cka", model, text=LONG)
    assert isinstance(own, LayerMatrix)
    np.testing.assert_allclose(np.diag(own.values), 1, atol=1e-6)
    np.testing.assert_allclose(own.values, own.values.T, atol=1e-6)
    other = LONG.replace("nurse", "cat").replace("arrow", "dog")
    there, back = (lmviz.run("cka", model, text=a, text_b=b) for a, b in ((LONG, other), (other, LONG)))
    assert isinstance(there, LayerMatrix)
    assert isinstance(back, LayerMatrix)
    assert there.n_units < own.n_units
    np.testing.assert_allclose(there.values, back.values.T, atol=1e-6)


def test_it_is_worked_out_from_the_models_own_hidden_states() -> None:
    hf_model, tokenizer = tiny("gpt2")
    words = " the cat sat on the mat"
    found = lmviz.run("cka", lmviz.wrap(hf_model, tokenizer), text=words, place="resid_pre", keep_first=True)
    pattern = lmviz.run("attention-pattern", lmviz.wrap(hf_model, tokenizer), text=words)
    assert isinstance(pattern, AttentionPattern)
    assert isinstance(found, LayerMatrix)
    given: dict[str, Any] = tokenizer(words, return_tensors="pt")
    states = hf_model(**given, output_hidden_states=True).hidden_states
    layers = np.stack([state[0].detach().numpy() for state in states[:2]])
    assert layers.shape[1] == len(pattern.tokens) == found.n_units  # each word one token
    np.testing.assert_allclose(found.values, linear_cka(layers, layers), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"text": "the cat sat"}, InvalidParameter, "at least 4 words, and here are 3 .*position 0 left out.* longer"),
        ({"text": LONG, "place": "resid_past"}, InvalidParameter, "no place 'resid_past'.*Did you mean 'resid_post'"),
        ({"text": LONG, "text_b": "zzz"}, InvalidParameter, "no word in common"),
        ({"text": LONG, "part": "decoder"}, LmvizError, "no decoder"),
        ({"text": LONG, "model_b": "minillm"}, LmvizError, "Did you mean 'minilm'"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], error: type[LmvizError], message: str) -> None:
    with pytest.raises(error, match=message):
        lmviz.run("cka", lmviz.wrap(*tiny("bert")), **given)


def test_memory_is_asked_for_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lmviz.wrap(*tiny("llama"))
    lmviz.run("cka", model, text=LONG)
    monkeypatch.setattr("lmviz.capture.budget.limit_megabytes", lambda: 0.01)
    with pytest.raises(OverBudget):
        lmviz.run("cka", model, text=LONG)


def test_a_number_over_one_fails_the_check() -> None:
    good = LayerMatrix(values=np.ones((2, 2), dtype=np.float32), unit="CKA", n_units=9)
    assert ANALYSIS.check(good)[0].passed
    bad = LayerMatrix(values=np.full((2, 2), 1.1, dtype=np.float32), unit="CKA", n_units=9)
    assert not ANALYSIS.check(bad)[0].passed
