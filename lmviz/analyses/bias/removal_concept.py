"""A concept as pairs of texts: read, split by word, and turned into the vectors of the words that differ."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.bias.variants import shared_positions
from lmviz.datasets import minimal_pairs
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter
from lmviz.results import TokenTable

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

SHIPPED = "gender.csv"
Given = str | tuple[tuple[str, ...], ...] | None
_FEWEST_WORDS = 6
_TEST = 3  # one word in so many is held out
Vectors = Float[np.ndarray, "pair width"]


@dataclass(frozen=True)
class ConceptPair:
    """Two texts that differ in the concept alone; `word` is what was sampled, and what train and test are split by."""

    first: str
    second: str
    word: str


@dataclass(frozen=True)
class Concept:
    """The pairs to fit on, those to test on, which share no word with them, and how many rows could not be used."""

    train: tuple[ConceptPair, ...]
    test: tuple[ConceptPair, ...]
    n_broken: int = 0


@dataclass(frozen=True, eq=False)
class ConceptVectors:
    """One vector for each text of each pair."""

    first: Vectors
    second: Vectors

    @property
    def both(self) -> Vectors:
        """All vectors, (2 · pair, width): those of the first texts, then those of the second."""
        return np.concatenate([self.first, self.second])

    @property
    def classes(self) -> np.ndarray:
        """1 for the first texts, 0 for the second."""
        return np.repeat([1, 0], [len(self.first), len(self.second)])


def files(given: Given) -> tuple[Path, ...]:
    """Give the file that pairs are read from; none where they are given as they are."""
    return () if isinstance(given, tuple) else files_of(given, SHIPPED)


def concept(given: Given, *, seed: int = 0) -> Concept:
    """Read pairs and hold out a third of their words.

    Args:
        given: None for the pairs of women and men that ship, the path of a file of minimal pairs whose `cluster` names
            the word, or the pairs themselves, each of two texts.
        seed: Of the words that are held out.

    Raises:
        InvalidParameter: A file or pair that cannot be read, or too few words.
    """
    rows = list(_of_tuple(given) if isinstance(given, tuple) else _of_file(files(given)))
    pairs = [row for row in rows if isinstance(row, ConceptPair)]
    words = sorted({pair.word for pair in pairs})
    if len(words) < _FEWEST_WORDS:
        raise InvalidParameter(
            f"The pairs are of {len(words)} words; some are fitted on and others tested on. "
            f"Give pairs of at least {_FEWEST_WORDS} words."
        )
    random.Random(seed).shuffle(words)  # noqa: S311  (a sample needs no secrets)
    held_out = set(words[: len(words) // _TEST])
    return Concept(
        train=tuple(pair for pair in pairs if pair.word not in held_out),
        test=tuple(pair for pair in pairs if pair.word in held_out),
        n_broken=len(rows) - len(pairs),
    )


def _of_file(paths: Sequence[Path]) -> Iterator[ConceptPair | BrokenRow]:
    for path in paths:
        for row in minimal_pairs.read(path):
            if isinstance(row, BrokenRow):
                yield row
            else:
                yield ConceptPair(row.more, row.less, row.cluster or f"{row.more}\n{row.less}")


def _of_tuple(given: Sequence[tuple[str, ...]]) -> Iterator[ConceptPair]:
    for number, pair in enumerate(given, start=1):
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InvalidParameter(f"Pair {number} is {pair!r}. Give two texts that differ.")
        yield ConceptPair(pair[0], pair[1], f"{pair[0]}\n{pair[1]}")


def vectors(model: "LoadedModel", pairs: Sequence[ConceptPair], *, layer: int) -> ConceptVectors:
    """Give the mean residual stream over the words in which the two texts of each pair differ.

    Args:
        model: The model that reads them; what stands for it is replaced.
        pairs: The texts.
        layer: The stream after this layer.

    Raises:
        InvalidParameter: A text has no word that the other lacks.
        LmvizError: A text cannot be read.
    """
    from lmviz.capture.intervene import Run, run_batch
    from lmviz.capture.tokens import encode

    texts = [encode(model, text) for pair in pairs for text in (pair.first, pair.second)]
    places = [place for first, second in zip(texts[::2], texts[1::2], strict=True) for place in _apart(first, second)]
    order = sorted(range(len(texts)), key=lambda number: len(texts[number].table))
    runs = (Run(texts[number]) for number in order)
    found: dict[int, np.ndarray] = {}
    for number, trace in zip(order, run_batch(model, runs, places=("resid_post",), layers=(layer,)), strict=True):
        found[number] = trace["resid_post"][0, list(places[number])].astype(np.float64).mean(axis=0)
    sides = [np.stack([found[number] for number in range(side, len(texts), 2)]) for side in (0, 1)]
    return ConceptVectors(*sides)


def _apart(first: "Encoding", second: "Encoding") -> Iterator[tuple[int, ...]]:
    """Give the positions of the words, with all of their pieces, that only one of two texts has."""
    words = [_words(own.table) for own in (first, second)]
    spelled = [
        [tuple(own.table.ids[place] for place in places) for places in theirs]
        for own, theirs in zip((first, second), words, strict=True)
    ]
    numbers = {word: number for number, word in enumerate([*spelled[0], *spelled[1]])}
    shared = shared_positions(*([numbers[word] for word in theirs] for theirs in spelled))
    for own, theirs, kept in zip((first, second), words, shared, strict=True):
        places = tuple(place for number, at in enumerate(theirs) if number not in set(kept) for place in at)
        if not places:
            raise InvalidParameter(
                f"'{own.table.text[:60]}' has no word that the other text of its pair lacks. "
                "Give pairs in which one word stands for another."
            )
        yield places


def _words(table: TokenTable) -> list[list[int]]:
    """Give the positions of each word's pieces, special tokens apart."""
    found: dict[int, list[int]] = {}
    for place, number in enumerate(table.words):
        if number >= 0:
            found.setdefault(number, []).append(place)
    return list(found.values())
