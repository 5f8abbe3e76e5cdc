"""Inputs made of token ids, as they are: put together from the tokens of several texts, or a part of another input."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch

from lmviz.capture.tokens import Encoding, check_length, encode, make_table
from lmviz.errors import EmptyInput
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenTable


def of_ids(model: LoadedModel, ids: Sequence[int], *, like: Encoding, text: str | None = None) -> Encoding:
    """Make an input of token ids; nothing is put before, between or after them.

    Args:
        model: The model that will read them.
        ids: All tokens, special ones included.
        like: An input of one text, made from text, that these ids come from.
        text: What the ids say, where it is more than that text.

    Returns:
        An input whose tokens are all of that text.

    Raises:
        InputTooLong: More tokens than the model reads.
    """
    check_length(model, len(ids))
    given = torch.tensor([list(ids)], dtype=torch.long, device=model.device)
    return Encoding(
        table=make_table(model, ids, texts=(like.table.text if text is None else text, None)),
        input_ids=given,
        attention_mask=torch.ones_like(given),
        token_type_ids=None if like.token_type_ids is None else torch.zeros_like(given),
    )


def continued(model: LoadedModel, text: str, *, continuation: str) -> tuple[Encoding, int]:
    """Make an input of a text and what follows it, the tokens of the text as they are without it.

    Where the tokenizer would merge across the border, what follows is cut by itself.

    Args:
        model: The model that will read both.
        text: What comes first.
        continuation: What follows it at once, the blank between included.

    Returns:
        The input, and how many of its tokens are the text's.

    Raises:
        EmptyInput: There is no text, or nothing follows it.
        InputTooLong: More tokens than the model reads.
    """
    own = encode(model, text)
    whole = encode(model, text + continuation)
    ids = own.table.ids
    if len(whole.table) > len(ids) and whole.table.ids[: len(ids)] == ids:
        return whole, len(ids)
    after = model.tokenizer(continuation, add_special_tokens=False, verbose=False)["input_ids"]
    if not after:
        raise EmptyInput(f"The continuation has no tokens for {model.id}. Type what follows, such as ' Paris.'")
    return of_ids(model, (*ids, *after), like=whole), len(ids)


def beginning(encoding: Encoding, n_tokens: int) -> Encoding:
    """Give the first tokens of an input of one text as an input."""
    table = encoding.table
    own: dict[str, Any] = {item.name: getattr(table, item.name) for item in fields(table)}
    cut: dict[str, Any] = {name: value[:n_tokens] if isinstance(value, tuple) else value for name, value in own.items()}
    types = encoding.token_type_ids
    return Encoding(
        table=TokenTable(**cut),
        input_ids=encoding.input_ids[:, :n_tokens],
        attention_mask=encoding.attention_mask[:, :n_tokens],
        token_type_ids=None if types is None else types[:, :n_tokens],
    )
