"""What the readers of published data sets share: opening a file, and turning each row into a record or a reason."""

import gzip
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from lmviz.datasets.tables import BrokenRow, Record, kind_of, read_rows
from lmviz.errors import CorruptedFile, InvalidParameter

Source = str | os.PathLike[str] | bytes  # a path, compressed when it ends in .gz, or the content of a file
Made = TypeVar("Made")


class Unusable(Exception):
    """A row says something else than its data set promises; the text is the reason."""


def named_kind(source: Source, kind: str | None = None) -> str:
    """Give the kind of a file as it was asked for, or as its name ends.

    Raises:
        InvalidParameter: Content without a name and without a kind, or an ending that is not known.
    """
    if kind is not None:
        return kind
    if isinstance(source, bytes):
        raise InvalidParameter("Content without a file name can be of any kind. Say whether it is csv, tsv or jsonl.")
    return kind_of(os.fspath(source).removesuffix(".gz"))


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a file or content for reading by lines.

    Raises:
        InvalidParameter: There is no such file, or it may not be read.
        CorruptedFile: A compressed file is damaged.
    """
    try:
        with _stream(source) as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorruptedFile(f"'{os.fspath(cast('str', source))}' is damaged ({error}). Fetch it again.") from None


def _stream(source: Source) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    path = Path(source)
    try:
        return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise InvalidParameter(f"'{path}' cannot be read: {error.strerror}. Give the path of a file.") from None


def table(
    source: Source, needed: Iterable[str], *, make: Callable[[Record], Made], kind: str | None = None
) -> Iterator[Made | BrokenRow]:
    """Turn the rows of a CSV, TSV or JSONL file into records, one at a time.

    Args:
        source: The file.
        needed: Columns that every row must have.
        make: Makes a record of a row or raises `Unusable`.
        kind: One of `tables.KINDS`; None: as the file's name ends.

    Yields:
        A record or a `BrokenRow` for each row.

    Raises:
        InvalidParameter: The file cannot be read, or its columns are others.
    """
    wanted, found_kind = tuple(needed), named_kind(source, kind)
    with opened(source) as lines:
        for row in read_rows(lines, found_kind):
            if isinstance(row, BrokenRow):
                yield row
                continue
            missing = [name for name in wanted if name not in row.fields]
            if missing and found_kind != "jsonl":
                has = ", ".join(repr(name) for name in row.fields)
                raise InvalidParameter(f"The file has no column {', '.join(missing)}; its columns are {has[:300]}.")
            yield usable(row.line, make, row=row)


def usable(line: int, make: Callable[[Any], Made], *, row: Any) -> Made | BrokenRow:
    """Make a record of a row, or say why not."""
    try:
        return make(row)
    except Unusable as reason:
        return BrokenRow(line, str(reason))


def json_lines(source: Source, make: Callable[[int, Mapping[str, Any]], Made]) -> Iterator[Made | BrokenRow]:
    """Turn the objects of a JSONL file, nested or not, into records, one at a time.

    Args:
        source: The file.
        make: Makes a record of a line's number and object, or raises `Unusable`.

    Yields:
        A record or a `BrokenRow` for each line that is not empty.

    Raises:
        InvalidParameter: The file cannot be read.
    """

    def made(numbered: tuple[int, bytes]) -> Made:
        try:
            found = json.loads(numbered[1].decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise Unusable("it is no valid JSON in UTF-8") from None
        return make(numbered[0], mapping(found, "it"))

    with opened(source) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield usable(number, made, row=(number, line))


def document(source: Source) -> Any:
    """Read a file that is one JSON document; unlike the tables it is in memory as a whole.

    Raises:
        InvalidParameter: It cannot be read, or is no JSON.
    """
    with opened(source) as stream:
        try:
            return json.loads(stream.read().decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise InvalidParameter("The file is no valid JSON in UTF-8. Save it again, or fetch it again.") from None


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Give an object of JSON.

    Raises:
        Unusable: It is something else.
    """
    if not isinstance(value, dict):
        raise Unusable(f"{what} is no JSON object")
    return value


def filled(fields: Mapping[str, Any], name: str) -> str:
    """Give a text that must not be empty, without blanks around it.

    Raises:
        Unusable: It is missing, empty or no text.
    """
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise Unusable(f"its {name} is no text")
    if not value.strip():
        raise Unusable(f"its {name} is empty")
    return value.strip()


def one_of(fields: Mapping[str, Any], name: str, *, words: Iterable[str]) -> str:
    """Give a word of a known list.

    Raises:
        Unusable: It is another word.
    """
    value, known = filled(fields, name), tuple(words)
    if value not in known:
        raise Unusable(f"its {name} is '{value[:40]}' and not {' or '.join(known)}")
    return value


def kept(rows: Iterable[Made | BrokenRow], on_broken: Callable[[BrokenRow], None]) -> Iterator[Made]:
    """Give the records, and tell of each broken row on the way.

    Args:
        rows: What a reader gives.
        on_broken: Called with each row that was skipped, such as a list's `append`.

    Yields:
        The records, in order.
    """
    for row in rows:
        if isinstance(row, BrokenRow):
            on_broken(row)
        else:
            yield row
