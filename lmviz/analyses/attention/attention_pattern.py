"""Where does each position look? The pattern of every head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.attention.selecting import read
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.results import AttentionPattern, Check, Provenance

if TYPE_CHECKING:
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, and which kind of attention is shown: encoder, decoder or cross (None: the model's first)."""

    text: str
    text_pair: str | None = None
    part: str | None = None
    target_text: str | None = None


def attention_pattern(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> AttentionPattern:
    """Record the attention of every head on a text.

    The numbers are those the model itself multiplies its values with: soft caps, sinks, position biases and
    sliding windows are in them (Vaswani et al., 2017).

    Args:
        model: Any model.
        params: The text. Of an encoder-decoder, `target_text` is what its decoder reads; None lets it write
            greedily first.
        on_progress: Told when the model has run.

    Returns:
        One weight per layer, head, query and key.

    Raises:
        NotForThisModel: The model has no such part.
    """
    seen = read(model, params, places=ANALYSIS.needs)
    on_progress(1.0, "The model has run")
    return as_pattern(seen, seen["pattern"])


def as_pattern(seen: "Trace", values: np.ndarray) -> AttentionPattern:
    """Give numbers per layer, head, query and key the tokens they belong to."""
    has_other_keys = seen.part == "cross"
    return AttentionPattern(
        tokens=seen.table.tokens,
        pattern=values,
        key_tokens=seen.key_table.tokens if has_other_keys else None,
        table=seen.table,
        key_table=seen.key_table if has_other_keys else None,
        part=seen.part,
        provenance={"sinks": True} if seen.has_sinks else {},
    )


def rows_sum_to_one(result: AttentionPattern) -> Check:
    """Compare the sum over keys with one; a sink that is no token may take a part of it."""
    return row_check(result.pattern, result.provenance, limit=1e-5)


def row_check(values: np.ndarray, provenance: Provenance, *, limit: float) -> Check:
    """Compare sums over the last axis with one, by the precision and the sinks that provenance tells of."""
    from lmviz.models.selfcheck import ROUNDING

    limit *= ROUNDING.get(str(provenance.get("dtype")), 1.0)
    over = values.sum(axis=-1, dtype=np.float64) - 1
    has_sinks = bool(provenance.get("sinks"))
    worst = float(over.max() if has_sinks else np.abs(over).max())
    return Check(
        slug="rows",
        sentence=f"rows sum to at most 1 (sinks take the rest): {1 + worst:.6f}"
        if has_sinks
        else f"rows sum to 1 within {worst:.0e}",
        passed=worst <= limit,
        value=worst,
        limit=limit,
        meaning="What a query gives to its keys is not a distribution over positions; do not trust the picture.",
    )


def nothing_from_the_future(result: AttentionPattern) -> Check | None:
    """Compare what a decoder's queries take from later keys with zero."""
    if result.part != "decoder":
        return None
    largest = float(np.triu(result.pattern, k=1).max())
    return Check(
        slug="causal",
        sentence=f"weight on later positions is at most {largest:.0e}",
        passed=largest == 0.0,
        value=largest,
        limit=0.0,
        meaning="A decoder cannot look ahead; weight there means that the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="attention-pattern",
    title="Attention pattern",
    group="attention",
    needs=frozenset({"pattern"}),
    params=Params,
    run=attention_pattern,
    reference="https://arxiv.org/abs/1706.03762",
    caution="Attention says where information may come from, not how much it mattered for the answer.",
    checks=(rows_sum_to_one, nothing_from_the_future),
)
