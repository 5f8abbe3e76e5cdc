"""Rows of a CSV, TSV or JSONL file, or plain lines; a broken row is reported by its line and the rest goes on."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from lmviz.errors import InvalidParameter

KINDS = ("csv", "tsv", "jsonl", "lines")
LONGEST_RECORD = 200  # lines that a quoted field may run over; an open quotation mark would else swallow the file
TEXT = "text"  # the only column of plain lines
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "lines"}
_UNREADABLE = "\ufffd"


@dataclass(frozen=True)
class Record:
    """One row: the line it begins at, from 1, and its fields by their names."""

    line: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be used: the line it begins at, from 1, and why."""

    line: int
    reason: str


Row = Record | BrokenRow


def kind_of(name: str) -> str:
    """Tell the kind of a file from the ending of its name.

    Raises:
        InvalidParameter: The ending is none of those that are read.
    """
    ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), None)
    if ending is None:
        raise InvalidParameter(f"'{name[-80:]}' ends in none of {', '.join(_ENDINGS)}. Save it as one of them.")
    return _ENDINGS[ending]


def read_rows(lines: Iterable[bytes], kind: str) -> Iterator[Row]:
    """Read a file row by row; memory does not grow with its length.

    The first line of a CSV or TSV file names its columns (RFC 4180); each line of a JSONL file is an object whose
    values are texts or numbers. Empty lines are passed over. After a quotation mark that is never closed, reading goes
    on in the line after it.

    Args:
        lines: The file, opened in binary; UTF-8, with or without a byte order mark.
        kind: One of `KINDS`.

    Returns:
        What each row says, in order; a `BrokenRow` where it cannot be read.

    Raises:
        InvalidParameter: No such kind, or the first line names a column twice or not at all.
    """
    if kind not in KINDS:
        raise InvalidParameter(f"A file is one of {', '.join(KINDS)}, not {kind!r}.")
    numbered = _decoded(lines)
    if kind == "jsonl":
        return (_from_json(line, text) for line, text in numbered if text.strip())
    if kind == "lines":
        return (_whole(Record(line, {TEXT: text})) for line, text in numbered if text.strip())
    return _tabular(numbered, _DELIMITERS[kind])


def columns(lines: Iterable[bytes], kind: str) -> tuple[str, ...]:
    """Give the names of a file's columns: those of the first line, or of the first hundred objects of a JSONL file.

    Raises:
        InvalidParameter: As `read_rows`, or there is not a single row that can be read.
    """
    records = (row for row in read_rows(lines, kind) if isinstance(row, Record))
    first = list(islice(records, 1 if kind != "jsonl" else 100))
    if not first:
        raise InvalidParameter("There is no row in it that can be read. Give one text in each row.")
    return tuple(dict.fromkeys(chain.from_iterable(record.fields for record in first)))


def _decoded(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Give the lines as texts without their ends; what is no UTF-8 becomes a mark that is refused later."""
    for number, line in enumerate(lines, start=1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
        yield number, text.removesuffix("\n").removesuffix("\r")


def _whole(record: Record) -> Row:
    """Refuse a record with bytes that were no UTF-8."""
    if any(_UNREADABLE in value for value in record.fields.values()):
        return BrokenRow(record.line, "it is no valid UTF-8; save the file as UTF-8")
    return record


def _from_json(line: int, text: str) -> Row:
    try:
        found = json.loads(text)
    except ValueError:  # a RecursionError is no row of a table either
        return BrokenRow(line, "it is no valid JSON")
    except RecursionError:
        return BrokenRow(line, "it is nested too deeply")
    if not isinstance(found, dict):
        return BrokenRow(line, 'it is no JSON object such as {"text": "..."}')
    usable = {name: value for name, value in found.items() if isinstance(value, (str, int, float))}
    return _whole(Record(line, {str(name): str(value) for name, value in usable.items()}))


def _tabular(numbered: Iterator[tuple[int, str]], delimiter: str) -> Iterator[Row]:
    """Read records with the names of the first one."""
    records = _records(numbered, delimiter)
    header = next((found for found in records), None)
    if header is None:
        return
    line, names = header
    if isinstance(names, str):
        raise InvalidParameter(f"Line {line}, which names the columns, cannot be read: {names}.")
    _check_names(names)
    for line, fields in records:
        if isinstance(fields, str):
            yield BrokenRow(line, fields)
        elif len(fields) != len(names):
            yield BrokenRow(line, f"it has {len(fields)} fields, and the first line names {len(names)}")
        else:
            yield _whole(Record(line, dict(zip(names, fields, strict=True))))


def _check_names(names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidParameter(f"The first line names the column '{twice[:40]}' twice. Give each column its own name.")


def _records(numbered: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Cut lines into records; a quoted field may run over several. A text in place of the fields says what is wrong."""
    waiting: list[tuple[int, str]] = []  # lines that were read and do not belong to what came before
    lines = iter(numbered)
    while True:
        first = waiting.pop(0) if waiting else next(lines, None)
        if first is None:
            return
        if not first[1].strip():
            continue
        taken = [first]
        fields = _parsed([first[1]], delimiter)
        while fields is None and len(taken) < LONGEST_RECORD:
            more = waiting.pop(0) if waiting else next(lines, None)
            if more is None:
                break
            taken.append(more)
            fields = _parsed([text for _, text in taken], delimiter)
        if fields is None:
            waiting = [*taken[1:], *waiting]
            fields = "a quotation mark is opened in it and not closed"
        yield first[0], fields


def _parsed(lines: Sequence[str], delimiter: str) -> list[str] | str | None:
    """Read one record; None where a quoted field is still open, a text where it cannot be read."""
    try:
        rows = list(csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None if "unexpected end of data" in str(error) else f"{error}".removesuffix(".")
    return rows[0] if len(rows) == 1 else None
