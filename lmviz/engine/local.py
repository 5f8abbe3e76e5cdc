"""One gate per device: how many passes run at once on it. It protects memory and fairness, never correctness."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

N_AT_ONCE = 2  # passes on one device: a long job's and a visitor's


class Gate:
    """Lets a few in at once, whoever comes first; a person who waits is let in before a job that does."""

    def __init__(self, n_at_once: int = N_AT_ONCE) -> None:
        self._free = n_at_once
        self._changed = threading.Condition()
        self._people: deque[object] = deque()
        self._jobs: deque[object] = deque()

    @contextmanager
    def entered(self, *, is_job: bool = False, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold one of the places until the block ends.

        Args:
            is_job: Work that nobody is looking at; it lets people in first.
            on_wait: Called about ten times a second while there is no place; it may raise to leave the queue.
        """
        queue = self._jobs if is_job else self._people
        ticket = object()
        with self._changed:
            queue.append(ticket)
            try:
                while not self._is_next(ticket):
                    self._changed.wait(0.1)
                    if on_wait is not None and not self._is_next(ticket):
                        on_wait()
            except BaseException:
                queue.remove(ticket)
                self._changed.notify_all()
                raise
            queue.remove(ticket)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _is_next(self, ticket: object) -> bool:
        first = next(iter((*self._people, *self._jobs)), None)
        return self._free > 0 and first is ticket


_GATES: dict[str, Gate] = {}
_GUARD = threading.Lock()


def gate(device: object) -> Gate:
    """Give the gate of a device, such as "cpu" or "cuda:0"."""
    with _GUARD:
        return _GATES.setdefault(str(device), Gate())
