"""Many texts as tokens, in one call of the tokenizer: their ids, and which characters each token stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from lmviz.capture.activation_files import TextTokens
from lmviz.capture.texts import check_text
from lmviz.capture.tokens import encode
from lmviz.errors import InputTooLong
from lmviz.models.loaded import LoadedModel

_AT_ONCE = 1000  # texts


@dataclass(frozen=True, eq=False)
class TokenizedTexts:
    """The tokens of many texts: ids one after the other, segments where the model has them, and where they stand.

    Texts that are too long for the model, `too_long` by their numbers, have no tokens here.
    """

    ids: Int64[np.ndarray, " token"]
    has_segments: bool
    tokens: TextTokens
    too_long: tuple[int, ...]

    def of(self, texts: Sequence[int]) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Give the ids and the segments of some texts, one array for each."""
        offsets = self.tokens.offsets
        rows = [self.ids[offsets[text] : offsets[text + 1]] for text in texts]
        return rows, [np.zeros_like(row) if self.has_segments else None for row in rows]


def tokenized(model: LoadedModel, texts: Sequence[str]) -> TokenizedTexts:
    """Turn texts into tokens, as `encode` does one by one.

    Raises:
        EmptyInput: A text is nothing but space.
    """
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    special: list[bool] = []
    lengths: list[int] = []
    too_long: list[int] = []
    has_segments = False
    for first in range(0, len(texts), _AT_ONCE):
        for own_ids, own_spans, own_special, own_segments in _read(model, texts[first : first + _AT_ONCE]):
            has_segments |= own_segments
            if model.max_positions is not None and len(own_ids) > model.max_positions:
                too_long.append(len(lengths))
                lengths.append(0)
                continue
            ids += own_ids
            spans += own_spans
            special += own_special
            lengths.append(len(own_ids))
    found = np.array(spans, dtype=np.int64).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    tokens = TextTokens(offsets, found[:, 0].copy(), found[:, 1].copy(), np.array(special, dtype=bool))
    return TokenizedTexts(np.array(ids, dtype=np.int64), has_segments, tokens, tuple(too_long))


Read = tuple[list[int], list[tuple[int, int]], list[bool], bool]


def _read(model: LoadedModel, texts: Sequence[str]) -> list[Read]:
    """Read some texts; where the tokenizer cannot say where tokens stand, one by one."""
    for text in texts:
        check_text(text, "A text")
    if not model.tokenizer.is_fast:
        return [_one(model, text) for text in texts]
    given = model.tokenizer(list(texts), return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False)
    has_segments = "token_type_ids" in given
    specials = given["special_tokens_mask"]
    rows = zip(given["input_ids"], given["offset_mapping"], specials, strict=True)
    return [
        (list(ids), [(int(start), int(end)) for start, end in offsets], [bool(one) for one in special], has_segments)
        for ids, offsets, special in rows
    ]


def _one(model: LoadedModel, text: str) -> Read:
    try:
        encoding = encode(model, text)
    except InputTooLong:
        return [0] * ((model.max_positions or 0) + 1), [], [], False
    table = encoding.table
    return list(table.ids), list(table.spans), list(table.special), encoding.token_type_ids is not None
