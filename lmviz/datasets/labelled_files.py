"""Labelled texts from a person's own file: a label for each text, each word, each span or each pair of spans."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from lmviz.datasets.labelled import LabelledText, Span, Target
from lmviz.datasets.labelled_columns import read_columns
from lmviz.datasets.sources import Source, Unusable, filled, json_lines, mapping, table
from lmviz.datasets.tables import BrokenRow, Record, kind_of
from lmviz.errors import InvalidParameter

KINDS = ("csv", "tsv", "jsonl", "conll")
LONGEST_TEXT = 100_000  # characters
TEXTS, LABELS = ("text", "sentence"), ("label", "labels", "class", "target")
WORDS, TAGS = ("words", "tokens"), ("labels", "tags")
SPANS, PAIR = "spans", ("span1", "span2")
_UNLABELLED = ("", "_")
_COLUMN_ENDINGS = (".conll", ".bio", ".iob", ".annotated")
_PREFIXES = ("B-", "I-", "E-", "S-", "L-", "U-")


class _Reader(Protocol):
    """What makes a labelled text of a line's number and the object in it."""

    def __call__(self, line: int, row: Mapping[str, Any]) -> LabelledText: ...


def read_labelled(source: Source, *, kind: str | None = None) -> Iterator[LabelledText | BrokenRow]:
    r"""Read a file of labelled texts, one at a time; memory does not grow with its length.

    A CSV or TSV file has a label for each text. Its first line names the columns: the text is in `text` or `sentence`,
    the label in `label`, `labels`, `class` or `target`; of several the first in this order counts. Without such a line
    no column is guessed: write "text<TAB>label" above a file that has none.

    Each line of a JSONL file is an object, and its keys tell what has the labels:

    - {"text": "A fine day.", "label": "good"}: the text, under the names above;
    - {"words": ["A", "day"], "labels": ["DET", "NOUN"]}: each word, also called `tokens` and `tags`. A label of null,
      "" or "_" says that a word has none. Words are joined by blanks, or found in `text` where there is one;
    - {"text": "A fine day.", "spans": [{"start": 2, "end": 6, "label": "ADJ"}]}: each span of characters, counted from
      0, `end` being the one after the last;
    - {"text": "A fine day.", "span1": [2, 6], "span2": [7, 10], "label": "amod"}: a pair of spans.

    Other keys and columns are passed over. A column file has a word at the beginning of each line and its label at the
    end, between tabs or blanks, and an empty line after each sentence, as CoNLL-2003 and WNUT-17 are written; CoNLL-U
    is read by `conllu.open_conllu`.

    Args:
        source: A path, compressed when it ends in .gz, or the file's content; UTF-8.
        kind: One of `KINDS` where the name does not say.

    Yields:
        A text, or the reason why there is none, for each row or sentence.

    Raises:
        InvalidParameter: The file cannot be read, is of another kind, or has not the columns.
        CorruptedFile: A compressed file is damaged.
    """
    found = _labelled_kind(source, kind)
    if found == "conll":
        yield from read_columns(source, longest=LONGEST_TEXT)
    elif found == "jsonl":
        yield from json_lines(source, _from_object)
    else:
        yield from table(source, (), make=_from_record, kind=found)


def entity_types(rows: Iterable[LabelledText | BrokenRow]) -> Iterator[LabelledText | BrokenRow]:
    """Turn tags of words into types of entities: "B-person" and "I-person" become "person", "O" stays.

    The prefixes E, S, L and U of the other ways to mark an entity's end are taken off as well.

    Args:
        rows: What `read_labelled` gives for a file with a label per word.

    Yields:
        The same texts with the types as labels; broken rows as they are.
    """
    for row in rows:
        if isinstance(row, BrokenRow):
            yield row
        else:
            targets = (Target(one.spans, _entity_type(one.label), one.form) for one in row.targets)
            yield LabelledText(row.line, row.text, tuple(targets))


def _entity_type(tag: str) -> str:
    return tag[2:] if tag.startswith(_PREFIXES) and len(tag) > 2 else tag


def _labelled_kind(source: Source, kind: str | None) -> str:
    if kind is None and isinstance(source, bytes):
        raise InvalidParameter(f"Content without a file name can be of any kind. Say which: {', '.join(KINDS)}.")
    if kind is None:
        name = os.fspath(source).removesuffix(".gz") if not isinstance(source, bytes) else ""
        if name.lower().endswith(".conllu"):
            raise InvalidParameter("A CoNLL-U file has several labels for a word. Read it as a treebank.")
        kind = "conll" if name.lower().endswith(_COLUMN_ENDINGS) else kind_of(name)
    if kind == "lines":
        raise InvalidParameter("Plain lines have no labels. Give a CSV file with the columns text and label.")
    if kind not in KINDS:
        raise InvalidParameter(f"A labelled file is one of {', '.join(KINDS)}, not {kind!r}. Name one of these.")
    return kind


def _from_record(row: Record) -> LabelledText:
    names = [next((name for name in wanted if name in row.fields), None) for wanted in (TEXTS, LABELS)]
    if None in names:
        missing = " and ".join(
            " or ".join(wanted) for wanted, name in zip((TEXTS, LABELS), names, strict=True) if not name
        )
        has = ", ".join(repr(name) for name in row.fields)
        raise InvalidParameter(
            f"The file has no column {missing}; its columns are {has[:300]}. Name them in its first line."
        )
    return _sentence(row.line, row.fields)


def _from_object(line: int, row: Mapping[str, Any]) -> LabelledText:
    ways = {
        _pair: any(name in row for name in PAIR),
        _spans: SPANS in row,
        _words: any(name in row for name in WORDS),
    }
    readers: Sequence[_Reader] = [reader for reader, is_meant in ways.items() if is_meant]
    if len(readers) > 1:
        raise Unusable("it can be taken two ways: it has more than one of words, spans and span1 with span2")
    return readers[0](line, row) if readers else _sentence(line, row)


def _sentence(line: int, row: Mapping[str, Any]) -> LabelledText:
    text = _checked(filled(row, _name(row, TEXTS)))
    label = _label(row.get(_name(row, LABELS)))
    if not label:
        raise Unusable(f"its {_name(row, LABELS)} is empty")
    return LabelledText(line, text, (Target((), label, text.split()[0]),))


def _words(line: int, row: Mapping[str, Any]) -> LabelledText:
    words, labels = _list(row, WORDS), _list(row, TAGS)
    if len(words) != len(labels):
        raise Unusable(f"it has {len(words):,} words and {len(labels):,} labels")
    if not words:
        raise Unusable("it has no words")
    for number, word in enumerate(words, start=1):
        if not isinstance(word, str) or not word.strip():
            raise Unusable(f"word {number} is no text or empty")
    is_whole = row.get(_name(row, TEXTS)) is not None
    text = _checked(_whole(row) if is_whole else " ".join(words))
    spans = _word_spans(text, words)
    known = [(span, _label(label)) for span, label in zip(spans, labels, strict=True)]
    targets = (Target((span,), label, text[slice(*span)]) for span, label in known if label not in _UNLABELLED)
    return LabelledText(line, text, tuple(targets))


def _spans(line: int, row: Mapping[str, Any]) -> LabelledText:
    text, given = _checked(_whole(row)), row[SPANS]
    if not isinstance(given, list):
        raise Unusable("its spans are no list")
    targets = []
    for number, one in enumerate(given, start=1):
        fields = mapping(one, f"span {number}")
        span = _span([fields.get("start"), fields.get("end")], text, f"span {number}")
        targets.append(_target(text, (span,), fields, f"span {number}"))
    return LabelledText(line, text, tuple(targets))


def _pair(line: int, row: Mapping[str, Any]) -> LabelledText:
    text = _checked(_whole(row))
    spans = tuple(_span(row.get(name), text, name) for name in PAIR)
    return LabelledText(line, text, (_target(text, spans, row, "the pair"),))


def _target(text: str, spans: tuple[Span, ...], fields: Mapping[str, Any], what: str) -> Target:
    label = _label(fields.get("label"))
    if not label:
        raise Unusable(f"{what} has no label")
    return Target(spans, label, " ".join(text[slice(*span)] for span in spans))


def _span(given: Any, text: str, what: str) -> Span:
    if not isinstance(given, list) or len(given) != 2 or any(type(number) is not int for number in given):
        raise Unusable(f"{what} has not two whole numbers, where it starts and where it ends")
    start, end = given
    if start >= end:
        raise Unusable(f"{what} ends at {end}, and starts at {start}")
    if start < 0 or end > len(text):
        raise Unusable(f"{what} runs from {start} to {end}, and the text has {len(text):,} characters")
    if not text[start:end].strip():
        raise Unusable(f"{what} holds only blanks")
    return start, end


def _whole(row: Mapping[str, Any]) -> str:
    """Give a text as it is, blanks around it too: spans count its characters."""
    filled(row, _name(row, TEXTS))
    return str(row[_name(row, TEXTS)])


def _checked(text: str) -> str:
    """Refuse a text that is too long, or holds a half of a character, which no encoding can write."""
    if len(text) > LONGEST_TEXT:
        raise Unusable(f"its text has {len(text):,} characters, more than {LONGEST_TEXT:,}")
    if any("\ud800" <= character <= "\udfff" for character in text if not character.isascii()):
        raise Unusable("its text holds a half of a character")
    return text


def _word_spans(text: str, words: Sequence[str]) -> list[Span]:
    """Find words in a text, one after the other, with nothing but blanks between them."""
    spans, at = [], 0
    for number, word in enumerate(words, start=1):
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            raise Unusable(f"word {number}, '{word[:40]}', does not stand in the text where it should")
        at = start + len(word)
        spans.append((start, at))
    return spans


def _name(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if name in row), names[0])


def _list(row: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    found = row.get(_name(row, names))
    if not isinstance(found, list):
        raise Unusable(f"its {_name(row, names)} are no list")
    return found


def _label(given: Any) -> str:
    """Give a label as a text: numbers and truth values as JSON writes them."""
    if given is None:
        return ""
    if isinstance(given, bool):
        return str(given).lower()
    if not isinstance(given, (str, int, float)):
        raise Unusable("a label in it is neither a text nor a number")
    return _checked(str(given).strip())
