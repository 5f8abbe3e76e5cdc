"""Many texts, each answered by two sides."""

from dataclasses import dataclass

import pandas as pd

from lmviz.results.base import Result


@dataclass(frozen=True)
class RowAnswer:
    """What both sides say of one row, and how far apart they are; `line` is the row's line in its file, from 1.

    Values are in the unit of the whole; NaN where there is none. `problem` says why a row has no answer; all else is
    then empty.
    """

    line: int
    text: str
    text_b: str  # what B reads where it is another text, else empty
    answer_a: str = ""
    answer_b: str = ""
    value_a: float = float("nan")
    value_b: float = float("nan")
    disagreement: float = float("nan")
    problem: str = ""
    text_pair: str = ""  # the second text of both sides, where there is one


@dataclass(frozen=True, eq=False)
class RowAnswers(Result):
    """The answers to many rows; `value` and `disagreement` say in words what the numbers are."""

    rows: tuple[RowAnswer, ...]
    task: str
    value: str
    disagreement: str

    def to_frame(self) -> pd.DataFrame:
        """Give one row per text, in the order of the file."""
        return pd.DataFrame([vars(row) for row in self.rows], columns=list(RowAnswer.__dataclass_fields__))
