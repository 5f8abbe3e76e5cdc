"""A difference as JSON, as a table, as a result that can be drawn, and through pickle."""

import json
import pickle
from typing import Any

import numpy as np
import pytest

from lmviz.results import (
    Alignment,
    AttentionPattern,
    Difference,
    LabelProbabilities,
    LayerHeadGrid,
    LayerMatrix,
    LayerPositionGrid,
    Result,
    TokenDistributions,
    TokenMatrix,
    TokenScores,
)

TOKENS = ("a", "b")
UNITS = Alignment(texts=TOKENS, a=((0,), (1,)), b=((0,), (1, 2)), special=(False, False), unit="word")


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def distributions(seed: int) -> TokenDistributions:
    return TokenDistributions(
        tokens=TOKENS, positions=(0, 1), candidates=(("x", "y"), ("x", "z")),
        candidate_ids=np.array([[1, 2], [1, 3]]) + seed, probabilities=numbers(2, 2, seed=seed), entropy=numbers(2),
    )  # fmt: skip


def labels(seed: int) -> LabelProbabilities:
    return LabelProbabilities(
        labels=("x", "y"), probabilities=numbers(2, seed=seed), logits=numbers(2, seed=seed + 9), kind="one of"
    )


SIDES: dict[str, Any] = {
    "pattern": lambda seed: AttentionPattern(tokens=TOKENS, pattern=numbers(1, 2, 2, 2, seed=seed)),
    "values": lambda seed: TokenMatrix(tokens=TOKENS, values=numbers(2, 2, seed=seed)),
    "scores": lambda seed: TokenScores(
        tokens=TOKENS, scores=numbers(2, seed=seed), target="", residue=0.0, unit="nats"
    ),
    "probabilities": distributions,
    "grid": lambda seed: LayerHeadGrid(values=numbers(2, 3, seed=seed), unit="nats"),
    "positions": lambda seed: LayerPositionGrid(tokens=TOKENS, values=numbers(3, 2, seed=seed), unit="nats"),
    "labels": labels,
    "logits": labels,
}
FIELDS = {"grid": "values", "positions": "values", "labels": "probabilities"}


def made(kind: str) -> Difference:
    name = FIELDS.get(kind, kind)
    a, b = SIDES[kind](0), SIDES[kind](1)
    return Difference(
        a=a, b=b, delta=getattr(b, name) - getattr(a, name), compared=name, tokens_a=TOKENS, tokens_b=("a", "b", "c"),
        alignment=UNITS, numbers={"js": 0.5, "none": float("nan")}, per_unit={"js": numbers(2)},
    )  # fmt: skip


@pytest.mark.parametrize("kind", SIDES)
def test_the_table_has_a_row_per_number(kind: str) -> None:
    result = made(kind)
    frame = result.to_frame()
    assert len(frame) == result.delta.size
    assert list(frame.columns[-3:]) == ["a", "b", "delta"]
    np.testing.assert_array_equal(frame["delta"], result.delta.ravel())
    np.testing.assert_array_equal(frame["a"], getattr(result.a, result.compared).ravel())
    np.testing.assert_allclose(frame["b"] - frame["a"], frame["delta"], atol=1e-6)
    assert not {"value", "pattern", "score", "probability", "logit", "candidate_id"} & set(frame.columns)


@pytest.mark.parametrize("kind", SIDES)
def test_the_change_is_a_result_of_the_same_type(kind: str) -> None:
    result = made(kind)
    assert type(result.change) is type(result.a)
    np.testing.assert_array_equal(getattr(result.change, result.compared), result.delta)


@pytest.mark.parametrize("kind", SIDES)
def test_it_becomes_json_and_comes_back_from_pickle(kind: str) -> None:
    result = made(kind)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["type"] == "Difference"
    assert plain["alignment"] == {
        "texts": ["a", "b"], "a": [[0], [1]], "b": [[0], [1, 2]], "special": [False, False], "unit": "word"
    }  # fmt: skip
    assert plain["numbers"] == {"js": 0.5, "none": None}
    assert plain["a"]["type"] == type(result.a).__name__
    back = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(back.delta, result.delta)
    assert back.alignment == UNITS


def test_nothing_in_it_can_be_changed() -> None:
    result: Result = made("scores")
    assert isinstance(result, Difference)
    assert not result.delta.flags.writeable
    assert not result.per_unit["js"].flags.writeable


def test_units_of_both_sides_are_the_common_ones() -> None:
    units = Alignment(texts=("x", "y", "z"), a=((0,), (), (1,)), b=((), (0,), (1,)), special=(False,) * 3, unit="token")
    assert units.common == (2,)
    assert len(units) == 3


def test_a_matrix_of_layers_has_a_row_per_pair() -> None:
    result = LayerMatrix(values=numbers(2, 3), unit="CKA", n_units=9)
    frame = result.to_frame()
    assert frame[["layer_a", "layer_b"]].to_numpy().tolist() == [[a, b] for a in range(2) for b in range(3)]
    np.testing.assert_array_equal(frame["value"], result.values.ravel())
