"""How many bits do the labels take for somebody who has a layer's vectors? The online code of a linear probe."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.probing.fitting import fit_linear
from lmviz.analyses.probing.material import DEV, TRAIN
from lmviz.analyses.probing.mdl import block_ends, online_codelength, uniform_codelength
from lmviz.analyses.probing.probe_run import CONTROL, TASK, LayerVectors, Params, ProbeRun, Step, probe_run
from lmviz.analyses.probing.probe_summary import signature
from lmviz.analyses.probing.vectors import Vectors
from lmviz.errors import Cancelled
from lmviz.results import Check, CodelengthCurve
from lmviz.statistics import mean_interval

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_VERSION = 3
Part = tuple[Vectors, np.ndarray]


@dataclass(frozen=True)
class MdlParams:
    """As for `linear-probe`; each seed is another order of the training sentences and another control."""

    source: str | None = None
    task: str = "upos"
    layers: tuple[int, ...] | None = None
    seed: int = 0
    n_seeds: int = 3
    pooling: str = "mean"
    limit: int | None = None

    @property
    def of_probe(self) -> Params:
        """The same question to a probe."""
        return Params(
            self.source,
            self.task,
            self.layers,
            self.seed,
            self.n_seeds,
            self.pooling,
            limit=self.limit,
            random_weights=False,
        )


@dataclass(frozen=True)
class Code:
    """What an online code takes: bits per label, and for each block but the first what was fitted on and its bits."""

    bits: float
    sizes: tuple[int, ...]
    next_bits: tuple[float, ...]


def code_of(told: Part, texts: np.ndarray, *, dev: Part, n_labels: int) -> Code:
    """Give what an online code takes.

    Sentences come in the order in which their numbers first stand in `texts`. A probe fitted on `n` labels gives a
    label the probability (n · p + 1) / (n + n_labels), so that one it has never seen can be told too.

    Args:
        told: A vector for each label, and the labels, from 0.
        texts: The sentence of each, in the order of transmission.
        dev: What chooses the strength of the penalty; it is not told.
        n_labels: Labels there are.
    """
    x, y = told
    _, first = np.unique(texts, return_index=True)
    starts = np.sort(first)
    ends = [int(starts[end]) if end < len(starts) else len(y) for end in block_ends(len(starts))]
    losses, each = [], []
    for begin, end in pairwise(ends):
        probabilities = _right_probabilities((x[:begin], y[:begin]), (x[begin:end], y[begin:end]), dev, n_labels)
        losses.append(-float(np.log((begin * probabilities + 1) / (begin + n_labels)).sum()))
        each.append(losses[-1] / math.log(2) / (end - begin))
    return Code(online_codelength(losses, ends[0], n_labels) / len(y), tuple(ends[:-1]), tuple(each))


def _right_probabilities(train: Part, asked: Part, dev: Part, n_labels: int) -> np.ndarray:
    """Give the probability of the right label of each asked one, by a probe trained on the others."""
    if len(np.unique(train[1])) < 2:
        counts = np.bincount(train[1], minlength=n_labels)
        found: np.ndarray = (counts / max(1, counts.sum()))[asked[1]]
        return found
    probe = fit_linear(*train, n_labels=n_labels, dev=dev)
    logs = probe.log_probabilities(asked[0])
    right: np.ndarray = np.exp(logs[np.arange(len(logs)), asked[1]].astype(np.float64))
    return right


def mdl_probe(model: "LoadedModel", params: MdlParams, *, on_progress: Progress = ignore) -> CodelengthCurve:
    """Measure how many bits the labels of the training sentences take at each layer (Voita & Titov, 2020).

    Sentences are shuffled and told in blocks that end at 0.1, 0.2, 0.4, …, 100 per cent; each block by a linear probe
    that was fitted on those before it, the first without one. The control's labels are told in the same way.

    Args:
        model: An encoder or a decoder.
        params: Which task and layers.
        on_progress: Told after every batch and every code; what is done is kept when it stops.

    Returns:
        Bits per label by layer, of the task, of its control, and "selectivity", by how many the control takes more:
        means over the orders with t intervals.

    Raises:
        InvalidParameter: No such task, source or layer, or too few labels or sentences.
        NotForThisModel: It is not known where the model keeps its residual stream.
    """
    run = probe_run("linear", model, params=params.of_probe)
    done: dict[Step, Code] = {}
    try:
        done.update(_codes(run, on_progress))
    except Cancelled as stopped:
        stopped.so_far = _summed_up(run, done)
        raise
    found = _summed_up(run, done)
    if found is None:
        raise RuntimeError("every step of a run has a code")
    return found


def _codes(run: ProbeRun, on_progress: Progress) -> Iterator[tuple[Step, Code]]:
    """Give the code of each step."""
    captured = run.capture.seconds / max(run.seconds + run.capture.seconds, 1e-9)
    own = LayerVectors(run, run.capture, lambda done, message: on_progress(captured * done, message))
    for number, step in enumerate(run.steps, start=1):
        yield step, _code(run, step, own)
        on_progress(captured + (1 - captured) * number / len(run.steps), f"layer {step.layer}, {step.what}")


def _code(run: ProbeRun, step: Step, own: LayerVectors) -> Code:
    from lmviz.models import cache

    path = run.kept_at(f"code {_VERSION}", step).with_suffix(".json")
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Code(float(kept["bits"]), tuple(map(int, kept["sizes"])), tuple(map(float, kept["next_bits"])))
    x, dev, _ = own.of(step)
    labels, parts = run.labels(step), run.parts(TRAIN)
    texts = run.material.text_of[parts]
    names = np.unique(texts)
    place = np.empty(int(names.max()) + 1, dtype=np.int64)
    place[np.random.default_rng([run.params.seed, step.seed]).permutation(names)] = np.arange(len(names))
    order = np.argsort(place[texts], kind="stable")
    told = (dev, labels[run.parts(DEV)]) if len(dev) else (x, labels[parts])
    n_labels = len(run.material.labels)
    found = code_of((x[order], labels[parts][order]), texts[order], dev=told, n_labels=n_labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    cache.write_json(path, asdict(found))
    return found


def _summed_up(run: ProbeRun, codes: Mapping[Step, Code]) -> CodelengthCurve | None:
    """Average over the orders; None where no layer is complete."""
    by_place: dict[tuple[int, str], list[Code]] = {}
    for step, code in codes.items():
        by_place.setdefault((step.layer, step.what), []).append(code)
    n_seeds = run.params.n_seeds
    layers = tuple(
        layer
        for layer in run.layers
        if all(len(by_place.get((layer, what), ())) == n_seeds for what in (TASK, CONTROL))
    )
    if not layers:
        return None
    titles = {TASK: "task", CONTROL: "control"}
    found = {
        title: np.array([[code.bits for code in by_place[layer, what]] for layer in layers])
        for what, title in titles.items()
    }
    drawn = {**found, "selectivity": found["control"] - found["task"]}
    ends = {name: np.array([mean_interval(own) for own in bits]) for name, bits in drawn.items()}
    uniform = uniform_codelength(1, len(run.material.labels))
    n = len(run.parts(TRAIN))
    return CodelengthCurve(
        layers=layers,
        n_layers=run.model.n_layers,
        series={name: bits.mean(axis=1).astype(np.float32) for name, bits in drawn.items()},
        low={name: both[:, 0].astype(np.float32) for name, both in ends.items()},
        high={name: both[:, 1].astype(np.float32) for name, both in ends.items()},
        unit="bits per label",
        baselines={"uniform_code": uniform},
        numbers={"n": float(n), "n_labels": float(len(run.material.labels)), "uniform_bits": uniform * n},
        compression=(uniform / found["task"].mean(axis=1)).astype(np.float32),
        codes={name: bits.astype(np.float32) for name, bits in found.items()},
        **_learning(by_place, layers),
        note=" ".join((f"Bands: 95 % t intervals over {n_seeds} orders of the sentences.", *run.material.notes)),
        provenance=signature(run, code=True),
    )


def _learning(by_place: Mapping[tuple[int, str], Sequence[Code]], layers: Sequence[int]) -> dict[str, Any]:
    """Average the blocks over the orders, in which they have about as many labels."""

    def mean(what: str) -> np.ndarray:
        rows = [np.mean([code.next_bits for code in by_place[layer, what]], axis=0) for layer in layers]
        return np.stack(rows).astype(np.float32)

    sizes = np.mean([code.sizes for codes in by_place.values() for code in codes], axis=0)
    return {"sizes": sizes.round().astype(np.int64), "learning": {"task": mean(TASK), "control": mean(CONTROL)}}


def codes_are_whole(result: CodelengthCurve) -> Check:
    """Compare the compression with the uniform code over the bits."""
    wanted = result.baselines["uniform_code"] / result.series["task"].astype(np.float64)
    off = float(np.abs(wanted - result.compression).max(initial=0.0) / max(1.0, float(wanted.max(initial=1.0))))
    return Check(
        slug="compression",
        sentence=f"the compression differs from the uniform code over the bits by {off:.0e}",
        passed=bool(off <= 1e-5 and math.isfinite(off)),
        value=off,
        limit=1e-5,
        meaning="The compression is not that of the bits that are listed; do not use it.",
    )


ANALYSIS = Analysis(
    slug="mdl-probe",
    title="Online code of a probe (MDL)",
    group="probing",
    needs=frozenset({"resid_post"}),
    params=MdlParams,
    run=mdl_probe,
    reference="https://arxiv.org/abs/2003.12298",
    caution=(
        "Bits depend on the order of the sentences and on how much there is to learn from; compare layers on the same "
        "sentences, and with the control."
    ),
    checks=(codes_are_whole,),
)
