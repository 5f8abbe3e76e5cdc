"""What is remembered between reruns and visitors: models by count and bytes, results by bytes."""

import gc
import importlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import psutil
import streamlit as st

from lmviz.engine.jobs import Jobs

_JOBS = "_jobs"
MODELS_KEPT = 4  # two visitors can compare two models each
MODEL_BYTES = psutil.virtual_memory().total // 2
RESULT_BYTES = max(256 * 2**20, psutil.virtual_memory().total // 8)

Key = tuple[str | int | float | bool | None, ...]
Value = TypeVar("Value")


@dataclass
class _Entry(Generic[Value]):
    value: Value
    size: float


@dataclass
class _Making:
    """The lock of whoever makes a thing, and how many hold it or wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    interested: int = 0


class Shelf(Generic[Value]):
    """Keep what was used last, up to a limit; make each thing once however many ask for it at the same time.

    `limit` is in the unit of `size_of`, bytes for instance; `most` is a count. The newest thing stays even when it
    alone is larger than the limit, else a large picture would be made again for every hover.
    """

    def __init__(self, limit: float, size_of: Callable[[Value], float], *, most: float = math.inf) -> None:
        self.limit = limit
        self.most = most
        self._size_of = size_of
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._making: dict[Key, _Making] = {}
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> float:
        """Sum of the sizes of what is kept."""
        with self._guard:
            return self._total()

    def peek(self, key: Key) -> Value | None:
        """Give what is kept under `key`, or None; counts as a use."""
        with self._guard:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.value

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Give what is kept under `key`; make it first if need be. Others who want it wait for the one who makes it."""
        _check_key(key)
        found = self.peek(key)
        if found is not None:
            return found
        with self._guard:
            making = self._making.setdefault(key, _Making())
            making.interested += 1
        try:
            with making.lock:
                found = self.peek(key)
                return found if found is not None else self._keep(key, make())
        finally:
            with self._guard:
                making.interested -= 1
                if not making.interested:  # after a failure others still wait for this very lock
                    self._making.pop(key, None)

    def _keep(self, key: Key, value: Value) -> Value:
        size = self._size_of(value)
        with self._guard:
            self._entries[key] = _Entry(value, size)
            self._entries.move_to_end(key)
            while len(self._entries) > 1 and self._is_over():
                self._entries.popitem(last=False)
        return value

    def _is_over(self) -> bool:
        return len(self._entries) > self.most or self._total() > self.limit

    def _total(self) -> float:
        return sum(entry.size for entry in self._entries.values())

    def make_room(self) -> None:
        """Drop what was unused longest until one more thing may come, as large as half of the limit."""
        with self._guard:
            while self._entries and (len(self._entries) >= self.most or self._total() > self.limit / 2):
                self._entries.popitem(last=False)

    def forget(self) -> None:
        """Drop everything."""
        with self._guard:
            self._entries.clear()


def _check_key(key: Key) -> None:
    """Refuse arrays and models in keys: they are not compared by what is in them."""
    parts: Any = key
    if not isinstance(parts, tuple) or not all(isinstance(part, (str, int, float, type(None))) for part in parts):
        raise TypeError(f"A cache key is a tuple of strings and numbers, not {key!r:.80}.")


def bytes_of(value: Any) -> float:
    """Count the bytes of arrays and byte strings in a value, and a little for everything else."""
    if isinstance(value, np.ndarray):
        return float(value.nbytes)
    if isinstance(value, (bytes, bytearray, str)):
        return float(len(value))
    if isinstance(value, dict):
        return sum(bytes_of(item) for item in value.values()) + 64.0
    if isinstance(value, (tuple, list)):
        return sum(bytes_of(item) for item in value) + 64.0
    if hasattr(value, "__dict__"):
        return bytes_of(vars(value))
    return 64.0


def _model_bytes(model_: Any) -> float:
    """Count the bytes of a model's weights; those on another device count as well, which errs on the safe side."""
    return float(sum(weight.nbytes for weight in model_.hf_model.parameters()))


MODELS: Shelf[Any] = Shelf(MODEL_BYTES, _model_bytes, most=MODELS_KEPT)
RESULTS: Shelf[Any] = Shelf(RESULT_BYTES, bytes_of)


_LOADING = threading.Lock()  # loading imports a model's classes: one at a time
_IMPORTING = threading.Lock()
_IMPORTED = threading.Event()


def model(name: str, *, dtype: str = "float32", device: str = "") -> Any:
    """Give the loaded model of that name, loading it when it is not there; at most four are kept, fewer when large.

    Args:
        name: A catalog id, a Hugging Face id or a folder.
        dtype: Kind of number the weights are held in.
        device: Where it runs; empty means the best there is.

    Returns:
        The LoadedModel, shared by everyone who asks for it.
    """
    return MODELS.get((name, dtype, device), lambda: _load(name, dtype, device))


def loaded(name: str, *, dtype: str = "float32", device: str = "") -> Any | None:
    """Give the model if it is in memory, else None; loads nothing."""
    return MODELS.peek((name, dtype, device))


def _load(name: str, dtype: str, device: str) -> Any:
    make_imports()
    import lmviz
    from lmviz.capture import budget

    with _LOADING:
        MODELS.make_room()  # before the new one comes: there may be no memory for three
        gc.unfreeze()
        gc.collect()
        try:
            found = lmviz.load(name, dtype=dtype, device=device or None)
            _ = budget.estimate(found, 1, places={"pattern"}).seconds  # timed once, so that no visitor waits for it
        finally:
            gc.collect()
            gc.freeze()
    return found


def make_imports() -> None:
    """Import the heavy packages, in one thread at a time: two that import them at once can see half of a module."""
    if _IMPORTED.is_set():
        return
    with _IMPORTING:
        for name in ("lmviz.analyses", "lmviz.capture.trace", "lmviz.models.loading"):
            importlib.import_module(name)
        _IMPORTED.set()


def imported() -> bool:
    """Say whether the heavy packages are there already."""
    return _IMPORTED.is_set()


def result(key: Key, make: Callable[[], Value]) -> Value:
    """Give what is kept under `key`, making it first if need be; results are bounded in bytes."""
    value: Value = RESULTS.get(key, make)
    return value


@dataclass(frozen=True)
class Timed(Generic[Value]):
    """A value and the seconds it took to make."""

    value: Value
    seconds: float


def timed(make: Callable[[], Value]) -> Timed[Value]:
    """Make a value and say how long it took."""
    start = time.perf_counter()
    value = make()
    return Timed(value, time.perf_counter() - start)


class Clock:
    """Says how long ago it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since then."""
        return time.perf_counter() - self._start


class _Once:
    """Start one thing once per process, in the background; again only after `allow`."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._done: set[Hashable] = set()

    def start(self, name: str, work: Callable[[], None]) -> None:
        with self._guard:
            if name in self._done:
                return
            self._done.add(name)
        threading.Thread(target=work, name=name).start()  # no daemon: cut off inside torch it would abort the process

    def was_started(self, name: str) -> bool:
        with self._guard:
            return name in self._done

    def allow(self, name: str) -> None:
        with self._guard:
            self._done.discard(name)


BACKGROUND = _Once()


def jobs() -> Jobs:
    """Give the long jobs of this visitor; they end when the visitor's session does."""
    found: Jobs = st.session_state.setdefault(_JOBS, Jobs())
    return found
