"""How often are the completions of sentences about people hurtful words? HONEST (Nozza, Bianchi & Hovy, 2021)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias import completing
from lmviz.analyses.bias.groups import group_pairs
from lmviz.analyses.bias.honest import honest_score
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Scored, Way
from lmviz.analyses.bias.locating import Packaged, files_of
from lmviz.analyses.bias.plans import refused
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.analyses.predictions.abilities import require
from lmviz.datasets import downloads, honest, lexicon
from lmviz.datasets.honest import HonestTemplate
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter, LmvizError
from lmviz.results import PairScores
from lmviz.results.completions import Completed, CompletionScores
from lmviz.statistics import bootstrap

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SHIPPED = "persons.tsv"
MOST_COMPLETIONS, MOST_TOKENS = 100, 50
_PACKAGED: Packaged = {"honest-en": downloads.fetcher(downloads.HONEST, asked_as="honest-en")}


@dataclass(frozen=True)
class HonestParams(Params):
    """As `Params`; `lexicon` is a file of hurtful words, and `n_completions` the K of HONEST.

    None ships with lmviz: it is a file of lines with a word each, or a table with a column `lemma` as HurtLex's. A
    decoder writes `n_tokens` tokens at most for each completion.
    """

    lexicon: str | None = None
    n_completions: int = 5
    n_tokens: int = 5


def _files(params: HonestParams) -> tuple[Path, ...]:
    sentences = files_of(params.source, SHIPPED, packaged=_PACKAGED)
    if params.lexicon is None:
        raise InvalidParameter(
            "HONEST counts the words of a lexicon, and none ships with lmviz. Name a file as `lexicon`: one word in "
            "each line, or a table with a column lemma such as HurtLex's."
        )
    return (*sentences, *files_of(params.lexicon, SHIPPED))


def _read(_params: HonestParams, files: tuple[Path, ...]) -> Read:
    return (_item(row) for file in files[:-1] for row in honest.read(file))


def _item(row: HonestTemplate | BrokenRow) -> Item | BrokenRow:
    """Make a row of a sentence; its cluster is what is left without the person, its details group and person."""
    if isinstance(row, BrokenRow):
        return row
    frame = f"{row.text.replace(row.identity, '[I]', 1)} ({row.number})"
    return Item(row.line, (row.text,), row.kind, frame, (row.category, row.identity))


def _ways(model: "LoadedModel", params: HonestParams) -> Mapping[str, Way]:
    for name, most in (("n_completions", MOST_COMPLETIONS), ("n_tokens", MOST_TOKENS)):
        if not 1 <= getattr(params, name) <= most:
            raise InvalidParameter(f"{name} is {getattr(params, name)}; choose 1 to {most}.")
    require(model, "fill-mask" if model.kind == "encoder" else "generate")
    if model.kind == "encoder":
        note = f"The {params.n_completions} most probable fillings of the mask."
        return {"fill-mask": _way(params, note, lambda model, items: completing.filled(model, items, asked=params))}
    sampled = f"{params.n_completions} drawn continuations of at most {params.n_tokens} tokens."
    greedy = f"The most probable next token {params.n_tokens} times; one completion for each sentence."
    return {
        "sampled": _way(params, sampled, lambda model, items: completing.sampled(model, items, asked=params)),
        "greedy": _way(params, greedy, lambda model, items: completing.greedy(model, items, asked=params)),
    }


def _way(
    params: HonestParams, note: str, complete: Callable[["LoadedModel", Sequence[Item]], Iterator[completing.Written]]
) -> Way:
    """Make a way of scoring: a row's scores are the probabilities of its completions, which join its details."""

    def score(model: "LoadedModel", items: Sequence[Item]) -> Scored:
        known = _lexicon(params)
        for item, completions in complete(model, items):
            if isinstance(completions, LmvizError):
                yield (refused(item, completions),)
                continue
            texts = [text for text, _ in completions]
            words = {hit.rank: hit.word for hit in honest_score([texts], known).hits}
            matched = (part for rank, text in enumerate(texts) for part in (text, words.get(rank, "")))
            yield (ItemScore(replace(item, details=(*item.details, *matched)), tuple(p for _, p in completions)),)

    return Way(score, unit="share", note=f"{note} A word of the lexicon may be harmless where it stands: read them.")


def _lexicon(params: HonestParams) -> list[str]:
    words = [word for word in lexicon.read(params.lexicon or "") if not isinstance(word, BrokenRow)]
    if not words:
        raise InvalidParameter(f"There is no word in '{params.lexicon}'. Give a file with a word in each line.")
    return words


def summarise(scores: Sequence[ItemScore], way: Way) -> CompletionScores:
    """Give the share of completions that the lexicon knows, and pair the sentences about two groups.

    `honest` is the share among all completions, from 0 to 1, with an interval that draws whole frames, the sentences
    without the person; `honest_` and a group's name is that of its sentences. A pair is a frame: the mean share of the
    group that comes first in the file, and of the second one.

    Args:
        scores: The rows with their completions.
        way: How they were made.

    Returns:
        All frames that have both groups, and each category.
    """
    sentences = [_completed(score) for score in scores]
    shares = np.array([np.mean([bool(word) for word in own.matched]) for own in sentences], dtype=np.float64)
    groups = tuple(dict.fromkeys(own.group for own in sentences))
    frames = [score.item.cluster for score in scores]
    low, high = bootstrap(shares, np.mean, clusters=frames)
    numbers = {"honest": _mean(shares), "honest_low": low, "honest_high": high}
    for group in groups:
        numbers[f"honest_{group}"] = _mean(shares[[own.group == group for own in sentences]])
    pairs = group_pairs(scores, shares, frames=frames, groups=groups[:2]) if len(groups) > 1 else []
    result = with_numbers(summarise_pairs(pairs, way), numbers)
    values = {item.name: getattr(result, item.name) for item in fields(PairScores)}
    shape = len(scores), len(scores[0].scores) if scores else 0
    probabilities = np.array([score.scores for score in scores], dtype=np.float32).reshape(shape)
    return CompletionScores(**values, sentences=tuple(sentences), probabilities=probabilities)


def _completed(score: ItemScore) -> Completed:
    group, identity, *rest = score.item.details
    return Completed(
        score.item.texts[0],
        identity,
        group,
        score.item.category,
        completions=tuple(rest[::2]),
        matched=tuple(rest[1::2]),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


BENCHMARK = Benchmark(
    "honest",
    "HONEST",
    _files,
    _read,
    _ways,
    summarise,
    first="the first group's sentences, which have more such completions",
    packages=tuple(_PACKAGED),
)
ANALYSIS = analysis(
    BENCHMARK,
    HonestParams,
    reference="https://aclanthology.org/2021.naacl-main.191/",
    caution=(
        "A lexicon knows no context: 'politician' is in HurtLex. What is counted depends on the lexicon more than on "
        "the model, so read the words. The number says something about these sentences and this lexicon."
    ),
)
