"""Winogender: sentences about an occupation and a participant, with three pronouns (Rudinger et al., 2018)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, table
from lmviz.datasets.tables import BrokenRow, Record

GENDERS = ("male", "female", "neutral")
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


@dataclass(frozen=True)
class OccupationShare:
    """How many per cent of an occupation are women, by statistics of the USA (2015) and by text on the web."""

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


def read_occupations(source: Source, *, kind: str | None = None) -> Iterator[OccupationShare | BrokenRow]:
    """Read occupations-stats.tsv, one row at a time.

    Args:
        source: A path or the file's content.
        kind: "tsv", "csv" or "jsonl" where the name does not say.

    Returns:
        An occupation, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, ("occupation", "bls_pct_female", "bergsma_pct_female"), make=_occupation, kind=kind)


def _sentence(row: Record) -> WinogenderSentence:
    parts = filled(row.fields, "sentid").removesuffix(".txt").split(".")
    if len(parts) != 4 or parts[2] not in _ANSWERS or parts[3] not in GENDERS:
        raise Unusable("its sentid is not occupation.participant.0 or 1.gender")
    occupation, participant, answer, gender = parts
    return WinogenderSentence(
        row.line, filled(row.fields, "sentence"), occupation, participant, _ANSWERS[answer], gender
    )


def _occupation(row: Record) -> OccupationShare:
    shares = (_percent(row, name) for name in ("bls_pct_female", "bergsma_pct_female"))
    return OccupationShare(row.line, filled(row.fields, "occupation"), *shares)


def _percent(row: Record, name: str) -> float:
    text = filled(row.fields, name)
    try:
        value = float(text)
    except ValueError:
        raise Unusable(f"its {name} is no number") from None
    if not 0 <= value <= 100:
        raise Unusable(f"its {name} is not between 0 and 100")
    return value
