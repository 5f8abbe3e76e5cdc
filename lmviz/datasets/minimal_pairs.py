"""Minimal pairs of one's own: two texts that differ in one thing, the first expected to be preferred."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, named_kind, table
from lmviz.datasets.tables import BrokenRow, Record
from lmviz.errors import InvalidParameter

NAMES = (("more", "less"), ("good", "bad"), ("sent_more", "sent_less"), ("sentence_good", "sentence_bad"))


@dataclass(frozen=True)
class MinimalPair:
    """Two texts; `category` and `cluster`, what was sampled such as a template, are empty where they are not said."""

    line: int
    more: str
    less: str
    category: str
    cluster: str


def read(source: Source, *, kind: str | None = None) -> Iterator[MinimalPair | BrokenRow]:
    """Read a CSV, TSV or JSONL file of pairs, one row at a time.

    The texts are in columns `more` and `less`, or `good` and `bad` (also with `sent_` or `sentence_` before them);
    `category` and `cluster` may be there.

    Args:
        source: A path or the file's content.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Returns:
        A pair, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read, or the columns of the texts are missing or can be taken two ways.
    """
    is_rows = named_kind(source, kind) == "jsonl"

    def pair(row: Record) -> MinimalPair:
        try:
            return _pair(row, _columns(row.fields))
        except InvalidParameter:
            if is_rows:  # each object has names of its own
                raise Unusable("it has no two texts called more and less, or good and bad") from None
            raise

    return table(source, (), make=pair, kind=kind)


def _columns(fields: Mapping[str, str]) -> tuple[str, str]:
    found = [names for names in NAMES if all(name in fields for name in names)]
    if len(found) != 1:
        has = ", ".join(repr(name) for name in fields)
        raise InvalidParameter(
            f"Pairs are in two columns, {' or '.join(' and '.join(names) for names in NAMES)}; the file has "
            f"{len(found)} of these among {has[:300]}. Rename its columns until there is one."
        )
    return found[0]


def _pair(row: Record, names: tuple[str, str]) -> MinimalPair:
    more, less = (filled(row.fields, name) for name in names)
    if more == less:
        raise Unusable("both texts are the same")
    category, cluster = (row.fields.get(name, "").strip() for name in ("category", "cluster"))
    return MinimalPair(row.line, more, less, category, cluster)
