"""One vector for each labelled part, from the tokens it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from lmviz.analyses.probing.material import Material
from lmviz.capture.activation_files import Activations, TextTokens
from lmviz.errors import InvalidParameter

POOLINGS = ("mean", "first", "last")
Vectors = Float32[np.ndarray, "part width"]


@dataclass(frozen=True, eq=False)
class Runs:
    """Which tokens each of some parts is made of: `counts[i]` of `tokens`, one part after the other."""

    tokens: Int64[np.ndarray, " token"]
    counts: Int64[np.ndarray, " part"]

    def of(self, parts: Int64[np.ndarray, " chosen"]) -> "Runs":
        """Give those of some parts."""
        starts = np.cumsum(self.counts) - self.counts
        counts = self.counts[parts]
        places = np.repeat(starts[parts] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        return Runs(self.tokens[places], counts)


@dataclass(frozen=True, eq=False)
class Pieces:
    """The tokens of every part: one `Runs` per span, or one for the whole text; `is_there` says which have any."""

    runs: tuple[Runs, ...]
    is_there: np.ndarray


def pieces(material: Material, tokens: TextTokens, *, pooling: str) -> Pieces:
    """Find the tokens of every part.

    Args:
        material: The parts.
        tokens: Of the material's texts.
        pooling: "mean" takes all tokens of a part, "first" and "last" one of them. Of a whole text the first token is
            the one that a tokenizer puts in front, such as [CLS], where it does.

    Raises:
        InvalidParameter: No such pooling.
    """
    if pooling not in POOLINGS:
        raise InvalidParameter(f"A part's tokens are pooled by {', '.join(POOLINGS)}, not {pooling!r}.")
    n_spans = material.spans.shape[1]
    runs = []
    for span in range(max(1, n_spans)):
        found = []
        for part, text in enumerate(map(int, material.text_of)):
            if n_spans:
                start, end = material.spans[part, span]
                own = tokens.pieces(text, [(int(start), int(end))])
            else:
                own = _of_text(tokens, text, pooling)
            found.append(pooled(own, pooling))
        runs.append(joined(found))
    return Pieces(tuple(runs), np.logical_and.reduce([run.counts > 0 for run in runs]))


def pooled(own: np.ndarray, pooling: str) -> np.ndarray:
    """Give those of a part's tokens that its vector is made of."""
    return own if pooling == "mean" or not own.size else own[[0 if pooling == "first" else -1]]


def joined(found: Sequence[np.ndarray]) -> Runs:
    """Put the tokens of many parts one after the other."""
    tokens = np.concatenate(found).astype(np.int64) if found else np.empty(0, dtype=np.int64)
    return Runs(tokens, np.array([len(own) for own in found], dtype=np.int64))


def _of_text(tokens: TextTokens, text: int, pooling: str) -> np.ndarray:
    if pooling == "mean":
        return tokens.pieces(text, [])
    return np.arange(int(tokens.offsets[text]), int(tokens.offsets[text + 1]))


def vectors(activations: Activations, layer: int, *, pieces: Pieces, parts: Int64[np.ndarray, " chosen"]) -> Vectors:
    """Read the vectors of some parts at one layer: the mean over a part's tokens, two spans one after the other."""
    found = []
    for run in pieces.runs:
        own = run.of(parts)
        found.append(_means(activations.rows(layer, own.tokens), own.counts))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


def _means(rows: Vectors, counts: Int64[np.ndarray, " part"]) -> Vectors:
    """Average the rows of each part; most have one, so that adding the second ones, the third ones, … is fast."""
    if not len(counts) or int(counts.max()) == 1:
        return rows
    starts = np.cumsum(counts) - counts
    found: np.ndarray = rows[starts]
    for place in range(1, int(counts.max())):
        longer = np.flatnonzero(counts > place)
        found[longer] += rows[starts[longer] + place]
    found /= counts[:, None].astype(np.float32)
    return found
