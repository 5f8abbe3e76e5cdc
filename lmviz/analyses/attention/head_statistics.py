"""What does each head do, in one number: how spread, how far, at which kind of position does it look?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32

from lmviz.analyses.attention.selecting import Pattern, read
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.errors import InvalidParameter, did_you_mean
from lmviz.results import Check, LayerHeadGrid, TokenTable, is_punctuation

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Weights = Float32[np.ndarray, "query key"]


@dataclass(frozen=True)
class Statistic:
    """How a statistic is called and read; the explanation finishes the sentence "This head looks ..."."""

    slug: str
    title: str
    unit: str
    explain: str
    why_not: str = ""


_REPEATED = "No token of this text occurs twice."
_LONELY = "This text has one token only."
STATISTICS: dict[str, Statistic] = {
    item.slug: item
    for item in (
        Statistic("entropy", "Entropy", "nats", "at many positions (high) or few (low)"),
        Statistic("mean_distance", "Mean distance", "positions", "far away (high) or close by (low)"),
        Statistic("previous_token", "Previous token", "share", "at the position before", _LONELY),
        Statistic("next_token", "Next token", "share", "at the position after", _LONELY),
        Statistic("first_token", "First token", "share", "at the first position", _LONELY),
        Statistic("self", "Self", "share", "at its own position"),
        Statistic("delimiter", "Delimiters", "share", "at special tokens and punctuation"),
        Statistic("induction", "Induction", "share", "at what followed the last time this token occurred", _REPEATED),
        Statistic("duplicate_token", "Duplicate token", "share", "at the last time this token occurred", _REPEATED),
    )
}
ACROSS_TEXTS = frozenset({"entropy", "delimiter"})  # what can be said when queries and keys are different texts


@dataclass(frozen=True)
class Params:
    """What is read, and which statistic of `STATISTICS` is asked for."""

    text: str
    statistic: str = "entropy"
    text_pair: str | None = None
    part: str | None = None
    target_text: str | None = None


def head_statistics(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> LayerHeadGrid:
    """Describe every head on a text by one number.

    Special tokens are included, as queries and as keys. The statistics that name a place are the mean weight on
    it over the queries that have such a place: previous-token and induction heads are found by them (Elhage et
    al., 2021; Olsson et al., 2022), delimiters and distance follow Clark et al. (2019).

    Args:
        model: Any model.
        params: The text and the statistic's slug.
        on_progress: Told when the model has run.

    Returns:
        One number per layer and head; NaN with a note where no query qualifies.

    Raises:
        InvalidParameter: No statistic of that name.
    """
    if params.statistic not in STATISTICS:
        close = did_you_mean(params.statistic, STATISTICS)
        raise InvalidParameter(f"There is no head statistic '{params.statistic}'.{close}")
    seen = read(model, params, places=ANALYSIS.needs)
    on_progress(0.9, "The model has run")
    key_table = seen.key_table if seen.part == "cross" else None
    return all_statistics(seen["pattern"], seen.table, key_table=key_table)[params.statistic]


def all_statistics(
    pattern: Pattern, table: TokenTable, *, key_table: TokenTable | None = None
) -> dict[str, LayerHeadGrid]:
    """Compute all nine statistics of one pattern.

    All but the entropy are linear in the pattern: a sum against a matrix that depends on the tokens alone. So
    they are one matrix product over all heads.

    Args:
        pattern: Attention after the softmax.
        table: The queries' tokens.
        key_table: The keys' tokens where they are others, as in cross attention; positions then do not compare.

    Returns:
        A grid by slug, in the order of `STATISTICS`.
    """
    keys = table if key_table is None else key_table
    if pattern.shape[2:] != (len(table), len(keys)):
        raise InvalidParameter(
            f"The pattern has {pattern.shape[2]} queries and {pattern.shape[3]} keys, the tokens are {len(table)} "
            f"and {len(keys)}. Give the tables of the same input."
        )
    linear = {slug: make(table, keys) for slug, make in _WEIGHTS.items() if key_table is None or slug in ACROSS_TEXTS}
    values = {"entropy": _entropy(pattern), **_against(pattern, linear)}
    return {slug: _grid(item, values.get(slug), pattern.shape[:2]) for slug, item in STATISTICS.items()}


def _grid(item: Statistic, values: np.ndarray | None, shape: tuple[int, ...]) -> LayerHeadGrid:
    if values is None:
        nothing = np.full(shape, np.nan, dtype=np.float32)
        return LayerHeadGrid(values=nothing, unit=item.unit, note="Queries and keys are different texts here.")
    note = item.why_not if bool(np.isnan(values).any()) else ""
    return LayerHeadGrid(values=values.astype(np.float32), unit=item.unit, note=note)


def _entropy(pattern: Pattern) -> Float[np.ndarray, "layer head"]:
    """Average -Σ p ln p over queries, one layer at a time so that little memory is taken."""
    tiny = np.finfo(np.float32).tiny
    found = np.empty(pattern.shape[:2])
    for layer, own in enumerate(pattern):
        logs = np.log(np.maximum(own, tiny))  # p = 0 adds 0 · ln tiny = 0
        logs *= own
        found[layer] = -logs.sum(axis=-1).mean(axis=-1, dtype=np.float64)
    return found


def _against(pattern: Pattern, weights: Mapping[str, Weights | None]) -> dict[str, Float[np.ndarray, "layer head"]]:
    """Sum the pattern against each matrix; NaN where there is none because no query qualifies."""
    there = {slug: matrix for slug, matrix in weights.items() if matrix is not None}
    nothing = np.full(pattern.shape[:2], np.nan)
    found = dict.fromkeys(weights, nothing)
    if there:
        flat = pattern.reshape(pattern.shape[0] * pattern.shape[1], -1)  # (layer head, query key)
        sums = flat @ np.stack([matrix.ravel() for matrix in there.values()], axis=1)
        found |= {slug: sums[:, i].reshape(pattern.shape[:2]) for i, slug in enumerate(there)}
    return found


def _distances(table: TokenTable, _: TokenTable) -> Weights:
    places = np.arange(len(table), dtype=np.float32)
    apart: np.ndarray = np.abs(places[:, np.newaxis] - places[np.newaxis, :]) / len(table)
    return apart


def _at_offset(offset: int) -> Callable[[TokenTable, TokenTable], Weights | None]:
    """Look at key = query + offset."""

    def weights(table: TokenTable, _: TokenTable) -> Weights | None:
        n = len(table)
        return _at({query: query + offset for query in range(n) if 0 <= query + offset < n}, n)

    return weights


def _at_first(table: TokenTable, _: TokenTable) -> Weights | None:
    return _at(dict.fromkeys(range(1, len(table)), 0), len(table))


def _at_delimiters(table: TokenTable, keys: TokenTable) -> Weights:
    row = np.array([float(s or is_punctuation(t)) for s, t in zip(keys.special, keys.tokens, strict=True)], np.float32)
    return np.tile(row / np.float32(len(table)), (len(table), 1))


def _after_last_time(step: int) -> Callable[[TokenTable, TokenTable], Weights | None]:
    """Look `step` positions after the last earlier occurrence of the query's token."""

    def weights(table: TokenTable, _: TokenTable) -> Weights | None:
        seen: dict[int, int] = {}
        targets = {}
        for query, token in enumerate(table.ids):
            if token in seen:
                targets[query] = seen[token] + step
            seen[token] = query
        return _at(targets, len(table))

    return weights


def _at(targets: Mapping[int, int], n: int) -> Weights | None:
    """Average over the queries that have a target, the weight on it; None when no query has one."""
    if not targets:
        return None
    matrix = np.zeros((n, n), dtype=np.float32)
    matrix[list(targets), list(targets.values())] = 1 / len(targets)
    return matrix


_WEIGHTS: dict[str, Callable[[TokenTable, TokenTable], Weights | None]] = {
    "mean_distance": _distances,
    "previous_token": _at_offset(-1),
    "next_token": _at_offset(1),
    "first_token": _at_first,
    "self": _at_offset(0),
    "delimiter": _at_delimiters,
    "induction": _after_last_time(1),
    "duplicate_token": _after_last_time(0),
}


def within_range(result: LayerHeadGrid) -> Check:
    """Compare shares with 0 and 1, and everything else with 0."""
    values = result.values[~np.isnan(result.values)]
    top = 1.0 if result.unit == "share" else np.inf
    out = float(np.max(np.maximum(-values, values - top), initial=0.0))
    return Check(
        slug="range",
        sentence=f"out of range by {out:.0e}",
        passed=out <= 1e-4,
        value=out,
        limit=1e-4,
        meaning="A mean of weights lies between 0 and 1, a distance or an entropy above 0; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="head-statistics",
    title="Head statistics",
    group="attention",
    needs=frozenset({"pattern"}),
    params=Params,
    run=head_statistics,
    reference="https://arxiv.org/abs/1906.04341",
    caution="A number describes this head on this text; on another text the same head may do something else.",
    checks=(within_range,),
)
