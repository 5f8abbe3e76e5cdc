"""Makes ready, in the background, what the first visitor would otherwise wait for; fetches nothing unasked."""

import logging
from collections.abc import Sequence
from functools import partial

from lmviz.errors import LmvizError
from lmviz.results import Check
from lmviz.ui import memory
from lmviz.ui.selection import Selection

_LOG = logging.getLogger(__name__)
_CHECKED: dict[str, tuple[Check, ...]] = {}
_FAILED: dict[str, str] = {}


def start() -> None:
    """Import the heavy packages and load the default model if it is here; once per process, returns at once."""
    memory.BACKGROUND.start("warm-up", _warm_up)


def load(names: Sequence[str]) -> None:
    """Load those of these models that lie on this machine, each once, and check them; returns at once."""
    for name in names:
        if checks(name) is None and is_here(name):
            memory.BACKGROUND.start(f"load {name}", partial(make_ready, name))


def fetch(name: str) -> None:
    """Fetch, load and check a model because a person asked for it, also after a failure; returns at once."""
    if is_under_way(name):
        return
    _FAILED.pop(name, None)
    memory.BACKGROUND.allow(f"load {name}")
    memory.BACKGROUND.start(f"load {name}", partial(make_ready, name))


def is_under_way(name: str) -> bool:
    """Say whether a model is being made ready now."""
    return memory.BACKGROUND.was_started(f"load {name}") and checks(name) is None and failure(name) is None


def is_here(name: str) -> bool:
    """Say whether an embedded model lies on this machine, so that loading it fetches nothing."""
    from lmviz.models import sources

    return sources.is_fetched(name)


def checks(name: str) -> tuple[Check, ...] | None:
    """Give the checks of a model that was loaded in this process, be it in memory still or not; never waits."""
    if name not in _CHECKED:
        model = memory.loaded(name)
        if model is not None and "self_check" in vars(model):
            _CHECKED[name] = model.self_check
    return _CHECKED.get(name)


def failure(name: str) -> str | None:
    """Say why a model could not be made ready, if it could not."""
    return _FAILED.get(name)


def make_ready(name: str) -> None:
    """Load and check a model; whatever goes wrong becomes a sentence."""
    try:
        _CHECKED[name] = memory.model(name).self_check
    except LmvizError as error:
        _FAILED[name] = str(error)
        _LOG.warning("%s is not ready: %s", name, error)
    except Exception as error:  # noqa: BLE001  (a thread that dies in silence would leave the page waiting for ever)
        _FAILED[name] = f"{name} could not be made ready ({type(error).__name__}: {error}). Try again."
        _LOG.exception("%s is not ready.", name)


def _warm_up() -> None:
    try:
        memory.make_imports()
        load([Selection.model])
    except Exception:  # noqa: BLE001  (the page imports again and says what is wrong)
        _LOG.exception("The app could not be warmed up.")
