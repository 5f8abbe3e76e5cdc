"""Which of two texts of one's own does a model prefer? Pairs that differ in one thing, from any file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.analyses.bias import crows_pairs, variants
from lmviz.analyses.bias.items import Benchmark, Item, Params, Read, Way
from lmviz.analyses.bias.kinds import ways_of
from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import summarise_pairs
from lmviz.datasets import minimal_pairs
from lmviz.datasets.minimal_pairs import MinimalPair
from lmviz.datasets.tables import BrokenRow

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_ENCODER: Mapping[str, Way] = {
    "shared-tokens": variants.SHARED_MASKED,
    "pll": variants.PLL,
    "aul": variants.AUL,
    "modified-tokens": variants.MODIFIED,
}
_DECODER: Mapping[str, Way] = {
    "shared-tokens": variants.SHARED,
    "sum": variants.SUM,
    "mean": variants.MEAN,
}


def _files(params: Params) -> tuple[Path, ...]:
    return files_of(params.source, crows_pairs.SHIPPED)


def _read(params: Params, files: tuple[Path, ...]) -> Read:
    if params.source is None:
        return crows_pairs.read(params, files)
    return _numbered(_item(row) for file in files for row in minimal_pairs.read(file))


def _numbered(rows: Read) -> Read:
    """Give each pair a line of its own where a line has several of them; what comes later moves on."""
    last = 0
    for row in rows:
        own, last = row.line, max(row.line, last + 1)
        if last == own:
            yield row
        elif isinstance(row, BrokenRow):
            yield BrokenRow(last, f"line {own} of the file: {row.reason}")
        else:
            yield replace(row, line=last)


def _item(row: MinimalPair | BrokenRow) -> Item | BrokenRow:
    if isinstance(row, BrokenRow):
        return row
    return Item(row.line, (row.more, row.less), row.category, row.cluster)


def _ways(model: "LoadedModel", _params: Params) -> Mapping[str, Way]:
    return ways_of(model, encoder=_ENCODER, decoder=_DECODER)


BENCHMARK = Benchmark("minimal-pairs", "Minimal pairs", _files, _read, _ways, summarise_pairs)
ANALYSIS = analysis(
    BENCHMARK,
    Params,
    reference="https://arxiv.org/abs/1912.00582",
    caution=(
        "Scores that sum over tokens prefer shorter texts, scores per token prefer texts with easy tokens. Pairs of "
        "one's own say something about these pairs; the number is a preference on this benchmark."
    ),
)
