"""Does the model use what a probe reads? It is taken out of a layer, or more of it added, beside random directions."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.erasure.eraser import Eraser, orthogonal_eraser, random_eraser, random_rows
from lmviz.analyses.bias.erasure.leace import leace
from lmviz.analyses.bias.erasure.probes import fitted_rows
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.bias.removal_texts import surprisals
from lmviz.analyses.predictions import scoring
from lmviz.analyses.probing.fitting import LinearProbe, fit_linear
from lmviz.analyses.probing.material import DEV, TEST, TRAIN
from lmviz.analyses.probing.probe_run import Params as ProbeParams
from lmviz.analyses.probing.probe_run import ProbeRun, probe_run
from lmviz.analyses.probing.vectors import Vectors, vectors
from lmviz.errors import InvalidParameter, did_you_mean
from lmviz.results import Check, DirectionEffect
from lmviz.statistics import paired_effect, paired_permutation

if TYPE_CHECKING:
    from lmviz.capture.intervene import Intervention
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "probe-direction", "A probe's direction, removed or added"
HOWS = ("probe", "leace", "add")
_LONGEST, _FEWEST = 60, 2  # words of a text whose surprisal is looked at; texts
_MOST_FOR_ROWS = 5000  # items; without standardised vectors a fit takes many steps
Change = Callable[[Vectors], np.ndarray]
Part = tuple[Vectors, np.ndarray]


@dataclass(frozen=True)
class Params:
    """What is taken out of which layer, or added to it.

    `how` "probe" projects out what a linear probe's rows span, "leace" everything that any linear probe could read,
    "add" adds `strength` times the step from the mean of all other items to the mean of those with a `label`. With a
    `label` only that label against the rest is meant; None: all labels. `layer` counts what enters the first block as
    0; None: the middle. The rest is as for `linear-probe`; `n_texts` held-out texts are read by the model.
    """

    source: str | None = None
    task: str = "upos"
    layer: int | None = None
    how: str = "probe"
    label: str | None = None
    strength: float = 1.0
    pooling: str = "mean"
    limit: int | None = 2000
    n_draws: int = 5
    n_texts: int = 100
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Condition:
    """A condition: what becomes of vectors, what is replaced in the model, and of how many directions."""

    name: str
    change: Change
    interventions: "tuple[Intervention, ...]"
    rank: int


def probe_direction(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> DirectionEffect:
    """Take what a probe reads out of the residual stream after a layer, and see what the model predicts then.

    Args:
        model: An encoder or a decoder with a language-model head.
        params: The task, the layer and how.
        on_progress: Told after every condition.

    Returns:
        Surprisal of held-out texts, and what probes still tell, before, after, and with random directions in its place.

    Raises:
        InvalidParameter: No such task, source, layer, label or way, or too few texts.
        NotForThisModel: The model gives no probabilities of tokens.
    """
    scoring.check(model, "l2r")
    _check(params)
    middle = (model.n_layers + 1) // 2
    layer = middle if params.layer is None else params.layer
    run = probe_run(
        "linear",
        model,
        params=ProbeParams(
            params.source,
            params.task,
            (layer,),
            params.seed,
            1,
            params.pooling,
            limit=params.limit,
            random_weights=False,
        ),
    )
    data = _data(run, layer, params, on_progress=lambda done, message="": on_progress(0.3 * done, message))
    texts = _texts(run, params)
    n_labels = 2 if params.label is not None else len(run.material.labels)
    probe = fit_linear(*data[TRAIN], n_labels=n_labels, dev=data[DEV])
    conditions = _conditions(params, layer, data=data[TRAIN])
    measured = []
    for number, condition in enumerate(conditions, start=1):
        measured.append(_measured(model, condition, data=data, probe=probe, texts=texts))
        on_progress(0.3 + 0.7 * number / len(conditions), condition.name)
    return _result(run, params, conditions=conditions, measured=measured, data=data)


def _check(params: Params) -> None:
    if params.how not in HOWS:
        raise InvalidParameter(f"It is done by {', '.join(HOWS)}, not {params.how!r}.")
    if params.how == "add" and params.label is None:
        raise InvalidParameter("Name the label that more is to be added of, such as label='NOUN'.")
    if params.n_draws < 0 or params.n_texts < _FEWEST:
        raise InvalidParameter(f"Ask for {_FEWEST} texts or more, and 0 random draws or more.")


def _data(run: ProbeRun, layer: int, params: Params, *, on_progress: Progress) -> tuple[Part, Part, Part]:
    """Give vectors and labels of each side; of one label and the rest where a label is named."""
    from lmviz.capture.activations import captured

    activations = captured(run.capture, on_progress=on_progress)
    labels = run.material.label
    if params.label is not None:
        if params.label not in run.material.labels:
            close = did_you_mean(params.label, run.material.labels)
            raise InvalidParameter(f"No {run.item} has the label '{params.label[:40]}'.{close}")
        labels = (labels == run.material.labels.index(params.label)).astype(np.int64)
    parts = [run.parts(side) for side in (TRAIN, DEV, TEST)]
    train, dev, test = ((vectors(activations, layer, pieces=run.found, parts=own), labels[own]) for own in parts)
    return train, (dev if len(dev[1]) else train), test


def _texts(run: ProbeRun, params: Params) -> list[str]:
    """Give held-out texts for the model to read."""
    numbers = np.unique(run.material.text_of[run.parts(TEST)])
    found = [
        run.material.texts[number] for number in numbers if 1 < len(run.material.texts[number].split()) <= _LONGEST
    ]
    if len(found) < _FEWEST:
        raise InvalidParameter("There are too few held-out texts to read. Give more sentences.")
    order = np.random.default_rng(params.seed).permutation(len(found))[: params.n_texts]
    return [found[place] for place in sorted(order)]


def _conditions(params: Params, layer: int, *, data: Part) -> list[_Condition]:
    """Give what is done before, after, and at random."""
    seeds = [int(seed) for seed in np.random.SeedSequence(params.seed).generate_state(params.n_draws)]
    before = _Condition("before", lambda x: x, (), 0)
    if params.how == "add":
        return [before, *_steps(params, layer, data=data, seeds=seeds)]
    eraser = leace(*data) if params.how == "leace" else _of_probe(data)
    erasers = {"after": eraser} | {f"random {n}": random_eraser(eraser, seed=seed) for n, seed in enumerate(seeds, 1)}
    return [before, *(_erased(name, own, layer) for name, own in erasers.items())]


def _of_probe(data: Part) -> Eraser:
    """Erase what the rows of a probe span that is fitted on vectors with all dimensions scaled alike.

    The rows of a probe on standardised vectors lean towards dimensions with little variance, where hardly anything
    would be taken out. What all rows share tells no label from another.
    """
    x, y = data[0][:_MOST_FOR_ROWS].astype(np.float64), data[1][:_MOST_FOR_ROWS]
    rows = fitted_rows(x, y)
    rows = rows if len(rows) == 1 else rows - rows.mean(axis=0)
    return orthogonal_eraser(rows, data[0].mean(axis=0), method="probe")


def _place(layer: int) -> tuple[int, str]:
    """Give the block and the place where activations of a layer stand."""
    return (0, "resid_pre") if layer == 0 else (layer - 1, "resid_post")


def _erased(name: str, eraser: Eraser, layer: int) -> _Condition:
    from lmviz.capture.intervene import ProjectOut

    block, place = _place(layer)
    if not eraser.rank:
        raise InvalidParameter(f"No label is told from others at layer {layer}. Choose another layer.")
    out = ProjectOut(block, eraser.writers, place, center=eraser.center, readers=eraser.readers)
    return _Condition(name, lambda x: eraser(x).astype(np.float32), (out,), eraser.rank)


def _steps(params: Params, layer: int, *, data: Part, seeds: Sequence[int]) -> list[_Condition]:
    """Add a step towards a label's mean, and steps of the same length anywhere."""
    from lmviz.capture.intervene import AddDirection

    x, y = data
    step = (x[y == 1].mean(axis=0) - x[y != 1].mean(axis=0)).astype(np.float64) * params.strength
    length = float(np.linalg.norm(step))
    block, place = _place(layer)
    steps = {"after": step}
    for number, seed in enumerate(seeds, start=1):
        drawn = random_rows(1, step.size, seed=seed)[0]
        steps[f"random {number}"] = drawn * length / np.linalg.norm(drawn)

    def condition(name: str, own: np.ndarray) -> _Condition:
        return _Condition(name, lambda z: (z + own).astype(np.float32), (AddDirection(block, own, 1.0, place),), 1)

    return [condition(name, own) for name, own in steps.items()]


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a condition comes to: the surprisal of each text, and what probes tell."""

    surprisal: np.ndarray
    fixed: float
    refitted: float
    removed: float


def _measured(
    model: "LoadedModel", condition: _Condition, *, data: tuple[Part, Part, Part], probe: LinearProbe, texts: list[str]
) -> _Measured:
    from lmviz.capture.intervene import intervening

    with intervening(model, condition.interventions):
        found = np.array(surprisals(model, texts))
    train, dev, test = ((condition.change(x), y) for x, y in data)
    again = fit_linear(*train, n_labels=len(probe.rows), dev=dev)
    x = data[TEST][0].astype(np.float64)
    total = float(((x - x.mean(axis=0)) ** 2).sum()) or 1.0
    removed = float(((x - test[0]) ** 2).sum()) / total
    return _Measured(found, _told(probe, test), _told(again, test), removed)


def _told(probe: LinearProbe, data: Part) -> float:
    return float((probe.log_probabilities(data[0]).argmax(axis=1) == data[1]).mean())


def _result(
    run: ProbeRun, params: Params, *, conditions: list[_Condition], measured: list[_Measured], data: tuple[Part, ...]
) -> DirectionEffect:
    """Set every condition against the first, text by text."""
    before = measured[0].surprisal
    changes = [one.surprisal - before for one in measured]
    effects = [paired_effect(change, seed=params.seed) for change in changes]
    p = [1.0 if not change.any() else paired_permutation(change, seed=params.seed) for change in changes]
    known = np.bincount(data[TRAIN][1]).argmax()

    def column(values: Sequence[float]) -> np.ndarray:
        return np.array(values, dtype=np.float32)

    signed = {**provenance(run.model, asdict(params)), "data": dict(fingerprint(run.files))}
    return DirectionEffect(
        conditions=tuple(one.name for one in conditions),
        surprisal=column([float(one.surprisal.mean()) for one in measured]),
        change=column([one.mean for one in effects]),
        low=column([one.interval[0] for one in effects]),
        high=column([one.interval[1] for one in effects]),
        p=column(p),
        fixed=column([one.fixed for one in measured]),
        refitted=column([one.refitted for one in measured]),
        removed=column([one.removed for one in measured]),
        majority=float((data[TEST][1] == known).mean()),
        n_train=len(data[TRAIN][1]),
        n_test=len(data[TEST][1]),
        n_texts=len(before),
        how=params.how,
        layer=run.layers[0],
        rank=conditions[1].rank,
        note=" ".join(run.material.notes),
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def before_is_itself(result: DirectionEffect) -> Check:
    """Compare the condition in which nothing is done with itself."""
    off = abs(float(result.change[0])) + abs(float(result.fixed[0] - result.refitted[0]))
    return Check(
        slug="nothing",
        sentence=f"nothing done changes {off:.0e}",
        passed=off <= 1e-6,
        value=off,
        limit=1e-6,
        meaning="The condition in which nothing is done differs from itself; do not use the changes.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"logits", "resid_post"}),
    params=Params,
    run=probe_direction,
    reference="https://arxiv.org/abs/2006.00995",
    caution=(
        "That predictions get worse may come from any change of a vector: compare with random directions, and with how "
        "much is moved. A linear probe that finds nothing more does not mean that nothing is left."
    ),
    checks=(before_is_itself,),
)
