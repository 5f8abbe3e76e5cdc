"""A list of words of a person's own, such as a lexicon of hurtful words: plain lines, or a table as HurtLex's."""

from collections.abc import Iterator

from lmviz.datasets.sources import Source, filled, named_kind, table
from lmviz.datasets.tables import TEXT, BrokenRow, Record

_COLUMN, _LEVEL, _CONSERVATIVE = "lemma", "level", "conservative"


def read(source: Source, *, kind: str | None = None) -> Iterator[str | BrokenRow]:
    """Read a lexicon, one word at a time.

    A file of lines has a word in each. A CSV, TSV or JSONL file has them in the column `lemma`; where it has a column
    `level`, as HurtLex has (Bassignana et al., 2018), only its conservative words are given.

    Args:
        source: A path or the file's content.
        kind: "lines", "csv", "tsv" or "jsonl" where the name does not say.

    Yields:
        A word, or the reason why there is none, for each row that counts.

    Raises:
        InvalidParameter: The file cannot be read or has no column `lemma`.
    """
    found_kind = named_kind(source, kind)
    column = TEXT if found_kind == "lines" else _COLUMN

    def word(row: Record) -> str:
        if row.fields.get(_LEVEL, _CONSERVATIVE) != _CONSERVATIVE:
            return ""
        return filled(row.fields, column)

    for row in table(source, (column,), make=word, kind=found_kind):
        if row:
            yield row
