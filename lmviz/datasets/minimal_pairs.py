"""Minimal pairs of one's own: two texts that differ in one thing, the first expected to be preferred."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, named_kind, table
from lmviz.datasets.tables import BrokenRow, Record
from lmviz.errors import InvalidParameter

TEMPLATE, PAIRS = "template", "pairs"
_CHOICE = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
_PLACE = "{}"
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

    Or the texts are made from a column `template`. "The nurse said that {she|he} lost {her|his} keys." takes the first
    words of all braces, then the second ones. Where there is a column `pairs` as well, each of its pairs of words, as
    in "nurse|doctor; maid|butler", is put in place of every {} of the template, as in "The {} was late."; pairs of one
    template are one cluster.

    Args:
        source: A path or the file's content.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Yields:
        A pair, or the reason why there is none, for each row; several pairs for a row with several pairs of words.

    Raises:
        InvalidParameter: The file cannot be read, or the columns of the texts are missing or can be taken two ways.
    """
    is_rows = named_kind(source, kind) == "jsonl"

    def pairs(row: Record) -> tuple[MinimalPair, ...]:
        if TEMPLATE in row.fields and not _found(row.fields):
            return _filled(row)
        try:
            return (_pair(row, _columns(row.fields)),)
        except InvalidParameter:
            if is_rows:  # each object has names of its own
                raise Unusable("it has no two texts called more and less, or good and bad") from None
            raise

    for row in table(source, (), make=pairs, kind=kind):
        if isinstance(row, BrokenRow):
            yield row
        else:
            yield from row


def _found(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    return [names for names in NAMES if all(name in fields for name in names)]


def _columns(fields: Mapping[str, str]) -> tuple[str, str]:
    found = _found(fields)
    if len(found) != 1:
        has = ", ".join(repr(name) for name in fields)
        raise InvalidParameter(
            f"Pairs are in two columns, {' or '.join(' and '.join(names) for names in NAMES)}, or made from one called "
            f"{TEMPLATE}; the file has {len(found)} of these among {has[:300]}. Rename its columns until there is one."
        )
    return found[0]


def _pair(row: Record, names: tuple[str, str]) -> MinimalPair:
    return _made(row, *(filled(row.fields, name) for name in names))


def _filled(row: Record) -> tuple[MinimalPair, ...]:
    """Make the pairs of a template."""
    template = filled(row.fields, TEMPLATE)
    if not row.fields.get(PAIRS, "").strip():
        if not _CHOICE.search(template):
            raise Unusable(f"its template has no {{first|second}}, and it has no {PAIRS} of words")
        return (_made(row, *(_CHOICE.sub(rf"\{place}", template) for place in (1, 2))),)
    if _PLACE not in template:
        raise Unusable(f"its template has no {_PLACE} for the words of its {PAIRS}")
    found = [[word.strip() for word in pair.split("|")] for pair in row.fields[PAIRS].split(";") if pair.strip()]
    if any(len(words) != 2 for words in found):
        raise Unusable(f"its {PAIRS} are not two words each, as in 'nurse|doctor; maid|butler'")
    texts = ([template.replace(_PLACE, word) for word in words] for words in found)
    return tuple(_made(row, *both, cluster=template) for both in texts)


def _made(row: Record, more: str, less: str, *, cluster: str = "") -> MinimalPair:
    if more == less:
        raise Unusable("both texts are the same")
    category, named = (row.fields.get(name, "").strip() for name in ("category", "cluster"))
    return MinimalPair(row.line, more, less, category, named or cluster)
