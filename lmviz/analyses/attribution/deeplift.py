"""Which tokens make the difference between an empty text and this one? How each activation changed between the two."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.baselines import baseline_note, check_baseline, ends
from lmviz.analyses.attribution.scores import adds_up, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, and from which baseline: "pad", "zero", "mask" or "mean"."""

    baseline: str = "pad"


def deeplift(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Multiply each token's step from the baseline by multipliers of the rescale rule (Shrikumar et al., 2017).

    At an activation function the multiplier is the change of its output over that of its input, both between baseline
    and input. All else keeps its gradient at the input: products in attention, norms, softmax, gates, and activations
    that a family computes outside a module of their own. The residue says what that leaves.

    Args:
        model: An encoder or a decoder with a head, whose activations are modules.
        params: The text, what is explained, and from where.
        on_progress: Told when the model has run.

    Returns:
        Signed scores in logits or nats. Special tokens, and the mask that asks, are the same in both and have 0. The
        provenance has both values and `activations`, at how many modules the rule was used.

    Raises:
        InvalidParameter: No such baseline.
        NotForThisModel: The model has no activations that can be compared, or its tokens go to different experts.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    from lmviz.capture.multipliers import multipliers

    check_baseline(model, params.baseline)
    target = explained(model, params)
    empty, own = ends(model, target, baseline=params.baseline)
    (low, high), found, n_run = multipliers(model, target.encoding, ends=(empty, own), quantity=target.quantity)
    on_progress(0.9, "The model has run")
    scores = ((own - empty).astype(np.float64) * found).sum(axis=1)
    note = (
        f"{baseline_note(model, params.baseline)} The rescale rule is used at {n_run} activations; attention, norms "
        "and gates keep their gradient at the input, so read the residue."
    )
    return token_scores(target, scores, value=high, baseline_value=low, note=note, activations=n_run)


ANALYSIS = Analysis(
    slug="deeplift",
    title="DeepLIFT",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=deeplift,
    reference="https://arxiv.org/abs/1704.02685",
    caution=(
        "Only activation functions are compared with the baseline; attention, norms and gates are taken for straight "
        "lines at the input. Where the residue is large, so is what the tokens do not explain."
    ),
    checks=(adds_up,),
)
