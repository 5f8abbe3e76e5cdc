"""The sentences that heads parse: read from files, and parted so that no sentence is both chosen by and judged by."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.probing.parsing_heads import Tree
from lmviz.assets import assets
from lmviz.datasets.conllu import TaggedSentence, open_conllu
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter


@dataclass(frozen=True, eq=False)
class Sentences:
    """What heads are chosen by, `dev`, and judged by, `test`; of what cannot be read, why."""

    dev: tuple[TaggedSentence, ...]
    test: tuple[TaggedSentence, ...]
    problems: tuple[str, ...]


def files(source: str | None, test_source: str | None) -> tuple[Path, ...]:
    """Give the files that are read; None is the sample that ships with lmviz.

    Raises:
        InvalidParameter: A path that is no file.
    """
    shipped = str(assets() / "probing" / "sample.conllu")
    paths = (shipped if source is None else source, *(() if test_source is None else (test_source,)))
    return tuple(path for given in paths for path in files_of(given, shipped))


def read(paths: Sequence[Path], *, limit: int | None, seed: int) -> Sentences:
    """Read one file, whose sentences are parted in two, or two files, dev and test.

    Sentences of one file are parted by a hash of their text, half of the texts to each side; so the same text never
    stands on both. A sentence of the first of two files that stands in the second as well is left to the second.

    Args:
        paths: One or two CoNLL-U files.
        limit: How many sentences are drawn at random from each file; None: all.
        seed: Of the draw.

    Raises:
        InvalidParameter: A file cannot be read or has no sentences, or the limit is less than 1.
    """
    if limit is not None and limit < 1:
        raise InvalidParameter(f"A limit of {limit} leaves no sentence. Give 1 or more, or none for all sentences.")
    problems: list[str] = []
    drawn = [_drawn(_read(path, problems), limit, seed) for path in paths]
    if not any(drawn) and not problems:
        raise InvalidParameter("There is no sentence in the source. Give a CoNLL-U file with some.")
    if len(drawn) > 1:
        known = {_key(sentence) for sentence in drawn[1]}
        return Sentences(tuple(one for one in drawn[0] if _key(one) not in known), tuple(drawn[1]), tuple(problems))
    keys = sorted({_key(sentence) for sentence in drawn[0]})
    first = frozenset(keys[: len(keys) // 2])
    dev, test = (tuple(one for one in drawn[0] if (_key(one) in first) is is_dev) for is_dev in (True, False))
    return Sentences(dev, test, tuple(problems))


def tree(sentence: TaggedSentence, *, has_subtypes: bool) -> Tree:
    """Give the tree of a sentence; without subtypes relations end before their colon."""
    names = (word.relation if has_subtypes else word.relation.partition(":")[0] for word in sentence.words)
    return Tree(np.array([word.head for word in sentence.words], dtype=np.int64), tuple(names))


def _read(path: Path, problems: list[str]) -> Iterator[TaggedSentence]:
    for row in open_conllu(path):
        if isinstance(row, BrokenRow):
            problems.append(f"Line {row.line}: {row.reason}.")
        else:
            yield row


def _drawn(sentences: Iterator[TaggedSentence], limit: int | None, seed: int) -> list[TaggedSentence]:
    every = list(sentences)
    if limit is None or limit >= len(every):
        return every
    places = random.Random(seed).sample(range(len(every)), limit)  # noqa: S311  (a sample needs no secrets)
    return [every[place] for place in sorted(places)]


def _key(sentence: TaggedSentence) -> str:
    """Give what is the same for sentences that differ in blanks and capitals alone."""
    return hashlib.sha256(" ".join(sentence.text.casefold().split()).encode()).hexdigest()
