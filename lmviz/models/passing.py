"""Blocks that can be passed by: a forward pass that begins at a later layer runs none of the earlier ones.

Every block is given, once at load, a class of its own that is its family's class with this one addition. So copies of a
block, deep or shallow, have it too, and nothing points back at the block.
"""

from functools import wraps
from typing import Any

from torch import Tensor, nn

from lmviz.models.attention import site_of
from lmviz.models.context import current


def make_passable(block: nn.Module) -> None:
    """Let a block hand on its input where the current request begins at a later layer.

    The stream is replaced at that layer, so what the blocks before it hand on does not matter. A block is run all the
    same until it is known to return the stream alone: T5's first block makes the position bias of all the others.
    """
    kind = type(block)
    if not hasattr(kind, "_lmviz_passable"):
        block.__class__ = _made.setdefault(kind, _passable(kind))


_made: dict[type[nn.Module], type[nn.Module]] = {}


def _passable(kind: type[nn.Module]) -> type[nn.Module]:
    """Make the class for the blocks of one family."""

    @wraps(kind.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        request = current.get()
        if request is None or not request.is_before_entry(site_of(self).part):
            return kind.forward(self, *args, **kwargs)
        if self.__dict__.get("_lmviz_returns_stream"):
            request.pass_by()
            return args[0] if args else kwargs["hidden_states"]
        output = kind.forward(self, *args, **kwargs)
        self.__dict__["_lmviz_returns_stream"] = isinstance(output, Tensor)
        return output

    names = {"forward": forward, "__module__": kind.__module__, "_lmviz_passable": True}
    return type(kind.__name__, (kind,), names)
