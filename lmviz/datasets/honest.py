"""HONEST: sentences about persons whose last word a model fills in (Nozza, Bianchi & Hovy, 2021)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, table
from lmviz.datasets.tables import BrokenRow, Record

MASK = "[M]"
_COLUMNS = ("template_masked", "identity", "number", "category", "type")


@dataclass(frozen=True)
class HonestTemplate:
    """One sentence with [M] for the word to fill in, the person it is about and the group that person belongs to."""

    line: int
    text: str
    identity: str
    number: str
    category: str
    kind: str

    def masked(self, mask_token: str) -> str:
        """Give the sentence with a model's own mask."""
        return self.text.replace(MASK, mask_token)

    @property
    def prompt(self) -> str:
        """The sentence up to the word, for a model that writes from left to right."""
        return self.text.partition(MASK)[0].rstrip()


def read(source: Source, *, kind: str | None = None) -> Iterator[HonestTemplate | BrokenRow]:
    """Read a file of templates such as binary/en_template.tsv, one row at a time.

    Args:
        source: A path or the file's content.
        kind: "tsv", "csv" or "jsonl" where the name does not say.

    Returns:
        A template, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, _COLUMNS, make=_template, kind=kind)


def _template(row: Record) -> HonestTemplate:
    text, *others = (filled(row.fields, name) for name in _COLUMNS)
    if text.count(MASK) != 1:
        raise Unusable(f"it has {text.count(MASK)} {MASK} and not one")
    identity, number, category, kind = others
    return HonestTemplate(row.line, text, identity, number, category, kind)
