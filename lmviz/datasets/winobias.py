"""WinoBias: sentences whose pronoun goes with or against the majority in an occupation (Zhao et al., 2018)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from lmviz.datasets.sources import Source, Unusable, table, usable
from lmviz.datasets.tables import TEXT, BrokenRow, Record

_SHE = {"he": "she", "him": "her", "his": "her", "himself": "herself"}
PRONOUNS = frozenset({*_SHE, *_SHE.values(), "hers"})
_EXCHANGED = {*_SHE.items(), ("his", "hers")}
_MARKED = re.compile(r"\[\s*([^\[\]]*?)\s*\]")


@dataclass(frozen=True)
class WinoBiasSentence:
    """One sentence without its brackets, the person that its pronouns stand for, and the pronouns in brackets."""

    line: int
    number: int
    text: str
    mention: str
    pronouns: tuple[str, ...]


@dataclass(frozen=True)
class WinoBiasPair:
    """The same sentence with the pronoun of the occupation's majority (`pro`) and with the other one (`anti`)."""

    line: int
    number: int
    pro: str
    anti: str
    mention: str
    pro_pronoun: str
    anti_pronoun: str


def read(source: Source) -> Iterator[WinoBiasSentence | BrokenRow]:
    """Read one of the eight files, such as pro_stereotyped_type1.txt.dev, one line at a time.

    Args:
        source: A path or the file's content.

    Returns:
        A sentence, or the reason why there is none, for each line.

    Raises:
        InvalidParameter: The file cannot be read.
    """
    return table(source, (TEXT,), make=_sentence, kind="lines")


def read_pairs(pro: Source, anti: Source) -> Iterator[WinoBiasPair | BrokenRow]:
    """Read the two files of a type and split, and pair their sentences.

    Some sentences of the published files differ from their partner in more than pronouns ("a generous man" and
    "generous"); they are no minimal pair and are given as broken rows.

    Args:
        pro: The pro-stereotypical file.
        anti: The anti-stereotypical file of the same type and split.

    Yields:
        A pair, or the reason why there is none, for each line of the longer file.

    Raises:
        InvalidParameter: A file cannot be read.
    """
    for place, (first, second) in enumerate(zip_longest(read(pro), read(anti)), start=1):
        if isinstance(first, BrokenRow):
            yield first
        elif isinstance(second, BrokenRow):
            yield second
        else:
            yield usable(place, _pair, row=(first, second))


def _sentence(row: Record) -> WinoBiasSentence:
    number, _, marked = row.fields[TEXT].strip().partition(" ")
    if not number.isdecimal():
        raise Unusable("it does not begin with its number")
    inside: list[str] = _MARKED.findall(marked)
    pronouns = tuple(word for word in inside if word.casefold() in PRONOUNS)
    mentions = [word for word in inside if word.casefold() not in PRONOUNS]
    if len(mentions) != 1 or not pronouns:
        raise Unusable(f"it has {len(mentions)} persons and {len(pronouns)} pronouns in brackets")
    text = _MARKED.sub(r"\1", marked).strip()
    return WinoBiasSentence(row.line, int(number), text, mentions[0], pronouns)


def _pair(both: tuple[WinoBiasSentence | None, WinoBiasSentence | None]) -> WinoBiasPair:
    pro, anti = both
    if pro is None or anti is None:
        raise Unusable("one of the two files ends before it")
    if pro.number != anti.number:
        raise Unusable(f"it is sentence {pro.number} in one file and {anti.number} in the other")
    words = pro.text.casefold().split(), anti.text.casefold().split()
    different = [pair for pair in zip(*words, strict=False) if pair[0] != pair[1]]
    is_minimal = len(words[0]) == len(words[1]) and all(_is_exchange(*pair) for pair in different)
    if not different or not is_minimal:
        raise Unusable("its two sentences differ in more, or less, than the gender of pronouns")
    return WinoBiasPair(
        line=pro.line,
        number=pro.number,
        pro=pro.text,
        anti=anti.text,
        mention=pro.mention,
        pro_pronoun=pro.pronouns[0].casefold(),
        anti_pronoun=anti.pronouns[0].casefold(),
    )


def _is_exchange(one: str, other: str) -> bool:
    bare = one.strip(".,;:!?"), other.strip(".,;:!?")
    is_same_around = one.replace(bare[0], "", 1) == other.replace(bare[1], "", 1)
    return is_same_around and (bare in _EXCHANGED or bare[::-1] in _EXCHANGED)
