"""Long work in the background: results as they come, how far it is, how long it will take, and a way to stop it."""

import logging
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lmviz.engine.local import Gate
from lmviz.errors import Cancelled, LmvizError

_LOG = logging.getLogger(__name__)
Item = TypeVar("Item")


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


class Job(Generic[Item]):
    """One thread that takes batches from an iterable, each through the gate of its device, and keeps their items.

    What is kept stays when the job is cancelled or fails. Cancelling takes effect between two batches, so batches
    should take a second or less.
    """

    def __init__(
        self, batches: Iterable[Sequence[Item]], n_items: int, *, gate: Gate, name: str, n_before: int = 0
    ) -> None:
        self._batches = iter(batches)
        self._gate = gate
        self._items: list[Item] = []
        self._n_items, self._n_before = n_items, n_before
        self._started, self._ended = time.perf_counter(), 0.0
        self._outcome, self._sentence = "running", ""
        self._guard = threading.Lock()
        self._is_cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name)  # no daemon: cut off inside torch it would abort
        self._thread.start()

    @property
    def items(self) -> tuple[Item, ...]:
        """What there is so far, in the order in which it came."""
        with self._guard:
            return tuple(self._items)

    @property
    def state(self) -> State:
        """How the job stands now."""
        with self._guard:
            seconds = (self._ended or time.perf_counter()) - self._started
            return State(len(self._items), self._n_items, seconds, self._outcome, self._sentence, self._n_before)

    def cancel(self) -> None:
        """Stop after the batch at hand; returns at once."""
        self._is_cancelled.set()

    def wait(self, seconds: float | None = None) -> State:
        """Wait until it has ended, or so many seconds."""
        self._thread.join(seconds)
        return self.state

    def _work(self) -> None:
        outcome, sentence = "failed", ""
        try:
            outcome = "done" if self._took_all() else "cancelled"
        except Cancelled:
            outcome = "cancelled"
        except LmvizError as error:
            sentence = str(error)
        except Exception as error:  # noqa: BLE001  (a thread that dies in silence would leave the page waiting for ever)
            _LOG.exception("A job failed.")
            sentence = (
                f"The job stopped at a fault of its own ({type(error).__name__}). What is done is kept; try again."
            )
        self._batches = iter(())  # what it was made of, such as models, is not held any longer
        with self._guard:
            self._outcome, self._sentence, self._ended = outcome, sentence, time.perf_counter()

    def _took_all(self) -> bool:
        """Take batch after batch; say whether all were taken."""
        while not self._is_cancelled.is_set():
            with self._gate.entered(is_job=True, on_wait=self._leave_if_cancelled):
                batch = next(self._batches, None)
            if batch is None:
                return True
            with self._guard:
                self._items.extend(batch)
        return False

    def _leave_if_cancelled(self) -> None:
        if self._is_cancelled.is_set():
            raise Cancelled("The job was stopped.")


class Jobs:
    """The jobs of one visitor, each under a key; a new one under the same key cancels the old one.

    All are cancelled when nobody holds this object any more: it belongs to the visitor's session and goes with it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[object, Job[object]]] = {}
        self._guard = threading.Lock()
        weakref.finalize(self, _cancel, self._jobs)

    def start(self, key: str, job: Job[Item], *, of: object) -> Job[Item]:
        """Keep a job; `of` says what was asked, so that a page can tell whether it is still the same question."""
        with self._guard:
            before = self._jobs.pop(key, None)
            self._jobs[key] = (of, job)  # type: ignore[assignment]
        if before is not None:
            before[1].cancel()
        return job

    def find(self, key: str, *, of: object) -> Job[object] | None:
        """Give the job of that key if it was asked the same."""
        with self._guard:
            found = self._jobs.get(key)
        return found[1] if found is not None and found[0] == of else None

    def cancel_all(self) -> None:
        """Stop everything: the visitor has gone."""
        with self._guard:
            _cancel(self._jobs)


def _cancel(jobs: dict[str, tuple[object, Job[object]]]) -> None:
    for _, job in jobs.values():
        job.cancel()
    jobs.clear()
