"""What all attributions give: one signed number per token, what they leave unexplained, and how that is checked."""

import math

import numpy as np

from lmviz.analyses.attribution.targets import Explained
from lmviz.results import Check, LayerPositionGrid, TokenScores

_CLOSE = 1e-3  # of the numbers added, which are in single precision


def token_scores(
    target: Explained,
    scores: np.ndarray,
    *,
    value: float,
    baseline_value: float = math.nan,
    note: str = "",
    **facts: float,
) -> TokenScores:
    """Put a result together; the residue is what the scores leave of the difference of the two values.

    Args:
        target: What was explained.
        scores: One number per position.
        value: The quantity on the input.
        baseline_value: The quantity on the baseline; NaN for a method that does not claim to explain a difference.
        note: What a reader has to know.
        **facts: What else the provenance is to say, such as the number of steps.
    """
    if target.n_text is not None:
        scores = np.where(np.arange(len(scores)) < target.n_text, scores, 0.0)
        note = " ".join(filter(None, (note, "The continuation is what is explained; its tokens have 0.")))
    both = {"value": value} if math.isnan(baseline_value) else {"value": value, "baseline_value": baseline_value}
    return TokenScores(
        tokens=target.encoding.table.tokens,
        scores=scores.astype(np.float32),
        target=target.name,
        residue=value - baseline_value - float(scores.sum(dtype=np.float64)),
        unit=target.unit,
        table=target.encoding.table,
        note=note,
        provenance={**both, **facts},
    )


def adds_up(result: TokenScores) -> Check:
    """Compare the sum of the scores and the residue with the difference of the quantity."""
    facts = result.provenance
    difference = facts["value"] - facts["baseline_value"]
    added = float(result.scores.sum(dtype=np.float64)) + result.residue
    limit = _CLOSE * max(1.0, float(np.abs(result.scores).sum()), abs(difference))
    return Check(
        slug="adds-up",
        sentence=f"scores and residue add up to the difference within {abs(added - difference):.0e}",
        passed=abs(added - difference) <= limit,
        value=abs(added - difference),
        limit=limit,
        meaning="What the tokens are given and what is left over is the whole difference; the bookkeeping is wrong.",
    )


def each_adds_up(result: LayerPositionGrid) -> Check:
    """Compare the sum of each layer's row and its residue with the difference of the quantity."""
    facts = result.provenance
    difference = facts["value"] - facts["baseline_value"]
    added = result.values.sum(axis=1, dtype=np.float64) + np.array(facts["residues"])
    worst = float(np.abs(added - difference).max())
    limit = _CLOSE * max(1.0, float(np.abs(result.values).sum(axis=1).max()), abs(difference))
    return Check(
        slug="adds-up",
        sentence=f"every layer and its residue add up to the difference within {worst:.0e}",
        passed=worst <= limit,
        value=worst,
        limit=limit,
        meaning="What a layer's positions are given and what is left over is all there is; the bookkeeping is wrong.",
    )


def are_finite(result: TokenScores) -> Check:
    """Count scores that are no numbers."""
    n_strange = int((~np.isfinite(result.scores)).sum())
    return Check(
        slug="finite",
        sentence=f"{n_strange} scores are no numbers",
        passed=n_strange == 0,
        value=float(n_strange),
        limit=0.0,
        meaning="Every token has a score; the gradient is not defined or the arithmetic overflowed.",
    )


def none_negative(result: TokenScores) -> Check:
    """Compare the smallest score of a method without signs with zero."""
    below = float(max(0.0, -result.scores.min(initial=0.0)))
    return Check(
        slug="not-negative",
        sentence=f"scores fall below 0 by {below:.0e}",
        passed=below == 0.0,
        value=below,
        limit=0.0,
        meaning="Lengths, shares and relevance are never negative; the arithmetic is wrong.",
    )
