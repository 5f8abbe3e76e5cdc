"""Take a model that is already in memory, and leave it exactly as it was found."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmviz.errors import InvalidParameter
from lmviz.models.catalog import ModelEntry
from lmviz.models.loaded import LoadedModel, prepare

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_TRIES = 5
_LIBRARIES = ("transformers.", "accelerate.")  # whose hooks are part of how a model computes


def wrap(hf_model: Any, tokenizer: Any) -> LoadedModel:
    """Make a transformers model in memory ready to be looked at, without touching it.

    lmviz works on a copy of the structure that shares the tensors: no memory is used twice, and the model can be
    trained on, which the copy then follows. Hooks of the caller's own do not come along.

    Args:
        hf_model: Any transformers model; its training flag, gradients, hooks and configuration stay as they are.
        tokenizer: The tokenizer that belongs to it.

    Raises:
        InvalidParameter: It is not a transformers model, or has parts that cannot be copied.
    """
    if not isinstance(hf_model, PreTrainedModel):
        raise InvalidParameter(
            f"wrap takes a transformers model, not {type(hf_model).__name__}. Of an adapter take "
            "`merge_and_unload()`, of a compiled or parallel model the one inside."
        )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise InvalidParameter(f"wrap takes a transformers tokenizer, not {type(tokenizer).__name__}.")
    shared = share(hf_model)
    device = shared.get_input_embeddings().weight.device
    return prepare(shared, copy.deepcopy(tokenizer), _entry(hf_model), device=device)


def share(hf_model: PreTrainedModel) -> Any:
    """Copy the structure of a model over the same tensors; hooks that are not the libraries' own stay behind.

    `copy.deepcopy` looks an object up in its memo before it copies it, so whatever stands there is shared, and what
    was one object (tied weights) stays one.

    Raises:
        InvalidParameter: It has parts that cannot be copied.
    """
    memo: dict[int, Any] = {id(parameter): _same_storage(parameter) for parameter in hf_model.parameters()}
    for module in hf_model.modules():
        memo.update({id(value): value for value in _shared_as_they_are(module)})
    try:
        shared = _copied(hf_model, memo)
    except (TypeError, RuntimeError) as error:
        raise InvalidParameter(
            f"This {type(hf_model).__name__} has a part that cannot be copied ({error}). Load it by name instead."
        ) from error
    for module in shared.modules():
        _drop_own_hooks(module)
    shared.__dict__.pop("_lmviz_installed", None)
    return shared


def _copied(hf_model: PreTrainedModel, memo: dict[int, Any]) -> Any:
    """Copy a model; once more where another thread's first pass has noted something on a block meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return copy.deepcopy(hf_model, dict(memo))
        except RuntimeError as error:
            if "changed size during iteration" not in str(error):
                raise
    return copy.deepcopy(hf_model, dict(memo))


def _same_storage(parameter: nn.Parameter) -> nn.Parameter:
    """Make a frozen parameter over the same memory; a frozen one of an unusual class is shared as it is."""
    if type(parameter) is not nn.Parameter and not parameter.requires_grad:
        return parameter
    return nn.Parameter(parameter.detach(), requires_grad=False)


def _shared_as_they_are(module: nn.Module) -> Iterator[Any]:
    """Name what a module holds that is not to be copied: buffers, other tensors, hooks."""
    yield from module.buffers(recurse=False)
    for name, value in module.__dict__.items():
        if isinstance(value, torch.Tensor) or name == "_hf_hook":
            yield value
    for name in _HOOKS:
        yield from (hook for hook in module.__dict__.get(name, {}).values() if not isinstance(hook, bool))


def _drop_own_hooks(module: nn.Module) -> None:
    """Remove hooks from a copied module, but for those of the libraries."""
    for name in _HOOKS:
        hooks = module.__dict__.get(name, {})
        for key in [key for key, hook in hooks.items() if _is_own(hook)]:
            del hooks[key]


def _is_own(hook: Any) -> bool:
    """Say whether a hook is neither transformers' nor accelerate's; flags beside hooks are kept."""
    home = getattr(getattr(hook, "func", hook), "__module__", None) or ""
    return not isinstance(hook, bool) and not home.startswith(_LIBRARIES)


def _entry(hf_model: PreTrainedModel) -> ModelEntry:
    """Describe a model of which no more is known than what it says of itself."""
    came_from = str(getattr(hf_model.config, "_name_or_path", "") or "")
    name = came_from.rstrip("/").rpartition("/")[2] or type(hf_model).__name__
    return ModelEntry(
        id=name,
        title=f"{name}, in memory",
        source="memory",
        location=came_from,
        revision="",
        family=str(hf_model.config.model_type),
        size=f"{hf_model.num_parameters() / 1e6:,.1f} M parameters",
        licence="not stated",
    )
