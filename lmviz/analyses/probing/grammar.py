"""Does a model tell a grammatical sentence from one that is not? BLiMP, and pairs of one's own."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Way
from lmviz.analyses.bias.kinds import ways_of
from lmviz.analyses.bias.locating import Packaged, files_of, in_turn
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.analyses.probing.grammar_references import OFFICIAL
from lmviz.analyses.probing.grammar_ways import DECODER, ENCODER
from lmviz.datasets import blimp
from lmviz.datasets.blimp import GrammarPair, Prefixes
from lmviz.datasets.blimp_files import BLIMP
from lmviz.datasets.downloads import fetcher
from lmviz.datasets.tables import BrokenRow
from lmviz.results import GrammarScores, PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SLUG, TITLE = "blimp", "Minimal pairs of grammar"
SHIPPED = "../probing/grammar.jsonl"  # beside the folder of what ships for the bias page
_PACKAGED: Packaged = {"blimp": fetcher(BLIMP, asked_as="blimp")}
_OFFICIAL_PARADIGMS = frozenset(file.name.removesuffix(".jsonl") for file in BLIMP)


def _files(params: Params) -> tuple[Path, ...]:
    return files_of(params.source, SHIPPED, packaged=_PACKAGED, ending=".jsonl")


def _read(_params: Params, files: tuple[Path, ...]) -> Read:
    return in_turn(files, lambda file: (_item(row, file) for row in blimp.read(file)))


def _item(row: GrammarPair | BrokenRow, file: Path) -> Item | BrokenRow:
    """Make a row; a file that names no paradigm is one."""
    if isinstance(row, BrokenRow):
        return row
    paradigm = row.paradigm or file.name.removesuffix(".gz").removesuffix(".jsonl")
    prefixes = (*_flat(row.one_prefix), *_flat(row.two_prefixes))
    return Item(row.line, (row.good, row.bad), row.phenomenon or paradigm, paradigm, prefixes)


def _flat(prefixes: Prefixes | None) -> tuple[str, ...]:
    return ("",) * 4 if prefixes is None else (*prefixes.good, *prefixes.bad)


def _ways(model: "LoadedModel", _params: Params) -> Mapping[str, Way]:
    return ways_of(model, encoder=ENCODER, decoder=DECODER)


def summarise(scores: Sequence[ItemScore], way: Way) -> GrammarScores:
    """Count the pairs whose grammatical sentence has the higher score; ties count as wrong.

    `macro` is the mean over paradigms, as BLiMP reports it: of each phenomenon, and of everything.

    Args:
        scores: The rows.
        way: How they were scored.

    Returns:
        All pairs; the phenomena, and in each of them its paradigms. What people and other models chose is added where
        every paradigm is one of BLiMP's.
    """
    whole = summarise_pairs(scores, way)
    phenomena = {
        name: _with_paradigms([score for score in scores if score.item.category == name], way, part)
        for name, part in whole.by_category.items()
    }
    every = [paradigm for part in phenomena.values() for paradigm in part.by_category.values()]
    is_official = {score.item.cluster for score in scores} <= _OFFICIAL_PARADIGMS
    summed = replace(with_numbers(whole, {"macro": _macro(every)}), by_category=phenomena)
    return GrammarScores(
        **{item.name: getattr(summed, item.name) for item in fields(summed)},
        paradigms=tuple(score.item.cluster for score in scores),
        references=dict(OFFICIAL) if is_official and scores else {},
    )


def _with_paradigms(scores: Sequence[ItemScore], way: Way, phenomenon: PairScores) -> PairScores:
    """Add the paradigms of a phenomenon to it."""
    by_name: dict[str, list[ItemScore]] = {}
    for score in scores:
        by_name.setdefault(score.item.cluster, []).append(score)
    parts = {name: _alone(summarise_pairs(own, way)) for name, own in sorted(by_name.items())}
    return replace(with_numbers(phenomenon, {"macro": _macro(list(parts.values()))}), by_category=parts)


_alone = partial(replace, by_category={}, categories=(), texts=(), cluster_interval=None)


def _macro(parts: Sequence[PairScores]) -> float:
    shares = [part.preference for part in parts if part.n]
    return sum(shares) / len(shares) if shares else float("nan")


BENCHMARK = Benchmark(
    SLUG, TITLE, _files, _read, _ways, summarise, first="the grammatical sentence", packages=tuple(_PACKAGED)
)
ANALYSIS = replace(
    analysis(
        BENCHMARK,
        Params,
        reference="https://arxiv.org/abs/1912.00582",
        caution=(
            "The sentences are made from templates, and whole sentences also differ in how common their words are "
            "(with Wilson's intervals for pairs drawn one by one, and thin lines for whole paradigms). Encoders are "
            "scored by pseudo-log-likelihoods, decoders by log-probabilities: the two are not the same measure."
        ),
    ),
    group="probing",
)
