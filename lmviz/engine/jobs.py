"""Long work in the background: results as they come, how far it is, how long it will take, and a way to stop it."""

import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lmviz.engine.background import Background
from lmviz.engine.local import Gate

Item = TypeVar("Item")
Work = TypeVar("Work", bound=Background)


@dataclass(frozen=True)
class State:
    """How a job stands: items done of those there are, seconds since it began, and what ended it, if anything did.

    `outcome` is "running", "done", "cancelled" or "failed"; `sentence` says what failed. `n_before` items were done
    earlier, by a job that was stopped.
    """

    n_done: int
    n_items: int
    seconds: float
    outcome: str
    sentence: str = ""
    n_before: int = 0

    @property
    def is_running(self) -> bool:
        """Say whether more is to come."""
        return self.outcome == "running"

    @property
    def fraction(self) -> float:
        """The share that is done, 0 to 1."""
        return 1.0 if self.n_items == 0 else min(1.0, self.n_done / self.n_items)

    @property
    def seconds_left(self) -> float | None:
        """What the rest will take at the pace so far; None before anything is done."""
        if not self.is_running:
            return 0.0
        n_new = self.n_done - self.n_before
        return self.seconds * (self.n_items - self.n_done) / n_new if n_new > 0 else None


class Job(Background, Generic[Item]):
    """One thread that takes batches from an iterable, each through the gate of its device, and keeps their items.

    What is kept stays when the job is cancelled or fails. Cancelling takes effect between two batches, so batches
    should take a second or less.
    """

    def __init__(
        self, batches: Iterable[Sequence[Item]], n_items: int, *, gate: Gate, name: str, n_before: int = 0
    ) -> None:
        super().__init__(gate=gate, name=name)
        self._batches = iter(batches)
        self._items: list[Item] = []
        self._n_items, self._n_before = n_items, n_before
        self._begin()

    @property
    def items(self) -> tuple[Item, ...]:
        """What there is so far, in the order in which it came."""
        with self._guard:
            return tuple(self._items)

    @property
    def state(self) -> State:
        """How the job stands now."""
        with self._guard:
            return State(len(self._items), self._n_items, self._seconds, self._outcome, self._sentence, self._n_before)

    def wait(self, seconds: float | None = None) -> State:
        """Wait until it has ended, or so many seconds."""
        self._join(seconds)
        return self.state

    def _do(self) -> bool:
        """Take batch after batch; say whether all were taken."""
        while not self._is_cancelled.is_set():
            with self._gate.entered(is_job=True, on_wait=self._leave_if_cancelled):
                batch = next(self._batches, None)
            if batch is None:
                return True
            with self._guard:
                self._items.extend(batch)
        return False

    def _let_go(self) -> None:
        self._batches = iter(())


class Jobs:
    """The jobs of one visitor, each under a key; a new one under the same key cancels the old one.

    All are cancelled when nobody holds this object any more: it belongs to the visitor's session and goes with it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[object, Background]] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _cancel, self._jobs)

    def start(self, key: str, job: Work, *, of: object) -> Work:
        """Keep a job or a task; `of` says what was asked, so that a page can tell whether it is the same question."""
        with self._guard:
            before = self._jobs.pop(key, None)
            self._jobs[key] = (of, job)
        if before is not None:
            before[1].cancel()
        return job

    def find(self, key: str, *, of: object) -> Any:
        """Give the job or task of that key if it was asked the same, else None."""
        with self._guard:
            found = self._jobs.get(key)
        return found[1] if found is not None and found[0] == of else None

    def cancel_all(self) -> None:
        """Stop everything: the visitor has gone."""
        with self._guard:
            _cancel(self._jobs)


def _cancel(jobs: dict[str, tuple[object, Background]]) -> None:
    for _, job in jobs.values():
        job.cancel()
    jobs.clear()
