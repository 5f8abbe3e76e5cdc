"""Does the second text follow the first? BERT's second head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.labels import are_shares, label_probabilities
from lmviz.results import LabelProbabilities

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

LABELS = ("B follows A", "B does not follow A")  # in the order of the head's two scores


@dataclass(frozen=True)
class Params:
    """A, and what may follow it."""

    text: str
    text_pair: str


def next_sentence(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LabelProbabilities:
    """Say how probable it is that B followed A in the text they are from.

    The head reads the first position, [CLS]. It was trained to tell the sentence that came next from one of another
    document (Devlin et al., 2019).

    Args:
        model: A BERT with its next-sentence head.
        params: The two texts.
        on_progress: Told when the model has run.

    Returns:
        Two probabilities that sum to one: B follows A, B does not follow A.

    Raises:
        NotForThisModel: The model has no such head.
    """
    from lmviz.capture.heads import head_outputs
    from lmviz.capture.tokens import encode

    require(model, "next-sentence")
    encoding = encode(model, params.text, params.text_pair)
    said = head_outputs(model, encoding, "seq_relationship_logits", "logits")
    on_progress(0.9, "The model has run")
    return label_probabilities(next(iter(said.values())), LABELS, kind="one of", table=encoding.table)


ANALYSIS = Analysis(
    slug="next-sentence",
    title="Next sentence",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=next_sentence,
    reference="https://arxiv.org/abs/1810.04805",
    caution="The head learns mostly whether two texts are about the same thing; it says little about their order.",
    checks=(are_shares,),
)
