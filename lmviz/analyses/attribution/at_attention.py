"""The patterns of all layers with the gradient by them, and the rows of a matrix where the answer is read."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from lmviz.analyses.attribution.targets import Explained

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_POOLED = ("mean", "late")  # the mean of all positions, taken before the head or after it
_FIRST = ("cls", "bos")
Patterns = Float32[np.ndarray, "layer head query key"]


def patterns_with_gradients(model: "LoadedModel", target: Explained) -> tuple[float, Patterns, Patterns]:
    """Give the quantity, the patterns, and the quantity's gradient by them."""
    from lmviz.capture.pattern_gradients import pattern_gradients

    return pattern_gradients(model, target.encoding, quantity=target.quantity)


def reading_weights(model: "LoadedModel", target: Explained) -> tuple[Float64[np.ndarray, " position"], str]:
    """Say at which positions the answer is read, with weights that add up to 1, and in words where it is guessed.

    A score at a position is read there, several are read at each of theirs alike. A label of a whole text is read at
    the last position of a decoder. An encoder's configuration may say where: at the first, or at all alike. Where it
    does not, one that is built like BERT reads the first, and of another all are taken alike.
    """
    n_tokens = len(target.encoding.table)
    places = [term.positions[0] for term in target.quantity if term.positions]
    note = ""
    weights = np.zeros(n_tokens)
    if places:
        np.add.at(weights, places, 1.0)
    elif model.kind == "decoder":
        weights[-1] = 1.0
        note = "The label is read at the last token."
    else:
        is_first, note = _where_of_label(model)
        weights[0 if is_first else slice(None)] = 1.0
    return weights / weights.sum(), note


def _where_of_label(model: "LoadedModel") -> tuple[bool, str]:
    """Say whether an encoder reads the label of a whole text at its first token, else at all alike, and in words."""
    pooling = getattr(model.hf_model.config, "classifier_pooling", None)
    stack = model.anatomy.stack("encoder")
    if pooling in _POOLED:
        return False, "The label is read at all tokens alike."
    is_like_bert = pooling is None and stack is not None and stack.norm == "post"
    if pooling in _FIRST or is_like_bert:
        return True, "The label is read at the first token."
    return False, f"Where {model.hf_model.config.model_type} reads the label is not known: all tokens are taken alike."
