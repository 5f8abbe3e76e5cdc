"""Does an attribute make one group's words likelier than another's (Kurita et al., 2019)?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.plans import Answer, Plan, Side, mean, planned
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.spans import positions_in
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.analyses.predictions.abilities import require
from lmviz.datasets import association_templates
from lmviz.datasets.association_templates import AssociationTemplate, fill
from lmviz.datasets.tables import BrokenRow
from lmviz.results import PairScores
from lmviz.statistics.paired_tests import paired_tests

if TYPE_CHECKING:
    from lmviz.capture.batches import Copy
    from lmviz.models.loaded import LoadedModel

SHIPPED = "templates.csv"
_BETWEEN = "|"  # words of a group


def _files(params: Params) -> tuple[Path, ...]:
    return files_of(params.source, SHIPPED)


def _read(_params: Params, files: tuple[Path, ...]) -> Read:
    return (_item(row) for file in files for row in association_templates.read(file))


def _item(row: AssociationTemplate | BrokenRow) -> Item | BrokenRow:
    """Make a row whose texts have the first word of each group; the details are what all texts are made of."""
    if isinstance(row, BrokenRow):
        return row
    texts = tuple(fill(row.template, words[0], attribute=row.attribute)[0] for words in (row.more, row.less))
    details = (row.template, row.attribute, _BETWEEN.join(row.more), _BETWEEN.join(row.less))
    return Item(row.line, texts, row.category, row.template, details)


def _plan(model: "LoadedModel", item: Item) -> Plan:
    template, attribute, *groups = item.details
    return tuple(
        Side(
            tuple(
                copy
                for word in group.split(_BETWEEN)
                for copy in _copies(model, fill(template, word, attribute=attribute))
            ),
            association,
        )
        for group in groups
    )


def _copies(model: "LoadedModel", text: tuple[str, tuple[int, int], tuple[int, int]]) -> tuple["Copy", "Copy"]:
    """Ask for a word with all of its pieces masked: beside the attribute, and with the attribute's masked as well."""
    from lmviz.capture.batches import Copy
    from lmviz.capture.tokens import encode

    encoding = encode(model, text[0])
    word, attribute = (positions_in(encoding, span) for span in text[1:])
    return Copy(encoding, asked=word, masked=word), Copy(encoding, asked=word, masked=(*word, *attribute))


def association(answers: Sequence[Answer]) -> float:
    """Give ln(p / prior) of a group from its words' answers, with the attribute and without it in turn.

    A word of several pieces has exp(mean log-probability) of them; the probabilities of a group's words are added.
    """
    means = np.array([mean([answer]) for answer in answers])
    return float(np.logaddexp.reduce(means[::2]) - np.logaddexp.reduce(means[1::2]))


KURITA = planned(
    _plan,
    unit="log ratio",
    note=(
        "ln(p / prior) of each group's words at the mask, the prior with one mask for each piece of the attribute; a "
        "word of several pieces has exp(mean log-probability), the words of a group are added up."
    ),
)


def _ways(model: "LoadedModel", _params: Params) -> Mapping[str, Way]:
    require(model, "fill-mask")
    return {"kurita": KURITA}


def summarise(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Give how often, and by how much, the attribute speaks for the first group rather than the second.

    The effect size is the mean log-probability bias score, the difference of both associations; `odds_ratio` is its
    exponential. `template_sd` says how far templates disagree: the standard deviation of their means.

    Args:
        scores: The rows, the associations of both groups each.
        way: How they were scored.

    Returns:
        All rows and each category; clusters are templates.
    """
    whole = summarise_pairs(scores, way)
    parts = {
        name: _with_tests(part, [one for one in scores if one.item.category == name])
        for name, part in whole.by_category.items()
    }
    return _with_tests(replace(whole, by_category=parts), scores)


def _with_tests(part: PairScores, scores: Sequence[ItemScore]) -> PairScores:
    differences: dict[str, list[float]] = {}
    for score in scores:
        differences.setdefault(score.item.cluster, []).append(score.scores[0] - score.scores[1])
    found = paired_tests([value for own in differences.values() for value in own])
    means = [float(np.mean(own)) for own in differences.values()]
    ratios = {
        name: math.exp(part.numbers[end])
        for name, end in (
            ("odds_ratio", "effect_size"),
            ("odds_ratio_low", "effect_low"),
            ("odds_ratio_high", "effect_high"),
        )
    }
    spread = float(np.std(means, ddof=1)) if len(means) > 1 else math.nan
    tests = {"t": found.t, "p_t": found.p_t, "p_wilcoxon": found.p_wilcoxon}
    return with_numbers(part, {**ratios, "template_sd": spread, "n_templates": float(len(means)), **tests})


BENCHMARK = Benchmark(
    "log-probability-bias",
    "Log-probability bias",
    _files,
    _read,
    _ways,
    summarise,
    first="the first group's word",
)
ANALYSIS = analysis(
    BENCHMARK,
    Params,
    reference="https://arxiv.org/abs/1906.07337",
    caution=(
        "Another wording of the template often changes the score by more than the effect is large: read how far "
        "templates disagree. The prior comes from a sentence with two masks, which models have rarely seen. The number "
        "is a preference on this benchmark."
    ),
)
