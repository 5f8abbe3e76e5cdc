"""From which layers is a label read? The edge probe: one probe on a mix of all layers, and of all up to each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore, provenance
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing.edges import EdgeProbe, Edges, EdgeSettings, Spans, fit_edges, micro_f1
from lmviz.analyses.probing.material import DEV, TEST, TRAIN
from lmviz.analyses.probing.probe_run import CONTROL, TASK, ProbeRun, Step, probe_run
from lmviz.analyses.probing.probe_run import Params as ProbeParams
from lmviz.analyses.probing.vectors import Runs
from lmviz.errors import InvalidParameter, OverBudget
from lmviz.results import Check, LayerCurve
from lmviz.statistics import Resampled, resampled

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "edge-probe", "Edge probe"
Counts = tuple[np.ndarray, np.ndarray]  # of each test item: twice the hits, and what was chosen and is right


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
    """Fit one probe on a learnt mix of the layers (Tenney et al., 2019), one for its control, one up to each layer.

    Tokens are projected, attended to within each span, and one span or two go through a hidden layer to a sigmoid per
    label. Each layer is divided by its root mean square over the training tokens, so that shares of the mix compare.

    Args:
        model: An encoder or a decoder.
        params: The task: of words, pairs of words, spans or whole texts.
        on_progress: Told after every batch and round.

    Returns:
        "mix", the share of each layer; "cumulative_f1", micro-F1 with the layers up to each, and "gain", what a
        layer adds to it. `numbers` has micro_f1 with all layers, control_f1 of a probe for the control's labels,
        the selectivity, which is their difference, the centre of gravity of the mix, and the expected layer, the mean
        layer by gain (NaN where nothing is gained).

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
    sides = _edges(run, lambda share, said="": on_progress(0.3 * share, said))
    n_layers = run.capture.n_layers
    depths = list(range(1, n_layers + 1)) if params.cumulative else [n_layers]
    asks = [*((TASK, depth) for depth in depths), (CONTROL, n_layers)]
    settings = EdgeSettings(params.width, params.n_rounds, params.seed)
    fitted: list[tuple[EdgeProbe, Counts]] = []
    for number, (what, depth) in enumerate(asks):

        def told(share: float, said: str = f"{what}, layers 0 to {depth - 1}", number: int = number) -> None:
            on_progress(0.3 + 0.7 * (number + share) / len(asks), said)

        train, dev, test = (one.up_to(depth) for one in sides[what])
        probe = fit_edges(train, dev, n_labels=len(run.material.labels), settings=settings, on_round=told)
        fitted.append((probe, micro_f1(probe.probabilities(test), test.labels)))
        told(1.0)
    return _result(run, params, mix=fitted[-2][0].mix, counts=[counts for _, counts in fitted])


def _edges(run: ProbeRun, on_progress: Progress) -> dict[str, tuple[Edges, ...]]:
    """Read the tokens of all targets at every layer; those of the task and those of its control, by side."""
    from lmviz.capture import budget
    from lmviz.capture.activations import captured

    parts = [run.parts(side) for side in (TRAIN, DEV, TEST)]
    parts[DEV] = parts[DEV] if len(parts[DEV]) else parts[TRAIN]
    steps = [Step(run.layers[0], what, 0) for what in (TASK, CONTROL)]
    runs = {step.what: [[spans.of(own) for spans in run.pieces(step).runs] for own in parts] for step in steps}
    needed = np.unique(np.concatenate([spans.tokens for own in runs.values() for side in own for spans in side]))
    megabytes = run.capture.n_layers * len(needed) * run.capture.width * 4 / 1e6
    if 1.5 * megabytes > budget.limit_megabytes():
        raise OverBudget(
            f"All layers of {len(needed):,} tokens take {megabytes:,.0f} MB; the limit is "
            f"{budget.limit_megabytes() / 1.5:,.0f} MB. Ask for fewer sentences."
        )
    activations = captured(run.capture, on_progress=on_progress)
    layers = np.stack([activations.rows(layer, needed) for layer in range(run.capture.n_layers)])
    inside = np.searchsorted(needed, runs[TASK][TRAIN][0].tokens)
    layers /= np.sqrt((layers[:, inside] ** 2).mean(axis=(1, 2), keepdims=True))
    return {
        step.what: tuple(
            Edges(layers, tuple(_spans(needed, one) for one in side), run.labels(step)[own])
            for own, side in zip(parts, runs[step.what], strict=True)
        )
        for step in steps
    }


def _spans(needed: np.ndarray, own: Runs) -> Spans:
    return Spans(np.searchsorted(needed, own.tokens), np.concatenate([[0], np.cumsum(own.counts)]))


def _result(run: ProbeRun, params: Params, *, mix: np.ndarray, counts: Sequence[Counts]) -> LayerCurve:
    layers = tuple(range(run.capture.n_layers))
    texts = run.material.text_of[run.parts(TEST)]
    table = np.concatenate([np.stack([twice for twice, _ in counts]), np.stack([either for _, either in counts])])
    f1, low, high = _f1(resampled(table, clusters=texts, seed=params.seed), len(counts))
    series, lows, highs = {"mix": mix.astype(np.float32)}, {}, {}
    expected = float("nan")
    if params.cumulative:
        n = len(layers)
        series["cumulative_f1"], lows["cumulative_f1"], highs["cumulative_f1"] = f1[:n], low[:n], high[:n]
        gain = np.diff(f1[:n], prepend=f1[:1])
        series["gain"] = gain.astype(np.float32)
        expected = (
            float((np.arange(1, len(gain)) * gain[1:]).sum() / gain[1:].sum()) if gain[1:].sum() > 0 else expected
        )
    named = {"micro_f1": -3, "control_f1": -2, "selectivity": -1}
    numbers = {
        **{f"{name}{end}": float(values[place]) for name, place in named.items()
           for end, values in (("", f1), ("_low", low), ("_high", high))},
        "center_of_gravity": float((np.arange(len(mix)) * mix).sum()), "expected_layer": expected,
        **{f"n_{name}": float(len(run.parts(side))) for side, name in enumerate(("train", "dev", "test"))},
    }  # fmt: skip
    said = (
        f"{title} {100 * f1[place]:.1f} % [{100 * low[place]:.1f}, {100 * high[place]:.1f}]"
        for title, place in (("Micro-F1 with all layers:", -3), ("of the control", -2), ("selectivity", -1))
    )
    notes = (f"{', '.join(said)}.", f"Centre of gravity of the mix: layer {numbers['center_of_gravity']:.2f}.")
    signed = {**provenance(run.model, asdict(params)), "data": dict(fingerprint(run.files))}
    return LayerCurve(
        layers=layers,
        n_layers=run.model.n_layers,
        series=series,
        low=lows,
        high=highs,
        baselines={"equal_shares": 1 / len(layers)},
        numbers=numbers,
        note=" ".join((*notes, *run.material.notes)),
        provenance={"analysis": SLUG, "title": TITLE, **signed},
    )


def _f1(drawn: Resampled, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Divide hits by what was chosen and right, in every resample; the last of `n` is the control.

    Behind them stands the selectivity: the last but one without the control.
    """

    def divided(sums: np.ndarray) -> np.ndarray:
        f1 = sums[..., :n] / sums[..., n:]
        found: np.ndarray = np.concatenate([f1, f1[..., -2:-1] - f1[..., -1:]], axis=-1)
        return found

    values = (divided(drawn.means), *drawn.interval_of(divided(drawn.draws)))
    return tuple(one.astype(np.float32) for one in values)  # type: ignore[return-value]


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
