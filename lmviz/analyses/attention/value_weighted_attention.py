"""How much does each position move to each other one? Attention times the length of what it carries."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attention.attention_pattern import as_pattern, nothing_from_the_future
from lmviz.analyses.attention.selecting import read
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import AttentionPattern, Check

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, and which kind of attention is shown: encoder, decoder or cross (None: the model's first)."""

    text: str
    text_pair: str | None = None
    part: str | None = None
    target_text: str | None = None


def value_weighted_attention(
    model: "LoadedModel", params: Params, *, on_progress: Progress = ignore
) -> AttentionPattern:
    """Measure the length of the vector that each key sends to each query in each head.

    A head moves pattern · (value @ W_O); a key that is looked at much but whose vector is short, as that of a
    separator often is, moves little (Kobayashi et al., 2020). The numbers are lengths and are not normalised.

    Args:
        model: A model whose anatomy is known.
        params: The text.
        on_progress: Told when the model has run.

    Returns:
        One length per layer, head, query and key.

    Raises:
        NotForThisModel: It is not known how this model's values reach its residual stream.
    """
    seen = read(model, params, places=ANALYSIS.needs)
    on_progress(1.0, "The model has run")
    moved = seen["pattern"]  # (layer, head, query, key)
    np.multiply(moved, seen["moved_norm"][:, :, np.newaxis, :], out=moved)  # in place: there is no room for two
    return as_pattern(seen, moved)


def lengths_are_not_negative(result: AttentionPattern) -> Check:
    """Compare the smallest length with zero."""
    smallest = float(result.pattern.min())
    return Check(
        slug="lengths",
        sentence=f"the shortest vector has length {smallest:.0e}",
        passed=smallest >= 0.0,
        value=smallest,
        limit=0.0,
        meaning="A length cannot be negative; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="value-weighted-attention",
    title="Value-weighted attention",
    group="attention",
    needs=frozenset({"pattern", "moved_norm"}),
    params=Params,
    run=value_weighted_attention,
    reference="https://arxiv.org/abs/2004.10102",
    caution="Two long vectors can cancel: the length of what moves is not its effect on the answer.",
    checks=(lengths_are_not_negative, nothing_from_the_future),
)
