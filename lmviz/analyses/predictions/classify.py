"""Which label does the model give a text? What its classification head says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.labels import are_shares, label_probabilities, names_of_labels
from lmviz.results import LabelProbabilities, TokenTable

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read; some heads were trained on pairs of texts."""

    text: str
    text_pair: str | None = None


def classify(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LabelProbabilities:
    """Give the probability of each label of a sequence-classification head.

    Labels that exclude each other share one (softmax); labels of which several may be right have a probability each
    (sigmoid; `problem_type` "multi_label_classification"). A head with one score, or of `problem_type` "regression",
    gives values.

    Args:
        model: A model with a sequence-classification head.
        params: The text or the pair of texts.
        on_progress: Told when the model has run.

    Returns:
        Probabilities and scores in the order of the model's labels; `kind` says which of the three they are.

    Raises:
        NotForThisModel: The model has no such head.
    """
    from lmviz.capture.heads import head_outputs
    from lmviz.capture.tokens import encode

    require(model, "classify")
    encoding = encode(model, params.text, params.text_pair)
    logits = head_outputs(model, encoding, "logits")["logits"]
    on_progress(0.9, "The model has run")
    return probabilities_of(model, logits, table=encoding.table)


def probabilities_of(
    model: "LoadedModel", logits: Float32[np.ndarray, " label"], *, table: TokenTable
) -> LabelProbabilities:
    """Turn the scores that a model gave a text into the probabilities of its labels."""
    return label_probabilities(logits, _labels(model), kind=_kind(model), table=table)


def _kind(model: "LoadedModel") -> str:
    """Say what the scores are, as the head was trained: its loss is chosen by the same rule."""
    problem = model.hf_model.config.problem_type
    if problem is None:
        return "value" if model.hf_model.config.num_labels == 1 else "one of"
    return {"regression": "value", "multi_label_classification": "each"}.get(problem, "one of")


def _labels(model: "LoadedModel") -> tuple[str, ...]:
    """Name the labels; the only one of a head that gives a value is often not named at all."""
    labels = names_of_labels(model)
    return ("value",) if labels == ("LABEL_0",) and _kind(model) == "value" else labels


ANALYSIS = Analysis(
    slug="classify",
    title="Classification",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=classify,
    reference="https://arxiv.org/abs/1810.04805",
    caution="A probability near 1 says how sure the head is, not that it is right; heads are often too sure.",
    checks=(are_shares,),
)
