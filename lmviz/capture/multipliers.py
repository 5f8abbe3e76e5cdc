"""How a quantity changes between a baseline and the input, by the rescale rule of DeepLIFT: one pass with both."""

import numpy as np
import torch
from jaxtyping import Float32

from lmviz.capture.gradients import Point, check_memory, read_at
from lmviz.capture.intervene_standing import held, standing
from lmviz.capture.narrow import cut_like
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity
from lmviz.capture.tokens import Encoding
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.models.rescaling import with_rescaling

_N_ROWS = 4  # that much a pass keeps: two inputs, and for each what the rule adds


def multipliers(
    model: LoadedModel, encoding: Encoding, *, ends: tuple[Point, Point], quantity: Quantity
) -> tuple[tuple[float, float], Float32[np.ndarray, "position width"], int]:
    """Give what a step of each number of the embeddings is multiplied by.

    Args:
        model: A model that `check_differentiable` lets pass; it is not changed.
        encoding: What both ends stand in for.
        ends: Embeddings of all tokens of the baseline and of the input.
        quantity: What is explained.

    Returns:
        The quantity on the baseline and on the input, the multipliers, and at how many activations the rule was used.

    Raises:
        NotForThisModel: The model has no activations that can be compared, or does not come by them.
        OverBudget: It would take more memory than a job may.
    """
    check_memory(model, len(encoding.table), n_rows=_N_ROWS)
    rescaling = with_rescaling(model)
    cut_like(rescaling.model, model)
    with torch.enable_grad(), held(rescaling.model, standing(model)):
        both = tensor(model, np.stack(ends[::-1])).to(model.hf_model.dtype).requires_grad_()
        found = read_at(rescaling.model, encoding, embeddings=both, quantity=quantity, keeps_gradient=True)
        (gradient,) = torch.autograd.grad(found[0], both)
    if not rescaling.n_run:
        raise NotForThisModel(
            f"{model.id} does not come by the activations it has. Load it by name and on one device, or choose "
            "integrated-gradients."
        )
    value, baseline_value = (float(one) for one in found.detach())
    return (baseline_value, value), gradient[0].float().cpu().numpy(), rescaling.n_run
