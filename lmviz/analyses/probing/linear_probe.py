"""What can be read off each layer by a straight line? Linear probes with their controls."""

from typing import TYPE_CHECKING

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.probing.outcomes import Outcome
from lmviz.analyses.probing.probe_run import Params, ProbeRun, Step, probe_run
from lmviz.analyses.probing.probe_summary import summed_up
from lmviz.errors import Cancelled
from lmviz.results import Check, ProbeCurve

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


def completed(run: ProbeRun, *, on_progress: Progress = ignore) -> ProbeCurve:
    """Fit every probe of a run and sum up.

    Raises:
        Cancelled: `on_progress` stopped it; `so_far` has the layers that were complete.
    """
    done: dict[Step, Outcome] = {}
    try:
        done.update(run.outcomes(on_progress))
    except Cancelled as stopped:
        stopped.so_far = summed_up(run, done)
        raise
    found = summed_up(run, done)
    if found is None:
        raise RuntimeError("every step of a run has an outcome")
    return found


def linear_probe(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> ProbeCurve:
    """Fit a multinomial logistic regression on every layer, for the task and for its control.

    The control gives every word form a label of its own, drawn as often as the task's labels occur (Hewitt & Liang,
    2019): a probe can only learn it by heart. Selectivity is what it tells of the task beyond that. Sentences are never
    on two sides; dev chooses the penalty; intervals draw the test sentences again.

    Args:
        model: An encoder or a decoder.
        params: Which task and layers.
        on_progress: Told after every batch and every fit; what is done is kept when it stops.

    Returns:
        Accuracy, control and selectivity by layer, with everything the probes said of the test items.

    Raises:
        InvalidParameter: No such task, source or layer, or too few labels.
        NotForThisModel: It is not known where the model keeps its residual stream.
        OverBudget: The activations would take more room than there is.
    """
    return completed(probe_run("linear", model, params=params), on_progress=on_progress)


def shares_are_shares(result: ProbeCurve) -> Check:
    """Compare accuracies with a count of what the probes said."""
    off = max(
        (
            abs(float((result.predicted[row] == result.label).mean()) - float(by_seed[0]))
            for row, by_seed in enumerate(result.seeds["task"])
        ),
        default=0.0,
    )
    return Check(
        slug="counts",
        sentence=f"the share of test items told right differs from the listed accuracy by {off:.0e}",
        passed=off <= 1e-5,
        value=off,
        limit=1e-5,
        meaning="The accuracy is not that of the answers that are listed; do not use it.",
    )


CAUTION = (
    "That a probe finds something does not mean that the model uses it. Compare with the control, with random weights "
    "and with the embeddings; a probe with many parameters on few words learns them by heart."
)
ANALYSIS = Analysis(
    slug="linear-probe",
    title="Linear probe",
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=linear_probe,
    reference="https://arxiv.org/abs/1909.03368",
    caution=CAUTION,
    checks=(shares_are_shares,),
)
