"""A private copy of a model whose activation functions go back with the slope between an input and a baseline.

The copy shares the weights and is thrown away, so nothing is ever changed in the model, and any number of threads may
have one of their own.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from lmviz.capture.gradients import Point, rows_in_memory
from lmviz.capture.intervene_standing import standing
from lmviz.capture.narrow import accepted
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity, of_output
from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import head_logits
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel, prepare
from lmviz.models.wrapping import share

_HOMES = ("torch.nn.modules.activation", "transformers.activations")
_NOT_BY_ELEMENT = (nn.Softmax, nn.LogSoftmax, nn.GLU, nn.MultiheadAttention, nn.PReLU)
_SAME = 1e-6  # inputs that are no further apart have the plain slope: their quotient is noise


def rescaled(model: LoadedModel) -> LoadedModel:
    """Give a copy that goes back through activation functions by the rescale rule (Shrikumar et al., 2017).

    Raises:
        NotForThisModel: It has no activation functions of its own, or something stands for it.
        InvalidParameter: The model has parts that cannot be copied.
    """
    if standing(model):
        raise NotForThisModel(f"{model.id} cannot be explained this way while something is replaced in it.")
    hf_model = share(model.hf_model)
    found = [
        (parent, name)
        for parent in hf_model.modules()
        for name, child in parent.named_children()
        if type(child).__module__ in _HOMES and not isinstance(child, _NOT_BY_ELEMENT)
    ]
    if not found:
        raise NotForThisModel(
            f"{model.id} ({hf_model.config.model_type}) does not show its activation functions. Choose another method, "
            "such as integrated-gradients."
        )
    for parent, name in found:
        setattr(parent, name, _Rescaling(getattr(parent, name)))
    return prepare(hf_model, model.tokenizer, model.entry, device=model.device)


def multipliers(
    copy: LoadedModel, encoding: Encoding, *, ends: tuple[Point, Point], quantity: Quantity
) -> tuple[tuple[float, float], Float32[np.ndarray, "position width"]]:
    """Give a quantity on a baseline and on an input, and what a step of each embedding between them does.

    Args:
        copy: What `rescaled` gave.
        encoding: What the ends stand in for.
        ends: The embeddings of the baseline and those of the input.
        quantity: What is differentiated.

    Raises:
        OverBudget: Both together would take more memory than a job may.
    """
    rows_in_memory(copy, 2 * len(encoding.table))
    inputs = {name: value.expand(2, -1) for name, value in encoding.inputs().items() if name != "input_ids"}
    with torch.enable_grad():
        embeddings = tensor(copy, np.stack(ends[::-1])).to(copy.hf_model.dtype).requires_grad_()
        output: Any = copy.hf_model(**accepted(copy.hf_model, {**inputs, "inputs_embeds": embeddings}))
        read = {"logits": head_logits(output)} if copy.hf_model.get_output_embeddings() is not None else output
        own, empty = (of_output(read, row, quantity=quantity) for row in (0, 1))
        (gradient,) = torch.autograd.grad(own, embeddings)
    return (float(empty.detach()), float(own.detach())), gradient[0].float().cpu().numpy()


class _Rescaling(nn.Module):
    """Stands for an activation function; the first half of a batch are inputs, the second their baselines."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, value: Tensor) -> Tensor:
        """Apply the function."""
        found: Tensor = _rescale(value, self.function)
        return found


class _Rescale(torch.autograd.Function):
    """An activation function with the quotient of the differences for its slope."""

    @staticmethod
    def forward(context: Any, value: Tensor, function: nn.Module) -> Tensor:
        """Apply the function, and keep what the way back needs."""
        with torch.enable_grad():
            own = value.detach().requires_grad_()
            found = function(own)
            (slope,) = torch.autograd.grad(found.sum(), own)
        context.save_for_backward(value, found.detach(), slope)
        result: Tensor = found.detach()
        return result

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Multiply with the slope between both halves; where they are the same, with the plain one."""
        value, found, slope = context.saved_tensors
        apart, changed = (half[0] - half[1] for half in (one.chunk(2) for one in (value, found)))
        between = torch.cat([changed / torch.where(apart.abs() > _SAME, apart, 1.0)] * 2)
        is_apart = torch.cat([apart.abs() > _SAME] * 2)
        return gradient * torch.where(is_apart, between, slope), None


def _rescale(value: Tensor, function: nn.Module) -> Tensor:
    if not value.requires_grad or not torch.is_grad_enabled():
        plain: Tensor = function(value)
        return plain
    found: Tensor = _Rescale.apply(value, function)  # type: ignore[no-untyped-call]
    return found
