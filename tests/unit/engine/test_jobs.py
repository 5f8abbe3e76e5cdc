"""A job keeps what is done, tells how far it is, stops when it is told to, and says in a sentence what failed."""

import gc
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from lmviz.engine.jobs import Job, Jobs, State
from lmviz.engine.local import Gate
from lmviz.errors import InvalidParameter


class Steps:
    """Batches that come when the test lets them."""

    def __init__(self, n: int) -> None:
        self.n, self.may_go = n, threading.Semaphore(0)
        self.n_made = 0

    def __iter__(self) -> Iterator[list[int]]:
        for number in range(self.n):
            self.may_go.acquire(timeout=10)
            self.n_made += 1
            yield [number]


def until(job: Job[int], n: int) -> None:
    end = time.monotonic() + 10
    while job.state.n_done < n and time.monotonic() < end:
        time.sleep(0.005)
    assert job.state.n_done == n


def test_what_was_done_before_says_nothing_about_the_pace() -> None:
    state = State(n_done=60, n_items=100, seconds=10.0, outcome="running", n_before=40)
    assert state.seconds_left == pytest.approx(20.0)  # 20 in 10 s, 40 to come
    assert State(n_done=40, n_items=100, seconds=10.0, outcome="running", n_before=40).seconds_left is None


def test_results_arrive_as_they_come() -> None:
    steps = Steps(3)
    job = Job(steps, 3, gate=Gate(), name="test")
    assert job.state.seconds_left is None
    steps.may_go.release()
    until(job, 1)
    assert job.items == (0,)
    state = job.state
    assert state.is_running
    assert state.fraction == pytest.approx(1 / 3)
    assert state.seconds_left == pytest.approx(2 * state.seconds)
    steps.may_go.release(2)
    assert job.wait(10).outcome == "done"
    assert job.items == (0, 1, 2)
    assert job.state.seconds == job.state.seconds  # the clock stands


def test_cancelling_keeps_what_is_done_and_makes_no_more() -> None:
    steps = Steps(100)
    job = Job(steps, 100, gate=Gate(), name="test")
    steps.may_go.release(2)
    until(job, 2)
    job.cancel()
    steps.may_go.release(1)  # the batch at hand
    assert job.wait(10).outcome == "cancelled"
    assert len(job.items) in (2, 3)
    assert steps.n_made <= 3


def test_a_job_that_waits_for_its_turn_can_be_cancelled() -> None:
    gate = Gate(1)
    with gate.entered():
        job = Job([[1]], 1, gate=gate, name="test")
        job.cancel()
        assert job.wait(10).outcome == "cancelled"
    assert job.items == ()


def fails(error: Exception) -> Iterator[list[int]]:
    yield [7]
    raise error


def test_what_a_person_can_put_right_is_said_and_what_is_done_is_kept() -> None:
    job = Job(fails(InvalidParameter("There is no such thing. Choose another.")), 2, gate=Gate(), name="test")
    assert job.wait(10) == State(1, 2, job.state.seconds, "failed", "There is no such thing. Choose another.")
    assert job.items == (7,)


def test_a_fault_is_logged_in_full_and_told_in_short(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        state = Job(fails(ZeroDivisionError("1 / 0")), 2, gate=Gate(), name="test").wait(10)
    assert "fault of its own (ZeroDivisionError)" in state.sentence
    assert "1 / 0" in caplog.text


def test_an_empty_job_is_done() -> None:
    state = Job([], 0, gate=Gate(), name="test").wait(10)
    assert (state.outcome, state.fraction, state.seconds_left) == ("done", 1.0, 0.0)


def test_a_visitor_finds_a_job_by_what_was_asked_and_a_new_one_ends_the_old() -> None:
    jobs, steps = Jobs(), Steps(5)
    old = jobs.start("batch", Job(steps, 5, gate=Gate(), name="test"), of=("a", 1))
    assert jobs.find("batch", of=("a", 1)) is old
    assert jobs.find("batch", of=("a", 2)) is None
    new = jobs.start("batch", Job([[1]], 1, gate=Gate(), name="test"), of=("a", 2))
    steps.may_go.release(5)
    assert old.wait(10).outcome == "cancelled"
    assert new.wait(10).outcome == "done"
    assert jobs.find("batch", of=("a", 1)) is None


def test_a_visitor_who_goes_leaves_no_job_behind() -> None:
    jobs, steps = Jobs(), Steps(5)
    job = jobs.start("batch", Job(steps, 5, gate=Gate(), name="test"), of=1)
    jobs.cancel_all()
    steps.may_go.release(5)
    assert job.wait(10).outcome == "cancelled"
    assert jobs.find("batch", of=1) is None


def test_jobs_end_with_the_session_that_holds_them() -> None:
    jobs, steps = Jobs(), Steps(5)
    job = jobs.start("batch", Job(steps, 5, gate=Gate(), name="test"), of=1)
    del jobs
    gc.collect()
    steps.may_go.release(5)
    assert job.wait(10).outcome == "cancelled"
