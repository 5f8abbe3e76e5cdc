"""From who finds which word's head to accuracies with intervals, and p-values that know what was looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmviz.analyses.probing.parsing_heads import (
    DIRECTIONS,
    OFFSETS,
    HeadAt,
    Words,
    accuracies,
    best_head,
    best_offset,
    relations_of,
)
from lmviz.results import Check, HeadParsing
from lmviz.statistics import bootstrap, holm, max_t, paired_permutation

_N_DRAWS = 2000  # of the p over all heads: each is a sum over every head's table
_NO_HEAD = HeadAt(-1, -1, -1)
_NOTE = (
    "Heads are chosen on some sentences and judged on others. p knows the number of relations (Holm), "
    "p over all heads also that any head in either direction might have been the best."
)
_NO_RANDOM = "No model with random weights was asked."
_NO_RELATION = "No relation has enough words in both splits: give more sentences, or ask for fewer words."
_FEW = "Intervals need two sentences; for some relation there are fewer."


@dataclass(frozen=True, eq=False)
class Splits:
    """The same words of the dev and the test sentences as two models see them; None: no model with random weights."""

    dev: Words
    test: Words
    random_dev: Words | None = None
    random_test: Words | None = None


def summarise(splits: Splits, *, min_words: int, seed: int) -> HeadParsing:
    """Choose on dev, and judge on test.

    Intervals come from resampled sentences. `p_adjusted` flips the sign of a sentence's difference between the chosen
    head and the chosen offset, and is adjusted for the number of relations (Holm, 1979). As the choice is made on other
    sentences, it needs no correction for the number of heads. `p_any_head` is the stricter answer of one who does not
    trust that: the signs of a sentence's differences between every head in both directions and the offset are flipped
    together, each sum is divided by its root mean square over sentences, and the chosen head's is compared with the
    largest in size of all (max-T: Westfall & Young, 1993), then adjusted for the number of relations as well. Both are
    two-sided.

    Args:
        splits: Who finds which word's head.
        min_words: The fewest test words of a relation that is reported.
        seed: Of the resamples and the flips.

    Returns:
        One entry per relation, all words together first.
    """
    relations = relations_of(splits.dev, splits.test, min_words=min_words)
    rows = [_row(splits, relation, seed) for relation in relations]
    floats = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in _FLOATS}
    whole: dict[str, Any] = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in _WHOLE}
    adjusted = {name: holm(floats[name]) for name in ("p_adjusted", "p_any_head")}
    columns: dict[str, Any] = {name: value.astype(np.float32) for name, value in {**floats, **adjusted}.items()}
    return HeadParsing(
        relations=relations,
        directions=DIRECTIONS,
        **whole,
        **columns,
        grids={"dev": _grid(splits.dev, relations), "test": _grid(splits.test, relations)},
        n_sentences=len(np.unique(splits.test.sentences)),
        n_sentences_dev=len(np.unique(splits.dev.sentences)),
        note=_note(splits, columns),
    )


_WHOLE = ("n", "n_dev", "direction", "layer", "head", "offset", "random_direction", "random_layer", "random_head")
_SHARES = ("accuracy", "offset_accuracy", "difference", "random_accuracy")
_ENDS = {
    "accuracy": ("low", "high"),
    "offset_accuracy": ("offset_low", "offset_high"),
    "difference": ("difference_low", "difference_high"),
    "random_accuracy": ("random_low", "random_high"),
}
_FLOATS = (*_SHARES, *(end for ends in _ENDS.values() for end in ends), "p_adjusted", "p_any_head")


def _note(splits: Splits, columns: Mapping[str, np.ndarray]) -> str:
    sentences = [_NOTE]
    if not columns["low"].size:
        sentences.append(_NO_RELATION)
    if np.isnan(columns["low"]).any():
        sentences.append(_FEW)
    if splits.random_test is None:
        sentences.append(_NO_RANDOM)
    return " ".join(sentences)


def _grid(words: Words, relations: Sequence[str]) -> np.ndarray:
    none = np.zeros((0, *words.hits.shape[1:]))
    grids = [accuracies(words, relation)[None] for relation in relations]
    return np.concatenate([none, *grids]).astype(np.float32)


def _row(splits: Splits, relation: str, seed: int) -> dict[str, float]:
    """Judge the choices for one relation; both p-values are not adjusted for other relations yet."""
    test, own = splits.test, splits.test.of(relation)
    chosen, offset = best_head(splits.dev, relation), best_offset(splits.dev, relation)
    sentences = test.sentences[own]
    by_head, by_offset = test.hits[own][:, *chosen].astype(np.float64), test.offset_hits[own, offset].astype(np.float64)
    shares = {"accuracy": by_head, "offset_accuracy": by_offset, "difference": by_head - by_offset}
    luck = _NO_HEAD
    if splits.random_dev is not None and splits.random_test is not None:
        luck = best_head(splits.random_dev, relation)
        shares["random_accuracy"] = splits.random_test.hits[own][:, *luck].astype(np.float64)
    numbers: dict[str, float] = dict.fromkeys(_FLOATS, np.nan)
    for name, values in shares.items():
        numbers[name] = float(values.mean())
        ends = bootstrap(values, np.mean, clusters=sentences, seed=seed)
        numbers.update(zip(_ENDS[name], ends, strict=True))
    return {
        **numbers,
        "p_adjusted": paired_permutation(shares["difference"], clusters=sentences, seed=seed),
        "p_any_head": _p_any_head(test, own, (chosen, offset), seed=seed),
        "n": int(own.sum()),
        "n_dev": int(splits.dev.of(relation).sum()),
        "offset": OFFSETS[offset],
        **dict(zip(("direction", "layer", "head"), chosen, strict=True)),
        **dict(zip(("random_direction", "random_layer", "random_head"), luck, strict=True)),
    }


def _p_any_head(test: Words, own: np.ndarray, choice: tuple[HeadAt, int], *, seed: int) -> float:
    """Give the chance that any head differs from the offset as clearly as the chosen one, were all signs luck."""
    chosen, offset = choice
    starts = np.flatnonzero(np.diff(test.sentences[own], prepend=-1))
    found = np.add.reduceat(test.hits[own], starts, axis=0, dtype=np.int64)  # (sentence, direction, layer, head)
    by_offset = np.add.reduceat(test.offset_hits[own, offset], starts, dtype=np.int64)
    table = (found - by_offset[:, None, None, None]).astype(np.float64)
    scale = np.sqrt((table**2).mean(axis=0))
    scaled = np.divide(table, scale, out=np.zeros_like(table), where=scale > 0)
    p = max_t(scaled.reshape(len(table), -1), n_draws=_N_DRAWS, seed=seed)
    return float(p[np.ravel_multi_index(chosen, scale.shape)])


def chosen_on_dev(result: HeadParsing) -> Check:
    """Compare each chosen head with the best there is on the dev split."""
    at = (np.arange(len(result.relations)), result.direction, result.layer, result.head)
    best = result.grids["dev"].reshape(len(result.relations), -1).max(axis=1, initial=0.0)
    off = float(np.abs(best - result.grids["dev"][at]).max(initial=0.0))
    return Check(
        slug="chosen",
        sentence=f"chosen heads are the best on the dev split within {off:.0e}",
        passed=off <= 1e-6,
        value=off,
        limit=1e-6,
        meaning="Heads were chosen by something else than the dev split; do not use their numbers.",
    )


def is_in_grid(result: HeadParsing) -> Check:
    """Compare each accuracy with the one in the table of all heads."""
    at = (np.arange(len(result.relations)), result.direction, result.layer, result.head)
    off = float(np.abs(result.accuracy - result.grids["test"][at]).max(initial=0.0))
    return Check(
        slug="accuracies",
        sentence=f"accuracies are those of the table of all heads within {off:.0e}",
        passed=off <= 1e-6,
        value=off,
        limit=1e-6,
        meaning="The table and the figure show different numbers; do not use them.",
    )
