"""Which text, which part of the model, which heads: what the attention analyses have in common."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float

from lmviz.errors import InvalidParameter, NotForThisModel

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel

Head = tuple[int, int]  # layer, head
Pattern = Float[np.ndarray, "layer head query key"]
_LARGEST_SHARE = 1 + 1e-6
_LARGEST_ROW = 1 + 5e-2  # rows in half precision miss one by that much

_SAME_TOKENS = (
    "Rollout and flow follow tokens through layers, so queries and keys must be the same tokens; "
    "cross attention has others. Choose part 'encoder' or 'decoder'."
)


class TextParams(Protocol):
    """The parameters that say what is read."""

    @property
    def text(self) -> str:
        """The text, or the source of an encoder-decoder."""

    @property
    def text_pair(self) -> str | None:
        """The second segment."""

    @property
    def part(self) -> str | None:
        """The kind of attention."""

    @property
    def target_text(self) -> str | None:
        """What the decoder of an encoder-decoder reads."""


def read(
    model: "LoadedModel", params: TextParams, *, places: frozenset[str], layers: Sequence[int] | None = None
) -> "Trace":
    """Run the model once on the text and keep the asked-for places of the asked-for part.

    Raises:
        OverBudget: It would take more memory than allowed.
    """
    from lmviz.capture.tokens import encode
    from lmviz.capture.trace import trace

    part = model.part_named(params.part)
    if params.target_text is not None:
        check_target(model)
    encoding = encode(model, params.text, params.text_pair)
    if part != "encoder" and model.kind == "encoder-decoder":
        check_source(model, encoding)
    return trace(model, encoding, places, part=part, layers=layers, decoder_text=params.target_text)


def check_source(model: "LoadedModel", encoding: "Encoding") -> None:
    """Refuse a source too large for the encoder before the decoder writes; `trace` checks the pass it records."""
    from lmviz.capture import budget

    budget.check(model, len(encoding.table), places=(), part="encoder")


def check_target(model: "LoadedModel") -> None:
    """Refuse a target text for a model that reads one text only."""
    if model.kind != "encoder-decoder":
        raise NotForThisModel(
            f"Only an encoder-decoder such as t5 reads a target_text; {model.id} is "
            f"{'an' if model.kind[0] in 'aeiou' else 'a'} {model.kind}. Leave target_text out."
        )


def heads_named(names: Sequence[str] | None, *, n_layers: int, n_heads: int) -> tuple[Head, ...] | None:
    """Turn names such as "L5H1" into layers and heads; None stays None and means all.

    Raises:
        InvalidParameter: A name that is not of this form, or a head the model does not have.
    """
    if names is None:
        return None
    if not names:
        raise InvalidParameter(
            "No head is chosen. Name at least one, as in 'L0H0', or leave heads out for all of them."
        )
    found = []
    for name in names:
        match = re.fullmatch(r"[Ll](\d+)[Hh](\d+)", name.strip())
        if match is None:
            raise InvalidParameter(f"'{name}' is not a head. Write layer and head as in 'L5H1', counted from zero.")
        found.append((int(match[1]), int(match[2])))
    check_heads(found, n_layers=n_layers, n_heads=n_heads)
    return tuple(dict.fromkeys(found))


def chosen_heads(model: "LoadedModel", names: Sequence[str] | None, *, part: str | None) -> tuple[Head, ...] | None:
    """Turn names into heads of a part of this model that tokens can be followed through."""
    part = model.part_named(part)
    if part == "cross":
        raise NotForThisModel(_SAME_TOKENS)
    return heads_named(names, n_layers=model.layers_of(part), n_heads=model.heads_of(part))


def check_heads(heads: Iterable[Head], *, n_layers: int, n_heads: int) -> None:
    """Refuse heads that are not there."""
    for layer, head in heads:
        if not (0 <= layer < n_layers and 0 <= head < n_heads):
            raise InvalidParameter(
                f"There is no L{layer}H{head}: this model has layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}."
            )


def mean_by_layer(pattern: Pattern, chosen: Iterable[Head] | None = None) -> Float[np.ndarray, "layer query key"]:
    """Average the chosen heads of each layer that has one; None means every head.

    Args:
        pattern: Attention after the softmax.
        chosen: Pairs of layer and head.

    Returns:
        One matrix for each layer with a chosen head, in the order of the layers, float64.
    """
    if chosen is None:
        averaged: np.ndarray = pattern.mean(axis=1, dtype=np.float64)
        return averaged
    by_layer = _by_layer(chosen, pattern.shape)
    return np.stack([pattern[layer, heads].mean(axis=0, dtype=np.float64) for layer, heads in sorted(by_layer.items())])


def mixed_with_identity(pattern: Pattern, chosen: Iterable[Head] | None = None) -> Float[np.ndarray, "layer query key"]:
    """Give 0.5 · head mean + 0.5 · identity of each layer: attention with the residual connection.

    Raises:
        InvalidParameter: Queries and keys are not the same tokens, or a row is no distribution over the keys.
    """
    if pattern.shape[-1] != pattern.shape[-2]:
        raise InvalidParameter(_SAME_TOKENS)
    picked = None if chosen is None else tuple(chosen)
    by_layer = None if picked is None else _by_layer(picked, pattern.shape)
    for layer, own in enumerate(pattern):
        if by_layer is None:
            check_shares(own)
        elif layer in by_layer:
            check_shares(own[by_layer[layer]])
    return 0.5 * mean_by_layer(pattern, picked) + 0.5 * np.eye(pattern.shape[-1])


def check_shares(weights: Float[np.ndarray, "... query key"]) -> None:
    """Refuse what is not attention after the softmax: rows of shares that sum to at most one.

    Raises:
        InvalidParameter: A share is negative, above one or not a number, or a row sums to more than one.
    """
    smallest, largest = float(weights.min(initial=0.0)), float(weights.max(initial=0.0))
    row = float(weights.sum(axis=-1, dtype=np.float64).max(initial=0.0))
    if not (smallest >= 0 and largest <= _LARGEST_SHARE and row <= _LARGEST_ROW):  # NaN fails every comparison
        raise InvalidParameter(
            f"Rollout and flow follow shares of attention, from 0 to 1 and at most 1 for each query; here they go from "
            f"{smallest:.3g} to {largest:.3g} and a query has {row:.3g}. Give the pattern after the softmax."
        )


def mean(pattern: Pattern, chosen: Iterable[Head] | None = None) -> Float[np.ndarray, "query key"]:
    """Average the chosen heads of a pattern, whatever their layers; None means every head."""
    averaged: np.ndarray = _picked(pattern, chosen).mean(axis=0, dtype=np.float64).astype(np.float32)
    return averaged


def maximum(pattern: Pattern, chosen: Iterable[Head] | None = None) -> Float[np.ndarray, "query key"]:
    """Take the largest weight among the chosen heads, query by query and key by key; None means every head."""
    largest: np.ndarray = _picked(pattern, chosen).max(axis=0)
    return largest


def _picked(pattern: Pattern, chosen: Iterable[Head] | None) -> Float[np.ndarray, "chosen query key"]:
    if chosen is None:
        return pattern.reshape(-1, *pattern.shape[2:])
    by_layer = _by_layer(chosen, pattern.shape)
    return np.concatenate([pattern[layer, heads] for layer, heads in sorted(by_layer.items())])


def _by_layer(chosen: Iterable[Head], shape: tuple[int, ...]) -> dict[int, list[int]]:
    """Sort the chosen heads by layer, each once."""
    unique = sorted({(int(layer), int(head)) for layer, head in chosen})
    if not unique:
        raise InvalidParameter("No head is chosen. Choose at least one.")
    check_heads(unique, n_layers=shape[0], n_heads=shape[1])
    by_layer: dict[int, list[int]] = {}
    for layer, head in unique:
        by_layer.setdefault(layer, []).append(head)
    return by_layer
