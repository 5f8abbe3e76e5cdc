"""The gate: never more inside than may be, people before jobs, whoever came first, and nobody is lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lmviz.engine.local import Gate, gate


def until(condition: "threading.Event", seconds: float = 10) -> None:
    assert condition.wait(seconds)


def test_no_more_than_may_are_inside_at_once() -> None:
    entrance, guard = Gate(2), threading.Lock()
    inside, most = 0, 0

    def visit(number: int) -> int:
        nonlocal inside, most
        with entrance.entered(is_job=number % 3 == 0):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.002)
            with guard:
                inside -= 1
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(visit, range(100))) == list(range(100))
    assert most == 2


def test_people_come_before_jobs_and_each_in_turn() -> None:
    entrance, order = Gate(1), []
    open_now = threading.Event()

    def hold() -> None:
        with entrance.entered():
            open_now.wait(10)

    def visit(name: str, *, is_job: bool) -> None:
        with entrance.entered(is_job=is_job):
            order.append(name)

    holder = threading.Thread(target=hold)
    holder.start()
    threads = []
    for name in ("job 1", "job 2", "person 1", "person 2"):
        thread = threading.Thread(target=visit, args=(name,), kwargs={"is_job": name.startswith("job")})
        thread.start()
        threads.append(thread)
        time.sleep(0.05)  # they queue in this order
    open_now.set()
    for thread in (holder, *threads):
        thread.join(10)
    assert order == ["person 1", "person 2", "job 1", "job 2"]


def test_who_leaves_the_queue_blocks_nobody() -> None:
    entrance = Gate(1)

    def give_up() -> None:
        raise TimeoutError

    with entrance.entered(), pytest.raises(TimeoutError), entrance.entered(on_wait=give_up):
        pytest.fail("there was no place")
    with entrance.entered():
        pass


def test_an_exception_inside_frees_the_place() -> None:
    entrance = Gate(1)
    with pytest.raises(ValueError, match="inside"), entrance.entered():
        raise ValueError("inside")
    with entrance.entered():
        pass


def test_a_device_has_one_gate() -> None:
    assert gate("cpu") is gate("cpu")
    assert gate("cpu") is not gate("cuda:0")
