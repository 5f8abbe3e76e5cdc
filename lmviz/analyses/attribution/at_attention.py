"""The patterns of all layers with the gradient by them, and the rows of a matrix where the answer is read."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

from lmviz.analyses.attribution.targets import Explained

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Patterns = Float32[np.ndarray, "layer head query key"]


def patterns_with_gradients(model: "LoadedModel", target: Explained) -> tuple[float, Patterns, Patterns]:
    """Give the quantity, the patterns, and the quantity's gradient by them."""
    from lmviz.capture.pattern_gradients import pattern_gradients

    return pattern_gradients(model, target.encoding, quantity=target.quantity)


def reading_weights(model: "LoadedModel", target: Explained) -> tuple[Float64[np.ndarray, " position"], str]:
    """Say at which positions the answer is read, with weights that add up to 1, and in words where it is guessed.

    A score at a position is read there, several are read at each of theirs alike. A label of a whole text is read at
    the first position of an encoder, or at all of them alike where its configuration pools their mean, and at the last
    of a decoder.
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
    elif getattr(model.hf_model.config, "classifier_pooling", "cls") == "mean":
        weights[:] = 1.0
        note = "The label is read at all tokens alike."
    else:
        weights[0] = 1.0
        note = "The label is read at the first token."
    return weights / weights.sum(), note
