"""The view survives the component's JSON and the link, and nonsense falls back."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lmviz.ui.view import ARCS, FILTERS, MODES, SCALES, SHOWN, Extent, View, fitted, from_json, from_url, to_url

NUMBER = some.integers(0, 200)
VIEWS = some.builds(
    View,
    layer=NUMBER,
    head=NUMBER,
    shown=some.sampled_from(SHOWN),
    chosen=some.none() | some.lists(some.tuples(NUMBER, NUMBER), min_size=1, max_size=4).map(tuple),
    locked=some.lists(some.tuples(some.sampled_from("qk"), NUMBER), max_size=4).map(tuple),
    mode=some.sampled_from(MODES),
    words=some.booleans(),
    hide_special=some.booleans(),
    hide_punctuation=some.booleans(),
    threshold=some.integers(0, 100).map(lambda value: value / 100),
    scale=some.sampled_from(SCALES),
    filter=some.sampled_from(FILTERS),
    sort=some.sampled_from(["layer", "entropy", "-previous_token"]),
    statistic=some.sampled_from(["entropy", "induction"]),
    arcs=some.sampled_from(ARCS),
)


@given(VIEWS)
def test_a_view_survives_the_link(view: View) -> None:
    assert from_url(to_url(view)) == (view, ())


@given(VIEWS)
def test_a_view_survives_the_component(view: View) -> None:
    assert from_json(view.to_json()) == view


def test_the_link_holds_only_what_differs() -> None:
    assert to_url(View()) == {}
    assert to_url(View(layer=5, head=1, locked=(("q", 4), ("k", 7)))) == {"head": "L5H1", "locked": "q4.k7"}
    assert to_url(View(arcs=1000)) == {"arcs": "1000"}
    assert to_url(View(chosen=((0, 1), (2, 3)), hide_special=False)) == {"heads": "L0H1.L2H3", "hide_special": "no"}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("head", "5.1"),
        ("head", "L99999H0"),
        ("shown", "everything"),
        ("heads", "L1H1,L2H2"),
        ("locked", "x4"),
        ("locked", ""),
        ("words", "1"),
        ("threshold", "1.5"),
        ("threshold", "nan"),
        ("threshold", "much"),
        ("filter", "<b>"),
        ("sort", "ENTROPY; drop"),
        ("arcs", "401"),
        ("arcs", "nan"),
        ("arcs", "all"),
    ],
)
def test_a_word_that_makes_no_sense_is_named_and_ignored(word: str, value: str) -> None:
    view, strange = from_url({word: value, "mode": "arcs"})
    assert view == View(mode="arcs")
    assert strange == (word,)


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "text",
        [],
        {"layer": -1},
        {"layer": True},
        {"layer": "1e9x"},
        {"locked": [["z", 1]]},
        {"threshold": "nan"},
        {"arcs": 7},
        {"arcs": True},
        {"a key of tomorrow": 1},
    ],
)
def test_the_component_cannot_send_nonsense(sent: object) -> None:
    assert from_json(sent) == View()


def test_what_is_missing_stays() -> None:
    assert from_json({"head": 3}, start=View(layer=2, mode="arcs")) == View(layer=2, head=3, mode="arcs")


def test_a_view_is_fitted_to_model_and_text() -> None:
    extent = Extent(n_layers=2, n_heads=4, n_queries=5, n_keys=5, statistics=("entropy",))
    view = View(layer=7, head=1, chosen=((0, 0), (9, 9)), locked=(("q", 4), ("k", 5)), statistic="nothing")
    inside, sentences = fitted(view, extent)
    assert inside == View(chosen=((0, 0),), locked=(("q", 4),))
    assert len(sentences) == 3
    assert "L7H1" in sentences[0]
    assert "2 layers of 4 heads" in sentences[0]
    assert fitted(inside, extent) == (inside, ())
