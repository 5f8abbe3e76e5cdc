"""One thread for long work, however it is made up: what ended it, what failed in a sentence, a way to stop it."""

import logging
import threading
import time
from abc import ABC, abstractmethod

from lmviz.engine.local import Gate
from lmviz.errors import Cancelled, LmvizError

_LOG = logging.getLogger(__name__)


class Background(ABC):
    """Work in a thread of its own, begun with `_begin` as soon as all that it needs is there.

    What is done stays when the work is cancelled or fails.
    """

    def __init__(self, *, gate: Gate, name: str) -> None:
        self._gate = gate
        self._started, self._ended = time.perf_counter(), 0.0
        self._outcome, self._sentence = "running", ""
        self._guard = threading.Lock()
        self._is_cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name)  # no daemon: cut off inside torch it would abort

    def _begin(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the step at hand; returns at once."""
        self._is_cancelled.set()

    def _join(self, seconds: float | None) -> None:
        self._thread.join(seconds)

    @property
    def _seconds(self) -> float:
        return (self._ended or time.perf_counter()) - self._started

    @abstractmethod
    def _do(self) -> bool:
        """Do everything; say whether it was all done, or cancelled."""

    @abstractmethod
    def _let_go(self) -> None:
        """Hold no longer what the work was made of, such as models."""

    def _leave_if_cancelled(self) -> None:
        if self._is_cancelled.is_set():
            raise Cancelled("The job was stopped.")

    def _work(self) -> None:
        outcome, sentence = "failed", ""
        try:
            outcome = "done" if self._do() else "cancelled"
        except Cancelled:
            outcome = "cancelled"
        except LmvizError as error:
            sentence = str(error)
        except Exception as error:  # noqa: BLE001  (a thread that dies in silence would leave the page waiting for ever)
            _LOG.exception("A job failed.")
            sentence = (
                f"The job stopped at a fault of its own ({type(error).__name__}). What is done is kept; try again."
            )
        self._let_go()
        with self._guard:
            self._outcome, self._sentence, self._ended = outcome, sentence, time.perf_counter()
