"""A line of the history says what a probe is measured by, and gives the control's number and the selectivity there."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lmviz.results import CodelengthCurve, LayerCurve
from lmviz.ui.probing_history import _numbers
from tests.figure_samples import MAKERS


def curve(**changes: Any) -> LayerCurve:
    sample = MAKERS["LayerCurve"](["a"])
    assert isinstance(sample, LayerCurve)
    return replace(sample, low={}, high={}, provenance={"title": "Some probe"}, **changes)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_a_layer_is_the_one_with_most_of_the_first_series() -> None:
    series = {"uuas": column(0.4, 0.6, 0.5, 0.1), "uuas_control": column(0.1, 0.2, 0.3, 0.1)}
    found = _numbers(curve(series={**series, "selectivity": series["uuas"] - series["uuas_control"]}, unit="share"))
    assert found[:3] == ("Some probe", "edges found (UUAS), %", "1")
    assert found[3] == pytest.approx((0.6, 0.2, 0.4))


def test_a_probe_on_all_layers_is_told_by_its_f1_and_not_by_its_mix() -> None:
    numbers = {"micro_f1": 0.9, "control_f1": 0.5, "selectivity": 0.4}
    found = _numbers(curve(series={"mix": column(0.7, 0.1, 0.1, 0.1)}, unit="share", numbers=numbers))
    assert found == ("Some probe", "micro F1, %", "all", (0.9, 0.5, 0.4))


def test_a_code_is_told_where_it_is_shortest_and_what_has_no_control_has_no_number_for_it() -> None:
    code = MAKERS["CodelengthCurve"](["a"])
    assert isinstance(code, CodelengthCurve)
    series = {"task": column(3, 1, 2, 4), "control": column(4, 4, 4, 4), "selectivity": column(1, 3, 2, 0)}
    codes = {name: np.tile(series[name][:, None], 2) for name in ("task", "control")}
    found = _numbers(replace(code, series=series, codes=codes, low={}, high={}, unit="bits per label"))
    assert found[1:] == ("bits per label", "1", (1.0, 4.0, 3.0))
    assert _numbers(curve(series={"information": column(1, 2, 3, 0)}, unit="bits"))[3] == (3.0, None, None)
