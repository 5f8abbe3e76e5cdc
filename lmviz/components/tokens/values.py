"""What a strip of tokens shows, offers and reports: plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeGuard, get_args

import numpy as np

from lmviz.capture.places import places
from lmviz.results import TokenTable

Edit = Literal["replace", "mask", "delete", "insert", "append"]
Action = Literal["select", "replace", "mask", "delete", "insert", "append"]
EDITS: frozenset[Edit] = frozenset(get_args(Edit))
_TYPED: frozenset[Edit] = frozenset({"replace", "insert", "append"})
_LONGEST_TYPED = 2000  # characters


@dataclass(frozen=True)
class StripToken:
    """One token of a strip; its place in the strip is its position.

    `value` gives its colour and None none; `label` stands under it; `note` is a sentence for its tooltip. `source` is
    what it stands for in the text ("The" for "the"): it is what is edited, and a token without one cannot be.
    """

    text: str
    raw: str
    id: int
    special: bool
    segment: int
    word: int
    value: float | None
    label: str = ""
    note: str = ""
    source: str = ""


@dataclass(frozen=True)
class StripLook:
    """How values are shown and read out.

    `quantity` and `unit` are written with every number ("surprisal 2.31 nats"). `maximum` is the value, for "signed"
    its size, with the strongest colour; None for the largest there is. `describe` is the finding in one sentence, for
    those who hear the page.
    """

    describe: str = ""
    quantity: str = ""
    unit: str = ""
    scale: Literal["amount", "signed"] = "amount"
    maximum: float | None = None


@dataclass(frozen=True)
class StripEdits:
    """Which edits are offered; masking needs the model's mask token besides."""

    actions: frozenset[Edit] = field(default_factory=frozenset)
    mask_token: str | None = None

    @property
    def offered(self) -> frozenset[Edit]:
        """Give the edits that can be carried out."""
        return self.actions if self.mask_token else self.actions - {"mask"}


@dataclass(frozen=True)
class StripEvent:
    """What a person did to a token.

    `text` is what was typed for "replace", "insert" and "append", else empty. `number` rises with every event, also
    from one visit of the page to the next: handle an event once by remembering the number of the last.
    """

    action: Action
    position: int
    text: str
    number: int


def strip_tokens(
    table: TokenTable,
    *,
    values: Sequence[float | None] | np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    notes: Sequence[str] | None = None,
) -> tuple[StripToken, ...]:
    """Give the tokens of a text as a strip takes them.

    Args:
        table: The tokens.
        values: One number per position; NaN and None for those that have none.
        labels: One label per position, empty for none; pieces of a word with the same label share it.
        notes: One sentence per position, empty for none.

    Raises:
        ValueError: A sequence is not as long as the table.
    """
    size = len(table)
    given = [None] * size if values is None else [_number(value) for value in values]
    texts = (table.text, table.text_pair or "")
    sources = [
        "" if place is None else texts[segment][slice(*place)]
        for place, segment in zip(places(table), table.segments, strict=True)
    ]
    rows = zip(
        *(table.tokens, table.raw, table.ids, table.special, table.segments, table.words, given),
        *(labels or [""] * size, notes or [""] * size, sources),
        strict=True,
    )
    return tuple(StripToken(*row) for row in rows)


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def read_event(
    state: Mapping[str, object] | None, tokens: Sequence[StripToken], *, of: str, edits: StripEdits
) -> StripEvent | None:
    """Read what the browser reported; None for anything that these tokens and edits do not allow.

    Args:
        state: What the component holds as its event.
        tokens: The tokens that are shown now.
        of: Their fingerprint; an event about other tokens is over.
        edits: The edits that are offered now.
    """
    if not isinstance(state, Mapping) or state.get("of") != of:
        return None
    action, position, text, number = (state.get(name) for name in ("action", "position", "text", "number"))
    if not (_is_whole(position) and _is_whole(number) and isinstance(text, str) and 0 <= position < len(tokens)):
        return None
    if action == "select":
        return StripEvent("select", position, "", number)
    can_be_edited = bool(tokens[position].source) and not tokens[position].special
    known = next((edit for edit in edits.offered if edit == action), None)
    if known is None or not can_be_edited:
        return None
    return StripEvent(known, position, text[:_LONGEST_TYPED] if known in _TYPED else "", number)


def _is_whole(value: object) -> TypeGuard[int]:
    """Say whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)
