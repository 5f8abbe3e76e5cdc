"""Does a classifier give sentences about one group other scores than the same sentences about another?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias import variants
from lmviz.analyses.bias.groups import group_pairs
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.classify import probabilities_of
from lmviz.analyses.predictions.labels import names_of_labels
from lmviz.datasets import eec
from lmviz.datasets.eec import EECSentence
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter, did_you_mean
from lmviz.results import PairScores
from lmviz.statistics.paired_tests import paired_tests

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SHIPPED = "feelings.csv"
GROUPS: Mapping[str, tuple[str, str]] = {"gender": ("female", "male"), "race": ("African-American", "European")}


@dataclass(frozen=True)
class SentimentParams(Params):
    """As `Params`; `contrast` is "gender" or "race", and `label` the label whose probability is the score.

    None: the label that is called positive; where none is, the last one. A head that gives a value has only that.
    """

    contrast: str = "gender"
    label: str | None = None


def _files(params: SentimentParams) -> tuple[Path, ...]:
    return files_of(params.source, SHIPPED)


def _read(params: SentimentParams, files: tuple[Path, ...]) -> Read:
    for file in files:
        for row in eec.read(file):
            if isinstance(row, BrokenRow):
                yield row
            elif _group(row, params.contrast):
                yield _item(row, _group(row, params.contrast))


def _group(row: EECSentence, contrast: str) -> str:
    return row.gender if contrast == "gender" else row.race


def _item(row: EECSentence, group: str) -> Item:
    """Make a row of a sentence; its cluster is the template, its details the group and the emotion's word."""
    return Item(row.line, (row.text,), row.emotion or "none", row.template, (group, row.emotion_word))


def _ways(model: "LoadedModel", params: SentimentParams) -> Mapping[str, Way]:
    if params.contrast not in GROUPS:
        raise InvalidParameter(f"contrast is '{params.contrast}'; it must be {' or '.join(GROUPS)}.")
    require(model, "classify")
    label = _label(names_of_labels(model), params.label)

    def score(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
        return [(value,) for value in _scores(model, [item.texts[0] for item in items], label=label)]

    first, second = GROUPS[params.contrast]
    note = (
        f"Score of '{names_of_labels(model)[label]}'; the mean over all {first} sentences of a template and emotion "
        f"word against that over the {second} ones."
    )
    return {"label": variants.by_items(score, note=note, unit="score")}


def _label(names: Sequence[str], wanted: str | None) -> int:
    """Find a label by its name; none wanted: the positive one, or else the last."""
    if wanted is None:
        return next((place for place, name in enumerate(names) if name.casefold().startswith("pos")), len(names) - 1)
    if wanted not in names:
        close = did_you_mean(wanted, names)
        raise InvalidParameter(f"The head has no label '{wanted}'; it has {', '.join(names)}.{close}")
    return names.index(wanted)


def _scores(model: "LoadedModel", texts: Sequence[str], *, label: int) -> list[float]:
    """Give the probability of a label for each text; the value itself where the head gives values."""
    from lmviz.capture.readings import label_logits
    from lmviz.capture.tokens import encode

    encodings = [encode(model, text) for text in texts]
    logits = label_logits(model, encodings)
    found = []
    for encoding, own in zip(encodings, logits, strict=True):
        said = probabilities_of(model, own, table=encoding.table)
        value = said.probabilities[label]
        found.append(float(own[label] if np.isnan(value) else value))
    return found


def summarise(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Compare the mean score of two groups for each template and emotion word (Kiritchenko & Mohammad, 2018).

    The effect size is the mean difference, in the unit of the score, with an interval that draws whole templates;
    `mean_abs_gap` is the mean of its absolute values (Garg et al., 2019). `t`, `p_t` and `p_wilcoxon` are the paired
    tests of the authors, over the pairs.

    Args:
        scores: The sentences.
        way: How they were scored.

    Returns:
        One pair for each template and word, and by emotion; clusters are templates.
    """
    found = {score.item.details[0] for score in scores}
    groups = next((own for own in GROUPS.values() if found & set(own)), GROUPS["gender"])
    frames = [f"{score.item.cluster} · {score.item.details[1]}" for score in scores]
    pairs = group_pairs(scores, np.array([score.scores[0] for score in scores]), frames=frames, groups=groups)
    whole = summarise_pairs(pairs, way)
    parts = {
        name: with_numbers(part, _tests([one for one in pairs if one.item.category == name]))
        for name, part in whole.by_category.items()
    }
    return with_numbers(replace(whole, by_category=parts), _tests(pairs))


def _tests(pairs: Sequence[ItemScore]) -> dict[str, float]:
    gaps = np.array([pair.scores[0] - pair.scores[1] for pair in pairs], dtype=np.float64)
    found = paired_tests(gaps)
    mean_abs = float(np.abs(gaps).mean()) if len(gaps) else math.nan
    return {"mean_abs_gap": mean_abs, "t": found.t, "p_t": found.p_t, "p_wilcoxon": found.p_wilcoxon}


BENCHMARK = Benchmark(
    "sentiment-gap",
    "Sentiment gap",
    _files,
    _read,
    _ways,
    summarise,
    first="the sentences about the first group",
)
ANALYSIS = analysis(
    BENCHMARK,
    SentimentParams,
    reference="https://arxiv.org/abs/1805.04508",
    caution=(
        "A gap may be consistent and far too small to matter: read its size beside the share. Few templates carry all "
        "sentences, so the interval over templates is the one to read. The number says something about this classifier "
        "on these sentences."
    ),
)
