"""Minimal pairs of grammar: a good sentence and a bad one, sorted into paradigms, as in BLiMP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmviz.datasets.minimal_pairs import NAMES
from lmviz.datasets.sources import Source, Unusable, filled, json_lines
from lmviz.datasets.tables import BrokenRow

PHENOMENA: Mapping[str, str] = {"s-selection": "argument_structure"}  # counted with it, which makes twelve


@dataclass(frozen=True)
class Prefixes:
    """What stands before a critical word, and the word, in the good and in the bad sentence."""

    good: tuple[str, str]
    bad: tuple[str, str]


@dataclass(frozen=True)
class GrammarPair:
    """Two sentences of which only the first is grammatical.

    `paradigm` is the kind of contrast and `phenomenon` what it belongs to; both are empty where they are not said.
    `one_prefix` and `two_prefixes` are there where a single word decides.
    """

    line: int
    good: str
    bad: str
    paradigm: str
    phenomenon: str
    one_prefix: Prefixes | None = None
    two_prefixes: Prefixes | None = None


def read(source: Source) -> Iterator[GrammarPair | BrokenRow]:
    """Read a JSONL file: BLiMP's own fields (Warstadt et al., 2020), or a good and a bad sentence under other names.

    The sentences are called `sentence_good` and `sentence_bad`, or as in `minimal_pairs.NAMES`. The paradigm is `UID`
    or `paradigm`, the phenomenon `linguistics_term`, `phenomenon` or `category`. The official files have a few pairs of
    one sentence with itself; they are read, and tie.

    Yields:
        A pair, or the reason why there is none, for each line.

    Raises:
        InvalidParameter: The file cannot be read.
    """
    return json_lines(source, _pair)


def _pair(line: int, fields: Mapping[str, Any]) -> GrammarPair:
    names = next((names for names in reversed(NAMES) if all(name in fields for name in names)), None)
    if names is None:
        raise Unusable("it has no two sentences called sentence_good and sentence_bad")
    paradigm = _first(fields, ("UID", "paradigm"))
    phenomenon = _first(fields, ("linguistics_term", "phenomenon", "category")) or paradigm
    return GrammarPair(
        line=line,
        good=filled(fields, names[0]),
        bad=filled(fields, names[1]),
        paradigm=paradigm or phenomenon,
        phenomenon=PHENOMENA.get(phenomenon, phenomenon),
        one_prefix=_one_prefix(fields),
        two_prefixes=_two_prefixes(fields),
    )


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((filled(fields, name) for name in names if fields.get(name)), "")


def _one_prefix(fields: Mapping[str, Any]) -> Prefixes | None:
    """Give two words after the same prefix."""
    if "one_prefix_prefix" not in fields:
        return None
    before = filled(fields, "one_prefix_prefix")
    return Prefixes((before, filled(fields, "one_prefix_word_good")), (before, filled(fields, "one_prefix_word_bad")))


def _two_prefixes(fields: Mapping[str, Any]) -> Prefixes | None:
    """Give the same word after two prefixes."""
    if "two_prefix_word" not in fields:
        return None
    word = filled(fields, "two_prefix_word")
    return Prefixes((filled(fields, "two_prefix_prefix_good"), word), (filled(fields, "two_prefix_prefix_bad"), word))
