"""Which label does the model give each token? What its token-classification head says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.labels import names_of_labels
from lmviz.analyses.predictions.token_distributions import largest, log_softmax, shares_of_one
from lmviz.errors import InvalidParameter
from lmviz.results import TokenDistributions, TokenTable

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, and how many labels are given for each token (None: all)."""

    text: str
    top_k: int | None = None


def tag_tokens(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenDistributions:
    """Give the probabilities of the labels of each token, such as parts of speech or names of persons and places.

    Special tokens are read but not labelled. `tags.word_tags` and `tags.entities` make words and names of tokens.

    Args:
        model: A model with a token-classification head.
        params: The text.
        on_progress: Told when the model has run.

    Returns:
        Labels in the place of candidates, best first, and their numbers in the place of token ids.

    Raises:
        NotForThisModel: The model has no such head.
        InvalidParameter: It does not have that many labels.
    """
    from lmviz.capture.heads import head_outputs
    from lmviz.capture.tokens import encode

    require(model, "tag-tokens")
    labels = names_of_labels(model)
    n_labels = len(labels) if params.top_k is None else params.top_k
    if not 1 <= n_labels <= len(labels):
        raise InvalidParameter(
            f"top_k is {n_labels}; {model.id} knows {len(labels)} labels. Choose 1 to {len(labels)}."
        )
    encoding = encode(model, params.text)
    logits = head_outputs(model, encoding, "logits")["logits"]
    on_progress(0.9, "The model has run")
    return tagged(model, logits, table=encoding.table, n_labels=n_labels)


def tagged(
    model: "LoadedModel",
    logits: Float32[np.ndarray, "position label"],
    *,
    table: TokenTable,
    n_labels: int | None = None,
) -> TokenDistributions:
    """Turn the scores that a model gave each token into the probabilities of its labels (None: of all of them)."""
    labels = names_of_labels(model)
    positions = tuple(position for position, is_special in enumerate(table.special) if not is_special)
    log_probabilities = log_softmax(logits[list(positions)])
    ids = largest(log_probabilities, len(labels) if n_labels is None else n_labels)
    return TokenDistributions(
        tokens=table.tokens,
        positions=positions,
        candidates=tuple(tuple(labels[int(number)] for number in row) for row in ids),
        candidate_ids=ids,
        probabilities=np.exp(np.take_along_axis(log_probabilities, ids, axis=1)).astype(np.float32),
        entropy=-(np.exp(log_probabilities) * log_probabilities).sum(axis=1).astype(np.float32),
        table=table,
    )


ANALYSIS = Analysis(
    slug="tag-tokens",
    title="Token labels",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=tag_tokens,
    reference="https://arxiv.org/abs/1810.04805",
    caution="Only the first piece of a word was trained to carry the word's label in most models.",
    checks=(shares_of_one,),
)
