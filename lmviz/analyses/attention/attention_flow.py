"""How much could flow from a token to a position, through all layers? The largest flow attention lets through."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lmviz.analyses.attention.maximum_flow import LONGEST, bounded_flow
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


def flow(
    pattern: Pattern, chosen: Iterable[Head] | None = None, *, limit: float = LONGEST, on_progress: Progress = ignore
) -> Float[np.ndarray, "query key"]:
    """Find the largest flow from each position of the last layer to each input token.

    Edges carry at most 0.5 · head mean + 0.5 · identity of their layer.

    Args:
        pattern: Attention after the softmax.
        chosen: Pairs of layer and head; only layers with a chosen head count. None means all.
        limit: Seconds it may take.
        on_progress: Told after each query.

    Returns:
        One flow per query and key, between 0 and 1; rows do not sum to one.

    Raises:
        InvalidParameter: The pattern's rows are not distributions over the keys.
        OverBudget: It would take longer than `limit`.
    """
    values, _ = bounded_flow(mixed_with_identity(pattern, chosen), limit=limit, on_progress=on_progress)
    return values.astype(np.float32)


def attention_flow(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenMatrix:
    """Take attention for the width of pipes and ask how much could run from each input token to each position.

    Each layer's pipes are 0.5 · head mean + 0.5 · identity wide; the maximum flow through all layers is an upper
    bound on what a position can have from a token (Abnar & Zuidema, 2020).

    Args:
        model: A model with self-attention.
        params: The text, and the heads that count.
        on_progress: Told after each query.

    Returns:
        One flow per query and key, not normalised. `provenance` has `error_bound`: how far the worst is from exact.

    Raises:
        OverBudget: The text is too long for this many layers.
        InvalidParameter: A head that is not there.
    """
    chosen = chosen_heads(model, params.heads, part=params.part)
    seen = read(model, params, places=ANALYSIS.needs)
    layers = mixed_with_identity(seen["pattern"], chosen)
    values, gap = bounded_flow(layers, on_progress=on_progress)
    return TokenMatrix(
        tokens=seen.table.tokens,
        values=values.astype(np.float32),
        table=seen.table,
        provenance={"error_bound": gap},
    )


def no_more_than_leaves(result: TokenMatrix) -> Check:
    """Compare the largest flow with one, all that a position can send."""
    largest = float(result.values.max())
    return Check(
        slug="capacity",
        sentence=f"the largest flow is {largest:.6f}",
        passed=largest <= 1 + 1e-5,
        value=largest,
        limit=1 + 1e-5,
        meaning="No more than 1 can leave a position; rows of the pattern do not sum to one.",
    )


def solved_exactly(result: TokenMatrix) -> Check | None:
    """Compare the distance between the flow found and the cut that bounds it with single precision."""
    gap = result.provenance.get("error_bound")
    if gap is None:
        return None
    return Check(
        slug="exact",
        sentence=f"flow and cut agree within {gap:.0e}",
        passed=gap <= 1e-5,
        value=gap,
        limit=1e-5,
        meaning="The largest flow equals the smallest cut; where they differ the flow is only approximate.",
    )


ANALYSIS = Analysis(
    slug="attention-flow",
    title="Attention flow",
    group="attention",
    needs=frozenset({"pattern"}),
    params=Params,
    run=attention_flow,
    reference="https://arxiv.org/abs/2005.00928",
    caution="It says what could flow at most, each pair on its own; the flows of a row cannot all run at once.",
    checks=(no_more_than_leaves, solved_exactly),
)
