"""What a decoder gives each token of a sequence that it reads exactly as it is, many sequences in few passes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32

from lmviz.capture import budget
from lmviz.capture.narrow import Places, asked_logits
from lmviz.capture.padding import padded, tensor
from lmviz.capture.tokens import check_length
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
_N_LOGITS = 2**25  # numbers of one batch, 128 MB
Following = Float32[np.ndarray, " following"]


def following_log_probabilities(model: LoadedModel, rows: Sequence[Sequence[int]]) -> list[Following]:
    """Give the log-probability, in nats, of every token but the first, after those before it in its own row.

    Nothing is put in front of a row, unlike in `lmviz.capture.batches`.

    Args:
        model: A decoder with a language-model head.
        rows: Token ids; a row of one token has no token that follows.

    Returns:
        One array for each row, in their order.

    Raises:
        InputTooLong: A row is longer than the model reads.
        OverBudget: It would take more memory than a single job may.
    """
    found = [np.empty(0, dtype=np.float32)] * len(rows)
    longest = max(map(len, rows), default=0)
    if longest > 1:
        check_length(model, longest)
        budget.check(model, longest, places=(), logits=True)
        for batch in _batches(rows, most=min(_N_TOKENS, _N_LOGITS // int(model.hf_model.config.vocab_size))):
            for row, own in zip(batch, _answers(model, [rows[row] for row in batch]), strict=True):
                found[row] = own
    return found


def _batches(rows: Sequence[Sequence[int]], *, most: int) -> Iterator[list[int]]:
    """Put rows of about one length together, so many tokens at most unless a row alone has more."""
    batch: list[int] = []
    for row in sorted((number for number, ids in enumerate(rows) if len(ids) > 1), key=lambda row: len(rows[row])):
        if batch and (len(batch) + 1) * len(rows[row]) > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _answers(model: LoadedModel, rows: Sequence[Sequence[int]]) -> list[Following]:
    """Run one batch."""
    arrays = [np.array(ids, dtype=np.int64) for ids in rows]
    counts = [len(ids) - 1 for ids in arrays]
    places: Places = (
        tensor(model, np.repeat(np.arange(len(arrays)), counts)),
        tensor(model, np.concatenate([np.arange(count) for count in counts])),
    )
    with torch.no_grad():
        logits = asked_logits(model, padded(model, arrays, segments=[None] * len(arrays)), places=places).float()
        wanted = tensor(model, np.concatenate([ids[1:] for ids in arrays]))
        chosen = logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(dim=1)
    return np.split(chosen.cpu().numpy(), np.cumsum(counts)[:-1])
