"""Inputs of different lengths under each other, as the model reads them together."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64

from lmviz.capture.tokens import Encoding
from lmviz.models.loaded import LoadedModel

Ids = Int64[np.ndarray, "..."]  # of one input; inputs differ in length


def padded(model: LoadedModel, rows: Sequence[Ids], *, segments: Sequence[Ids | None]) -> dict[str, torch.Tensor]:
    """Pad on the right; what is padded is masked.

    Args:
        model: The model that will read them.
        rows: The token ids of each input.
        segments: The segment of each of their tokens; None for an input without.

    Returns:
        `input_ids`, `attention_mask` and, where an input has segments, `token_type_ids`, each (input, position).
    """
    known = (model.hf_model.config.get_text_config().pad_token_id, model.tokenizer.pad_token_id)
    pad = next((i for i in (*known, model.tokenizer.eos_token_id) if i is not None), 0)
    lengths = [len(row) for row in rows]
    ids = np.full((len(rows), max(lengths)), pad, dtype=np.int64)
    kinds = np.zeros_like(ids)
    for number, (row, own) in enumerate(zip(rows, segments, strict=True)):
        ids[number, : len(row)] = row
        if own is not None:
            kinds[number, : len(row)] = own
    attended = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    inputs = {"input_ids": tensor(model, ids), "attention_mask": tensor(model, attended)}
    has_segments = any(own is not None for own in segments)
    return {**inputs, "token_type_ids": tensor(model, kinds)} if has_segments else inputs


def segments_of(encoding: Encoding) -> Ids | None:
    """Give the segment of each token of an input; None where the model has none."""
    types = encoding.token_type_ids
    return None if types is None else types[0].cpu().numpy()


def tensor(model: LoadedModel, array: np.ndarray) -> torch.Tensor:
    """Put an array where the model reads it."""
    return torch.from_numpy(array).to(model.device)
