"""A benchmark run on a model: batch by batch, so that it can be watched, stopped, kept and gone on with."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Way, drawn
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.bias.summaries import bounds_of_unit, counts_agree
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import Cancelled, InvalidParameter
from lmviz.results import PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_FIRST, _CHUNK = 8, 128  # rows that are put in order at once: few at first, so that something is there soon
_MOST_REASONS = 100


@dataclass(frozen=True, eq=False)
class BenchmarkRun:
    """What is asked of a model; nothing has run yet."""

    benchmark: Benchmark
    model: "LoadedModel"
    params: Params
    variant: str
    ways: Mapping[str, Way]
    files: tuple[Path, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The ways of scoring that this model can have, the default first."""
        return tuple(self.ways)

    @cached_property
    def n_items(self) -> int:
        """How many rows will be answered, broken ones included; the source is read once for it."""
        return sum(1 for _ in self._rows())

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many rows the whole source has of each category, whatever is asked for; broken ones are under ""."""
        rows = self.benchmark.read(self.params, self.files)
        return dict(sorted(Counter("" if isinstance(row, BrokenRow) else row.category for row in rows).items()))

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What decides the numbers: the model, the parameters, the variant and the data."""
        signed = provenance(self.model, asdict(self.params))
        named = {"analysis": self.benchmark.slug, "title": self.benchmark.title, "variant": self.variant}
        return {**signed, **named, "data": dict(fingerprint(self.files))}

    def batches(self, done: Iterable[ItemScore] = ()) -> Iterator[tuple[ItemScore, ...]]:
        """Score row after row, many in one pass, and give them as they come, maybe none at a time.

        A row that cannot be read, or that the model refuses, comes with the reason; the rest goes on.

        Args:
            done: Rows with scores from before; they come first and are not asked about again.

        Yields:
            Scored rows, those of one chunk in any order.
        """
        kept = tuple(done)
        if kept:
            yield kept
        known = {score.item.line for score in kept}
        rows, size = (row for row in self._rows() if row.line not in known), _FIRST
        while chunk := tuple(islice(rows, size)):
            size = _CHUNK
            yield tuple(_broken(row) for row in chunk if isinstance(row, BrokenRow))
            items = [row for row in chunk if isinstance(row, Item)]
            yield from (tuple(batch) for batch in self.ways[self.variant].score(self.model, items))

    def result(self, scores: Iterable[ItemScore]) -> PairScores:
        """Sum up the rows there are so far, and say where the numbers come from."""
        rows = sorted(scores, key=lambda score: score.item.line)
        good, bad = [row for row in rows if not row.problem], [row.problem for row in rows if row.problem]
        way = self.ways[self.variant]
        result = self.benchmark.summarise(good, way)
        skipped = f"{len(bad):,} of {len(rows):,} rows were left out; the first: {bad[0]}" if bad else ""
        return replace(
            result,
            skipped=len(bad),
            note=" ".join(sentence for sentence in (way.note, result.note, skipped) if sentence),
            provenance={**self.signature, **result.provenance, "skipped_rows": bad[:_MOST_REASONS]},
        )

    def _rows(self) -> Iterator[Item | BrokenRow]:
        return drawn(self.benchmark.read(self.params, self.files), self.params)


def _broken(row: BrokenRow) -> ItemScore:
    return ItemScore(Item(row.line, ()), problem=f"Line {row.line}: {row.reason}.")


def prepared(benchmark: Benchmark, model: "LoadedModel", *, params: Params) -> BenchmarkRun:
    """Check what is asked of a model.

    Raises:
        NotForThisModel: The model can have no variant of it.
        InvalidParameter: A variant it cannot have, an impossible limit, or a source that is not there.
    """
    ways = benchmark.ways(model, params)
    variant = next(iter(ways)) if params.variant is None else params.variant
    if variant not in ways:
        raise InvalidParameter(
            f"{benchmark.slug} has no variant '{variant}' for {model.id}. Choose from {', '.join(ways)}."
        )
    if params.limit is not None and params.limit < 1:
        raise InvalidParameter(f"A limit of {params.limit} leaves no row. Give 1 or more, or none for all rows.")
    return BenchmarkRun(benchmark, model, params, variant, ways, benchmark.files(params))


def completed(
    run: BenchmarkRun, *, batches: Iterator[tuple[ItemScore, ...]] | None = None, on_progress: Progress = ignore
) -> PairScores:
    """Take all batches and sum them up.

    Args:
        run: The benchmark on its model.
        batches: Another source of the run's batches, such as one that keeps them in a file.
        on_progress: Told after every batch.

    Returns:
        The result of all rows.

    Raises:
        Cancelled: `on_progress` stopped it; `so_far` has the result of what was done.
        InvalidParameter: There is not a single row.
    """
    if not run.n_items:
        wanted = f" of {', '.join(run.params.categories)}" if run.params.categories else ""
        raise InvalidParameter(f"The source has no rows{wanted}. Choose other categories or another source.")
    result: PairScores = summed_up(run, run.batches() if batches is None else batches, on_progress=on_progress)
    return result


def summed_up(run: Any, batches: Iterator[tuple[Any, ...]], *, noun: str = "rows", on_progress: Progress) -> Any:
    """Take all batches of a run, telling how far it is, and sum them up.

    Args:
        run: What says how many items there will be, `n_items`, and sums up those there are, `result(items)`.
        batches: Its items, as they come.
        noun: What the items are called.
        on_progress: Told after every batch.

    Returns:
        The run's own result of all items.

    Raises:
        Cancelled: `on_progress` stopped it; `so_far` has the result of what was done.
    """
    done: list[Any] = []
    for batch in batches:
        done.extend(batch)
        try:
            on_progress(min(1.0, len(done) / run.n_items), f"{len(done):,} of {run.n_items:,} {noun}")
        except Cancelled as stopped:
            stopped.so_far = run.result(done)
            raise
    return run.result(done)


def analysis(benchmark: Benchmark, params: type[Params], *, reference: str, caution: str) -> Analysis[Any, PairScores]:
    """Describe a benchmark as an analysis like any other."""

    def run(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> PairScores:
        """Run the benchmark.

        Args:
            model: The model that is asked.
            params: Which rows, and how they are scored.
            on_progress: Told after every batch.

        Returns:
            The preference on this benchmark, with its intervals.
        """
        return completed(prepared(benchmark, model, params=params), on_progress=on_progress)

    return Analysis(
        slug=benchmark.slug,
        title=benchmark.title,
        group="bias",
        needs=frozenset({"logits"}),
        params=params,
        run=run,
        reference=reference,
        caution=caution,
        checks=(bounds_of_unit, counts_agree),
    )
