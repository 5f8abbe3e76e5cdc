"""All probes of one question, each fitted once and kept: it can be stopped and gone on with."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmviz.analyses.probing.attachment import attached
from lmviz.analyses.probing.controls import control_task
from lmviz.analyses.probing.fitting import Whitening, fit_named, steps_on, whitening
from lmviz.analyses.probing.material import DEV, TEST, TRAIN, Division, Material, hashed, material
from lmviz.analyses.probing.outcomes import Outcome, keep, kept, said
from lmviz.analyses.probing.sources import source_of, unit_of
from lmviz.analyses.probing.tasks import chance
from lmviz.analyses.probing.vectors import Pieces, Vectors, pieces, vectors
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.analyses.base import Progress
    from lmviz.capture.activation_files import Activations
    from lmviz.capture.activations import Capture
    from lmviz.models.loaded import LoadedModel

TASK, CONTROL, RANDOM = "task", "control", "random"
_FOLDS = 10  # each seed leaves out another tenth of the training texts
_VERSION = 2  # of how probes are fitted: what an older one has kept is not used
_SPEED = 1e10  # multiplications a second of a fit, about


@dataclass(frozen=True)
class Params:
    """What is asked of which layers.

    `source` is None for what ships, the name of a published set, a file or a folder. `layers` count what enters the
    first block as 0; None: all. `pooling` says which tokens of a word are taken: mean, first or last. `held_out` is
    "sentence", "word" or "lemma". `limit` keeps so many training sentences. `random_weights` sets the same model before
    any training beside it, and doubles the time of the capture.
    """

    source: str | None = None
    task: str = "upos"
    layers: tuple[int, ...] | None = None
    seed: int = 0
    n_seeds: int = 5
    pooling: str = "mean"
    held_out: str = "sentence"
    limit: int | None = None
    random_weights: bool = True


def chosen_layers(model: "LoadedModel", wanted: Sequence[int] | None) -> tuple[int, ...]:
    """Give the layers that are asked for, in order; None: what enters the first block, and what leaves each.

    Raises:
        InvalidParameter: There is no such layer, or none is named.
    """
    n_layers = model.n_layers
    found = tuple(range(n_layers + 1)) if wanted is None else tuple(sorted(set(wanted)))
    wrong = [layer for layer in found if not 0 <= layer <= n_layers]
    if wrong or not found:
        asked = f"there is no layer {wrong[0]}" if wrong else "none was named"
        raise InvalidParameter(f"{model.id} has layers 0 (what enters the first block) to {n_layers}; {asked}.")
    return found


@dataclass(frozen=True, order=True)
class Step:
    """One probe: at which layer, of what, by which seed."""

    layer: int
    what: str
    seed: int


@dataclass(frozen=True, eq=False)
class ProbeRun:
    """A question that is ready to be asked; nothing has run but the tokenizer.

    `kind` is the probe, `model` the model, `random` the same model before training where it is asked for.
    """

    kind: str
    model: "LoadedModel"
    params: Params
    material: Material
    item: str
    files: tuple[Path, ...]
    capture: "Capture"
    random: "Capture | None"
    _kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The layers that are probed."""
        return chosen_layers(self.model, self.params.layers)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every probe that is fitted, layer by layer."""
        seeds = range(self.params.n_seeds)
        found = [Step(layer, what, seed) for layer in self.layers for what in (TASK, CONTROL) for seed in seeds]
        return (*found, *(Step(layer, RANDOM, 0) for layer in self.layers if self.random is not None))

    @property
    def seconds(self) -> float:
        """About how long everything will take here; what was done before is taken off."""
        left = [step for step in self.steps if not self._file(step).exists()]
        if not left:
            return 0.0
        captures = self.capture.seconds + (self.random.seconds if self.random is not None else 0.0)
        n_train, width = len(self.material.on(TRAIN)), self.capture.width * max(1, self.material.spans.shape[1])
        one = n_train * width * (len(self.material.labels) * 2 * steps_on(n_train) + width) / _SPEED
        return float(captures + len(left) * (one + 0.02))

    @property
    def n_bytes(self) -> int:
        """What the activations take on disk."""
        return self.capture.n_bytes + (self.random.n_bytes if self.random is not None else 0)

    @cached_property
    def found(self) -> Pieces:
        """The tokens of every labelled part."""
        return pieces(self.material, self.capture.tokens, pooling=self.params.pooling)

    def parts(self, side: int) -> np.ndarray:
        """Give the parts of a side that have tokens; to train on, those with a label that is learnt."""
        known = (self.material.side == side) & self.found.is_there
        return np.flatnonzero(known & (self.material.label >= 0) if side != TEST else known)

    def training(self, seed: int) -> np.ndarray:
        """Give the parts that a seed trains on, as places among `parts(TRAIN)`: each leaves out another tenth."""
        texts = self.material.text_of[self.parts(TRAIN)]
        if self.params.n_seeds == 1:
            return np.arange(len(texts))
        folds = max(_FOLDS, self.params.n_seeds)
        known = {text: chance(f"fold {self.params.seed}\n{self.material.texts[text]}") for text in set(texts.tolist())}
        kept = np.array([known[text] % folds != seed for text in texts.tolist()])
        return np.flatnonzero(kept) if kept.any() else np.arange(len(texts))

    def labels(self, step: Step) -> np.ndarray:
        """Give the labels that a step's probe is to tell: the task's, or the control's."""
        if step.what != CONTROL or self.ties_words:
            return self.material.label
        key = f"control {step.seed}"
        if key not in self._kept:
            drawn = control_task(self.material.label[self.parts(TRAIN)], seed=self.seed_of(step))
            self._kept[key] = drawn.of(self.material.forms)
        found: np.ndarray = self._kept[key]
        return found

    def pieces(self, step: Step) -> Pieces:
        """Give the tokens that a step's probe sees of every part: the part's own, or those of the control's pairs."""
        if step.what != CONTROL or not self.ties_words:
            return self.found
        key = f"pairs {step.seed}"
        if key not in self._kept:
            self._kept[key] = attached(self.material, self.found, seed=self.seed_of(step))
        found: Pieces = self._kept[key]
        return found

    @property
    def ties_words(self) -> bool:
        """Whether pairs of words are told apart: their control ties other words, not other labels."""
        return self.item == "pair"

    def seed_of(self, step: Step) -> int:
        """Give the seed of a step's fit and control."""
        return self.params.seed * 1000 + step.seed

    def outcomes(self, on_progress: "Progress") -> Iterator[tuple[Step, Outcome]]:
        """Fit what was not fitted before, and give what every probe said.

        Args:
            on_progress: Told after every batch of the capture and every fit; it may raise to stop.
        """
        total = max(self.seconds, 1e-9)
        shares = (self.capture.seconds / total, self.random.seconds / total if self.random is not None else 0.0)
        before = 0.0
        for number, (capture, steps) in enumerate(
            ((self.capture, self.of(TASK, CONTROL)), (self.random, self.of(RANDOM)))
        ):
            if capture is None or not steps:
                continue
            base, share = before, shares[number]
            own = LayerVectors(self, capture, lambda done, message, b=base, s=share: on_progress(b + s * done, message))
            fits = (1 - sum(shares)) * len(steps) / len(self.steps)
            for place, step in enumerate(steps):
                yield step, self.outcome(step, own)
                on_progress(base + share + fits * (place + 1) / len(steps), f"layer {step.layer}, {step.what}")
            before = base + share + fits

    def of(self, *what: str) -> list[Step]:
        """Give the steps of some kinds."""
        return [step for step in self.steps if step.what in what]

    def outcome(self, step: Step, own: "LayerVectors") -> Outcome:
        """Give what a probe said, fitted where it was not before."""
        path, key = self._file(step), (step.layer, step.what)
        before = kept(path)
        if before is not None:
            own.strengths.setdefault(key, before.strength)
            return before
        x, dev, test = own.of(step)
        labels = self.labels(step)
        parts = [labels[self.parts(side)] for side in (TRAIN, DEV, TEST)]
        chosen = self.training(step.seed) if step.what != RANDOM else np.arange(len(x))
        train = (x, parts[0]) if len(chosen) == len(x) else (x[chosen], parts[0][chosen])
        named: dict[str, Any] = {"n_labels": len(self.material.labels), "dev": (dev, parts[1]) if len(dev) else train}
        if self.kind == "linear":
            named["change"] = own.change(train[0], step.seed)
        fit = fit_named(self.kind)
        probe = fit(*train, **named, seed=self.seed_of(step), strength=own.strengths.get(key))
        own.strengths[key] = strength = getattr(probe, "strength", None)
        found = said(probe.log_probabilities(test), parts[2], strength=strength)
        keep(path, found)
        return found

    def _file(self, step: Step) -> Path:
        return self.kept_at(f"{_VERSION} {self.kind}", step)

    def kept_at(self, what: str, step: Step) -> Path:
        """Give the file that something is kept in which was worked out for a step."""
        capture = self.random if step.what == RANDOM and self.random is not None else self.capture
        n_seeds = self.params.n_seeds if step.what != RANDOM else 1
        signed = hashed(f"{what} {self._signature} {step} {n_seeds}")
        return capture.folder.parent.parent / "probes" / capture.folder.name / f"{signed[:32]}.npz"

    @cached_property
    def _signature(self) -> str:
        own = {name: value for name, value in asdict(self.params).items() if name in ("seed", "pooling")}
        return f"{self.material.fingerprint} {sorted(own.items())}"


class LayerVectors:
    """The vectors of one layer at a time; captured when the first is asked for. What dev chose at a layer is kept."""

    def __init__(self, run: ProbeRun, capture: "Capture", on_progress: Any) -> None:
        self._run, self._capture, self._on_progress = run, capture, on_progress
        self._activations: Activations | None = None
        self._kept: tuple[int, Pieces] | None = None
        self._vectors: tuple[Vectors, ...] = ()
        self._changes: dict[int, Whitening] = {}  # by seed
        self.strengths: dict[tuple[int, str], float | None] = {}

    def of(self, step: Step) -> tuple[Vectors, ...]:
        """Give the vectors to train on, those of dev and those of the test."""
        from lmviz.capture.activations import captured

        if self._activations is None:
            self._activations = captured(self._capture, on_progress=self._on_progress)
        run, found = self._run, self._run.pieces(step)
        if self._kept is None or self._kept[0] != step.layer or self._kept[1] is not found:
            self._vectors, self._changes = (), {}  # before the next ones come
            self._vectors = tuple(
                vectors(self._activations, step.layer, pieces=found, parts=run.parts(side))
                for side in (TRAIN, DEV, TEST)
            )
            self._kept = step.layer, found
        return self._vectors

    def change(self, x: Vectors, seed: int) -> Whitening:
        """Give the whitening of what a seed trains on at this layer, which the task and its control share."""
        if seed not in self._changes:
            self._changes[seed] = whitening(x)
        return self._changes[seed]


def probe_run(kind: str, model: "LoadedModel", *, params: Params) -> ProbeRun:
    """Get a question ready: read and divide its sentences, and find their tokens. No model runs.

    Args:
        kind: "linear" or "mlp".
        model: An encoder or a decoder.
        params: What is asked.

    Raises:
        InvalidParameter: No such task, source, layer or probe, or too few labels.
        NotForThisModel: It is not known where the model keeps its residual stream.
    """
    from lmviz.capture.activations import capture
    from lmviz.models.random_weights import with_random_weights

    fit_named(kind)
    if params.n_seeds < 1:
        raise InvalidParameter(f"{params.n_seeds} seeds fit no probe. Give 1 or more; 5 show how much they differ.")
    item = unit_of(params.task)
    source = source_of(params.task, params.source)
    found = material(source.rows(), Division(params.held_out, params.limit, params.seed), unit=item)
    wanted = capture(model, found.texts)
    random = None
    if params.random_weights:
        random = capture(with_random_weights(model, seed=params.seed), found.texts)
    run = ProbeRun(kind, model, params, found, item, source.files, wanted, random)
    _ = run.layers
    return run
