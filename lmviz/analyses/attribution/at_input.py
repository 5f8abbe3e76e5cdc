"""The quantity and its gradient at the input itself: what the quickest methods are made of."""

from typing import TYPE_CHECKING

from jaxtyping import Float32
from numpy import ndarray

from lmviz.analyses.attribution.targets import Explained

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

Rows = Float32[ndarray, "position width"]


def gradient_at_input(model: "LoadedModel", target: Explained) -> tuple[float, Rows, Rows]:
    """Give the quantity, the embeddings of the input, and the gradient there."""
    from lmviz.capture.gradients import gradients, token_embeddings

    own = token_embeddings(model, target.encoding.table.ids)
    ((value, gradient),) = gradients(model, target.encoding, points=[own], quantity=target.quantity)
    return float(value[0]), own, gradient[0]
