"""From the scores of a head to probabilities of its labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32

from lmviz.results import Check, LabelProbabilities, TokenTable

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


def names_of_labels(model: "LoadedModel") -> tuple[str, ...]:
    """Give the labels of the model's head, in the order of its scores."""
    named = model.hf_model.config.id2label
    return tuple(str(named[number]) for number in sorted(named))


def label_probabilities(
    logits: Float32[np.ndarray, " label"], labels: Sequence[str], *, kind: str, table: TokenTable
) -> LabelProbabilities:
    """Turn scores into probabilities: softmax for "one of", sigmoid for "each", none for "value"."""
    scores = logits.astype(np.float64)
    if kind == "one of":
        probabilities = np.exp(scores - np.logaddexp.reduce(scores))
    elif kind == "each":
        probabilities = np.exp(-np.logaddexp(0, -scores))
    else:
        probabilities = np.full_like(scores, np.nan)
    return LabelProbabilities(
        labels=tuple(labels),
        probabilities=probabilities.astype(np.float32),
        logits=logits,
        kind=kind,
        note="This head gives a value and no probability." if kind == "value" else "",
        table=table,
    )


def are_shares(result: LabelProbabilities) -> Check | None:
    """Compare probabilities with what they may be; says nothing where the head gives values."""
    found: Float[np.ndarray, " label"] = result.probabilities.astype(np.float64)
    if result.kind == "value":
        return None
    is_shared = result.kind == "one of"
    off = float(abs(found.sum() - 1) if is_shared else np.maximum(found - 1, -found).max(initial=0.0))
    return Check(
        slug="shares",
        sentence=f"labels sum to 1 within {off:.0e}" if is_shared else f"labels are within 0 and 1 up to {off:.0e}",
        passed=off <= 1e-5,
        value=off,
        limit=1e-5,
        meaning="Probabilities of labels that exclude each other add up to 1; the recording is wrong.",
    )
