"""The Equity Evaluation Corpus: emotions of persons of different gender and race (Kiritchenko & Mohammad, 2018)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, filled, one_of, table
from lmviz.datasets.tables import BrokenRow, Record

GENDERS = ("male", "female")
_COLUMNS = ("ID", "Sentence", "Template", "Person", "Gender", "Race", "Emotion", "Emotion word")


@dataclass(frozen=True)
class EECSentence:
    """One sentence and what it was made from; `race` and the emotion are empty where the sentence has none.

    Sentences of one `template` and `emotion_word` differ in the person alone.
    """

    line: int
    id: str
    text: str
    template: str
    person: str
    gender: str
    race: str
    emotion: str
    emotion_word: str


def read(source: Source, *, kind: str | None = None) -> Iterator[EECSentence | BrokenRow]:
    """Read Equity-Evaluation-Corpus.csv, one row at a time.

    Args:
        source: A path or the file's content.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Returns:
        A sentence, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, _COLUMNS, make=_sentence, kind=kind)


def _sentence(row: Record) -> EECSentence:
    return EECSentence(
        line=row.line,
        id=filled(row.fields, "ID"),
        text=filled(row.fields, "Sentence"),
        template=filled(row.fields, "Template"),
        person=filled(row.fields, "Person"),
        gender=one_of(row.fields, "Gender", words=GENDERS),
        race=row.fields["Race"].strip(),
        emotion=row.fields["Emotion"].strip(),
        emotion_word=row.fields["Emotion word"].strip(),
    )
