"""Which heads does a preference rest on? Each taken out or patched, row after row, with a result at any time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias import items
from lmviz.analyses.bias.items import Item, Read
from lmviz.analyses.bias.localisation import margins, odds, sources, sweeps
from lmviz.analyses.bias.localisation.summaries import Shape, passes_add_up, summarise, within_intervals
from lmviz.analyses.bias.localisation.sweeps import Batches, HeadMeans, Means, RowEffects
from lmviz.analyses.bias.localisation.tasks import Task
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.bias.running import summed_up
from lmviz.analyses.predictions import scoring
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter, LmvizError, NotForThisModel
from lmviz.results import BiasLocalisation

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "bias-localisation", "Where a preference sits"
METHODS = ("ablation", "patching")
WAYS = ("mean", "zero")
_N_TOKENS = 64  # of the inputs of one batch of rows: times the heads of a layer, they fill a pass
_MOST_REASONS = 100


@dataclass(frozen=True)
class Params:
    """Which rows are asked about, and how heads are tested.

    `pairs` is a file or the rows themselves: (more, less) for "ablation", (prompt, counterfactual, stereotypical,
    antistereotypical) for "patching", each with a category and a cluster after them if wanted; None: what ships with
    lmviz. Of ablation, `how` says what a head gives instead: its mean over all inputs, or zero; `margin` is what the
    preference is read from: "shared-tokens" that both texts have, or "modified-tokens" that differ, which is faster.
    `limit` draws so many rows at random, by `seed`, which also is that of the intervals.
    """

    pairs: str | tuple[tuple[str, ...], ...] | None = None
    method: str = "ablation"
    how: str = "mean"
    margin: str = "shared-tokens"
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, eq=False)
class LocalisationRun:
    """What is asked of a model; nothing has run yet."""

    model: "LoadedModel"
    params: Params
    files: tuple[Path, ...]

    @cached_property
    def n_items(self) -> int:
        """How many rows will be answered, broken ones included; the source is read once for it."""
        return sum(1 for _ in self._rows())

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What decides the numbers: the model, the parameters and the data."""
        signed = provenance(self.model, sources.shortened(asdict(self.params)))
        return {"analysis": SLUG, "title": TITLE, **signed, "data": dict(fingerprint(self.files))}

    def batches(self, done: Iterable[RowEffects] = ()) -> Batches:
        """Give rows as they are done, a few at a time, and nothing now and then: between two of them it can be stopped.

        A mean ablation first reads all rows once for the means. A row that cannot be read, or that the model refuses,
        comes with the reason; the rest goes on.

        Args:
            done: Rows of before; they come first and are not asked about again.

        Yields:
            Rows with their effects.
        """
        kept = tuple(done)
        if kept:
            yield kept
        means = HeadMeans() if self._needs_means else None
        if means is not None:
            for tasks, _ in self._chunks(frozenset()):
                means.add(self.model, tasks)
                yield ()
        for tasks, refused in self._chunks(frozenset(row.item.line for row in kept)):
            yield tuple(refused)
            yield from self._swept(tasks, None if means is None else means.values)

    def result(self, rows: Iterable[RowEffects]) -> BiasLocalisation:
        """Sum up the rows there are so far, and say where the numbers come from."""
        known = sorted(rows, key=lambda row: row.item.line)
        good, bad = [row for row in known if not row.problem], [row.problem for row in known if row.problem]
        shape = Shape(self.params.method, self.model.n_layers, self.model.n_heads, self.params.seed)
        result = summarise(good, shape)
        skipped = f"{len(bad):,} of {len(known):,} rows were left out; the first: {bad[0]}" if bad else ""
        return replace(
            result,
            skipped=len(bad),
            note=" ".join(sentence for sentence in (result.note, skipped) if sentence),
            provenance={**self.signature, "skipped_rows": bad[:_MOST_REASONS]},
        )

    @property
    def _needs_means(self) -> bool:
        return self.params.method == "ablation" and self.params.how == "mean"

    def _rows(self) -> Read:
        wanted = items.Params(limit=self.params.limit, seed=self.params.seed)
        return items.drawn(sources.rows(self.params.pairs, self.params.method, files=self.files), wanted)

    def _chunks(self, known: frozenset[int]) -> Iterator[tuple[list[Task], list[RowEffects]]]:
        """Plan rows until there is enough to read at once, and give them with those that were refused on the way."""
        tasks: list[Task] = []
        refused: list[RowEffects] = []
        for row in self._rows():
            if row.line in known:
                continue
            planned = self._planned(row)
            if isinstance(planned, RowEffects):
                refused.append(planned)
                continue
            tasks.append(planned)
            if sum(task.n_tokens for task in tasks) >= _N_TOKENS:
                yield tasks, refused
                tasks, refused = [], []
        if tasks or refused:
            yield tasks, refused

    def _planned(self, row: Item | BrokenRow) -> Task | RowEffects:
        if isinstance(row, BrokenRow):
            return RowEffects(Item(row.line, ()), problem=f"Line {row.line}: {row.reason}.")
        try:
            if self.params.method == "patching":
                return odds.plan(self.model, row)
            return margins.plan(self.model, row, margin=self.params.margin)
        except LmvizError as error:
            return RowEffects(row, problem=f"Line {row.line}: {error}")

    def _swept(self, tasks: Sequence[Task], means: Means | None) -> Batches:
        if not tasks:
            return iter(())
        if self.params.method == "patching":
            return sweeps.patching(self.model, tasks)
        return sweeps.ablation(self.model, tasks, means=means)


def localisation_run(model: "LoadedModel", **params: Any) -> LocalisationRun:
    """Prepare a localisation: nothing has run yet; `batches` gives rows as they come, `result` sums them up.

    Args:
        model: An encoder with a mask, or a decoder.
        **params: As in `Params`.

    Returns:
        What `lmviz.engine.jobs.Job` takes the batches of.

    Raises:
        NotForThisModel: Nothing can be replaced in it, or it gives no probabilities of tokens.
        InvalidParameter: A parameter of the wrong name, type or value, or rows of the wrong length.
    """
    return _prepared(model, ANALYSIS.make_params(params))


def _prepared(model: "LoadedModel", params: Params) -> LocalisationRun:
    scoring.check(model, "l2r")
    if not model.has_interface or not model.has_stream(model.part_named(None)):
        raise NotForThisModel(
            f"Heads cannot be taken out of {model.id} ({model.hf_model.config.model_type}), or where it keeps its "
            "residual stream is not known. Choose a model of another family, such as minilm-mlm or smollm2-135m."
        )
    asked = (
        ("method", params.method, METHODS),
        ("way to ablate", params.how, WAYS),
        ("margin", params.margin, margins.MARGINS),
    )
    for name, value, known in asked:
        if value not in known:
            raise InvalidParameter(f"{SLUG} has no {name} '{value[:40]}'. Choose from {', '.join(known)}.")
    if params.limit is not None and params.limit < 1:
        raise InvalidParameter(f"A limit of {params.limit} leaves no row. Give 1 or more, or none for all rows.")
    return LocalisationRun(model, params, sources.files(params.pairs, params.method))


def bias_localisation(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> BiasLocalisation:
    """Ask which heads a preference rests on.

    "ablation" takes out one head at a time and looks at the preference between the two texts of a minimal pair.
    "patching" is causal mediation (Vig et al., 2020): a head's pattern, or what an MLP or a layer has at some
    positions, is taken from the run of a counterfactual, and the odds of two continuations are compared.

    Args:
        model: An encoder with a mask, or a decoder.
        params: The rows and the method.
        on_progress: Told after every few runs.

    Returns:
        Mean effects in nats with intervals, and p-values adjusted for the number of heads.

    Raises:
        Cancelled: `on_progress` stopped it; `so_far` has the result of what was done.
        InvalidParameter: There is not a single row.
        LmvizError: As `localisation_run`.
    """
    run = _prepared(model, params)
    if not run.n_items:
        raise InvalidParameter("The source has no rows. Choose another one.")
    result: BiasLocalisation = summed_up(run, run.batches(), on_progress=on_progress)
    return result


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="bias",
    needs=frozenset({"logits", "pattern"}),
    params=Params,
    run=bias_localisation,
    reference="https://arxiv.org/abs/2004.12265",
    caution=(
        "An effect is one of this set of rows and this way of replacing. Heads make up for each other, so a head that "
        "is not needed may still take part, and the effects of many do not add up."
    ),
    checks=(passes_add_up, within_intervals),
)
