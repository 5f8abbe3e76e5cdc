"""Keep transformers from drawing progress bars and load reports while lmviz loads; everything is put back after."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR

from transformers.utils import logging

_LOADING = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Load one model at a time, silently.

    transformers sets torch's default dtype and its own switches for the whole process while it loads, so two loads
    at once could disturb each other; what the reports would say is checked and said by lmviz instead.
    """
    with _LOADING:
        level, drew = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(ERROR)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if drew:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
