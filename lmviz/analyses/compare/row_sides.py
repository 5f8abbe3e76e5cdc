"""What two models read of a row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from lmviz.analyses.compare.sides import Side, with_own_mask
from lmviz.errors import LmvizError
from lmviz.results import RowAnswer

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Said = TypeVar("Said")


@dataclass(frozen=True)
class RowPair:
    """The texts of a row: A's, the second one of a pair, and B's where it is another one."""

    line: int
    text: str
    text_pair: str | None = None
    text_b: str | None = None

    @property
    def empty(self) -> RowAnswer:
        """Give an answer that says only what was read."""
        return RowAnswer(self.line, self.text, self.text_b or "", text_pair=self.text_pair or "")


@dataclass(frozen=True, eq=False)
class ReadRow:
    """A row as both models read it."""

    pair: RowPair
    a: "Encoding"
    b: "Encoding"

    def answer(self, a: str, b: str, *, values: tuple[float, float], disagreement: float) -> RowAnswer:
        """Give the answer to this row."""
        empty = RowAnswer(self.pair.line, self.pair.text, self.pair.text_b or "")
        return replace(empty, answer_a=a, answer_b=b, value_a=values[0], value_b=values[1], disagreement=disagreement)

    def problem(self, sentence: str) -> RowAnswer:
        """Say why this row has no answer."""
        return replace(self.pair.empty, problem=sentence)


def read_row(models: tuple["LoadedModel", "LoadedModel"], pair: RowPair) -> ReadRow | RowAnswer:
    """Encode a row for both models; an answer with the reason where one of them cannot read it."""
    from lmviz.capture.tokens import encode

    more = {} if pair.text_pair is None else {"text_pair": pair.text_pair}
    text_b = pair.text if pair.text_b is None else pair.text_b
    given = with_own_mask(models[0], Side(models[1], {"text": text_b, **more})).given
    try:
        a = encode(models[0], pair.text, pair.text_pair)
        b = a if models[0] is models[1] and text_b == pair.text else encode(models[1], **given)
    except LmvizError as error:
        return replace(pair.empty, problem=str(error))
    return ReadRow(pair, a, b)


def both(
    models: tuple["LoadedModel", "LoadedModel"],
    rows: Sequence[ReadRow],
    *,
    ask: "Callable[[LoadedModel, Sequence[Encoding]], list[Said]]",
) -> tuple[list[Said], list[Said]]:
    """Ask both models about what they read; one that reads the same on both sides is asked once."""
    a = ask(models[0], [row.a for row in rows])
    is_one = models[0] is models[1] and all(row.a is row.b for row in rows)
    return a, a if is_one else ask(models[1], [row.b for row in rows])
