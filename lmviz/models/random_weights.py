"""A model of the same architecture that has learnt nothing: what a finding about the real one must differ from."""

import copy
import inspect
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from lmviz.errors import InvalidParameter
from lmviz.models.loaded import LoadedModel, prepare
from lmviz.models.quiet import quiet


def with_random_weights(model: LoadedModel, *, seed: int) -> LoadedModel:
    """Make a model of the same configuration with weights as before any training, embeddings included.

    The library's own initialisation draws them, so their sizes are those that training of this family begins with.
    That initialisation knows only the one generator of the process: it is seeded here and put back afterwards, while
    no other model is loaded or made. The model itself is not touched.

    Args:
        model: The real one; its tokenizer is shared.
        seed: Of the weights, 0 or more; the same seed gives the same weights.

    Returns:
        A model of its own on the same device, in the same dtype. While it is made it takes four bytes per weight.

    Raises:
        InvalidParameter: The seed is negative, or the model cannot be made from its configuration.
    """
    if seed < 0:
        raise InvalidParameter(f"The seed is {seed}; seeds are whole numbers of 0 or more.")
    with quiet(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        fresh = _made(model.hf_model)
    _place_as(fresh, model.hf_model, device=model.device)
    name = f"{model.id} (random weights, seed {seed})"
    entry = replace(model.entry, id=name, title=name, source="memory", location="", revision="", base="")
    return prepare(fresh, model.tokenizer, entry, device=model.device)


def _made(hf_model: Any) -> Any:
    """Make a model of the same class, with a pooler only where the real one has it."""
    kind = type(hf_model)
    has_choice = "add_pooling_layer" in inspect.signature(kind).parameters
    options = {"add_pooling_layer": getattr(hf_model, "pooler", None) is not None} if has_choice else {}
    try:
        fresh = kind(copy.deepcopy(hf_model.config), **options)
    except (TypeError, ValueError, AttributeError, ImportError) as error:
        raise InvalidParameter(
            f"This {kind.__name__} cannot be made from its configuration ({error}). Leave random weights out."
        ) from error
    if getattr(hf_model, "generation_config", None) is not None:
        fresh.generation_config = copy.deepcopy(hf_model.generation_config)
    return fresh


@torch.no_grad()
def _place_as(fresh: nn.Module, known: nn.Module, *, device: torch.device) -> None:
    """Put every weight and buffer on the device, in the dtype that its counterpart has."""
    dtypes = {name: tensor.dtype for name, tensor in _tensors(known)}
    for name, tensor in _tensors(fresh):
        wanted = dtypes.get(name, tensor.dtype)
        is_cast = tensor.is_floating_point() and wanted.is_floating_point
        tensor.data = tensor.data.to(device=device, dtype=wanted if is_cast else tensor.dtype)


def _tensors(module: nn.Module) -> "chain[tuple[str, Tensor]]":
    return chain(module.named_parameters(), module.named_buffers())
