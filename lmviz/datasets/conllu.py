"""Sentences with words, tags and trees from a CoNLL-U file; a broken one is reported and the rest goes on."""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

N_FIELDS = 10
LONGEST = 2000  # words of a sentence; a file without empty lines would else be one
_EMPTY = "_"
_WORD, _RANGE, _GHOST = re.compile(r"\d+"), re.compile(r"(\d+)-(\d+)"), re.compile(r"\d+\.\d+")
_TEXT, _ID = "# text =", "# sent_id ="
_UNREADABLE = "\ufffd"
Span = tuple[int, int]


@dataclass(frozen=True)
class TaggedWord:
    """One word of a tree. `head` counts from 0, -1 for the root; what the file leaves open is empty.

    `span` says which characters of the sentence's text it is: words that are written as one ("don't") share theirs,
    unless their forms are just its parts.
    """

    form: str
    lemma: str
    upos: str
    xpos: str
    features: Mapping[str, str]
    head: int
    relation: str
    span: Span


@dataclass(frozen=True)
class TaggedSentence:
    """A sentence: the line it begins at, from 1, its name, its text, and its words."""

    line: int
    name: str
    text: str
    words: tuple[TaggedWord, ...]


def open_conllu(path: Path) -> Iterator[TaggedSentence | BrokenRow]:
    """Read a file, compressed by gzip if it ends in .gz.

    Args:
        path: CoNLL-U of universaldependencies.org, UTF-8.

    Raises:
        InvalidParameter: There is no such file, or it cannot be read.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield from read_conllu(file)
    except (OSError, EOFError) as error:
        raise InvalidParameter(
            f"'{str(path)[-80:]}' cannot be read ({error}). Give the path of a CoNLL-U file."
        ) from error


def read_conllu(lines: Iterable[bytes]) -> Iterator[TaggedSentence | BrokenRow]:
    """Read sentence by sentence; memory does not grow with the length of the file.

    A sentence is broken where a line has not ten fields or no number, where words do not count from 1, where a head is
    not one of its words, where its words do not stand in its text, or where it holds what is no UTF-8.
    """
    block: list[str] = []
    first = 1
    for number, raw in enumerate(lines, start=1):
        line = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
        if line.strip():
            first = number if not block else first
            block.append(line)
        elif block:
            yield _sentence(block, first)
            block = []
    if block:
        yield _sentence(block, first)


def _sentence(block: Sequence[str], first: int) -> TaggedSentence | BrokenRow:
    try:
        return _read(block, first)
    except _Broken as error:
        return BrokenRow(first + error.at, str(error))


class _Broken(Exception):
    """Why a sentence cannot be used, and at which of its lines."""

    def __init__(self, reason: str, at: int = 0) -> None:
        super().__init__(reason)
        self.at = at


def _read(block: Sequence[str], first: int) -> TaggedSentence:
    if any(_UNREADABLE in line for line in block):
        raise _Broken("it holds what is no UTF-8")
    comments = [line for line in block if line.startswith("#")]
    rows = [(at, line.split("\t")) for at, line in enumerate(block) if not line.startswith("#")]
    for at, fields in rows:
        if len(fields) != N_FIELDS:
            raise _Broken(f"a line has {len(fields)} fields between tabs, not {N_FIELDS}", at)
    words = [(at, fields) for at, fields in rows if _WORD.fullmatch(fields[0])]
    if not words:
        raise _Broken("it has no words")
    if len(words) > LONGEST:
        raise _Broken(f"it has {len(words):,} words, more than {LONGEST:,}: empty lines part sentences")
    for number, (at, fields) in enumerate(words, start=1):
        if int(fields[0]) != number:
            raise _Broken(f"word {number} is numbered {fields[0]}", at)
    tokens = _tokens(rows)
    text = _commented(comments, _TEXT) or _joined(tokens)
    spans = _spans(text, tokens, [fields[1] for _, fields in words])
    tagged = tuple(_word(fields, at, len(words), span) for (at, fields), span in zip(words, spans, strict=True))
    return TaggedSentence(first, _commented(comments, _ID), text, tagged)


def _commented(comments: Sequence[str], mark: str) -> str:
    return next((line[len(mark) :].strip() for line in comments if line.startswith(mark)), "")


@dataclass(frozen=True)
class _Token:
    """What is written between blanks or without one: a word, or several that are written as one."""

    form: str
    words: range
    has_space: bool


def _tokens(rows: Sequence[tuple[int, Sequence[str]]]) -> list[_Token]:
    found: list[_Token] = []
    covered = 0
    for at, fields in rows:
        several = _RANGE.fullmatch(fields[0])
        has_space = "SpaceAfter=No" not in fields[9].split("|")
        if several:
            start, end = int(several[1]), int(several[2])
            if end < start:
                raise _Broken(f"words {fields[0]} run backwards", at)
            found.append(_Token(fields[1], range(start - 1, end), has_space))
            covered = end
        elif _WORD.fullmatch(fields[0]):
            if int(fields[0]) > covered:
                found.append(_Token(fields[1], range(int(fields[0]) - 1, int(fields[0])), has_space))
        elif not _GHOST.fullmatch(fields[0]):
            raise _Broken(f"'{fields[0][:20]}' is no number of a word", at)
    return found


def _joined(tokens: Sequence[_Token]) -> str:
    return "".join(f"{token.form} " if token.has_space else token.form for token in tokens).strip()


def _spans(text: str, tokens: Sequence[_Token], forms: Sequence[str]) -> list[Span]:
    """Find every word in the text, one after the other."""
    spans: list[Span] = []
    at = 0
    for token in tokens:
        start = text.find(token.form, at)
        if start < 0 or text[at:start].strip():
            raise _Broken(f"'{token.form[:40]}' does not stand in the text where it should")
        at = start + len(token.form)
        own = [forms[word] for word in token.words if word < len(forms)]
        if "".join(own) == token.form:
            ends = [start + sum(map(len, own[: number + 1])) for number in range(len(own))]
            spans += zip([start, *ends[:-1]], ends, strict=True)
        else:
            spans += [(start, at)] * len(own)
    if len(spans) != len(forms):
        raise _Broken("ranges of words overlap, or go past the last word")
    return spans


def _word(fields: Sequence[str], at: int, n_words: int, span: Span) -> TaggedWord:
    _, form, lemma, upos, xpos, features, head, relation, _, _ = fields
    if not _WORD.fullmatch(head) or int(head) > n_words:
        raise _Broken(f"the head of '{form[:40]}' is {head[:20]!r}, which is no word of the sentence", at)
    pairs = (part.partition("=") for part in features.split("|") if features != _EMPTY)
    return TaggedWord(
        form=form,
        lemma=_known(lemma),
        upos=_known(upos),
        xpos=_known(xpos),
        features=MappingProxyType({name: value for name, _, value in pairs}),
        head=int(head) - 1,
        relation=_known(relation),
        span=span,
    )


def _known(field: str) -> str:
    return "" if field == _EMPTY else field
