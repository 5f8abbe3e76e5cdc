"""Long work that tells how far it is but gives no items on its way: one function, in the background."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from lmviz.engine.background import Background
from lmviz.engine.local import Gate


class Telling(Protocol):
    """Told now and then how far the work is; raises `Cancelled` when it is to stop."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """Take the share that is done, 0 to 1, and what is being done."""


@dataclass(frozen=True)
class TaskState:
    """How a task stands: the share that is done, what it is doing, seconds since it began, and what ended it.

    `outcome` is "running", "done", "cancelled" or "failed"; `sentence` says what failed.
    """

    fraction: float
    message: str
    seconds: float
    outcome: str
    sentence: str = ""

    @property
    def is_running(self) -> bool:
        """Say whether more is to come."""
        return self.outcome == "running"

    @property
    def seconds_left(self) -> float | None:
        """What the rest will take at the pace so far; None before there is one."""
        if not self.is_running:
            return 0.0
        return self.seconds * (1 - self.fraction) / self.fraction if self.fraction > 0 else None


class Task(Background):
    """One thread that runs a function through the gate of its device.

    Each time the function tells how far it is, it leaves the gate and comes in again, so that a person who waits comes
    first; and there it is stopped when it is cancelled.
    """

    def __init__(self, work: Callable[[Telling], None], *, gate: Gate, name: str) -> None:
        super().__init__(gate=gate, name=name)
        self._function: Callable[[Telling], None] | None = work
        self._fraction, self._message = 0.0, ""
        self._begin()

    @property
    def state(self) -> TaskState:
        """How the task stands now."""
        with self._guard:
            fraction = 1.0 if self._outcome == "done" else self._fraction
            return TaskState(fraction, self._message, self._seconds, self._outcome, self._sentence)

    def wait(self, seconds: float | None = None) -> TaskState:
        """Wait until it has ended, or so many seconds."""
        self._join(seconds)
        return self.state

    def _do(self) -> bool:
        function = self._function
        if function is None:
            return False
        with ExitStack() as held:

            def enter() -> None:
                held.enter_context(self._gate.entered(is_job=True, on_wait=self._leave_if_cancelled))

            def tell(fraction: float, message: str = "") -> None:
                self._leave_if_cancelled()
                with self._guard:
                    self._fraction, self._message = max(self._fraction, min(1.0, fraction)), message
                held.close()
                enter()

            enter()
            function(tell)
        return True

    def _let_go(self) -> None:
        self._function = None
