"""From which layers is a label read? The edge probe: one probe on a mix of all layers, and of all up to each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing.edges import EdgeProbe, Edges, EdgeSettings, Spans, fit_edges, micro_f1
from lmviz.analyses.probing.material import DEV, TEST, TRAIN
from lmviz.analyses.probing.probe_run import Params as ProbeParams
from lmviz.analyses.probing.probe_run import ProbeRun, probe_run
from lmviz.errors import InvalidParameter, OverBudget
from lmviz.results import Check, LayerCurve
from lmviz.statistics import Resampled, resampled

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "edge-probe", "Edge probe"


@dataclass(frozen=True)
class Params:
    """As for `linear-probe`, a span being attended to token by token.

    `width` is that of the projection. `cumulative` also fits a probe on the layers up to each, to say at which depth
    more is found; it takes as many times as long as there are layers. All layers of the sentences are held in memory,
    so `limit` is 1,000 training sentences unless told.
    """

    source: str | None = None
    task: str = "head"
    seed: int = 0
    held_out: str = "sentence"
    limit: int | None = 1000
    width: int = 256
    n_rounds: int = 12
    cumulative: bool = True


def edge_probe(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerCurve:
    """Fit one probe on a learnt mix of the layers (Tenney et al., 2019), and one on the layers up to each.

    Tokens are projected, attended to within each span, and one span or two go through a hidden layer to a sigmoid per
    label. Each layer is divided by its root mean square over the training tokens, so that shares of the mix compare.

    Args:
        model: An encoder or a decoder.
        params: The task: of words, pairs of words, spans or whole texts.
        on_progress: Told after every batch and round.

    Returns:
        "mix", the share of each layer; "cumulative_f1", micro-F1 with the layers up to each, and "gain", what a
        layer adds to it. `numbers` has micro_f1 with all layers, the centre of gravity of the mix, and the
        expected layer, the mean layer by gain (NaN where nothing is gained).

    Raises:
        InvalidParameter: As `linear-probe`.
        OverBudget: The vectors of all layers do not fit into the memory of a job.
    """
    if params.width < 1 or params.n_rounds < 1:
        raise InvalidParameter("The width and the rounds are 1 or more.")
    asked = ProbeParams(
        source=params.source, task=params.task, seed=params.seed, n_seeds=1, held_out=params.held_out,
        limit=params.limit, random_weights=False,
    )  # fmt: skip
    run = probe_run("linear", model, params=asked)
    train, dev, test = _edges(run, lambda share, said="": on_progress(0.3 * share, said))
    settings = EdgeSettings(params.width, params.n_rounds, params.seed)
    n_layers = model.n_layers + 1
    depths = list(range(1, n_layers + 1)) if params.cumulative else [n_layers]
    fitted: list[tuple[EdgeProbe, tuple[np.ndarray, np.ndarray]]] = []
    for number, depth in enumerate(depths):

        def told(share: float, number: int = number, depth: int = depth) -> None:
            on_progress(0.3 + 0.7 * (number + share) / len(depths), f"layers 0 to {depth - 1}")

        some = [Edges(one.layers[:depth], one.spans, one.labels) for one in (train, dev, test)]
        probe = fit_edges(some[0], some[1], n_labels=len(run.material.labels), settings=settings, on_round=told)
        fitted.append((probe, micro_f1(probe.probabilities(some[2]), test.labels)))
        told(1.0)
    return _result(run, params, mix=fitted[-1][0].mix, counts=[counts for _, counts in fitted])


def _edges(run: ProbeRun, on_progress: Progress) -> tuple[Edges, Edges, Edges]:
    """Read the tokens of all targets at every layer."""
    from lmviz.capture import budget
    from lmviz.capture.activations import captured

    parts = [run.parts(side) for side in (TRAIN, DEV, TEST)]
    parts[DEV] = parts[DEV] if len(parts[DEV]) else parts[TRAIN]
    runs = [[spans.of(own) for spans in run.found.runs] for own in parts]
    needed = np.unique(np.concatenate([spans.tokens for side in runs for spans in side]))
    megabytes = run.capture.n_layers * len(needed) * run.capture.width * 4 / 1e6
    if 1.5 * megabytes > budget.limit_megabytes():
        raise OverBudget(
            f"All layers of {len(needed):,} tokens take {megabytes:,.0f} MB; the limit is "
            f"{budget.limit_megabytes() / 1.5:,.0f} MB. Ask for fewer sentences."
        )
    activations = captured(run.capture, on_progress=on_progress)
    layers = np.stack([activations.rows(layer, needed) for layer in range(run.capture.n_layers)])
    inside = np.searchsorted(needed, runs[TRAIN][0].tokens)
    layers /= np.sqrt((layers[:, inside] ** 2).mean(axis=(1, 2), keepdims=True))
    found = []
    for own, side in zip(parts, runs, strict=True):
        spans = tuple(
            Spans(np.searchsorted(needed, one.tokens), np.concatenate([[0], np.cumsum(one.counts)])) for one in side
        )
        found.append(Edges(layers, spans, run.material.label[own]))
    return found[0], found[1], found[2]


def _result(
    run: ProbeRun, params: Params, *, mix: np.ndarray, counts: Sequence[tuple[np.ndarray, np.ndarray]]
) -> LayerCurve:
    layers = tuple(range(run.capture.n_layers))
    texts = run.material.text_of[run.parts(TEST)]
    table = np.concatenate([np.stack([twice for twice, _ in counts]), np.stack([either for _, either in counts])])
    drawn = resampled(table, clusters=texts, seed=params.seed)
    f1, low, high = _f1(drawn, len(counts))
    series, lows, highs = {"mix": mix.astype(np.float32)}, {}, {}
    expected = float("nan")
    if params.cumulative:
        series["cumulative_f1"], lows["cumulative_f1"], highs["cumulative_f1"] = f1, low, high
        gain = np.diff(f1, prepend=f1[:1])
        series["gain"] = gain.astype(np.float32)
        expected = (
            float((np.arange(1, len(gain)) * gain[1:]).sum() / gain[1:].sum()) if gain[1:].sum() > 0 else expected
        )
    numbers = {
        "micro_f1": float(f1[-1]), "micro_f1_low": float(low[-1]), "micro_f1_high": float(high[-1]),
        "center_of_gravity": float((np.arange(len(mix)) * mix).sum()), "expected_layer": expected,
        **{f"n_{name}": float(len(run.parts(side))) for side, name in enumerate(("train", "dev", "test"))},
    }  # fmt: skip
    said = f"Micro-F1 with all layers: {100 * f1[-1]:.1f} % [{100 * low[-1]:.1f}, {100 * high[-1]:.1f}]."
    center = f"Centre of gravity of the mix: layer {numbers['center_of_gravity']:.2f}."
    signed = {**provenance(run.model, asdict(params)), "data": dict(fingerprint(run.files))}
    return LayerCurve(
        layers=layers,
        n_layers=run.model.n_layers,
        series=series,
        low=lows,
        high=highs,
        baselines={"equal_shares": 1 / len(layers)},
        numbers=numbers,
        note=" ".join((said, center, *run.material.notes)),
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def _f1(drawn: Resampled, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide hits by what was chosen and right, in every resample."""
    low, high = drawn.interval_of(drawn.draws[:, :n] / drawn.draws[:, n:])
    return tuple(one.astype(np.float32) for one in (drawn.means[:n] / drawn.means[n:], low, high))  # type: ignore[return-value]


def shares_are_one(result: LayerCurve) -> Check:
    """Compare the sum of the mix with one."""
    off = abs(float(result.series["mix"].sum(dtype=np.float64)) - 1)
    return Check(
        slug="mix",
        sentence=f"the shares of the mix sum to one within {off:.0e}",
        passed=off <= 1e-5,
        value=off,
        limit=1e-5,
        meaning="Shares that do not sum to one are no mix; the numbers are wrong.",
    )


ANALYSIS = Analysis(
    slug=SLUG,
    title=TITLE,
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=edge_probe,
    reference="https://arxiv.org/abs/1905.06316",
    caution=(
        "A mix says which layers one probe drew on, not where something is; layers that are alike share it by chance. "
        "The probe is large: set its F1 against a linear probe's control before believing it."
    ),
    checks=(shares_are_one,),
)
