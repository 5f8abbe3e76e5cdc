"""Vectors of the words of a data set, for questions that need no labels: which words, and layer by layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from lmviz.analyses.probing.material import Division, divided
from lmviz.analyses.probing.sources import source_of
from lmviz.analyses.probing.vectors import Pieces, Vectors, joined, vectors
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.capture.activation_files import Activations
    from lmviz.capture.activations import Capture

FEWEST = 20


@dataclass(frozen=True, eq=False)
class WordSample:
    """Some words of some sentences: `text_of` says whose, `spans` where; the same for every model."""

    texts: tuple[str, ...]
    text_of: Int64[np.ndarray, " word"]
    spans: Int64[np.ndarray, "word 2"]
    files: tuple[Path, ...]
    skipped: tuple[str, ...]

    def pieces(self, capture: "Capture", *, keep_first: bool) -> Pieces:
        """Find the tokens of every word in one model; none at position 0 unless it is kept."""
        found = []
        for text, (start, end) in zip(map(int, self.text_of), self.spans, strict=True):
            own = capture.tokens.pieces(text, [(int(start), int(end))])
            at_start = own.size and own[0] == capture.tokens.offsets[text] and not keep_first
            found.append(own[:0] if at_start else own)
        runs = joined(found)
        return Pieces((runs,), runs.counts > 0)


def word_sample(source: str | None, *, n_words: int, limit: int | None, seed: int) -> WordSample:
    """Draw words from the sentences of a source with trees.

    Args:
        source: As for the tasks of trees.
        n_words: At most so many, drawn at random.
        limit: At most so many sentences.
        seed: Of the draws.

    Raises:
        InvalidParameter: No such source, or too few words.
    """
    found = source_of("upos", source)
    rows, skipped = divided(found.rows(), Division("sentence", limit, seed))
    places = [(number, target.spans[0]) for number, row in enumerate(rows) for target in row.targets]
    if len(places) < FEWEST:
        raise InvalidParameter(f"There are {len(places)} words; {FEWEST} or more are compared. Give more sentences.")
    if len(places) > n_words:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(places))[:n_words])
        places = [places[place] for place in chosen]
    numbers = sorted({number for number, _ in places})
    again = {number: place for place, number in enumerate(numbers)}
    return WordSample(
        texts=tuple(rows[number].text for number in numbers),
        text_of=np.array([again[number] for number, _ in places], dtype=np.int64),
        spans=np.array([span for _, span in places], dtype=np.int64),
        files=found.files,
        skipped=tuple(skipped),
    )


@dataclass(frozen=True, eq=False)
class Layers:
    """The vectors of some words in one model, a layer at a time."""

    activations: "Activations"
    found: Pieces
    parts: Int64[np.ndarray, " word"]

    def at(self, layer: int) -> Vectors:
        """Give the vectors of one layer."""
        return vectors(self.activations, layer, pieces=self.found, parts=self.parts)
