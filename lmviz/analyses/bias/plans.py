"""From rows to forward passes: which copies of which texts have to run, all in few passes, each row as it is done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.bias.items import Item, ItemScore, Scored, Way
from lmviz.errors import LmvizError

if TYPE_CHECKING:
    from lmviz.capture.batches import Copy
    from lmviz.models.loaded import LoadedModel

Answer = Float32[np.ndarray, " asked"]


@dataclass(frozen=True, eq=False)
class Side:
    """One number of a row: the copies it rests on, and how their log-probabilities make it."""

    copies: tuple["Copy", ...]
    reduce: Callable[[Sequence[Answer]], float]


Plan = tuple[Side, ...]


def total(answers: Sequence[Answer]) -> float:
    """Add up log-probabilities; 0 where there are none."""
    return float(sum(answer.sum(dtype=np.float64) for answer in answers))


def mean(answers: Sequence[Answer]) -> float:
    """Average log-probabilities over tokens."""
    return total(answers) / sum(answer.size for answer in answers)


def planned(
    plan: Callable[["LoadedModel", Item], Plan], *, n_decimals: int | None = None, note: str = "", unit: str = "nats"
) -> Way:
    """Make a way of scoring from what a row needs.

    Args:
        plan: Gives the numbers of a row as sides; an `LmvizError` it raises leaves the row out, with its sentence.
        n_decimals: As in `Way`.
        note: As in `Way`.
        unit: As in `Way`.

    Returns:
        A way whose rows come as soon as their last copy has run.
    """

    def score(model: "LoadedModel", items: Sequence[Item]) -> Scored:
        plans, failed = [], []
        for item in items:
            try:
                plans.append((item, plan(model, item)))
            except LmvizError as error:
                failed.append(refused(item, error))
        yield failed
        yield from run(model, plans)

    return Way(score, unit, n_decimals, note)


def refused(item: Item, error: LmvizError) -> ItemScore:
    """Say why a row has no score."""
    return ItemScore(item, problem=f"Line {item.line}: {error}")


def run(model: "LoadedModel", plans: Sequence[tuple[Item, Plan]]) -> Scored:
    """Run the copies of many rows, texts of one length together, and give each row once it has all of its numbers.

    Args:
        model: A model with a language-model head.
        plans: The rows.

    Yields:
        The rows that a batch has completed, maybe none: work can be stopped between two of them.
    """
    from lmviz.capture.batches import log_probabilities, n_read

    counts = [sum(len(side.copies) for side in sides) for _, sides in plans]
    yield [_scored(plan, []) for plan, count in zip(plans, counts, strict=True) if not count]
    jobs = [
        (n_read(model, copy.encoding), row, place, copy)
        for row, (_, sides) in enumerate(plans)
        for place, copy in enumerate(copy for side in sides for copy in side.copies)
    ]
    if not jobs:
        return
    jobs.sort(key=lambda job: job[:3])
    answers = [[np.empty(0, dtype=np.float32)] * count for count in counts]
    waiting = iter(jobs)
    for batch in log_probabilities(model, (copy for *_, copy in jobs), longest=jobs[-1][0]):
        done = []
        for answer, (_, row, place, _copy) in zip(batch, islice(waiting, len(batch)), strict=True):
            answers[row][place] = answer
            counts[row] -= 1
            if not counts[row]:
                done.append(_scored(plans[row], answers[row]))
        yield done


def _scored(plan: tuple[Item, Plan], answers: Sequence[Answer]) -> ItemScore:
    """Make the numbers of one row from the answers of its copies."""
    item, sides = plan
    remaining: Iterator[Answer] = iter(answers)
    return ItemScore(item, tuple(side.reduce(list(islice(remaining, len(side.copies)))) for side in sides))
