"""How many seconds and megabytes a trace will take, said before it runs; over the limit it is refused."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psutil
import torch
from torch import nn

from lmviz.errors import InvalidParameter, OverBudget
from lmviz.models import anatomy
from lmviz.models.context import ATTENTION_PLACES
from lmviz.models.loaded import LoadedModel

LIMIT_VARIABLE = "LMVIZ_MEMORY_LIMIT"  # megabytes
_PROBES = (8, 64)  # lengths of the two timed passes: a fixed share and a share that grows
_FLOAT = 4  # bytes
_PATTERN_TRIPS = 8  # how often the open pattern is read or written: product, mask, softmax, output, copy
_SCRATCH = 3  # patterns of one layer that live at once: scores, masked scores, softmax


@dataclass(frozen=True)
class Estimate:
    """What a job will take; `megabytes` is the peak on top of the model itself.

    `seconds` is worked out when it is read: the first time for a model, two short passes are timed for it.
    """

    megabytes: float
    timing: Callable[[], float]

    @property
    def seconds(self) -> float:
        """How long it will take here."""
        return self.timing()

    def __str__(self) -> str:
        return f"about {_round(self.seconds)} s and {_round(self.megabytes)} MB"


@dataclass(frozen=True)
class Size:
    """The numbers of a model that decide what a pass takes."""

    n_layers: int
    n_heads: int
    width: int
    head_dim: int
    inner: int
    vocabulary: int


def _round(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def estimate(
    model: LoadedModel,
    n_tokens: int,
    *,
    places: Iterable[str],
    part: str | None = None,
    logits: bool = False,
    n_keys: int | None = None,
) -> Estimate:
    """Predict what `trace` will take, within a factor of two.

    Seconds come from two short passes of this very model, timed the first time they are asked for, continued by the
    arithmetic of the longer one; megabytes from the shapes that are kept, plus one layer at work.

    Args:
        model: The model that would run.
        n_tokens: Positions of the queries.
        places: What would be kept.
        part: As for `trace`.
        logits: Whether the head would run as well.
        n_keys: Positions of the keys where they are others, as in cross attention.

    Returns:
        Seconds, and peak megabytes on top of the loaded model.
    """
    size = _size(model, model.part_named(part))
    wanted = frozenset(places)
    extent = (n_tokens, n_tokens if n_keys is None else n_keys)
    kept = sum(_place_bytes(place, size, extent) for place in wanted) * size.n_layers
    open_pattern = _FLOAT * size.n_heads * extent[0] * extent[1] * bool(wanted & ATTENTION_PLACES)
    layer = open_pattern * _SCRATCH + _FLOAT * max(extent) * (2 * size.inner + 4 * size.width)
    head = _FLOAT * n_tokens * size.vocabulary * 2 if logits else 0

    def seconds() -> float:
        fixed, per_work = _speed(model, size)
        head_work = float(size.vocabulary * size.width * n_tokens) if logits else 0.0
        traffic = _PATTERN_TRIPS * open_pattern * size.n_layers / _bandwidth()
        return fixed + per_work * (_work(size, max(extent)) + head_work) + traffic

    return Estimate(megabytes=(kept + layer + head) / 1e6, timing=seconds)


def check(
    model: LoadedModel,
    n_tokens: int,
    *,
    places: Iterable[str],
    part: str | None = None,
    logits: bool = False,
    n_keys: int | None = None,
) -> Estimate:
    """Estimate a trace and refuse it when it is over the limit; `trace` itself asks this before it runs.

    Raises:
        OverBudget: It would take more memory than `limit_megabytes()`.
    """
    predicted = estimate(model, n_tokens, places=places, part=part, logits=logits, n_keys=n_keys)
    return _within_limit(predicted, "Choose a shorter text or a smaller model")


def estimate_writing(model: LoadedModel, n_prompt: int, *, n_new: int, n_rows: int = 1, n_source: int = 0) -> Estimate:
    """Predict what writing with the key-value cache will take: a pass over the prompt, then a short one per token.

    Args:
        model: The model that would write.
        n_prompt: Positions that the decoder reads at first.
        n_new: Tokens to write.
        n_rows: Continuations at once.
        n_source: Positions of the source of an encoder-decoder.
    """
    part = "decoder"
    size = _size(model, part)
    prompt = estimate(model, n_prompt, places=(), part=part, n_keys=max(n_prompt, n_source))
    n_kept_heads = getattr(model.hf_model.config, "num_key_value_heads", None) or size.n_heads
    n_positions = n_prompt + n_new + n_source
    cache = 2 * _FLOAT * size.n_layers * n_kept_heads * size.head_dim * n_positions
    growth = 3 * cache / size.n_layers  # a layer's part of it is copied when a token is added
    logits = 4 * _FLOAT * size.vocabulary  # with probabilities, scores and a copy

    def seconds() -> float:
        fixed, per_work = _speed(model, size)
        one = fixed + per_work * n_rows * (_work(size, 1) + size.vocabulary * size.width)
        return n_rows * prompt.seconds + n_new * one

    return Estimate(megabytes=n_rows * (prompt.megabytes + (cache + growth + logits) / 1e6), timing=seconds)


def check_writing(model: LoadedModel, n_prompt: int, *, n_new: int, n_rows: int = 1, n_source: int = 0) -> Estimate:
    """Estimate the writing of a text and refuse it when it is over the limit.

    Raises:
        OverBudget: It would take more memory than `limit_megabytes()`.
    """
    predicted = estimate_writing(model, n_prompt, n_new=n_new, n_rows=n_rows, n_source=n_source)
    return _within_limit(predicted, "Ask for fewer tokens or beams, choose a shorter text or a smaller model")


def _within_limit(predicted: Estimate, remedy: str) -> Estimate:
    """Give the estimate back, or refuse it."""
    allowed = limit_megabytes()
    if predicted.megabytes > allowed:
        raise OverBudget(
            f"This would take {predicted} here; the limit is {_round(allowed)} MB. {remedy}, or raise {LIMIT_VARIABLE}."
        )
    return predicted


def limit_megabytes() -> float:
    """Give the memory a single job may take: LMVIZ_MEMORY_LIMIT in megabytes, else a quarter of what is free."""
    setting = os.environ.get(LIMIT_VARIABLE)
    if not setting:
        return float(psutil.virtual_memory().available) / 4 / 1e6
    try:
        return float(setting)
    except ValueError:
        raise InvalidParameter(f"{LIMIT_VARIABLE} is {setting!r}; write a number of megabytes, such as 2000.") from None


def _size(model: LoadedModel, part: str) -> Size:
    config: Any = model.hf_model.config
    width: int = getattr(config, "hidden_size", None) or config.d_model
    n_heads = model.heads_of(part)
    inner: int = getattr(config, "intermediate_size", None) or getattr(config, "d_ff", None) or 4 * width
    head_dim: int = next(
        (n for n in (getattr(config, "head_dim", 0), getattr(config, "d_kv", 0)) if n), width // n_heads
    )
    return Size(model.layers_of(part), n_heads, width, head_dim, inner, int(config.vocab_size))


def _place_bytes(place: str, size: Size, extent: tuple[int, int]) -> int:
    """Give the bytes that one place of one layer keeps, for so many queries and keys."""
    n_queries, n_keys = extent
    numbers = {
        "pattern": size.n_heads * n_queries * n_keys,
        "added": size.n_heads * n_queries * n_keys,
        "query": size.n_heads * n_queries * size.head_dim,
        "attended_value": size.n_heads * n_queries * size.head_dim,
        "key": size.n_heads * n_keys * size.head_dim,
        "moved_norm": size.n_heads * n_keys,
    }
    return _FLOAT * numbers.get(place, n_queries * size.width)


def _work(size: Size, n_tokens: int) -> float:
    """Give the multiplications of a pass, up to a factor that is the same for every length."""
    matrices = 4 * size.width * size.n_heads * size.head_dim + 3 * size.width * size.inner
    return float(size.n_layers * (matrices * n_tokens + 4 * size.n_heads * size.head_dim * n_tokens**2))


_speeds: WeakKeyDictionary[nn.Module, tuple[float, float]] = WeakKeyDictionary()


def _speed(model: LoadedModel, size: Size) -> tuple[float, float]:
    """Give the seconds a pass takes whatever its length, and those per multiplication; timed once per model."""
    known = _speeds.get(model.hf_model)
    if known is None:
        short, long = (min(_time_pass(model, n_tokens) for _ in range(3)) for n_tokens in _PROBES)
        less, more = (_work(size, n_tokens) for n_tokens in _PROBES)
        per_work = max(long - short, 0.2 * long) / (more - less)
        known = _speeds[model.hf_model] = (max(long - per_work * more, 0.0), per_work)
    return known


@torch.no_grad()
def _time_pass(model: LoadedModel, n_tokens: int) -> float:
    runner = anatomy.base_of(model.hf_model)
    runner = runner.get_encoder() if model.kind == "encoder-decoder" else runner  # type: ignore[operator]
    ids = torch.ones(1, n_tokens, dtype=torch.long, device=model.device)
    start = time.perf_counter()
    output = runner(input_ids=ids, attention_mask=torch.ones_like(ids))
    float(output[0].float().sum())  # waits for the device
    return time.perf_counter() - start


@lru_cache(maxsize=1)
def _bandwidth() -> float:
    """Measure how many bytes per second a softmax moves here."""
    scores = torch.zeros(8, 256, 256)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        torch.softmax(scores + 1.0, dim=-1)
        best = min(best, time.perf_counter() - start)
    return 4 * scores.numel() * _FLOAT / best
