"""From what every probe said of every test item to curves with intervals."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from lmviz.analyses.base import provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing.material import TEST, TRAIN, UNKNOWN
from lmviz.analyses.probing.outcomes import Outcome
from lmviz.analyses.probing.probe_run import CONTROL, RANDOM, TASK, ProbeRun, Step
from lmviz.results import ProbeCurve
from lmviz.statistics import resampled

MOST_FOR_F1 = 50  # labels whose macro F1 gets an interval
_POOLED = {"mean": "the mean of its tokens", "first": "its first token", "last": "its last token"}
TIED = "in the control each form draws whether it hangs on itself, the first or the last word of its sentence."
TITLES = {"linear": "Linear probe", "mlp": "MLP probe"}
Rows = Float[np.ndarray, "layer item"]


@dataclass(frozen=True, eq=False)
class Told:
    """What was said in a run so far: the layers that are complete, and the outcomes of their steps."""

    run: ProbeRun
    outcomes: Mapping[Step, Outcome]

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The layers all of whose probes of the task and of the control have been fitted."""
        wanted: dict[int, list[Step]] = {}
        for step in self.run.steps:
            if step.what != RANDOM:
                wanted.setdefault(step.layer, []).append(step)
        return tuple(layer for layer, steps in wanted.items() if all(step in self.outcomes for step in steps))

    @cached_property
    def parts(self) -> np.ndarray:
        """The test items, as numbers of the material's parts."""
        return self.run.parts(TEST)

    @cached_property
    def texts(self) -> np.ndarray:
        """The text of each test item."""
        found: np.ndarray = self.run.material.text_of[self.parts]
        return found

    @cached_property
    def unseen(self) -> np.ndarray:
        """Whether each test item has a form that no training item has."""
        forms = self.run.material.forms
        known = {forms[part] for part in self.run.parts(TRAIN)}
        return np.array([forms[part] not in known for part in self.parts], dtype=bool)

    def steps(self, layer: int, what: str) -> list[Step]:
        """Give the steps of a layer."""
        return [step for step in self.run.steps if (step.layer, step.what) == (layer, what) and step in self.outcomes]

    def right(self, step: Step) -> np.ndarray:
        """Say of each test item whether a probe told its label: 1 or 0."""
        labels = self.run.labels(step)[self.parts]
        found: np.ndarray = (self.outcomes[step].predicted == labels).astype(np.float64)
        return found

    def share(self, what: str) -> Rows:
        """Give how many of the seeds told each test item's label, layer by layer; NaN where nothing was fitted."""
        found = np.full((len(self.layers), len(self.parts)), np.nan)
        for row, layer in enumerate(self.layers):
            steps = self.steps(layer, what)
            if steps:
                found[row] = np.mean([self.right(step) for step in steps], axis=0)
        return found


def summed_up(run: ProbeRun, outcomes: Mapping[Step, Outcome]) -> ProbeCurve | None:
    """Sum up the layers that are complete; None where there is none yet.

    Intervals draw the test sentences again, all layers over the same draws. Accuracy and selectivity are means over the
    seeds.

    Args:
        run: The question.
        outcomes: What its probes said so far.
    """
    told = Told(run, outcomes)
    if not told.layers:
        return None
    material = run.material
    rows = {"accuracy": told.share(TASK), "control": told.share(CONTROL)}
    rows["selectivity"] = rows["accuracy"] - rows["control"]
    if run.random is not None:
        rows["random_weights"] = told.share(RANDOM)
    series, low, high = _curves(told, rows)
    main = resampled(rows["accuracy"], clusters=told.texts, seed=run.params.seed)
    best = main.clear_best()
    first = [told.outcomes[told.steps(layer, TASK)[0]] for layer in told.layers]
    baselines = _baselines(told)
    return ProbeCurve(
        layers=told.layers,
        n_layers=run.model.n_layers,
        series=series,
        low=low,
        high=high,
        baselines=baselines,
        numbers=_numbers(told),
        note=_note(run),
        task=run.params.task,
        probe=run.kind,
        item=run.item,
        labels=material.labels,
        **_items(told),
        predicted=np.stack([one.predicted for one in first]).astype(np.int64),
        confidence=np.stack([one.confidence for one in first]),
        probability=_probabilities(told),
        best=None if best is None else told.layers[best],
        information=_information(told),
        seeds={what: _by_seed(told, what) for what in (TASK, CONTROL)},
        provenance=signature(run),
    )


def _note(run: ProbeRun) -> str:
    """Say what a vector is, what was left out, and how seeds differ."""
    notes = (
        f"A {run.item}'s vector is {_POOLED[run.params.pooling]}." if run.item not in ("text", "pair") else "",
        f"A word's vector is {_POOLED[run.params.pooling]}; {TIED}" if run.ties_words else "",
        *run.material.notes,
        _left_out(run),
        ""
        if run.params.n_seeds == 1
        else f"Each of the {run.params.n_seeds} seeds leaves out another tenth to train on.",
    )
    return " ".join(note for note in notes if note)


def _items(told: Told) -> dict[str, Any]:
    """Give the test items: their texts, where they stand, and their labels."""
    material, parts = told.run.material, told.parts
    return {
        "texts": tuple(material.texts[text] for text in np.unique(told.texts)),
        "text_of": np.unique(told.texts, return_inverse=True)[1].astype(np.int64),
        "spans": material.spans[parts],
        "forms": tuple(material.forms[part] for part in parts),
        "label": material.label[parts],
    }


def signature(run: ProbeRun, *, code: bool = False) -> dict[str, object]:
    """Say what decides the numbers; of a probe, or of its online code."""
    signed = provenance(run.model, asdict(run.params))
    slug, title = ("mdl-probe", "Online code of a probe (MDL)") if code else (f"{run.kind}-probe", TITLES[run.kind])
    return {
        "analysis": slug,
        "title": title,
        **signed,
        "data": dict(fingerprint(run.files)),
        "material": run.material.fingerprint,
        "probe": run.kind,
    }


def _curves(told: Told, rows: Mapping[str, Rows]) -> tuple[dict[str, np.ndarray], ...]:
    """Give each series with its interval, by sentences drawn again."""
    series, low, high = {}, {}, {}
    seed = told.run.params.seed
    for name, own in rows.items():
        if np.isnan(own).all():
            continue
        found = resampled(np.nan_to_num(own), clusters=told.texts, seed=seed)
        is_there = ~np.isnan(own).any(axis=1)
        ends = found.interval()
        series[name], low[name], high[name] = (_or_nan(one, is_there) for one in (found.means, *ends))
    if told.unseen.any():
        weights = np.tile(told.unseen.astype(np.float64), (len(told.layers), 1))
        found = resampled(rows["accuracy"], weights=weights, clusters=told.texts, seed=seed)
        draws = np.nan_to_num(found.draws, nan=float(np.nanmean(found.means)))
        ends = found.interval_of(draws)
        series["unseen"], low["unseen"], high["unseen"] = (one.astype(np.float32) for one in (found.means, *ends))
    series["macro_f1"], low["macro_f1"], high["macro_f1"] = _macro_f1(told)
    return series, low, high


def _or_nan(values: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.where(is_there, values, np.nan).astype(np.float32)
    return found


def _macro_f1(told: Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the mean F1 over the labels of the test, by the first seed's probes, with intervals where labels are few."""
    labels = told.run.material.label[told.parts]
    present = [label for label in np.unique(labels) if label != UNKNOWN]
    found = np.full((3, len(told.layers)), np.nan, dtype=np.float32)
    for row, layer in enumerate(told.layers):
        predicted = told.outcomes[told.steps(layer, TASK)[0]].predicted
        counted = np.stack([_f1_counts(predicted == label, labels == label) for label in present])  # (label, 2, item)
        flat = counted.reshape(-1, counted.shape[-1])
        found[0, row] = float(np.mean(_f1(flat.sum(axis=1, dtype=np.float64))))
        if len(present) <= MOST_FOR_F1:
            drawn = resampled(flat, clusters=told.texts, n_resamples=1000, seed=told.run.params.seed)
            found[1:, row] = drawn.interval_of(_f1(drawn.draws).mean(axis=-1))
    return found[0], found[1], found[2]


def _f1_counts(chosen: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Give, per item, twice the hits, and what was chosen plus what is right."""
    return np.stack([2 * (chosen & right), chosen.astype(np.int8) + right]).astype(np.int8)


def _f1(sums: np.ndarray) -> np.ndarray:
    """Divide: (…, label · 2) to (…, label); 0 where a label is neither chosen nor there."""
    twice, either = sums[..., 0::2], sums[..., 1::2]
    found: np.ndarray = np.divide(twice, either, out=np.zeros_like(twice), where=either > 0)
    return found


def _baselines(told: Told) -> dict[str, float]:
    """Give what can be had without a model: the most frequent label, overall and of each form."""
    material = told.run.material
    train, labels = told.run.parts(TRAIN), material.label[told.parts]
    by_form: dict[str, Counter[int]] = {}
    for part in train:
        by_form.setdefault(material.forms[part], Counter())[int(material.label[part])] += 1
    overall = int(np.bincount(material.label[train]).argmax())
    usual = {form: max(sorted(counts), key=counts.__getitem__) for form, counts in by_form.items()}
    guessed = np.array([usual.get(material.forms[part], overall) for part in told.parts])
    return {"majority": float((labels == overall).mean()), "type_majority": float((guessed == labels).mean())}


def _numbers(told: Told) -> dict[str, float]:
    material = told.run.material
    sides = {f"n_{name}": float(len(told.run.parts(side))) for side, name in enumerate(("train", "dev", "test"))}
    unseen = {"n_unseen": float(told.unseen.sum()), "n_test_texts": float(len(np.unique(told.texts)))}
    return {**sides, **unseen, "n_labels": float(len(material.labels)), "entropy": _entropy(told)}


def label_shares(run: ProbeRun, labels: np.ndarray) -> np.ndarray:
    """Give how frequent each label is in the training part, of the task's labels or of a control's."""
    counts = np.bincount(labels[run.parts(TRAIN)], minlength=len(run.material.labels))
    found: np.ndarray = counts / counts.sum()
    return found


def _entropy(told: Told) -> float:
    """Give how many bits a test label takes for somebody who knows how frequent labels are in training."""
    label = told.run.material.label
    known = label[told.parts]
    return float(-np.log2(label_shares(told.run, label)[known[known != UNKNOWN]]).mean())


def _information(told: Told) -> np.ndarray:
    """Give the V-information of each layer in bits (Xu et al., 2020): how many fewer bits a test label takes."""
    known = told.run.material.label[told.parts] != UNKNOWN
    null = _entropy(told)
    found = [
        np.mean([told.outcomes[step].log_probability[known].mean(dtype=np.float64) for step in told.steps(layer, TASK)])
        for layer in told.layers
    ]
    return np.array([null + bits / np.log(2) for bits in found], dtype=np.float32)


def _probabilities(told: Told) -> np.ndarray:
    """Give the probability of the right label, averaged over seeds."""
    return np.stack(
        [
            np.mean([np.exp(told.outcomes[step].log_probability) for step in told.steps(layer, TASK)], axis=0)
            for layer in told.layers
        ]
    ).astype(np.float32)


def _by_seed(told: Told, what: str) -> np.ndarray:
    return np.array(
        [[told.right(step).mean() for step in told.steps(layer, what)] for layer in told.layers], dtype=np.float32
    )


def _left_out(run: ProbeRun) -> str:
    """Say what the model could not read."""
    n_long, n_lost = len(run.capture.texts.too_long), int((~run.found.is_there).sum())
    parts: Sequence[str] = (
        f"{n_long:,} texts are too long for {run.model.id} and left out." if n_long else "",
        f"{n_lost:,} {run.item}s have no token of their own and are left out." if n_lost else "",
    )
    return " ".join(part for part in parts if part)
