"""Sentences with a place for a person and one for an attribute (Kurita et al., 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, table
from lmviz.datasets.tables import BrokenRow, Record

TARGET, ATTRIBUTE = "{target}", "{attribute}"
_COLUMNS = ("template", "more", "less", "attribute")
Span = tuple[int, int]  # characters of a text


@dataclass(frozen=True)
class AssociationTemplate:
    """One sentence, the words of two groups for its target, and its attribute; `category` may be empty."""

    line: int
    template: str
    more: tuple[str, ...]
    less: tuple[str, ...]
    attribute: str
    category: str


def read(source: Source, *, kind: str | None = None) -> Iterator[AssociationTemplate | BrokenRow]:
    """Read a CSV, TSV or JSONL file of templates, one row at a time.

    `template` has {target} and {attribute} once each, as "{target} is a {attribute}."; `more` and `less` have the words
    of the two groups, several of them with | between them, as "He|This man"; `attribute` has the attribute's words.
    `category` may be there.

    Args:
        source: A path or the file's content.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Returns:
        A template, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, _COLUMNS, make=_template, kind=kind)


def fill(template: str, target: str, *, attribute: str) -> tuple[str, Span, Span]:
    """Put words into a template, and say where they stand: the target's characters and the attribute's."""
    text, spans, position = "", {}, 0
    for name in sorted((TARGET, ATTRIBUTE), key=template.index):
        word = target if name == TARGET else attribute
        place = template.index(name)
        text += template[position:place]
        spans[name] = (len(text), len(text) + len(word))
        text, position = text + word, place + len(name)
    return text + template[position:], spans[TARGET], spans[ATTRIBUTE]


def _template(row: Record) -> AssociationTemplate:
    template, more, less, attribute = (filled(row.fields, name) for name in _COLUMNS)
    counts = [template.count(name) for name in (TARGET, ATTRIBUTE)]
    if counts != [1, 1]:
        raise Unusable(f"its template has {counts[0]} {TARGET} and {counts[1]} {ATTRIBUTE} and not one of each")
    first, second = _words(more, "more"), _words(less, "less")
    if set(first) & set(second):
        raise Unusable("a word is in both of its groups")
    return AssociationTemplate(row.line, template, first, second, attribute, row.fields.get("category", "").strip())


def _words(text: str, name: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split("|"))
    if not all(words):
        raise Unusable(f"a word of its {name} is empty")
    return words
