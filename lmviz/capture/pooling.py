"""One vector for each of many texts, from the last layer of a model, in few passes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32

from lmviz.capture import budget
from lmviz.capture.narrow import accepted
from lmviz.capture.padding import padded, segments_of
from lmviz.capture.tokens import Encoding
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster


def text_vectors(
    model: LoadedModel, encodings: Sequence[Encoding], *, pooling: str
) -> Float32[np.ndarray, "text width"]:
    """Give what the last layer says of each text as a whole.

    Args:
        model: An encoder or a decoder, with or without a head.
        encodings: The texts.
        pooling: "mean" averages over all tokens, special ones among them; "first" takes the first token.

    Returns:
        One row per text, in their order.

    Raises:
        OverBudget: It would take more memory than a single job may.
    """
    found = np.empty((len(encodings), int(model.hf_model.config.get_text_config().hidden_size)), dtype=np.float32)
    budget.check(model, max((len(encoding.table) for encoding in encodings), default=1), places=())
    for batch in _batches(encodings):
        rows = [np.array(encodings[row].table.ids, dtype=np.int64) for row in batch]
        inputs = padded(model, rows, segments=[segments_of(encodings[row]) for row in batch])
        base = model.hf_model.base_model
        with torch.no_grad():
            hidden = base(**accepted(base, inputs)).last_hidden_state.float()  # (text, position, width)
        found[batch] = _pooled(hidden, inputs["attention_mask"], pooling).cpu().numpy()
    return found


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Put texts of about one length together."""
    batch: list[int] = []
    for row in sorted(range(len(encodings)), key=lambda row: len(encodings[row].table)):
        if batch and (len(batch) + 1) * len(encodings[row].table) > _N_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _pooled(hidden: torch.Tensor, attended: torch.Tensor, pooling: str) -> torch.Tensor:
    if pooling == "first":
        return hidden[:, 0]
    weights = attended.to(hidden.dtype)[:, :, None]
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
