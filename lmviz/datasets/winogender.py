"""Winogender: sentences about an occupation and a participant, with three pronouns (Rudinger et al., 2018)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from lmviz.datasets.sources import Source, Unusable, filled, table
from lmviz.datasets.tables import BrokenRow, Record

GENDERS = ("male", "female", "neutral")
PRONOUNS = {
    "male": frozenset({"he", "him", "his", "himself"}),
    "female": frozenset({"she", "her", "hers", "herself"}),
    "neutral": frozenset({"they", "them", "their", "theirs", "themself", "themselves"}),
}
_ANSWERS = {"0": "occupation", "1": "participant"}


@dataclass(frozen=True)
class WinogenderSentence:
    """One sentence; its pronoun stands for the occupation or the participant, which `answer` says."""

    line: int
    text: str
    occupation: str
    participant: str
    answer: str
    gender: str

    @property
    def pronoun(self) -> str:
        """The first word that is a pronoun of its gender, without case; "" where there is none."""
        words = (word.strip(".,;:!?\"'").casefold() for word in self.text.split())
        return next((word for word in words if word in PRONOUNS[self.gender]), "")


@dataclass(frozen=True)
class WinogenderPair:
    """The sentences of one schema with a male and with a female pronoun; `line` is that of the first of its rows."""

    line: int
    male: str
    female: str
    occupation: str
    participant: str
    answer: str


@dataclass(frozen=True)
class OccupationShare:
    """How many per cent of an occupation are women, by statistics of the USA (2015) and by text on the web.

    The second is NaN where a table does not have it.
    """

    line: int
    occupation: str
    bls_percent_female: float
    text_percent_female: float


def read(source: Source, *, kind: str | None = None) -> Iterator[WinogenderSentence | BrokenRow]:
    """Read all_sentences.tsv, one row at a time.

    Args:
        source: A path or the file's content.
        kind: "tsv", "csv" or "jsonl" where the name does not say.

    Returns:
        A sentence, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, ("sentid", "sentence"), make=_sentence, kind=kind)


def read_pairs(source: Source, *, kind: str | None = None) -> Iterator[WinogenderPair | BrokenRow]:
    """Read the same file, and pair the male with the female sentence of each schema.

    The rows of a schema, one for each gender, stand one after the other.

    Args:
        source: A path or the file's content.
        kind: "tsv", "csv" or "jsonl" where the name does not say.

    Yields:
        A pair, or the reason why there is none, for each schema; broken rows as they are.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    for _, rows in groupby(read(source, kind=kind), key=_schema):
        together = list(rows)
        sentences = {row.gender: row for row in together if isinstance(row, WinogenderSentence)}
        first = together[0]
        if isinstance(first, BrokenRow):
            yield first
        elif {"male", "female"} <= set(sentences):
            male, female = sentences["male"].text, sentences["female"].text
            yield WinogenderPair(first.line, male, female, first.occupation, first.participant, first.answer)
        else:
            yield BrokenRow(first.line, "its male or its female sentence does not stand beside it")


def read_occupations(source: Source, *, kind: str | None = None) -> Iterator[OccupationShare | BrokenRow]:
    """Read occupations-stats.tsv, one row at a time.

    The columns are `occupation` and `bls_pct_female`; `bergsma_pct_female` may be there.

    Args:
        source: A path or the file's content.
        kind: "tsv", "csv" or "jsonl" where the name does not say.

    Returns:
        An occupation, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, ("occupation", "bls_pct_female"), make=_occupation, kind=kind)


def _schema(row: WinogenderSentence | BrokenRow) -> tuple[str, ...]:
    """Name what the rows of a schema have in common; a broken row stands alone."""
    if isinstance(row, BrokenRow):
        return (str(row.line),)
    return (row.occupation, row.participant, row.answer)


def _sentence(row: Record) -> WinogenderSentence:
    parts = filled(row.fields, "sentid").removesuffix(".txt").split(".")
    if len(parts) != 4 or parts[2] not in _ANSWERS or parts[3] not in GENDERS:
        raise Unusable("its sentid is not occupation.participant.0 or 1.gender")
    occupation, participant, answer, gender = parts
    return WinogenderSentence(
        row.line, filled(row.fields, "sentence"), occupation, participant, _ANSWERS[answer], gender
    )


def _occupation(row: Record) -> OccupationShare:
    has_text = "bergsma_pct_female" in row.fields
    return OccupationShare(
        line=row.line,
        occupation=filled(row.fields, "occupation"),
        text_percent_female=_percent(row, "bergsma_pct_female") if has_text else math.nan,
        bls_percent_female=_percent(row, "bls_pct_female"),
    )


def _percent(row: Record, name: str) -> float:
    text = filled(row.fields, name)
    try:
        value = float(text)
    except ValueError:
        raise Unusable(f"its {name} is no number") from None
    if not 0 <= value <= 100:
        raise Unusable(f"its {name} is not between 0 and 100")
    return value
