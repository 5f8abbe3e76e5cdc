"""From labels of tokens to labels of words, and from labels of words to names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmviz.errors import InvalidParameter
from lmviz.results import TokenDistributions

_BEGINS, _ENDS, _MARKS = "BSU", "ESL", "BIESLUM"  # of BIO and of its relatives that mark ends as well


@dataclass(frozen=True)
class Tag:
    """A stretch of the text, in characters, its label and the label's probability."""

    start: int
    end: int
    label: str
    probability: float


def word_tags(result: TokenDistributions) -> tuple[Tag, ...]:
    """Give each word the best label of its first piece.

    Args:
        result: What tag-tokens gave.

    Returns:
        One tag for each word that has a token, in the order of the text.

    Raises:
        InvalidParameter: The result does not know its text.
    """
    table = result.table
    if table is None:
        raise InvalidParameter("These labels do not say which text they are of. Take them from tag-tokens.")
    tags: dict[int, Tag] = {}
    for row, position in enumerate(result.positions):
        word, (start, end) = table.words[position], table.spans[position]
        if word < 0:
            continue
        first = tags.setdefault(word, Tag(start, end, result.candidates[row][0], float(result.probabilities[row, 0])))
        tags[word] = Tag(first.start, max(first.end, end), first.label, first.probability)
    text = table.text
    return tuple(_bare(tag, text) for tag in tags.values())


def entities(tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """Put words together to names by their BIO labels; labels without a mark belong to no name.

    A name begins at "B-X", or at "I-X" after another label or after nothing, and goes on with "I-X". Labels that also
    mark ends ("E-X", "S-X", "L-X", "U-X") are understood. A name's probability is the mean over its words.
    """
    return tuple(_joined(run) for run in _runs(tags))


def _runs(tags: Sequence[Tag]) -> Iterator[list[Tag]]:
    """Cut the labelled words into runs, one for each name."""
    run: list[Tag] = []
    is_open = False
    for tag in tags:
        mark, kind = _parts(tag.label)
        continues = bool(run) and is_open and kind == _parts(run[-1].label)[1] and mark not in _BEGINS
        if run and not continues:
            yield run
            run = []
        if kind:
            run, is_open = [*run, tag], mark not in _ENDS
    if run:
        yield run


def _parts(label: str) -> tuple[str, str]:
    """Split "B-PER" into its mark and what is named; what is named is empty where there is no mark."""
    mark, _, kind = label.partition("-")
    return (mark, kind) if len(mark) == 1 and mark in _MARKS else ("", "")


def _joined(run: Sequence[Tag]) -> Tag:
    probability = float(np.mean([tag.probability for tag in run]))
    return Tag(run[0].start, run[-1].end, _parts(run[0].label)[1], probability)


def _bare(tag: Tag, text: str) -> Tag:
    """Leave out the blanks that a token brings with it in front."""
    start = tag.start + len(text[tag.start : tag.end]) - len(text[tag.start : tag.end].lstrip())
    return Tag(start, tag.end, tag.label, tag.probability)
