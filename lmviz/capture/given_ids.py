"""Inputs made of token ids, as they are, where what is read is put together from the tokens of several texts."""

from collections.abc import Sequence

import torch

from lmviz.capture.tokens import Encoding, check_length, make_table
from lmviz.models.loaded import LoadedModel


def of_ids(model: LoadedModel, ids: Sequence[int], *, like: Encoding) -> Encoding:
    """Make an input of token ids; nothing is put before, between or after them.

    Args:
        model: The model that will read them.
        ids: All tokens, special ones included.
        like: An input of one text, made from text, that these ids come from.

    Returns:
        An input whose tokens are all of that text.

    Raises:
        InputTooLong: More tokens than the model reads.
    """
    check_length(model, len(ids))
    given = torch.tensor([list(ids)], dtype=torch.long, device=model.device)
    return Encoding(
        table=make_table(model, ids, texts=(like.table.text, None)),
        input_ids=given,
        attention_mask=torch.ones_like(given),
        token_type_ids=None if like.token_type_ids is None else torch.zeros_like(given),
    )
