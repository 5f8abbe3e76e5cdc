"""Which tokens make the difference to an empty text? The gradient at random points of the way, averaged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attribution.baselines import Embeddings, baseline_note, check_baseline, ends
from lmviz.analyses.attribution.scores import adds_up, token_scores
from lmviz.analyses.attribution.targets import TargetParams, explained
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter
from lmviz.results import TokenScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class Params(TargetParams):
    """What is explained, from which baseline, and at how many random points of the way between.

    `baseline` is "pad", "zero", "mask" or "mean". The points are drawn as Captum draws them after `numpy.random.seed`.
    """

    n_samples: int = 32
    baseline: str = "pad"
    seed: int = 0


def gradient_shap(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Average the gradient at random points between baseline and input, times the step between (Lundberg & Lee, 2017).

    It estimates what integrated gradients computes, and expects the same sum; how far it is off is the residue.

    Args:
        model: An encoder or a decoder with a head.
        params: The text, what is explained, and how.
        on_progress: Told after every batch.

    Returns:
        Signed scores in logits or nats; special tokens, and the mask that asks, have 0. The provenance has both values.

    Raises:
        InvalidParameter: No such baseline, or an impossible number of samples or seed.
        LmvizError: As `lmviz.analyses.attribution.targets.explained`.
    """
    from lmviz.capture.gradients import gradients, values

    if not 1 <= params.n_samples <= MOST_SAMPLES:
        raise InvalidParameter(f"n_samples is {params.n_samples}; ask for 1 to {MOST_SAMPLES:,}.")
    if not 0 <= params.seed < 2**32:
        raise InvalidParameter(f"The seed is {params.seed}; give a number from 0 to {2**32 - 1:,}.")
    check_baseline(model, params.baseline)
    target = explained(model, params)
    start, end = ends(model, target, baseline=params.baseline)
    asked = values(model, target.encoding, points=(start, end), quantity=target.quantity)
    low, high = (float(value) for batch in asked for value in batch)
    total, done = np.zeros(len(start)), 0
    points = _drawn(start, end, params=params)
    for _, gradient in gradients(model, target.encoding, points=points, quantity=target.quantity):
        total += np.einsum("rpw,pw->p", gradient, end - start, dtype=np.float64)
        done += len(gradient)
        on_progress(min(0.99, done / params.n_samples), f"{done} of {params.n_samples} points")
    note = baseline_note(model, params.baseline)
    return token_scores(target, total / done, value=high, baseline_value=low, note=note)


def _drawn(start: Embeddings, end: Embeddings, *, params: Params) -> Iterator[Embeddings]:
    """Draw points of the way; the generator is that of Captum, in an instance of its own."""
    shares = np.random.RandomState(params.seed).uniform(0.0, 1.0, params.n_samples)
    for share in shares.astype(np.float32):
        yield (share * end + (np.float32(1.0) - share) * start).astype(np.float32)


ANALYSIS = Analysis(
    slug="gradient-shap",
    title="Gradient SHAP",
    group="attribution",
    needs=frozenset({"gradients"}),
    params=Params,
    run=gradient_shap,
    reference="https://arxiv.org/abs/1705.07874",
    caution=(
        "An estimate from random points: with few of them the residue is large, and another seed gives other scores. "
        "Integrated gradients computes what it estimates."
    ),
    checks=(adds_up,),
)
