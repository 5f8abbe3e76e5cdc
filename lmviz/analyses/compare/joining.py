"""Two results of one type brought onto common units, and their difference; one rule for each type of result."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lmviz.analyses.compare.common import Asked, Joined, aligned, labelled, refuse_pairs
from lmviz.analyses.compare.grids import paired_heads, paired_layers
from lmviz.analyses.compare.joining_heads import labels, spans, tags
from lmviz.analyses.compare.merging import mean_size, merged, merged_attention
from lmviz.analyses.compare.numbers import amounts, means, shares
from lmviz.errors import InvalidParameter
from lmviz.results import (
    Alignment,
    AnswerSpans,
    AttentionPattern,
    Difference,
    LabelProbabilities,
    LayerHeadGrid,
    LayerPositionGrid,
    Result,
    TokenDistributions,
    TokenMatrix,
    TokenScores,
)

_SHARES = frozenset({"attention-pattern", "attention-rollout"})  # analyses whose rows are distributions over the keys


def difference(a: Result, b: Result, *, asked: Asked | None = None) -> Difference:
    """Bring two results of one type onto common units and subtract.

    Word pieces of attention are summed over "to" and averaged over "from" (Clark et al., 2019), those of scores are
    summed (a word's surprisal is the sum over its pieces), those of other numbers per position are averaged. Of a
    maximum flow the sum over pieces is what could flow to a word at most.

    Args:
        a: What one side answered.
        b: What the other side answered to the same analysis.
        asked: Masks and heads that go together.

    Returns:
        A, B and B − A on the same units.

    Raises:
        InvalidParameter: The results are not of one kind, share no word, or are of a type that cannot be compared.
    """
    join = _JOIN.get(type(a))
    if join is None or type(a) is not type(b):
        kinds = type(a).__name__ if type(a) is type(b) else f"{type(a).__name__} and {type(b).__name__}"
        known = ", ".join(kind.__name__ for kind in _JOIN)
        raise InvalidParameter(f"{kinds} cannot be compared. Choose an analysis that gives one of {known}.")
    found = join(a, b, asked=asked or Asked())
    left, right = getattr(found.a, found.compared), getattr(found.b, found.compared)
    delta = right - left
    per_unit = dict(found.per_unit)
    if found.axis is not None:
        per_unit = {"mean_absolute": mean_size(delta, found.axis), **per_unit}
    return Difference(
        a=found.a,
        b=found.b,
        delta=delta,
        compared=found.compared,
        tokens_a=found.tokens[0],
        tokens_b=found.tokens[1],
        alignment=found.alignment,
        key_alignment=found.key_alignment,
        numbers={**amounts(left, right), **means(found.per_unit), **found.numbers},
        per_unit={name: values.astype(np.float32) for name, values in per_unit.items()},
        head_pairs=(asked or Asked()).head_pairs or (),
        note=_gaps_note(found.alignment, found.key_alignment, notes=(_note(a), _note(b))),
    )


def _gaps_note(*alignments: Alignment | None, notes: tuple[str, ...] = ()) -> str:
    """Say how many units stand on one side only, and what the results say themselves."""
    there = [alignment for alignment in alignments if alignment is not None]
    n_units, n_common = (sum(sizes) for sizes in ([len(x) for x in there], [len(x.common) for x in there]))
    gaps = f"{n_units - n_common} of {n_units} units are on one side only." if n_common < n_units else ""
    return " ".join(part for part in dict.fromkeys((gaps, *notes)) if part)


def _note(result: Result) -> str:
    return str(getattr(result, "note", ""))


def _attention(a: AttentionPattern, b: AttentionPattern, *, asked: Asked) -> Joined:
    if (a.key_table is None) != (b.key_table is None):
        raise InvalidParameter("Cross attention goes with cross attention only. Choose the same part on both sides.")
    rows = aligned(a.table, b.table, masks=asked.masks)
    keys = rows if a.key_table is None else aligned(a.key_table, b.key_table, masks=asked.masks)
    left, right = paired_heads(a.pattern, b.pattern, head_pairs=asked.head_pairs)
    sides = (
        _on_units(a, merged_attention(left, rows.a, keys=keys.a), (rows, rows.a), (keys, keys.a)),
        _on_units(b, merged_attention(right, rows.b, keys=keys.b), (rows, rows.b), (keys, keys.b)),
    )
    return Joined(
        *sides,
        "pattern",
        alignment=rows,
        axis=2,
        key_alignment=None if a.key_table is None else keys,
        tokens=(a.tokens, b.tokens),
        per_unit=shares(sides[0].pattern, sides[1].pattern, keys=keys) if _has_shares(a) else {},
    )


_Side = tuple[Alignment, tuple[tuple[int, ...], ...]]


def _on_units(result: AttentionPattern, pattern: np.ndarray, rows: _Side, keys: _Side) -> AttentionPattern:
    moved = replace(result, pattern=pattern, **labelled(*rows, table=result.table))
    if result.key_table is None:
        return moved
    named = labelled(*keys, table=result.key_table)
    return replace(moved, key_tokens=named["tokens"], key_table=named["table"])


def _has_shares(result: Result) -> bool:
    return result.provenance.get("analysis") in _SHARES


def _matrix(a: TokenMatrix, b: TokenMatrix, *, asked: Asked) -> Joined:
    refuse_pairs(asked)
    units = aligned(a.table, b.table, masks=asked.masks)
    left = replace(
        a, values=merged_attention(a.values, units.a, keys=units.a), **labelled(units, units.a, table=a.table)
    )
    right = replace(
        b, values=merged_attention(b.values, units.b, keys=units.b), **labelled(units, units.b, table=b.table)
    )
    per_unit = shares(left.values, right.values, keys=units) if _has_shares(a) else {}
    return Joined(left, right, "values", units, 0, tokens=(a.tokens, b.tokens), per_unit=per_unit)


def _scores(a: TokenScores, b: TokenScores, *, asked: Asked) -> Joined:
    refuse_pairs(asked)
    _same_unit(a.unit, b.unit)
    units = aligned(a.table, b.table, masks=asked.masks)
    left, right = (
        replace(side, scores=merged(side.scores, own, axis=0, how="sum"), **labelled(units, own, table=side.table))
        for side, own in ((a, units.a), (b, units.b))
    )
    return Joined(left, right, "scores", units, 0, tokens=(a.tokens, b.tokens))


def _positions(a: LayerPositionGrid, b: LayerPositionGrid, *, asked: Asked) -> Joined:
    _same_unit(a.unit, b.unit)
    if asked.head_pairs is not None and a.layers is not None:
        raise InvalidParameter("Pairs of layers are chosen among all of them: leave out layers, or head_pairs.")
    how = "sum" if a.target else "mean"
    units = aligned(a.table, b.table, masks=asked.masks)
    grids = paired_layers(a.values, b.values, head_pairs=asked.head_pairs)
    left, right = (
        replace(side, values=merged(grid, own, axis=1, how=how), **labelled(units, own, table=side.table))
        for side, grid, own in ((a, grids[0], units.a), (b, grids[1], units.b))
    )
    return Joined(left, right, "values", units, 1, tokens=(a.tokens, b.tokens))


def _heads(a: LayerHeadGrid, b: LayerHeadGrid, *, asked: Asked) -> Joined:
    _same_unit(a.unit, b.unit)
    left, right = paired_heads(a.values, b.values, head_pairs=asked.head_pairs)
    return Joined(replace(a, values=left), replace(b, values=right), "values")


def _same_unit(a: str, b: str) -> None:
    if a != b:
        raise InvalidParameter(f"A is in {a} and B in {b}. Ask both sides for the same quantity.")


_JOIN: dict[type[Result], Callable[..., Joined]] = {
    AttentionPattern: _attention,
    TokenMatrix: _matrix,
    TokenScores: _scores,
    LayerPositionGrid: _positions,
    LayerHeadGrid: _heads,
    LabelProbabilities: labels,
    TokenDistributions: tags,
    AnswerSpans: spans,
}
