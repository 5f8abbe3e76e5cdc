"""How many bits does a layer tell a linear probe about a label, and how many beyond what the embeddings tell?"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing.fitting import fit_linear
from lmviz.analyses.probing.material import DEV, TEST, TRAIN, UNKNOWN
from lmviz.analyses.probing.outcomes import Outcome, keep, kept, said
from lmviz.analyses.probing.probe_run import CONTROL, TASK, LayerVectors, ProbeRun, Step, probe_run
from lmviz.analyses.probing.probe_run import Params as ProbeParams
from lmviz.analyses.probing.probe_summary import label_shares
from lmviz.errors import Cancelled
from lmviz.results import Check, LayerCurve
from lmviz.statistics import resampled

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "v-information", "V-information"
_VERSION = 1
Logs = dict[str, dict[int, np.ndarray]]  # log-probabilities of the right labels, by what and layer


@dataclass(frozen=True)
class Params:
    """As for `linear-probe`; `conditional` also asks what a layer tells beyond the embeddings: three fits, not two."""

    source: str | None = None
    task: str = "upos"
    layers: tuple[int, ...] | None = None
    seed: int = 0
    pooling: str = "mean"
    held_out: str = "sentence"
    limit: int | None = None
    conditional: bool = True

    @property
    def of_probe(self) -> ProbeParams:
        """The same question to a probe that is fitted once."""
        given = {name: value for name, value in asdict(self).items() if name != "conditional"}
        return ProbeParams(**given, n_seeds=1, random_weights=False)


def v_information(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerCurve:
    """Measure how many fewer bits a held-out label takes for somebody who has the layer's vector (Xu et al., 2020).

    "information" is H(Y) − H(Y | layer): the mean over test items of log₂ p(label | vector) − log₂ p(label), with the
    shares of the training labels for p(label). "beyond_embeddings" is what a probe on both the layer and what enters
    the first block tells more than one on the latter alone (Hewitt et al., 2021). "control" is the information about
    labels that are drawn for each word form, which a probe can only learn by heart, and "selectivity" what there is
    beyond it. Intervals draw the test sentences again. An item with a label, its own or the control's,
    that is not in the training part is left out.

    Args:
        model: An encoder or a decoder.
        params: Which task and layers.
        on_progress: Told after every batch and every fit; what is done is kept when it stops.

    Returns:
        Bits by layer.

    Raises:
        LmvizError: As `linear-probe`.
    """
    run = probe_run("linear", model, params=params.of_probe)
    logs: Logs = {"information": {}, "control": {}, "beyond_embeddings": {}}
    try:
        _measure(run, logs, params, on_progress)
    except Cancelled as stopped:
        if logs["control"]:
            stopped.so_far = _result(run, logs, params)
        raise
    return _result(run, logs, params)


def _measure(run: ProbeRun, logs: Logs, params: Params, on_progress: Progress) -> None:
    """Fit the probes of the task and of its control, layer by layer, and then those with the embeddings."""
    tasks = run.of(TASK)
    n_fits, done = len(tasks) * (3 if params.conditional else 2), 0
    first = LayerVectors(run, run.capture, lambda done, message: on_progress(0.3 * done, message))
    bottom = LayerVectors(run, run.capture, lambda _done, message: on_progress(0.3, message))
    for step in run.of(TASK, CONTROL):
        name = "information" if step.what == TASK else "control"
        logs[name][step.layer] = run.outcome(step, first).log_probability
        done += 1
        on_progress(0.3 + 0.7 * done / n_fits, f"layer {step.layer}, {step.what}")
    if not params.conditional:
        return
    alone = run.outcome(Step(0, TASK, 0), bottom).log_probability
    for step in tasks:
        both = alone if step.layer == 0 else _both(run, step, (first, bottom)).log_probability
        logs["beyond_embeddings"][step.layer] = both - alone
        done += 1
        on_progress(0.3 + 0.7 * done / n_fits, f"layer {step.layer} with the embeddings")


def _both(run: ProbeRun, step: Step, sides: tuple[LayerVectors, LayerVectors]) -> Outcome:
    """Fit a probe on a layer's vectors and the embeddings beside each other."""
    path = run.kept_at(f"with embeddings {_VERSION}", step)
    before = kept(path)
    if before is not None:
        return before
    pairs = zip(sides[0].of(step), sides[1].of(Step(0, step.what, 0)), strict=True)
    train, dev, test = (np.concatenate(pair, axis=1) for pair in pairs)
    labels = [run.material.label[run.parts(side)] for side in (TRAIN, DEV, TEST)]
    told = (dev, labels[DEV]) if len(dev) else (train, labels[TRAIN])
    probe = fit_linear(train, labels[TRAIN], n_labels=len(run.material.labels), dev=told)
    found = said(probe.log_probabilities(test), labels[TEST])
    keep(path, found)
    return found


def _result(run: ProbeRun, logs: Logs, params: Params) -> LayerCurve:
    material, parts = run.material, run.parts(TEST)
    layers = tuple(sorted(logs["control"]))
    whole = {name: _surprise(run, what) for name, what in (("information", TASK), ("control", CONTROL))}
    known = (material.label[parts] != UNKNOWN) & np.logical_and.reduce([np.isfinite(own) for own in whole.values()])
    surprise = {name: own[known] for name, own in whole.items()}
    bits = {
        name: np.stack([by_layer[layer][known] / np.log(2) + surprise.get(name, 0.0) for layer in layers])
        for name, by_layer in logs.items()
        if set(by_layer) >= set(layers)
    }
    bits["selectivity"] = bits["information"] - bits["control"]
    series, low, high = {}, {}, {}
    for name, values in bits.items():
        found = resampled(values, clusters=material.text_of[parts][known], seed=params.seed)
        ends = found.interval()
        series[name], low[name], high[name] = (one.astype(np.float32) for one in (found.means, *ends))
    signed = {**provenance(run.model, asdict(params)), "data": dict(fingerprint(run.files))}
    return LayerCurve(
        layers=layers,
        n_layers=run.model.n_layers,
        series=series,
        low=low,
        high=high,
        unit="bits",
        baselines={"entropy_of_the_label": float(surprise["information"].mean())},
        numbers={"n": float(known.sum()), "n_labels": float(len(material.labels))},
        note=" ".join(material.notes),
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def _surprise(run: ProbeRun, what: str) -> np.ndarray:
    """Give the bits of each test item's label for somebody who knows how frequent labels are in training."""
    labels = run.labels(Step(run.layers[0], what, 0))
    with np.errstate(divide="ignore"):
        found: np.ndarray = -np.log2(label_shares(run, labels)[labels[run.parts(TEST)]])
    return found


def no_more_than_there_is(result: LayerCurve) -> Check:
    """Compare the information with the entropy of the label, which it cannot exceed."""
    over = float(result.series["information"].max(initial=0.0)) - result.baselines["entropy_of_the_label"]
    return Check(
        slug="entropy",
        sentence=f"the information exceeds the label's entropy by {max(0.0, over):.0e} bits",
        passed=over <= 1e-4,
        value=over,
        limit=1e-4,
        meaning="A layer cannot tell more about a label than there is to tell; the numbers are wrong.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=v_information,
    reference="https://arxiv.org/abs/2002.10689",
    caution=(
        "It is what this family of probes can use, fitted on so many sentences: not the mutual information, which no "
        "layer can add to. Below zero a probe does worse than knowing how frequent labels are."
    ),
    checks=(no_more_than_there_is,),
)
