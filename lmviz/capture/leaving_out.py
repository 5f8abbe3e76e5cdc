"""A quantity of an input from which some tokens are taken: they are not there, and the others move together."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Bool

from lmviz.capture import budget
from lmviz.capture.padding import padded, segments_of
from lmviz.capture.quantities import Quantity, most_rows, read
from lmviz.capture.tokens import Encoding
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
Kept = Bool[np.ndarray, " position"]


def values_without(
    model: LoadedModel, encoding: Encoding, *, kept: Iterable[Kept], quantity: Quantity
) -> Iterator[np.ndarray]:
    """Give the quantity with only some tokens there, batch by batch.

    Args:
        model: A model with a head, no encoder-decoder.
        encoding: The whole input.
        kept: Which tokens are there, for each of many inputs; those that the quantity is read at always are.
        quantity: What is read; its positions are those of the whole input.

    Yields:
        (row,) each, in the order of what is kept.

    Raises:
        OverBudget: It would take more memory than a single job may.
    """
    n_tokens = len(encoding.table)
    budget.check(model, n_tokens, places=())
    has_pad = model.kind == "encoder" or model.hf_model.config.get_text_config().pad_token_id is not None
    most = min(max(1, _N_TOKENS // n_tokens), most_rows(model, quantity))
    most = most if has_pad else 1  # some heads find the last token by its padding
    ids, kinds = np.array(encoding.table.ids, dtype=np.int64), segments_of(encoding)
    rest = iter(kept)
    while chunk := list(islice(rest, most)):
        rows = [ids[own] for own in chunk]
        segments = [None if kinds is None else kinds[own] for own in chunk]
        moved = [tuple(term.moved(_places(own)) for term in quantity) for own in chunk]
        with torch.no_grad():
            yield read(model, padded(model, rows, segments=segments), quantities=moved).cpu().numpy()


def _places(kept: Kept) -> list[int]:
    """Give where each token stands among those that are kept."""
    places: list[int] = (np.cumsum(kept) - 1).tolist()
    return places
