"""Where does what is at a position come from, through all layers? The product of the layers' attention."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lmviz.analyses.attention.attention_pattern import row_check
from lmviz.analyses.attention.selecting import Head, Pattern, chosen_heads, mixed_with_identity, read
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import Check, TokenMatrix

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, and which heads count ("L5H1"; None: all)."""

    text: str
    text_pair: str | None = None
    heads: tuple[str, ...] | None = None
    part: str | None = None
    target_text: str | None = None


def rollout(pattern: Pattern, chosen: Iterable[Head] | None = None) -> Float[np.ndarray, "query key"]:
    """Multiply 0.5 · head mean + 0.5 · identity over the layers, the first layer at the keys' end.

    Args:
        pattern: Attention after the softmax.
        chosen: Pairs of layer and head; only layers with a chosen head count. None means all.

    Returns:
        The share of each key in each query; where the pattern's rows sum to one, so do these.

    Raises:
        InvalidParameter: The pattern's rows are not distributions over the keys.
    """
    mixed = mixed_with_identity(pattern, chosen)
    product: np.ndarray = mixed[0]
    for layer in mixed[1:]:
        product = layer @ product
    shares: np.ndarray = product.astype(np.float32)
    return shares


def attention_rollout(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenMatrix:
    """Follow attention back through all layers to the input.

    Half of each layer is taken to be the residual connection, half the mean of its heads; their product gives
    each input token's share in each position of the last layer (Abnar & Zuidema, 2020).

    Args:
        model: A model with self-attention.
        params: The text, and the heads that count.
        on_progress: Told when the model has run.

    Returns:
        One share per query and key; rows sum to one.

    Raises:
        InvalidParameter: A head that is not there, or cross attention.
    """
    chosen = chosen_heads(model, params.heads, part=params.part)
    seen = read(model, params, places=ANALYSIS.needs)
    on_progress(0.9, "The model has run")
    values = rollout(seen["pattern"], chosen)
    sinks = {"sinks": True} if seen.has_sinks else {}
    return TokenMatrix(tokens=seen.table.tokens, values=values, table=seen.table, provenance=sinks)


def rows_sum_to_one(result: TokenMatrix) -> Check:
    """Compare the sum over keys with one; a product of distributions is one."""
    return row_check(result.values, result.provenance, limit=1e-4)


ANALYSIS = Analysis(
    slug="attention-rollout",
    title="Attention rollout",
    group="attention",
    needs=frozenset({"pattern"}),
    params=Params,
    run=attention_rollout,
    reference="https://arxiv.org/abs/2005.00928",
    caution="It assumes that half of every layer is the residual connection and that all heads count alike.",
    checks=(rows_sum_to_one,),
)
