"""The units of a benchmark: what is read of a row, what a model says of it, and what a benchmark is made of."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmviz.datasets.tables import BrokenRow
from lmviz.results import PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """Which rows are asked about, and how they are scored.

    `source` is a file, or None for the pairs that ship with lmviz. `variant` names the way of scoring; None: the first
    one that the model can have. `limit` draws so many rows at random, by `seed`. `categories` keeps only rows of these.
    """

    source: str | None = None
    variant: str | None = None
    limit: int | None = None
    seed: int = 0
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """One row: its place in the source, from 1, its texts, and what the benchmark's formula needs of it besides.

    `category` and `cluster`, what was sampled such as a template or a writer, are empty where they are not known.
    """

    line: int
    texts: tuple[str, ...]
    category: str = ""
    cluster: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class ItemScore:
    """What a model says of one row: a number per text unless its benchmark says otherwise, or why there is none."""

    item: Item
    scores: tuple[float, ...] = ()
    problem: str = ""


Scored = Iterator[Sequence[ItemScore]]
Read = Iterator[Item | BrokenRow]


@dataclass(frozen=True)
class Way:
    """One way of scoring, a variant: what its numbers are, and how they come.

    `unit` is "nats" or "probability". `n_decimals` is what scores are rounded to before they are compared. `note` says
    in sentences what is particular about it.
    """

    score: Callable[["LoadedModel", Sequence[Item]], Scored]
    unit: str = "nats"
    n_decimals: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is read, scored and summed up.

    `files` gives the files that parameters name, `read` their rows, `ways` the variants that a model can have, the
    default first, and `summarise` the result of the rows that have scores. `first` says what a row's first text is, the
    one whose share of wins is the preference. `packages` names the published sources that can be fetched.
    """

    slug: str
    title: str
    files: Callable[[Any], tuple[Path, ...]]
    read: Callable[[Any, tuple[Path, ...]], Read]
    ways: Callable[["LoadedModel", Any], Mapping[str, Way]]
    summarise: Callable[[Sequence[ItemScore], Way], PairScores]
    first: str = "the first text"
    packages: tuple[str, ...] = ()


def drawn(rows: Iterable[Item | BrokenRow], params: Params) -> Read:
    """Give the rows that parameters ask for: those of some categories, and of these so many at random.

    Rows keep their order. All rows are passed by once and no more than `limit` are held (reservoir sampling: Vitter,
    1985).

    Args:
        rows: All rows of a source.
        params: The categories, the limit and the seed.

    Yields:
        The rows to ask about; broken ones belong to every category.
    """
    wanted = frozenset(params.categories)
    asked = (row for row in rows if isinstance(row, BrokenRow) or not wanted or row.category in wanted)
    if params.limit is None:
        yield from asked
        return
    generator = random.Random(params.seed)  # noqa: S311  (a sample needs no secrets)
    kept: list[Item | BrokenRow] = []
    for number, row in enumerate(asked):
        place = number if number < params.limit else generator.randrange(number + 1)
        if place < len(kept):
            kept[place] = row
        elif number < params.limit:
            kept.append(row)
    yield from sorted(kept, key=lambda row: row.line)
