"""What do two models, or two versions of a text, say about many texts? Row by row, and how far they are apart."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from lmviz.analyses.base import provenance
from lmviz.analyses.compare import row_labels, row_tokens
from lmviz.analyses.compare.row_sides import ReadRow, RowPair, read_row
from lmviz.analyses.compare.sides import signature_of_second
from lmviz.analyses.predictions.abilities import abilities
from lmviz.datasets.tables import TEXT, BrokenRow, Row
from lmviz.errors import InvalidParameter, NotForThisModel, did_you_mean
from lmviz.results import RowAnswer, RowAnswers

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_FIRST, _BATCH = 8, 32  # rows at once: few at first, so that something is there soon
Models = tuple["LoadedModel", "LoadedModel"]


@dataclass(frozen=True)
class RowTask:
    """Something that is asked of both sides; `needs` are abilities of which each side has one."""

    slug: str
    title: str
    value: str
    disagreement: str
    needs: tuple[str, ...]
    answer: Callable[[Models, Sequence[ReadRow]], list[RowAnswer]]


TASKS: Mapping[str, RowTask] = {
    task.slug: task
    for task in (
        RowTask(
            "tokens",
            "Expected token",
            "probability of the most probable token",
            "Jensen-Shannon divergence over the shared strings, in nats (0 to 0.693)",
            ("fill-mask", "next-token"),
            row_tokens.expected,
        ),
        RowTask(
            "surprisal",
            "Surprisal",
            "nats per word",
            "difference in nats per word",
            ("surprisal",),
            row_tokens.surprisals,
        ),
        RowTask(
            "classify",
            "Label",
            "probability of the most probable label",
            "total variation of the labels' probabilities (0 to 1)",
            ("classify",),
            row_labels.labels,
        ),
        RowTask(
            "tag-tokens",
            "Tags",
            "mean probability of the words' tags",
            "share of words with another tag (0 to 1)",
            ("tag-tokens",),
            row_labels.tags,
        ),
    )
}


@dataclass(frozen=True)
class Columns:
    """Which column of a file holds the text, and which, if any, the second text of a pair and the text of B."""

    text: str = TEXT
    text_pair: str | None = None
    text_b: str | None = None


def tasks_for(a: "LoadedModel", b: "LoadedModel") -> dict[str, str]:
    """Say of every task why these two models cannot be compared in it; nothing where they can."""
    return {slug: _reason(task, a) or _reason(task, b) for slug, task in TASKS.items()}


def _reason(task: RowTask, model: "LoadedModel") -> str:
    if model.kind == "encoder-decoder":
        return f"{model.id} writes one text for another; rows of single texts are for encoders and decoders."
    known = {ability.slug: ability for ability in abilities(model)}
    reasons = [known[slug].reason for slug in task.needs if not known[slug].is_available]
    return "" if len(reasons) < len(task.needs) else reasons[0]


def compare_rows(
    a: "LoadedModel", b: "LoadedModel", *, rows: Iterable[Row], task: str, columns: Columns | None = None
) -> Iterator[tuple[RowAnswer, ...]]:
    """Ask two models about row after row, several in one pass, and give the answers as they come.

    A row that cannot be read, or that a model refuses, comes back with its line and the reason; the rest goes on.
    Answers do not depend on the rows beside them, up to rounding.

    Args:
        a: The model of A.
        b: The model of B; the same one where rows have a text for each side.
        rows: What `lmviz.datasets.tables.read_rows` gives; they are taken when their turn comes.
        task: A name in `TASKS`.
        columns: Where the texts stand.

    Returns:
        Batches of answers, in the order of the rows.

    Raises:
        InvalidParameter: No such task.
        NotForThisModel: A model lacks what the task needs, or the labels of the two are not the same.
    """
    chosen = _task(task)
    for model in (a, b):
        reason = _reason(chosen, model)
        if reason:
            raise NotForThisModel(reason)
    if chosen.slug in ("classify", "tag-tokens"):
        row_labels.check_same(a, b)
    return _answers(chosen, (a, b), iter(rows), columns or Columns())


def compared_rows(
    a: "LoadedModel", b: "LoadedModel", *, answers: Iterable[RowAnswer], task: str, columns: Columns | None = None
) -> RowAnswers:
    """Put answers together to a result that says where it comes from."""
    chosen, places = _task(task), columns or Columns()
    signed = provenance(a, {"task": task, **vars(places)})
    return RowAnswers(
        rows=tuple(answers),
        task=task,
        value=chosen.value,
        disagreement=chosen.disagreement,
        provenance={"analysis": "compare-rows", "title": chosen.title, **signed, **signature_of_second(b)},
    )


def _task(slug: str) -> RowTask:
    if slug not in TASKS:
        raise InvalidParameter(f"There is no task '{slug}'.{did_you_mean(slug, TASKS)}")
    return TASKS[slug]


def _answers(task: RowTask, models: Models, rows: Iterator[Row], columns: Columns) -> Iterator[tuple[RowAnswer, ...]]:
    size = _FIRST
    while batch := tuple(islice(rows, size)):
        size = _BATCH
        yield _batch(task, models, [_pair(row, columns) for row in batch])


def _pair(row: Row, columns: Columns) -> RowPair | RowAnswer:
    """Give what both sides read of a row; an answer at once where it cannot be read."""
    if isinstance(row, BrokenRow):
        return RowAnswer(row.line, "", "", problem=f"Line {row.line}: {row.reason}.")
    wanted = [name for name in (columns.text, columns.text_pair, columns.text_b) if name is not None]
    missing = next((name for name in wanted if name not in row.fields), None)
    if missing is not None:
        return RowAnswer(row.line, "", "", problem=f"Line {row.line}: it has no '{missing[:40]}'.")
    pair = row.fields[columns.text_pair] if columns.text_pair is not None else None
    other = row.fields[columns.text_b] if columns.text_b is not None else None
    return RowPair(row.line, row.fields[columns.text], pair, other)


def _batch(task: RowTask, models: Models, pairs: Sequence[RowPair | RowAnswer]) -> tuple[RowAnswer, ...]:
    """Answer what can be read in one go, and put the answers back in their order."""
    read = {n: read_row(models, pair) for n, pair in enumerate(pairs) if isinstance(pair, RowPair)}
    refused = {n: row for n, row in read.items() if isinstance(row, RowAnswer)}
    good = {n: row for n, row in read.items() if isinstance(row, ReadRow)}
    answered = dict(zip(good, task.answer(models, list(good.values())), strict=True)) if good else {}
    broken = {n: pair for n, pair in enumerate(pairs) if isinstance(pair, RowAnswer)}
    found = {**broken, **refused, **answered}
    return tuple(_named(found[n]) for n in range(len(pairs)))


def _named(answer: RowAnswer) -> RowAnswer:
    """Let a problem begin with the line it is about."""
    if not answer.problem or answer.problem.startswith("Line "):
        return answer
    return replace(answer, problem=f"Line {answer.line}: {answer.problem}")
