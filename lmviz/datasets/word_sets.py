"""Words and sentences for association tests: WEAT (Caliskan et al., 2017) and SEAT (May et al., 2019)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmviz.datasets.sources import Source, Unusable, document, filled, mapping, usable
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

_SEAT = ("targ1", "targ2", "attr1", "attr2")
_NAMED = ("first_target", "second_target", "first_attribute", "second_attribute")


@dataclass(frozen=True)
class WordSet:
    """A name and the words, or sentences, that stand for it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class AssociationTest:
    """Two sets of targets, `x` and `y`, and two of attributes, `a` and `b`; `line` is its place in the file, from 1.

    Each word is put in each of the `templates`, in place of {}; without templates the words are the texts themselves.
    """

    line: int
    x: WordSet
    y: WordSet
    a: WordSet
    b: WordSet
    templates: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The four names in a line."""
        return f"{self.x.name} / {self.y.name} · {self.a.name} / {self.b.name}"


def read(source: Source) -> Iterator[AssociationTest | BrokenRow]:
    """Read a JSON file of one test or a list of tests.

    A test names its sets `targ1`, `targ2`, `attr1` and `attr2` with `category` and `examples`, as SEAT's files do, or
    `first_target` to `second_attribute` with `name` and `words`. Words under `remove`, which the authors left out for
    their low frequency, are left out. `templates`, a list of sentences such as "This is {}.", may be there.

    Args:
        source: A path or the file's content.

    Yields:
        A test, or the reason why there is none, for each entry.

    Raises:
        InvalidParameter: The file cannot be read or is no JSON.
    """
    found = document(source)
    for number, entry in enumerate(found if isinstance(found, list) else [found], start=1):
        yield usable(number, _test, row=(number, entry))


def read_sets(source: Source) -> dict[str, WordSet]:
    """Read a JSON file of named lists of words, to make tests from.

    Args:
        source: A path or the file's content.

    Returns:
        The sets by their names.

    Raises:
        InvalidParameter: The file cannot be read, or an entry is no list of words.
    """
    try:
        found = mapping(document(source), "the file")
        return {name: WordSet(name, _words(words, name)) for name, words in found.items()}
    except Unusable as reason:
        raise InvalidParameter(f'{reason}. Give an object such as {{"career": ["office", "salary"]}}.') from None


def _test(numbered: tuple[int, Any]) -> AssociationTest:
    number, entry = numbered
    fields = mapping(entry, "it")
    names = next((names for names in (_SEAT, _NAMED) if all(name in fields for name in names)), None)
    if names is None:
        raise Unusable(f"it has neither {', '.join(_SEAT)} nor {', '.join(_NAMED)}")
    keys = ("category", "examples") if names == _SEAT else ("name", "words")
    templates = _words(fields["templates"], "templates") if "templates" in fields else ()
    if any(template.count("{}") != 1 for template in templates):
        raise Unusable("a template of it has not one {} for the word")
    x, y, a, b = (_set(mapping(fields[name], name), *keys) for name in names)
    return AssociationTest(number, x, y, a, b, templates)


def _set(fields: Mapping[str, Any], name: str, words: str) -> WordSet:
    removed = set(_words(fields["remove"], "remove")) if fields.get("remove") else set()
    return WordSet(
        filled(fields, name), tuple(word for word in _words(fields.get(words), words) if word not in removed)
    )


def _words(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word.strip() for word in value):
        raise Unusable(f"'{what}' is no list of words")
    return tuple(value)
