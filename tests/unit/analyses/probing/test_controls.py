"""Control tasks: a form has one label everywhere, labels come as often as in the task, and mean nothing."""

import numpy as np
import pytest

from lmviz.analyses.probing.controls import control_task
from lmviz.errors import InvalidParameter

FORMS = [f"word{number}" for number in range(20_000)]


def test_a_form_has_one_label_wherever_it_stands() -> None:
    task = control_task([0, 1, 1, 2], seed=0)
    forms = ["a", "b", "a", "c", "b"]
    first = task.of(forms)
    assert first[0] == first[2] and first[1] == first[4]
    np.testing.assert_array_equal(
        first, control_task([2, 1, 0, 1], seed=0).of(forms)
    )  # the order of labels says nothing
    np.testing.assert_array_equal(first[:2], task.of(["a", "b", "never seen"])[:2])


def test_labels_come_as_often_as_in_the_task_and_depend_on_the_seed() -> None:
    labels = [3] * 70 + [5] * 20 + [9] * 10
    drawn = control_task(labels, seed=1).of(FORMS)
    known, counts = np.unique(drawn, return_counts=True)
    assert known.tolist() == [3, 5, 9]
    np.testing.assert_allclose(counts / len(FORMS), [0.7, 0.2, 0.1], atol=0.015)
    other = control_task(labels, seed=2).of(FORMS)
    agree = float((drawn == other).mean())
    assert agree == pytest.approx(0.7**2 + 0.2**2 + 0.1**2, abs=0.02)  # as two draws that know nothing of each other


def test_one_label_and_strange_forms_are_fine_and_none_is_refused() -> None:
    assert control_task([7], seed=0).of(["", "\ud800", "山", "a" * 10_000]).tolist() == [7] * 4
    with pytest.raises(InvalidParameter, match="has none"):
        control_task([], seed=0)
