"""A task tells how far it is, lets people in on its way, stops when it is told to, and says what failed."""

import threading
import time

import pytest

from lmviz.engine.local import Gate
from lmviz.engine.tasks import Task, Telling
from lmviz.errors import InvalidParameter


def test_a_task_tells_how_far_it_is_and_when_it_is_done() -> None:
    may_go, told = threading.Event(), threading.Event()

    def work(tell: Telling) -> None:
        tell(0.25, "a quarter")
        tell(0.1, "and back")  # what is done stays done
        told.set()
        assert may_go.wait(10)

    task = Task(work, gate=Gate(), name="test")
    assert told.wait(10)
    state = task.state
    assert (state.fraction, state.message, state.is_running) == (0.25, "and back", True)
    assert state.seconds_left == pytest.approx(3 * state.seconds)
    may_go.set()
    state = task.wait(10)
    assert (state.outcome, state.fraction, state.seconds_left) == ("done", 1.0, 0.0)
    assert task.state.seconds == task.state.seconds  # the clock stands


def test_a_person_comes_in_while_a_task_goes_on() -> None:
    gate, came = Gate(1), threading.Event()

    def work(tell: Telling) -> None:
        for _ in range(2000):
            time.sleep(0.002)
            tell(0.0)
            if came.is_set():
                return
        raise AssertionError("nobody came")

    task = Task(work, gate=gate, name="test")
    with gate.entered():
        came.set()
    assert task.wait(10).outcome == "done"
    with gate.entered():  # and its place is free again
        pass


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_task_is_stopped_where_it_tells_or_waits(is_waiting: bool) -> None:
    gate, began = Gate(1), threading.Event()

    def work(tell: Telling) -> None:
        began.set()
        while True:
            time.sleep(0.002)
            tell(0.5)

    if is_waiting:
        with gate.entered():
            task = Task(work, gate=gate, name="test")
            task.cancel()
            assert task.wait(10).outcome == "cancelled"
            assert not began.is_set()
    else:
        task = Task(work, gate=gate, name="test")
        assert began.wait(10)
        task.cancel()
        assert task.wait(10).outcome == "cancelled"
    with gate.entered():
        pass


def test_what_failed_is_said_and_the_gate_is_left() -> None:
    gate = Gate(1)

    def work(tell: Telling) -> None:
        tell(0.3)
        raise InvalidParameter("There is no such word. Type another.")

    state = Task(work, gate=gate, name="test").wait(10)
    assert (state.outcome, state.sentence) == ("failed", "There is no such word. Type another.")
    with gate.entered():
        pass


def test_tasks_on_one_gate_do_not_lock_each_other_out() -> None:
    gate, done = Gate(2), []

    def work(tell: Telling) -> None:
        for step in range(20):
            tell(step / 20)
        done.append(1)

    tasks = [Task(work, gate=gate, name="test") for _ in range(8)]
    assert {task.wait(20).outcome for task in tasks} == {"done"}
    assert len(done) == 8
