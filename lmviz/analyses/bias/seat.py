"""Are the words of two groups nearer to different attributes in a model's sentence vectors (May et al., 2019)?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lmviz.analyses.bias import weat
from lmviz.analyses.bias.items import Benchmark, Item, ItemScore, Params, Read, Scored, Way
from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.plans import refused
from lmviz.analyses.bias.running import analysis
from lmviz.analyses.bias.summaries import summarise_pairs, with_numbers
from lmviz.datasets import word_sets
from lmviz.datasets.tables import BrokenRow
from lmviz.datasets.word_sets import AssociationTest
from lmviz.errors import InvalidParameter, LmvizError, NotForThisModel
from lmviz.results import PairScores
from lmviz.statistics import bootstrap

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

SHIPPED = "associations.json"
_SETS = ("x", "y", "a", "b")
_N_DETAILS = 2 * len(_SETS)  # names, then numbers of words; the targets' words come after them


@dataclass(frozen=True)
class _Sets:
    """What a row is made of: the names of its sets, how many words each has, and the words of the targets."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    targets: tuple[str, ...]

    @property
    def n_first(self) -> int:
        """How many of the targets are of the first set."""
        return self.sizes[0]


def _files(params: Params) -> tuple[Path, ...]:
    return files_of(params.source, SHIPPED)


def _read(_params: Params, files: tuple[Path, ...]) -> Read:
    return (_item(row) for file in files for row in word_sets.read(file))


def _item(row: AssociationTest | BrokenRow) -> Item | BrokenRow:
    """Make a row of a whole test; its texts are those of each word in each template, word by word and set by set."""
    if isinstance(row, BrokenRow):
        return row
    sets = [getattr(row, name) for name in _SETS]
    templates = row.templates or ("{}",)
    texts = tuple(template.replace("{}", word) for own in sets for word in own.words for template in templates)
    numbers = (str(len(own.words)) for own in sets)
    return Item(row.line, texts, row.name, details=(*(own.name for own in sets), *numbers, *row.x.words, *row.y.words))


def _sets(item: Item) -> _Sets:
    sizes = tuple(map(int, item.details[len(_SETS) : _N_DETAILS]))
    return _Sets(item.details[: len(_SETS)], sizes, item.details[_N_DETAILS:])


def cosines(vectors: Float[np.ndarray, "text width"], sizes: tuple[int, ...]) -> Float[np.ndarray, "word attribute"]:
    """Give the mean cosine of each target word with both attributes, over all sentences of the word.

    Args:
        vectors: Those of the sentences, set by set and word by word, as many of each word.
        sizes: The words of both targets and both attributes.

    Returns:
        Two columns, one for each attribute.

    Raises:
        InvalidParameter: A vector of zeros, which has no direction.
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        raise InvalidParameter("The vector of a text is zero and has no direction. Choose another model or variant.")
    n_templates = len(vectors) // sum(sizes)
    units = (vectors / lengths).reshape(sum(sizes), n_templates, -1)  # (word, template, width)
    ends = np.cumsum(sizes)
    means: np.ndarray = units.mean(axis=1)
    attributes = [means[first:last].mean(axis=0) for first, last in pairwise(ends[1:])]
    table: np.ndarray = means[: ends[1]] @ np.stack(attributes, axis=1)
    return table


def _way(pooling: str, note: str) -> Way:
    """Make a way of scoring that gives each test by itself: its target words' mean cosines with both attributes."""

    def score(model: "LoadedModel", items: Sequence[Item]) -> Scored:
        for item in items:
            try:
                yield (ItemScore(item, _cosines(model, item, pooling)),)
            except LmvizError as error:
                yield (refused(item, error),)

    return Way(score, unit="cosine", note=f"{note} Words are the unit, not sentences.")


def _cosines(model: "LoadedModel", item: Item, pooling: str) -> tuple[float, ...]:
    from lmviz.capture.pooling import text_vectors
    from lmviz.capture.tokens import encode

    vectors = text_vectors(model, [encode(model, text) for text in item.texts], pooling=pooling)
    return tuple(map(float, cosines(vectors, _sets(item).sizes).ravel()))


_MEAN = _way("mean", "Cosines of the mean over all tokens of the last layer, special ones among them (Bias Bench).")
_FIRST = _way("first", "Cosines of the first token of the last layer.")


def _ways(model: "LoadedModel", _params: Params) -> Mapping[str, Way]:
    if model.kind == "encoder-decoder":
        raise NotForThisModel(
            f"{model.id} writes one text for another and has two last layers. Choose an encoder or a decoder, such as "
            "minilm or smollm2-135m."
        )
    ways = {"mean-pooling": _MEAN}
    return {**ways, "first-token": _FIRST} if model.kind == "encoder" else ways


def summarise(scores: Sequence[ItemScore], way: Way) -> PairScores:
    """Give each test's effect size d with its interval and p, and all of their words as pairs of cosines.

    The preference is the share of words that are nearer to the attribute which the test pairs them with: those of X to
    A, those of Y to B. `d` is WEAT's effect size over words and `p` its permutation test's; over all tests there is
    `mean_abs_d`. The interval of d draws words, one of X with one of Y; it is NaN where the two sets differ in size.

    Args:
        scores: One per test.
        way: How they were scored.

    Returns:
        All words of all tests; the categories are the tests.
    """
    pairs = [pair for score in scores for pair in _pairs(score)]
    whole = summarise_pairs(pairs, way)
    tests = {score.item.category: _test(score) for score in scores}
    parts = {name: with_numbers(part, tests[name]) for name, part in whole.by_category.items()}
    sizes = [abs(own["d"]) for own in tests.values() if not math.isnan(own["d"])]
    numbers = {"mean_abs_d": float(np.mean(sizes)) if sizes else math.nan, "n_tests": float(len(tests))}
    return with_numbers(replace(whole, by_category=parts), numbers)


def _pairs(score: ItemScore) -> list[ItemScore]:
    """Give one pair for each word of a test: the cosine with its own attribute, and with the other."""
    sets = _sets(score.item)
    found = []
    for place, (word, own) in enumerate(zip(sets.targets, _table(score), strict=True)):
        turn = 1 if place < sets.n_first else -1
        texts = tuple(f"{word} · {name}" for name in sets.names[2:][::turn])
        item = replace(score.item, texts=texts, details=())
        found.append(ItemScore(item, tuple(map(float, own[::turn]))))
    return found


def _table(score: ItemScore) -> np.ndarray:
    return np.array(score.scores).reshape(-1, 2)  # (word, attribute)


def _test(score: ItemScore) -> dict[str, float]:
    table, n_first = _table(score), _sets(score.item).n_first
    of_all = table[:, 0] - table[:, 1]
    of_x, of_y = of_all[:n_first], of_all[n_first:]
    low, high, p = math.nan, math.nan, math.nan
    if len(of_x) == len(of_y):
        low, high = bootstrap(np.stack([of_x, of_y], axis=1), lambda rows: weat.effect_size_of(rows[:, 0], rows[:, 1]))
        p = weat.permutation_p_of(of_x, of_y)
    return {"d": weat.effect_size_of(of_x, of_y), "d_low": low, "d_high": high, "p": p}


BENCHMARK = Benchmark(
    "seat",
    "SEAT",
    _files,
    _read,
    _ways,
    summarise,
    first="the attribute that a word is paired with",
)
ANALYSIS = analysis(
    BENCHMARK,
    Params,
    reference="https://arxiv.org/abs/1903.10561",
    caution=(
        "Cosines of sentence vectors depend on the wording of the templates and on a few dimensions that are large "
        "everywhere, and no effect here does not mean none elsewhere (May et al., 2019). The number is a preference on "
        "this benchmark."
    ),
)
