"""Another module in the place of one, in shallow copies of those on the way: the model itself is not touched."""

import copy
from collections.abc import Mapping

from torch import nn


def with_others(module: nn.Module, others: Mapping[str, nn.Module]) -> nn.Module:
    """Copy the modules on some paths, without their weights, and put another one at the end of each.

    The copies run the family's own code and share weights and hooks with the module. Whatever runs that meanwhile sees
    nothing of it.

    Args:
        module: The outermost one.
        others: What is put where, by dotted path from there; no path leads through another's end.
    """
    children = dict(vars(module)["_modules"])
    deeper: dict[str, dict[str, nn.Module]] = {}
    for path, other in others.items():
        name, _, rest = path.partition(".")
        if rest:
            deeper.setdefault(name, {})[rest] = other
        else:
            children[name] = other
    for name, below in deeper.items():
        children[name] = with_others(children[name], below)
    outer = copy.copy(module)
    outer.__dict__["_modules"] = children
    return outer
