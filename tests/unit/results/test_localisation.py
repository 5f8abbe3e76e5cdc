"""A localisation as a table, as JSON and by its largest heads."""

import json

import numpy as np

from lmviz.results import BiasLocalisation
from tests.figure_samples import bias_localisation

VALUES = np.array([[0.1, -0.5, np.nan], [0.3, 0.2, 0.0]], dtype=np.float32)


def made() -> BiasLocalisation:
    p = np.array([[0.5, 0.001, np.nan], [0.04, 0.2, 1.0]], dtype=np.float32)
    return BiasLocalisation(
        values=VALUES, unit="nats", low=VALUES - 1, high=VALUES + 1, p_adjusted=p, method="ablation", n=4
    )


def test_the_largest_heads_come_first_and_unknown_ones_never() -> None:
    top = made().top(10)
    assert [(one.layer, one.head) for one in top] == [(0, 1), (1, 0), (1, 1), (0, 0), (1, 2)]
    assert top[0].value == -0.5
    assert np.isclose(top[0].p_adjusted, 0.001)
    assert len(made().top(2)) == 2
    assert np.argwhere(made().is_significant).tolist() == [[0, 1], [1, 0]]


def test_the_table_has_a_row_per_head_and_what_patching_adds() -> None:
    frame = made().to_frame()
    assert list(frame.columns) == ["layer", "head", "value", "low", "high", "p_adjusted"]
    assert len(frame) == VALUES.size
    patched = bias_localisation(("a",))
    grid = patched.grids["indirect"]
    assert len(grid.to_frame()) == grid.values.size
    assert set(grid.to_frame()["column"]) == {"changed", "answer", "all"}
    assert not grid.values.flags.writeable


def test_it_becomes_json() -> None:
    plain = json.loads(json.dumps(bias_localisation(("a",)).to_dict(), allow_nan=False))
    assert plain["type"] == "BiasLocalisation"
    assert plain["grids"]["mlp_out"]["columns"] == ["changed", "answer", "all"]
