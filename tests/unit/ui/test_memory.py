"""Caches: bounded, made once, keyed by strings and numbers."""

import threading
import time

import numpy as np
import pytest

from lmviz.ui.memory import Shelf, bytes_of


def test_results_are_bounded_in_bytes_and_the_least_used_goes_first() -> None:
    shelf: Shelf[np.ndarray] = Shelf(3000, bytes_of)
    for name in "abc":
        shelf.get((name,), lambda: np.zeros(250, dtype=np.float32))
    shelf.get(("a",), lambda: np.ones(1))  # used again: now b is the one unused longest
    shelf.get(("d",), lambda: np.zeros(250, dtype=np.float32))
    assert shelf.size <= 3000
    assert shelf.peek(("b",)) is None
    assert shelf.peek(("a",)) is not None


def test_one_thing_larger_than_the_limit_is_kept_alone() -> None:
    shelf: Shelf[np.ndarray] = Shelf(100, bytes_of)
    shelf.get(("small",), lambda: np.zeros(1))
    shelf.get(("large",), lambda: np.zeros(1000))
    assert shelf.peek(("large",)) is not None
    assert len(shelf) == 1


def test_models_are_bounded_by_count() -> None:
    shelf: Shelf[object] = Shelf(100, lambda _model: 1.0, most=2)
    for name in ("one", "two", "three"):
        shelf.get((name, "float32", ""), object)
    assert len(shelf) == 2
    assert shelf.peek(("one", "float32", "")) is None


def test_room_is_made_before_one_more_comes() -> None:
    shelf: Shelf[object] = Shelf(100, lambda _model: 1.0, most=2)
    shelf.get(("one",), object)
    shelf.make_room()
    assert len(shelf) == 1
    shelf.get(("two",), object)
    shelf.peek(("one",))
    shelf.make_room()
    assert shelf.peek(("two",)) is None
    assert shelf.peek(("one",)) is not None


def test_many_who_want_the_same_thing_make_it_once() -> None:
    shelf: Shelf[object] = Shelf(2, lambda _thing: 1.0)
    made: list[object] = []
    got: list[object] = []

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    threads = [threading.Thread(target=lambda: got.append(shelf.get(("model",), make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == made * 8


def test_a_failure_is_not_kept() -> None:
    shelf: Shelf[int] = Shelf(2, lambda _thing: 1.0)

    def fail() -> int:
        raise ValueError("nothing came of it")

    with pytest.raises(ValueError, match="nothing"):
        shelf.get(("x",), fail)
    assert shelf.get(("x",), lambda: 3) == 3


def test_after_a_failure_those_who_wait_and_those_who_come_make_it_once() -> None:
    shelf: Shelf[str] = Shelf(2, lambda _thing: 1.0)
    tries: list[int] = []
    made: list[str] = []
    outcomes: list[str] = []
    second_try = threading.Event()

    def make() -> str:
        tries.append(len(tries))
        if tries == [0]:
            time.sleep(0.1)  # until the others wait
            raise ValueError("the first try comes to nothing")
        second_try.set()
        time.sleep(0.1)
        made.append("it")
        return "it"

    def ask() -> None:
        try:
            outcomes.append(shelf.get(("x",), make))
        except ValueError:
            outcomes.append("failed")

    waiting = [threading.Thread(target=ask) for _ in range(4)]
    for thread in waiting:
        thread.start()
    assert second_try.wait(5)
    late = threading.Thread(target=ask)  # comes when the first has failed and the second makes it
    late.start()
    for thread in (*waiting, late):
        thread.join()
    assert sorted(outcomes) == ["failed", "it", "it", "it", "it"]
    assert made == ["it"]


@pytest.mark.parametrize("key", [(np.zeros(3),), ("a", [1]), "text", ({"a": 1},)])
def test_arrays_are_no_keys(key: tuple[str, ...]) -> None:
    shelf: Shelf[int] = Shelf(2, lambda _thing: 1.0)
    with pytest.raises(TypeError, match="strings and numbers"):
        shelf.get(key, lambda: 1)


def test_bytes_are_counted_inside_values() -> None:
    arrays = {"a": np.zeros(100, dtype=np.float32), "b": [np.zeros(50, dtype=np.float64), b"1234"]}
    assert 804 <= bytes_of(arrays) <= 1100
