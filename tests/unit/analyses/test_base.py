"""Parameters are fitted or refused with the right ones named."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel
from lmviz.results import LayerHeadGrid


@dataclass(frozen=True)
class Params:
    text: str
    strength: float = 1.0
    n_steps: int = 3
    is_loud: bool = False
    heads: tuple[str, ...] | None = None


def nothing(model: LoadedModel, params: Params, *, on_progress: Progress = ignore) -> LayerHeadGrid:
    return LayerHeadGrid(values=np.zeros((1, 1), dtype=np.float32), unit="")


ANALYSIS = Analysis(
    slug="nothing",
    title="Nothing",
    group="attention",
    needs=frozenset({"pattern"}),
    params=Params,
    run=nothing,
    reference="https://example.org",
    caution="None.",
)


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ({"text": "a"}, Params("a")),
        ({"text": "a", "strength": 2}, Params("a", strength=2.0)),
        ({"text": "a", "heads": ["L0H0"]}, Params("a", heads=("L0H0",))),
        ({"text": "a", "heads": None, "is_loud": True}, Params("a", is_loud=True)),
    ],
)
def test_what_fits_is_taken(given: dict[str, Any], want: Params) -> None:
    assert ANALYSIS.make_params(given) == want
    assert isinstance(ANALYSIS.make_params(given).strength, float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"nothing needs text. It takes text \(str\), strength \(float, 1.0 unless told\)"),
        ({"text": "a", "n_step": 3}, "no parameter 'n_step'. Did you mean 'n_steps'.*It takes text"),
        ({"text": "a", "n_steps": "3"}, r"takes n_steps as int; it was given '3' \(str\)"),
        ({"text": "a", "n_steps": True}, "takes n_steps as int; it was given True"),
        ({"text": "a", "n_steps": 3.0}, "takes n_steps as int"),
        ({"text": "a", "strength": False}, "takes strength as float"),
        ({"text": "a", "is_loud": 1}, "takes is_loud as bool"),
        ({"text": "a", "heads": "L0H0"}, "takes heads as several str or None"),
        ({"text": "a", "heads": ["L0H0", 3]}, "takes heads as several str or None"),
        ({"text": b"a" * 1000}, r"given b'a{30,40}\.\.\. \(bytes\)"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        ANALYSIS.make_params(given)


def test_a_bare_progress_takes_no_notice() -> None:
    ignore(0.5)
    ignore(1.0, "done")
