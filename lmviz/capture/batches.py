"""Many sequences in few passes: padded into batches of a bounded size, with logits only where they are asked."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from lmviz.capture import budget
from lmviz.capture.intervene_standing import standing
from lmviz.capture.narrow import Places, asked_logits, cut
from lmviz.capture.padding import padded, segments_of, tensor
from lmviz.capture.tokens import Encoding, check_length
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
_N_LOGITS = 2**25  # numbers of one batch, 128 MB
_FLOAT = 4  # bytes


@dataclass(frozen=True, eq=False)
class Copy:
    """A copy of an input with some tokens hidden by the mask token, and the positions that are asked about.

    What is asked for is the probability of the input's own token there: of an encoder at that position, of a decoder
    after what stands before it, `front` first of all.
    """

    encoding: Encoding
    asked: tuple[int, ...]
    masked: tuple[int, ...] = ()


Answer = Float32[np.ndarray, " asked"]


def log_probabilities(model: LoadedModel, copies: Iterable[Copy], *, longest: int) -> Iterator[list[Answer]]:
    """Give the log-probability, in nats, of the asked-for tokens of each copy, batch by batch.

    Copies are taken in the order in which they come; least is padded when they come sorted by length. A copy's answer
    is the same in every batch, up to rounding.

    Args:
        model: A model with a language-model head.
        copies: As many as there are; they are taken when their turn comes.
        longest: Tokens of the longest input, its front included.

    Returns:
        For each batch, one array for each of its copies.

    Raises:
        InputTooLong: The longest input is more than the model reads.
        OverBudget: It would take more memory than a single job may.
    """
    check_length(model, longest)
    for batch in _batches(model, copies, _room(model, longest)):
        yield _answers(model, batch)


def front(model: LoadedModel, encoding: Encoding) -> tuple[int, ...]:
    """Give what a decoder reads before the input: the token for the beginning of a text, where there is one.

    Nothing for an encoder, nor where the input begins with that token.
    """
    start = None if model.kind == "encoder" else model.tokenizer.bos_token_id
    return () if start is None or encoding.table.ids[0] == start else (int(start),)


def n_read(model: LoadedModel, encoding: Encoding) -> int:
    """Count the tokens that the model reads for an input, its front included."""
    return len(front(model, encoding)) + len(encoding.table)


def tokenizer_words(model: LoadedModel, encoding: Encoding) -> tuple[int, ...]:
    """Give the number of the word that each token is a piece of, as the tokenizer itself splits; -1 for special ones.

    Where a tokenizer does not say it, words are those of the table.
    """
    table = encoding.table
    if not model.tokenizer.is_fast or table.text_pair is not None:
        return table.words
    words = model.tokenizer(table.text, verbose=False).word_ids(0)
    return tuple(-1 if word is None else int(word) for word in words)


@dataclass(frozen=True)
class _Room:
    """What one batch may hold; a single copy may always."""

    tokens: int
    asked: int

    def holds(self, n_copies: int, length: int, n_asked: int) -> bool:
        return n_copies <= 1 or (n_copies * length <= self.tokens and n_asked <= self.asked)


def _room(model: LoadedModel, longest: int) -> _Room:
    """Fill batches as far as it makes them faster, within the memory that a single job may take."""
    is_narrow = cut(model, has_whole_stream=bool(standing(model))) is not None
    vocabulary = int(model.hf_model.config.vocab_size)
    everywhere = not is_narrow or model.kind != "encoder"
    budget.check(model, longest, places=(), logits=everywhere)
    allowed = budget.limit_megabytes() * 1e6
    n_asked = max(1, min(_N_LOGITS, int(allowed / 4 / _FLOAT)) // vocabulary)
    n_tokens = _N_TOKENS if is_narrow else min(_N_TOKENS, n_asked)
    while n_tokens > longest and budget.estimate(model, n_tokens, places=()).megabytes * 1e6 > allowed / 2:
        n_tokens //= 2
    return _Room(tokens=n_tokens, asked=n_asked)


def _batches(model: LoadedModel, copies: Iterable[Copy], room: _Room) -> Iterator[list[Copy]]:
    """Cut a stream of copies into batches that fit."""
    batch: list[Copy] = []
    length = n_asked = 0
    for one in copies:
        own = n_read(model, one.encoding)
        if not room.holds(len(batch) + 1, max(length, own), n_asked + len(one.asked)):
            yield batch
            batch, length, n_asked = [], 0, 0
        batch.append(one)
        length, n_asked = max(length, own), n_asked + len(one.asked)
    if batch:
        yield batch


def _answers(model: LoadedModel, batch: Sequence[Copy]) -> list[Answer]:
    """Run one batch."""
    counts = [len(one.asked) for one in batch]
    if not any(counts):
        return [np.empty(0, dtype=np.float32) for _ in batch]
    wanted = np.array([one.encoding.table.ids[position] for one in batch for position in one.asked])
    read = [position + _offset(model, one) for one in batch for position in one.asked]
    places: Places = (tensor(model, np.repeat(np.arange(len(batch)), counts)), tensor(model, np.array(read)))
    logits = asked_logits(model, _padded(model, batch), places=places).float()  # (row, vocabulary)
    chosen = logits.gather(1, tensor(model, wanted)[:, None])[:, 0] - logits.logsumexp(dim=1)
    return np.split(chosen.cpu().numpy(), np.cumsum(counts)[:-1])


def _offset(model: LoadedModel, one: Copy) -> int:
    """Say how far from a token's position the logits for it are: a decoder gives them one token earlier."""
    return 0 if model.kind == "encoder" else len(front(model, one.encoding)) - 1


def _padded(model: LoadedModel, batch: Sequence[Copy]) -> dict[str, torch.Tensor]:
    """Put the copies of a batch under each other."""
    rows, segments = [], []
    for one in batch:
        first, own = front(model, one.encoding), segments_of(one.encoding)
        row = np.array([*first, *one.encoding.table.ids], dtype=np.int64)
        row[list(one.masked)] = model.tokenizer.mask_token_id if one.masked else 0
        rows.append(row)
        segments.append(None if own is None else np.concatenate([np.zeros(len(first), dtype=np.int64), own]))
    return padded(model, rows, segments=segments)
