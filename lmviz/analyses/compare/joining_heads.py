"""Answers of heads on common units: labels of a text, tags of its words, stretches that may be an answer."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float32

from lmviz.analyses.compare.common import Asked, Joined, aligned, labelled, refuse_pairs
from lmviz.analyses.compare.divergences import jensen_shannon, kl, total_variation
from lmviz.analyses.compare.merging import merged
from lmviz.errors import InvalidParameter
from lmviz.results import Alignment, AnswerSpans, LabelProbabilities, TokenDistributions


def labels(a: LabelProbabilities, b: LabelProbabilities, *, asked: Asked) -> Joined:
    """Compare probabilities, or the values of heads that give values; labels in another order are sorted."""
    refuse_pairs(asked)
    if a.kind != b.kind or sorted(a.labels) != sorted(b.labels):
        raise InvalidParameter(
            f"A has the labels {', '.join(a.labels)} ({a.kind}) and B has {', '.join(b.labels)} ({b.kind}). "
            "Choose two models with the same labels."
        )
    if a.labels != b.labels:
        a, b = _sorted(a), _sorted(b)
    if a.kind == "value":
        return Joined(a, b, "logits")
    numbers = {name: float(value) for name, value in _apart(a.probabilities, b.probabilities).items()}
    return Joined(a, b, "probabilities", numbers=numbers if a.kind == "one of" else {})


def _sorted(result: LabelProbabilities) -> LabelProbabilities:
    order = np.argsort(np.asarray(result.labels), kind="stable")
    return replace(
        result,
        labels=tuple(result.labels[i] for i in order),
        probabilities=result.probabilities[order],
        logits=result.logits[order],
    )


def _apart(p: Float[np.ndarray, "*row label"], q: Float[np.ndarray, "*row label"]) -> Mapping[str, np.ndarray]:
    return {
        "kl_ab": kl(p, q),
        "kl_ba": kl(q, p),
        "js": jensen_shannon(p, q),
        "total_variation": total_variation(p, q),
    }


def tags(a: TokenDistributions, b: TokenDistributions, *, asked: Asked) -> Joined:
    """Compare the labels of each word, those of its first piece: only that was trained to carry the word's label.

    Both sides list all labels in one order; rows of special tokens and of words that one side lacks are NaN.
    """
    refuse_pairs(asked)
    names = _common_labels(a, b)
    units = aligned(a.table, b.table, masks=asked.masks)
    left, right = (_tagged(side, own, names=names, units=units) for side, own in ((a, units.a), (b, units.b)))
    is_missing = np.isnan(left.probabilities + right.probabilities).any(axis=1)
    apart = _apart(left.probabilities, right.probabilities)
    per_unit = {name: np.where(is_missing, np.nan, values) for name, values in apart.items()}
    return Joined(left, right, "probabilities", units, 0, tokens=(a.tokens, b.tokens), per_unit=per_unit)


def _common_labels(a: TokenDistributions, b: TokenDistributions) -> tuple[str, ...]:
    known = [sorted(set(row)) for side in (a, b) for row in side.candidates]
    if not known or any(row != known[0] for row in known):
        found = [", ".join(sorted({name for row in side.candidates for name in row})[:8]) for side in (a, b)]
        raise InvalidParameter(
            f"A has the labels {found[0]} and B has {found[1]}. Choose two models with the same labels, and ask for "
            "all of them: leave top_k out."
        )
    return tuple(known[0])


def _tagged(
    side: TokenDistributions, own: tuple[tuple[int, ...], ...], *, names: tuple[str, ...], units: Alignment
) -> TokenDistributions:
    """Give one row for each unit, with the labels in the order of their names."""
    row_of = {position: row for row, position in enumerate(side.positions)}
    number_of = {name: number for number, name in enumerate(names)}
    shares = np.full((len(units), len(names)), np.nan, dtype=np.float32)
    entropy = np.full(len(units), np.nan, dtype=np.float32)
    for unit, positions in enumerate(own):
        row = next((row_of[position] for position in positions if position in row_of), None)
        if row is not None:
            shares[unit, [number_of[name] for name in side.candidates[row]]] = side.probabilities[row]
            entropy[unit] = side.entropy[row]
    return replace(
        side,
        positions=tuple(range(len(units))),
        candidates=(names,) * len(units),
        candidate_ids=np.tile(np.arange(len(names), dtype=np.int64), (len(units), 1)),
        probabilities=shares,
        entropy=entropy,
        **labelled(units, own, table=side.table),
    )


def spans(a: AnswerSpans, b: AnswerSpans, *, asked: Asked) -> Joined:
    """Compare where an answer begins, by words; the sides also carry where it ends, and the numbers speak of both."""
    refuse_pairs(asked)
    units = aligned(a.table, b.table, masks=asked.masks)
    left, right = (
        replace(
            side,
            start=merged(side.start, own, axis=0, how="sum"),
            end=merged(side.end, own, axis=0, how="sum"),
            **labelled(units, own, table=side.table),
        )
        for side, own in ((a, units.a), (b, units.b))
    )
    numbers: dict[str, float] = {}
    for name in ("start", "end"):
        p, q = (np.nan_to_num(getattr(side, name)) for side in (left, right))
        numbers |= {f"js_{name}": _js(p, q), f"total_variation_{name}": float(total_variation(p, q))}
    return Joined(left, right, "start", units, 0, tokens=(a.tokens, b.tokens), numbers=numbers)


def _js(p: Float32[np.ndarray, " unit"], q: Float32[np.ndarray, " unit"]) -> float:
    return float(jensen_shannon(p, q))
