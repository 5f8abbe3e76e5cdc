"""From text to tokens and back: what a person reads, where it stands in the text, which word it belongs to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from lmviz.capture.texts import check_text
from lmviz.capture.words import word_numbers
from lmviz.errors import EmptyInput, InputTooLong, NotOneToken
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenTable

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Encoding:
    """One input, ready for the model; `input_ids` and `attention_mask` are (1, position) on the model's device."""

    table: TokenTable
    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor | None = None

    def inputs(self) -> dict[str, Tensor]:
        """Give the keyword arguments of the model's forward pass."""
        given = {"input_ids": self.input_ids, "attention_mask": self.attention_mask}
        return given if self.token_type_ids is None else {**given, "token_type_ids": self.token_type_ids}


def encode(model: LoadedModel, text: str, text_pair: str | None = None) -> Encoding:
    """Turn a text, or a pair of texts, into tokens with everything a person wants to know about them.

    Raises:
        EmptyInput: There is nothing but space.
        InputTooLong: More tokens than the model reads.
    """
    check_text(text, "The text")
    if text_pair is not None:
        check_text(text_pair, "The second text")
    kwargs: dict[str, Any] = {"text_pair": text_pair} if text_pair is not None else {}
    given = model.tokenizer(text, return_offsets_mapping=model.tokenizer.is_fast, verbose=False, **kwargs)
    ids = list(given["input_ids"])
    check_length(model, len(ids))
    if not ids:
        raise EmptyInput(f"{model.id} has no tokens for this text. Type a few words.")
    offsets = [tuple(pair) for pair in given["offset_mapping"]] if "offset_mapping" in given else None
    sequences = given.sequence_ids(0) if model.tokenizer.is_fast else _sequences(model.tokenizer, ids, text_pair)
    table = make_table(model, ids, texts=(text, text_pair), offsets=offsets, sequences=sequences)
    types = given.get("token_type_ids")
    return Encoding(
        table=table,
        input_ids=torch.tensor([ids], device=model.device),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=model.device),
        token_type_ids=None if types is None else torch.tensor([list(types)], device=model.device),
    )


def check_length(model: LoadedModel, n_tokens: int) -> None:
    """Refuse more tokens than the model reads.

    Raises:
        InputTooLong: With the number to take away.
    """
    limit = model.max_positions
    if limit is not None and n_tokens > limit:
        raise InputTooLong(
            f"This text is {n_tokens:,} tokens long; {model.id} reads at most {limit:,}. "
            f"Shorten it by {n_tokens - limit:,} tokens."
        )


def make_table(
    model: LoadedModel,
    ids: Sequence[int],
    *,
    texts: tuple[str, str | None],
    offsets: Sequence[Any] | None = None,
    sequences: Sequence[int | None] | None = None,
) -> TokenTable:
    """Build the table of tokens; without offsets the tokens are looked for in the text, one after the other."""
    tokenizer = model.tokenizer
    raw = tuple(str(token) for token in tokenizer.convert_ids_to_tokens(list(ids)))
    tokens = tuple(readable(tokenizer, token) for token in raw)
    special = _special(tokenizer, ids)
    segments = _segments_of_special(sequences or [0] * len(ids))
    spans = tuple(offsets) if offsets is not None else _search(tokens, special, segments, texts)
    words = _words(spans, segments, special, texts)
    return TokenTable(
        text=texts[0],
        text_pair=texts[1],
        ids=tuple(int(i) for i in ids),
        tokens=tokens,
        raw=raw,
        spans=spans,
        words=words,
        segments=segments,
        special=special,
    )


def _special(tokenizer: Any, ids: Sequence[int]) -> tuple[bool, ...]:
    """Say which tokens are special; mask and unknown stand for words of the text and are not."""
    kept = {tokenizer.mask_token_id, tokenizer.unk_token_id} - {tokenizer.eos_token_id, tokenizer.bos_token_id}
    ids_of_special = set(tokenizer.all_special_ids) - kept
    return tuple(i in ids_of_special for i in ids)


def _sequences(tokenizer: Any, ids: Sequence[int], text_pair: str | None) -> list[int | None]:
    """Say which text each token is of, for tokenizers that do not: as many as the second text has, from the end."""
    n_second = 0
    if text_pair is not None:
        n_second = len(tokenizer(text_pair, add_special_tokens=False, verbose=False)["input_ids"])
    sequences: list[int | None] = []
    for is_special in reversed(_special(tokenizer, ids)):
        sequences.append(None if is_special else int(n_second > 0))
        n_second -= not is_special
    return sequences[::-1]


def _segments_of_special(sequences: Sequence[int | None]) -> tuple[int, ...]:
    """Special tokens belong to the text before them, the first to the first."""
    segments, here = [], 0
    for sequence in sequences:
        here = here if sequence is None else sequence
        segments.append(here)
    return tuple(segments)


def _words(
    spans: Sequence[Span], segments: Sequence[int], special: Sequence[bool], texts: tuple[str, str | None]
) -> tuple[int, ...]:
    """Give each token the number of the word that most of it covers, running over both texts; -1 for none."""
    first = word_numbers(texts[0])
    second = [] if texts[1] is None else word_numbers(texts[1])
    n_first = max(first, default=-1) + 1
    numbers = (first, [n + n_first if n >= 0 else -1 for n in second])
    words = []
    for (start, end), segment, is_special in zip(spans, segments, special, strict=True):
        covered = [n for n in numbers[segment][start:end] if n >= 0]
        words.append(-1 if is_special or not covered else covered[0])
    return tuple(words)


def _search(
    tokens: Sequence[str], special: Sequence[bool], segments: Sequence[int], texts: tuple[str, str | None]
) -> tuple[Span, ...]:
    """Find each token in its text after the one before it; an empty span where it is not found."""
    spans, here = [], [0, 0]
    lowered = (texts[0].lower(), (texts[1] or "").lower())
    for token, is_special, segment in zip(tokens, special, segments, strict=True):
        piece = token.removeprefix("##").strip().lower()
        found = -1 if is_special or not piece else lowered[segment].find(piece, here[segment])
        start = here[segment] if found < 0 else found
        here[segment] = start if found < 0 else found + len(piece)
        spans.append((start, here[segment]))
    return tuple(spans)


def token_string(tokenizer: Any, token_id: int) -> str:
    r"""Give a token as a person reads it: ' cat', '##ing', '中'; stray bytes of a character as '\xe4'."""
    return readable(tokenizer, str(tokenizer.convert_ids_to_tokens(int(token_id))))


def readable(tokenizer: Any, raw: str) -> str:
    """Turn the vocabulary's spelling of a token into the text it stands for."""
    if raw in tokenizer.all_special_tokens:
        return raw
    if _is_byte_level(tokenizer):
        table = _bytes_by_char()
        if all(char in table for char in raw):
            return bytes(table[char] for char in raw).decode("utf-8", errors="backslashreplace")
        return raw
    byte = re.fullmatch(r"<0x([0-9A-F]{2})>", raw)
    if byte is not None:
        return bytes([int(byte[1], 16)]).decode("utf-8", errors="backslashreplace")
    return raw.replace("\u2581", " ")


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in type(backend.decoder).__name__ + repr(backend.decoder)


@lru_cache(maxsize=1)
def _bytes_by_char() -> dict[str, int]:
    """Give the byte each printable character of a byte-level vocabulary stands for (Radford et al., 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    shifted = {chr(256 + index): byte for index, byte in enumerate(others)}
    return {chr(byte): byte for byte in printable} | shifted


def single_token(model: LoadedModel, text: str) -> int:
    """Give the id of a string that is exactly one token.

    Raises:
        NotOneToken: It is several tokens, or none.
    """
    ids = model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    if len(ids) == 1:
        return int(ids[0])
    pieces = ", ".join(repr(token_string(model.tokenizer, i)) for i in ids)
    raise NotOneToken(f"{text!r} is {len(ids)} tokens for {model.id} ({pieces}); a target must be one token.")
