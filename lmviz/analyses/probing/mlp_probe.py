"""What can a small network read off each layer? It finds more than a linear probe, and learns more by heart."""

from typing import TYPE_CHECKING

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.probing.linear_probe import CAUTION, completed, shares_are_shares
from lmviz.analyses.probing.probe_run import Params, probe_run
from lmviz.results import ProbeCurve

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


def mlp_probe(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> ProbeCurve:
    """Fit a network with one hidden layer of 64 units on every layer, for the task and for its control.

    Everything else is as for `linear_probe`: what differs is how much the probe can learn by heart.

    Args:
        model: An encoder or a decoder.
        params: Which task and layers.
        on_progress: Told after every batch and every fit; what is done is kept when it stops.

    Returns:
        As `linear_probe`.

    Raises:
        LmvizError: As `linear_probe`.
    """
    return completed(probe_run("mlp", model, params=params), on_progress=on_progress)


ANALYSIS = Analysis(
    slug="mlp-probe",
    title="MLP probe",
    group="probing",
    needs=frozenset({"resid_post"}),
    params=Params,
    run=mlp_probe,
    reference="https://arxiv.org/abs/1909.03368",
    caution=CAUTION,
    checks=(shares_are_shares,),
)
