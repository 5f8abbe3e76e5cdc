"""What a probe said, sorted and counted: against scikit-learn and plain code."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from lmviz.results import ProbeCurve
from tests.figure_samples import MAKERS

N, LABELS = 4000, 5


def said(*, sharpness: float, seed: int = 0) -> ProbeCurve:
    """Draw what a probe says and what is right by the same probabilities, which it then overstates or not."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(N, LABELS)) * 1.5
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    label = (true.cumsum(axis=1) > generator.random((N, 1))).argmax(axis=1)
    told = np.exp(sharpness * scores) / np.exp(sharpness * scores).sum(axis=1, keepdims=True)
    sample = MAKERS["ProbeCurve"](["a", "b"])
    assert isinstance(sample, ProbeCurve)
    return replace(
        sample, layers=(0,), series={}, low={}, high={}, information=np.zeros(1, dtype=np.float32),
        labels=tuple(map(str, range(LABELS))), label=label, text_of=np.zeros(N, dtype=np.int64),
        spans=np.zeros((N, 1, 2), dtype=np.int64), forms=("",) * N, seeds={},
        predicted=told.argmax(axis=1)[None], confidence=told.max(axis=1)[None].astype(np.float32),
        probability=told[np.arange(N), label][None].astype(np.float32),
    )  # fmt: skip


def test_confusion_is_that_of_scikit_learn() -> None:
    found = said(sharpness=1.0)
    wanted = confusion_matrix(found.label, found.predicted[0], labels=range(LABELS))
    np.testing.assert_array_equal(found.confusion(0), wanted)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_calibration_is_that_of_scikit_learn_and_its_error_that_of_plain_code(sharpness: float) -> None:
    found = said(sharpness=sharpness)
    right, sure = found.predicted[0] == found.label, found.confidence[0].astype(np.float64)
    accuracy, confidence = calibration_curve(right, sure, n_bins=10, strategy="uniform")
    bins = found.calibration(0)
    np.testing.assert_allclose([one.accuracy for one in bins], accuracy, atol=1e-6)
    np.testing.assert_allclose([one.confidence for one in bins], confidence, atol=1e-5)
    error = 0.0
    for place in range(10):
        own = (sure * 10).astype(int).clip(max=9) == place
        if own.any():
            error += own.mean() * abs(sure[own].mean() - right[own].mean())
    assert found.calibration_error(0) == pytest.approx(error, abs=1e-6)


def test_a_probe_that_is_as_right_as_it_is_sure_has_a_small_error_and_one_that_brags_a_large_one() -> None:
    assert said(sharpness=1.0).calibration_error(0) < 0.02
    assert said(sharpness=4.0).calibration_error(0) > 0.15


def test_the_hardest_are_those_whose_label_is_least_probable() -> None:
    found = said(sharpness=1.0)
    hardest = found.hardest(0, count=7)
    assert sorted(found.probability[0])[:7] == pytest.approx(list(found.probability[0][hardest]))
