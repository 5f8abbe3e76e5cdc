"""What many inputs say at one place each, in few passes: the scores over the vocabulary, or those of another head."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float32

from lmviz.capture import budget
from lmviz.capture.intervene_standing import edited
from lmviz.capture.narrow import accepted, asked_logits
from lmviz.capture.padding import padded, segments_of, tensor
from lmviz.capture.tokens import Encoding
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
_N_LOGITS = 2**24  # numbers of one batch, 64 MB
_FLOAT = 4  # bytes
Scores = Float32[np.ndarray, "..."]


def place_logits(
    model: LoadedModel, encodings: Sequence[Encoding], *, places: Sequence[int]
) -> Float32[np.ndarray, "input vocabulary"]:
    """Give the scores over the vocabulary at one place of each input, as one pass over each input alone does.

    Inputs are read as they are: no token is put before those of a decoder.

    Args:
        model: A model with a language-model head, no encoder-decoder.
        encodings: The inputs.
        places: A position of each.

    Returns:
        One row for each input, in their order.

    Raises:
        OverBudget: It would take more memory than a single job may.
    """
    n_known = int(model.hf_model.config.get_text_config().vocab_size)
    found: list[Scores | None] = [None] * len(encodings)
    for batch in _batches(model, encodings, n_scores=n_known):
        at = torch.arange(len(batch), device=model.device), tensor(model, np.array([places[row] for row in batch]))
        logits = asked_logits(model, _inputs(model, [encodings[row] for row in batch]), places=at)
        for row, own in zip(batch, logits.float().cpu().numpy(), strict=True):
            found[row] = own
    return np.stack([row for row in found if row is not None])


def label_logits(model: LoadedModel, encodings: Sequence[Encoding]) -> list[Scores]:
    """Give what the head for labels says of each input: (label,), or (position, label) of one that tags tokens.

    Raises:
        NotForThisModel: The model gives no logits.
        OverBudget: It would take more memory than a single job may.
    """
    found: list[Scores | None] = [None] * len(encodings)
    for batch in _batches(model, encodings, n_scores=int(model.hf_model.config.num_labels)):
        inputs = _inputs(model, [encodings[row] for row in batch])
        with torch.no_grad(), edited(model, inputs):
            logits = getattr(model.hf_model(**accepted(model.hf_model, inputs)), "logits", None)
        if logits is None:
            raise NotForThisModel(f"{model.id} gives no logits of labels. Choose a model that does.")
        for row, own in zip(batch, logits.float().cpu().numpy(), strict=True):
            found[row] = own[: len(encodings[row].table)] if own.ndim > 1 else own
    return [row for row in found if row is not None]


def _batches(model: LoadedModel, encodings: Sequence[Encoding], *, n_scores: int) -> Iterator[list[int]]:
    """Cut the inputs into batches, short ones first, within the memory that a single job may take."""
    lengths = [len(encoding.table) for encoding in encodings]
    if not lengths:
        return
    budget.check(model, max(lengths), places=())
    room = min(_N_LOGITS, budget.limit_megabytes() * 1e6 / 4 / _FLOAT) // n_scores
    most = 1 if model.hf_model.config.pad_token_id is None and model.kind != "encoder" else max(1, int(room))
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) >= most or (len(batch) + 1) * lengths[row] > _N_TOKENS):
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _inputs(model: LoadedModel, encodings: Sequence[Encoding]) -> dict[str, torch.Tensor]:
    rows = [np.array(encoding.table.ids, dtype=np.int64) for encoding in encodings]
    return padded(model, rows, segments=[segments_of(encoding) for encoding in encodings])
