"""Does a head know syntax? Every head of a model as a dependency parser, relation by relation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.bias.locating import fingerprint
from lmviz.analyses.probing import parsing_sentences
from lmviz.analyses.probing.parsing_heads import Tree, Words, gathered, hits, predicted
from lmviz.analyses.probing.parsing_statistics import Splits, chosen_on_dev, is_in_grid, summarise
from lmviz.datasets.conllu import TaggedSentence
from lmviz.errors import InvalidParameter, LmvizError
from lmviz.results import HeadParsing

if TYPE_CHECKING:
    from lmviz.capture.word_attention import WordReading
    from lmviz.models.loaded import LoadedModel

_MOST_REASONS = 100


@dataclass(frozen=True)
class Params:
    """Which sentences are parsed, and what is reported.

    `source` is a CoNLL-U file, None for the sample that ships with lmviz; heads are chosen on half of its sentences and
    judged on the other, or judged on `test_source` where one is given. `limit` draws so many sentences of each file at
    random, by `seed`, which is also that of intervals and random weights. A relation is reported from `min_words` test
    words on; `subtypes` tells what stands behind its colon apart. `random_weights` asks a model that has learnt
    nothing as well, which takes as long again.
    """

    source: str | None = None
    test_source: str | None = None
    limit: int | None = None
    seed: int = 0
    min_words: int = 20
    subtypes: bool = False
    random_weights: bool = True


@dataclass(frozen=True, eq=False)
class _Side:
    """The sentences of one split that can be asked about: their trees, and how the model reads them."""

    trees: tuple[Tree, ...]
    readings: tuple["WordReading", ...]


def attention_parser(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> HeadParsing:
    """Ask which syntactic relations a single head follows.

    Each head points from a word to the one it attends to most, or is attended by most, and is right where that is the
    word's syntactic head (Clark et al., 2019). There are many heads, so the best always looks good: it is chosen on
    other sentences than it is judged on, and compared with the best fixed distance in words and with the best head of
    the same architecture with random weights.

    Args:
        model: Any model that shows its attention; of an encoder-decoder the encoder is read.
        params: The sentences, and what is reported.
        on_progress: Told after every batch.

    Returns:
        For each relation the best head's accuracy with its interval, beside the two baselines.

    Raises:
        Cancelled: `on_progress` stopped it.
        InvalidParameter: The source cannot be read or has no sentence, or a number is too small.
        NotForThisModel: The model does not show its attention.
    """
    if params.min_words < 1:
        raise InvalidParameter(f"min_words is {params.min_words}; a relation needs 1 word or more to be reported.")
    files = parsing_sentences.files(params.source, params.test_source)
    sentences = parsing_sentences.read(files, limit=params.limit, seed=params.seed)
    problems = list(sentences.problems)
    dev, test = (_planned(model, side, params, problems) for side in (sentences.dev, sentences.test))
    if not dev.trees and not test.trees:
        reason = f": {problems[0]}" if problems else "."
        raise InvalidParameter(f"No sentence of the source can be parsed{reason} Give a CoNLL-U file with trees.")
    splits = _asked(model, (dev, test), params, on_progress=on_progress)
    result = summarise(splits, min_words=params.min_words, seed=params.seed)
    n_given = len(sentences.dev) + len(sentences.test) + len(sentences.problems)
    skipped = f"{len(problems):,} of {n_given:,} sentences were left out; the first: {problems[0]}" if problems else ""
    return replace(
        result,
        skipped=len(problems),
        note=" ".join(sentence for sentence in (result.note, skipped) if sentence),
        provenance={"data": dict(fingerprint(files)), "skipped_rows": problems[:_MOST_REASONS]},
    )


def _planned(model: "LoadedModel", sentences: Sequence[TaggedSentence], params: Params, problems: list[str]) -> _Side:
    """Find the tokens of every word; a sentence that the model refuses is noted, one with nothing to ask passed by."""
    from lmviz.capture.word_attention import word_reading

    trees, readings = [], []
    for sentence in sentences:
        tree = parsing_sentences.tree(sentence, has_subtypes=params.subtypes)
        try:
            reading = word_reading(model, sentence.text, [word.span for word in sentence.words])
        except LmvizError as error:
            problems.append(f"Line {sentence.line}: {error}")
            continue
        if len(tree.counted):
            trees.append(tree)
            readings.append(reading)
    return _Side(tuple(trees), tuple(readings))


def _asked(model: "LoadedModel", sides: tuple[_Side, _Side], params: Params, *, on_progress: Progress) -> Splits:
    """Let all heads parse, of the model and of one that has learnt nothing."""
    from lmviz.models.random_weights import with_random_weights

    n_sentences = sum(len(side.readings) for side in sides) * (1 + params.random_weights)
    n_done = 0

    def tell(n_more: int) -> None:
        nonlocal n_done
        n_done += n_more
        on_progress(min(1.0, n_done / max(1, n_sentences)), f"{n_done:,} of {n_sentences:,} sentences read")

    tell(0)
    dev, test = (_parsed(model, side, tell) for side in sides)
    if not params.random_weights:
        return Splits(dev, test)
    blank = with_random_weights(model, seed=params.seed)
    random_dev, random_test = (_parsed(blank, side, tell) for side in sides)
    return Splits(dev, test, random_dev, random_test)


def _parsed(model: "LoadedModel", side: _Side, tell: Callable[[int], None]) -> Words:
    """Let all heads of one model parse, sentences of one length together."""
    from lmviz.capture.word_attention import word_patterns

    order = sorted(range(len(side.readings)), key=lambda number: len(side.readings[number]))
    found: dict[int, np.ndarray] = {}
    waiting = iter(order)
    for batch in word_patterns(model, (side.readings[number] for number in order)):
        for pattern, number in zip(batch, waiting, strict=False):
            found[number] = hits(predicted(pattern, side.readings[number].pieces), side.trees[number])
        tell(len(batch))
    part = model.part_named(None)
    in_order = (found[number] for number in range(len(side.trees)))
    return gathered(side.trees, in_order, n_layers=model.layers_of(part), n_heads=model.heads_of(part))


ANALYSIS = Analysis(
    slug="attention-parser",
    title="Syntax in attention",
    group="probing",
    needs=frozenset({"pattern"}),
    params=Params,
    run=attention_parser,
    reference="https://arxiv.org/abs/1906.04341",
    caution=(
        "A head that points at the right word need not use syntax: compare it with the fixed offset. And what no "
        "single head does may be done by several together."
    ),
    checks=(chosen_on_dev, is_in_grid),
)
