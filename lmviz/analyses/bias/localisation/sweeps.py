"""Every head and layer of a model, one intervention at a time, on a few rows: many runs in few passes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from lmviz.analyses.bias.items import Item
from lmviz.analyses.bias.localisation import margins, odds
from lmviz.analyses.bias.localisation.tasks import Positions, Reading, Task

if TYPE_CHECKING:
    from lmviz.capture.intervene import Intervention
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel

Effects = Float64[np.ndarray, "layer column"]
_N_TOKENS = 256  # of one group of runs: some are done in a second even by a large model
Means = Float32[np.ndarray, "layer head dimension"]


@dataclass(frozen=True, eq=False)
class RowEffects:
    """What a model says of one row, in nats, or in `problem` why there is nothing.

    `base` is the plain preference: a margin or log odds. `total` is how much the counterfactual changes it. `effects`
    are its changes under one intervention per layer and column: "heads" and "unchanged", a layer's input replaced by
    itself, of an ablation; "indirect", "direct", "mlp_out" and "resid_pre" of patching.
    """

    item: Item
    base: float = 0.0
    total: float = 0.0
    effects: Mapping[str, Effects] = field(default_factory=dict)
    problem: str = ""


Batches = Iterator[tuple[RowEffects, ...]]


@dataclass(frozen=True, eq=False)
class _Seen:
    """An input, its pass without interventions and what that says; the positions of each role are those of patching."""

    reading: Reading
    trace: "Trace"
    roles: Mapping[str, Positions] = field(default_factory=dict)

    @cached_property
    def number(self) -> float:
        return self.reading.number(self.trace.logits)

    def entered(self, layer: int) -> "Intervention":
        """Begin the pass at a layer, with the input that it has anyway."""
        from lmviz.capture.intervene import PatchStream

        return PatchStream(layer, "resid_pre", self.trace["resid_pre"][layer])


_Pair = tuple[_Seen, _Seen]  # of the prompt and of the counterfactual; twice the same where there is none


@dataclass(frozen=True, eq=False)
class _Cell:
    """One run: where its number goes, and what is replaced; nothing of it need run where nothing is."""

    name: str
    column: int
    seen: _Seen
    interventions: tuple["Intervention", ...] = ()


_Job = tuple[int, _Cell]  # the number of the row, and one of its runs


class HeadMeans:
    """The mean of what each head gathers, before W_O, over all positions of the inputs that were added."""

    def __init__(self) -> None:
        self._sums: np.ndarray = np.zeros(())
        self._n = 0

    def add(self, model: "LoadedModel", tasks: Sequence[Task]) -> None:
        """Run the inputs of some rows without interventions."""
        from lmviz.capture.intervene import Run, run_batch

        asked = (Run(reading.encoding) for task in tasks for reading in task.readings)
        for trace in run_batch(model, asked, places=("attended_value",)):
            gathered = trace["attended_value"]  # (layer, head, position, dimension)
            self._sums = self._sums + gathered.sum(axis=2, dtype=np.float64)
            self._n += gathered.shape[2]

    @property
    def values(self) -> Means:
        """The means so far."""
        means: np.ndarray = (self._sums / max(1, self._n)).astype(np.float32)
        return means


def ablation(model: "LoadedModel", tasks: Sequence[Task], *, means: Means | None) -> Batches:
    """Take out each head: what it has gathered becomes zero, or a mean.

    Args:
        model: A model whose attention can be intervened in.
        tasks: Rows with the number whose change is asked for.
        means: What to put in the place of each head; None for zero.

    Yields:
        Nothing after every few runs, a place to stop, and all rows at the end.
    """
    return _sweep(model, tasks, cells=partial(_ablated, model, means=means), places=margins.PLACES)


def patching(model: "LoadedModel", tasks: Sequence[Task]) -> Batches:
    """Put what the counterfactual makes of each head, MLP and position into the prompt's run, and the reverse.

    "indirect": the prompt is read with one head's pattern of the counterfactual. "direct": the counterfactual is read
    with one head's pattern of the prompt; both are compared with the plain prompt. "mlp_out" and "resid_pre": the
    prompt is read with what the MLP adds, or what a layer is given, in the counterfactual, at the positions of a role.

    Args:
        model: A model whose attention can be intervened in.
        tasks: Rows with a counterfactual.

    Yields:
        Nothing after every few runs, a place to stop, and all rows at the end.
    """
    return _sweep(model, tasks, cells=partial(_patched, model), places=odds.PLACES)


def _ablated(model: "LoadedModel", pair: _Pair, layer: int, *, means: Means | None) -> Iterator[_Cell]:
    from lmviz.capture.intervene import AblateHead, PatchHead

    seen = pair[0]
    entry = seen.entered(layer)
    for head in range(model.n_heads):
        gone = AblateHead(layer, head) if means is None else PatchHead(layer, head, means[layer, head])
        yield _Cell("heads", head, seen, (entry, gone))
    yield _Cell("unchanged", 0, seen, (entry,) if layer == model.n_layers // 2 else ())


def _patched(model: "LoadedModel", pair: _Pair, layer: int) -> Iterator[_Cell]:
    from lmviz.capture.intervene import PatchPattern, PatchStream

    own, other = pair
    for head in range(model.n_heads):
        for name, base, source in (("indirect", own, other), ("direct", other, own)):
            held = PatchPattern(layer, head, source.trace["pattern"][layer, head])
            yield _Cell(name, head, base, (base.entered(layer), held))
    for place in odds.STREAMS:
        value = other.trace[place][layer]  # (position, width)
        for column, role in enumerate(odds.ROLES):
            at = own.roles[role]
            put = PatchStream(layer, place, value[list(at)], None if role == "all" else at)
            yield _Cell(place, column, own, (own.entered(layer), put) if at else ())


def _sweep(
    model: "LoadedModel",
    tasks: Sequence[Task],
    *,
    cells: Callable[[_Pair, int], Iterator[_Cell]],
    places: frozenset[str],
) -> Batches:
    """Run all cells of one layer for all rows, then those of the next."""
    seen = _plain(model, tasks, places)
    yield ()
    found: list[dict[str, np.ndarray]] = [{} for _ in tasks]
    for layer in range(model.n_layers):
        jobs = [(row, cell) for row, pairs in enumerate(seen) for pair in pairs for cell in cells(pair, layer)]
        for group in _grouped(jobs):
            for (row, cell), number in zip(group, _numbers(model, [cell for _, cell in group]), strict=True):
                _table(model, found[row], cell.name)[layer, cell.column] += number
            yield ()
    yield tuple(_row(*parts) for parts in zip(tasks, seen, found, strict=True))


def _table(model: "LoadedModel", tables: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Give the table of a name, one row per layer; made where it is not there yet."""
    n_columns = len(odds.ROLES) if name in odds.STREAMS else 1 if name == "unchanged" else model.n_heads
    return tables.setdefault(name, np.zeros((model.n_layers, n_columns)))


def _grouped(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    """Cut the runs of a layer into groups that take about as long as one may wait for a stop."""
    group: list[_Job] = []
    n_tokens = 0
    for job in jobs:
        group.append(job)
        n_tokens += len(job[1].seen.reading.encoding.table) if job[1].interventions else 0
        if n_tokens >= _N_TOKENS:
            yield group
            group, n_tokens = [], 0
    if group:
        yield group


def _plain(model: "LoadedModel", tasks: Sequence[Task], places: frozenset[str]) -> list[list[_Pair]]:
    """Run all inputs without interventions."""
    from lmviz.capture.intervene import Run, run_batch

    readings = [reading for task in tasks for reading in (*task.readings, *task.others)]
    asked = (Run(reading.encoding, logits_at=reading.logits_at) for reading in readings)
    traces = run_batch(model, asked, places=places)
    seen = []
    for task in tasks:
        roles = task.roles or ({},) * len(task.readings)
        own = [_Seen(reading, next(traces), own) for reading, own in zip(task.readings, roles, strict=True)]
        others = [_Seen(reading, next(traces)) for reading in task.others]
        seen.append(list(zip(own, others or own, strict=True)))
    return seen


def _numbers(model: "LoadedModel", cells: Sequence[_Cell]) -> Iterator[float]:
    """Run the cells, and give what each says."""
    from lmviz.capture.intervene import Run, run_batch

    asked = (Run(cell.seen.reading.encoding, cell.interventions, cell.seen.reading.logits_at) for cell in cells)
    traces = run_batch(model, (run for run in asked if run.interventions))
    for cell in cells:
        reading = cell.seen.reading
        yield reading.number(next(traces).logits) if cell.interventions else cell.seen.number


def _row(task: Task, pairs: Sequence[_Pair], found: Mapping[str, np.ndarray]) -> RowEffects:
    """Compare what was found with the plain run."""
    base = sum(own.number for own, _ in pairs)
    total = sum(other.number for _, other in pairs) - base
    return RowEffects(task.item, base, total, {name: table - base for name, table in found.items()})
