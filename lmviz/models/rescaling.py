"""The rescale rule of DeepLIFT: an activation hands back by how much it changed, where it would say how steep it is.

A copy of the modules on the way to each activation holds others in their place. The model itself, and whatever runs it
meanwhile, sees nothing of it, and there is nothing to take away afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.models.replacing import with_others

_HOMES = ("torch.nn.modules.activation", "transformers.activations")
_AT_HOME_ELSEWHERE = frozenset({"BloomGelu"})  # in the file of their own family
_NOT_BY_NUMBER = (nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax, nn.GLU)  # one number depends on others
_TINY = 1e-4  # below it the rounding of the quotient is larger than what the plain slope leaves out
_REMEDY = "Choose integrated-gradients, or a model such as minilm-mlm or smollm2-135m."


class _Rescaled(nn.Module):
    """Stands in for an activation: the same numbers, but the slope between input and baseline as their gradient."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.__dict__["whole"] = whole  # no child: it stays where it is
        self.has_run = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["whole"], name)

    def forward(self, value: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            found: Tensor = self.__dict__["whole"](value)
            return found
        self.has_run = True
        return rescaled(value, self.__dict__["whole"](value.clone()))  # one that works in place keeps the clone


@dataclass(frozen=True, eq=False)
class Rescaling:
    """A model that runs by the rule, on batches whose first half is the input and whose second is the baseline."""

    model: LoadedModel
    stand_ins: tuple[_Rescaled, ...]

    @property
    def n_run(self) -> int:
        """How many activations a pass with gradients has come by."""
        return sum(one.has_run for one in self.stand_ins)


def rescaled(value: Tensor, output: Tensor) -> Tensor:
    """Give an activation's output with the gradient of the rule: change over change, the plain one where none is.

    Args:
        value: What the activation read. Its first half, in the order of its numbers, belongs to the input, the second
            to the baseline; so it does also where a family has put all positions under each other.
        output: What it made of that, number by number, with its own gradient.
    """
    with torch.no_grad():
        (read, empty), (said, silent) = value.reshape(2, -1), output.reshape(2, -1)
        step = read - empty
        is_tiny = step.abs() < _TINY
        slope = torch.where(is_tiny, 0, (said - silent) / torch.where(is_tiny, 1, step))
        slope, is_tiny = (one.expand(2, -1).reshape(value.shape) for one in (slope, is_tiny))
    return torch.where(is_tiny, output, output.detach() + slope * (value - value.detach()))


def with_rescaling(model: LoadedModel) -> Rescaling:
    """Give a model that runs by the rule; it shares its weights with the given one, which is not touched.

    Raises:
        NotForThisModel: None of its activations is a module, or its tokens go to different experts.
    """
    found = dict(_activations(model.hf_model))
    family = model.hf_model.config.model_type
    if not found:
        raise NotForThisModel(
            f"{model.id} ({family}) has no activation of its own that DeepLIFT could compare with the baseline's. "
            f"{_REMEDY}"
        )
    if any("expert" in path for path in found):
        raise NotForThisModel(
            f"{model.id} ({family}) sends tokens to different experts, so DeepLIFT cannot compare input and baseline "
            f"there. {_REMEDY}"
        )
    known = {id(module): _Rescaled(module) for module in found.values()}  # one that is used twice stays one
    others = {path: known[id(module)] for path, module in found.items()}
    return Rescaling(replace(model, hf_model=with_others(model.hf_model, others)), tuple(known.values()))


def _activations(hf_model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """List the modules that change each number by itself and have no weights."""
    for path, module in hf_model.named_modules(remove_duplicate=False):
        kind = type(module)
        is_one = kind.__module__ in _HOMES or kind.__name__ in _AT_HOME_ELSEWHERE
        is_bare = not any(True for _ in module.parameters()) and not any(True for _ in module.children())
        if is_one and is_bare and not isinstance(module, _NOT_BY_NUMBER):
            yield path, module
