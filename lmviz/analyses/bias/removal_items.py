"""What a removal says as it goes on, one small answer at a time, and how these make one result."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lmviz.analyses.bias.items import ItemScore
from lmviz.analyses.bias.preference import compare_models
from lmviz.results import PairScores
from lmviz.statistics import paired_effect

_NAN = float("nan")


@dataclass(frozen=True)
class Fitted:
    """The concept was found: how many vectors there were, of how many directions or heads it is, and what is known."""

    n_train: int
    n_test: int
    majority: float
    rank: int
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Probed:
    """Under one condition: what probes tell of words they have not seen, and how much of the vectors has moved.

    A probe has the share that it tells, and the ends of the interval over words.
    """

    condition: int
    linear: tuple[float, float, float]
    mlp: tuple[float, float, float]
    removed: float


@dataclass(frozen=True)
class Read:
    """Under one condition: the mean surprisal of each neutral text, in nats per token."""

    condition: int
    surprisals: tuple[float, ...]


@dataclass(frozen=True)
class Answered:
    """Under one condition: one row of the benchmark."""

    condition: int
    score: ItemScore


RemovalItem = Fitted | Probed | Read | Answered


@dataclass(eq=False)
class Sorted:
    """Answers by their condition."""

    fitted: Fitted = field(default_factory=lambda: Fitted(0, 0, _NAN, 0))
    probed: dict[int, Probed] = field(default_factory=dict)
    read: dict[int, Read] = field(default_factory=dict)
    answered: dict[int, list[ItemScore]] = field(default_factory=dict)


def sort(items: Iterable[RemovalItem]) -> Sorted:
    """Put answers where they belong, whatever their order."""
    found = Sorted()
    for item in items:
        if isinstance(item, Fitted):
            found.fitted = item
        elif isinstance(item, Probed):
            found.probed[item.condition] = item
        elif isinstance(item, Read):
            found.read[item.condition] = item
        else:
            found.answered.setdefault(item.condition, []).append(item.score)
    return found


def columns(found: Sorted, scores: Sequence[PairScores], *, seed: int) -> dict[str, np.ndarray]:
    """Give the numbers of each condition, by the names that the result has them under.

    Args:
        found: All answers.
        scores: What the benchmark says under each condition, "before" first.
        seed: Of the resamples.
    """
    rows = [_row(found, scores, place, seed) for place in range(len(scores))]
    return {name: np.array([row[name] for row in rows], dtype=np.float32) for name in rows[0]}


def _row(found: Sorted, scores: Sequence[PairScores], place: int, seed: int) -> dict[str, float]:
    own, probed, read = scores[place], found.probed.get(place), found.read.get(place)
    low, high = own.interval
    return {
        "preference": own.preference,
        "low": low,
        "high": high,
        "effect": own.numbers.get("effect_size", _NAN),
        "effect_low": own.numbers.get("effect_low", _NAN),
        "effect_high": own.numbers.get("effect_high", _NAN),
        **(_compared(own, scores[0], seed) if place else dict.fromkeys(_COMPARED, _NAN)),
        "surprisal": math.fsum(read.surprisals) / len(read.surprisals) if read and read.surprisals else _NAN,
        **dict(zip(_LINEAR, probed.linear if probed else (_NAN,) * 3, strict=True)),
        **dict(zip(_MLP, probed.mlp if probed else (_NAN,) * 3, strict=True)),
        "removed": probed.removed if probed else _NAN,
    }


_LINEAR = ("linear_probe", "linear_low", "linear_high")
_MLP = ("mlp_probe", "mlp_low", "mlp_high")
_COMPARED = ("difference", "difference_low", "difference_high", "p_difference", "p_preference")


def _compared(own: PairScores, before: PairScores, seed: int) -> dict[str, float]:
    """Compare a condition with "before" on the pairs that both have."""
    if not set(own.texts) & set(before.texts):
        return dict.fromkeys(_COMPARED, _NAN)
    found = compare_models(own, before, seed=seed)
    numbers = (found.difference, *found.interval, found.p_difference, found.p_preference)
    return dict(zip(_COMPARED, numbers, strict=True))


def quality_sentence(found: Sorted) -> str:
    """Say what taking the concept out costs on neutral texts, with the interval over texts."""
    before, after = found.read.get(0), found.read.get(1)
    if before is None or after is None:
        return ""
    change = paired_effect(np.array(after.surprisals) - np.array(before.surprisals))
    low, high = change.interval
    return (
        f"Surprisal of neutral texts changes by {change.mean:+.3f} nats per token "
        f"({low:+.3f} to {high:+.3f}, {change.n} texts)."
    )
