"""Permanent hooks: installed once at load, they return at once when nothing is asked for."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from lmviz.models import anatomy
from lmviz.models.anatomy import Anatomy, Stack
from lmviz.models.attention import Site, moved_norm
from lmviz.models.context import Request, current
from lmviz.models.passing import make_passable

_CROSS_NAMES = ("crossattention", "encoder_attn", "encdecattention", "cross_attn", "encoder_attention")


def install(hf_model: nn.Module, known: Anatomy) -> None:
    """Note on every module which part it is in, and hook every place of the residual stream."""
    for name, module in hf_model.named_modules():
        module.__dict__["_lmviz_site"] = Site(part_of_name(name, known))
    for part, stack in known.stacks:
        for block in anatomy.blocks(hf_model, stack):
            _note_sites(block, part, stack)
            _hook_block(block, part, stack)
            if not known.interface:
                _hook_attention(block, part, stack, known)


def part_of_name(name: str, known: Anatomy) -> str:
    """Say which part a module is in from its qualified name."""
    lowered = name.lower()
    if known.kind != "encoder-decoder":
        return known.kind
    if any(mark in lowered for mark in _CROSS_NAMES):
        return "cross"
    return "decoder" if "decoder" in lowered.split(".") else "encoder"


def _note_sites(block: nn.Module, part: str, stack: Stack) -> None:
    for name, module in block.named_modules():
        is_cross = stack.cross is not None and _shares_attention(name, stack.cross)
        path = stack.cross_out_proj if is_cross else stack.out_proj
        out_proj = None if path is None else anatomy.at(block, path)
        module.__dict__["_lmviz_site"] = Site("cross" if is_cross else part, out_proj)


def _shares_attention(name: str, cross: str) -> bool:
    """Say whether a module of the block belongs to cross attention."""
    holder = cross.rpartition(".")[0]
    return name == holder or name.startswith(holder + ".")


Visit = Callable[[Request, int, Tensor], Tensor]


def _hook_block(block: nn.Module, part: str, stack: Stack) -> None:
    """Hook the block's input and output and its sub-layers, and let it be passed by."""
    make_passable(block)
    _on_input(block, part, "resid_pre")
    _on_output(block, part, "resid_post")
    _on_output(anatomy.at(block, stack.attn), part, "attn_out")
    _on_output(anatomy.at(block, stack.mlp), part, "mlp_out")
    if stack.cross is not None:
        _on_output(anatomy.at(block, stack.cross), "cross", "attn_out")
    if stack.mid is not None:
        on_mid = _on_output if stack.norm == "post" else _on_shared_input
        on_mid(anatomy.at(block, stack.mid), part, "resid_mid")


def _on_output(module: nn.Module | None, part: str, place: str) -> None:
    if module is None:
        raise RuntimeError(f"the anatomy table names a module for {place} that is not there")

    def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        request = current.get()
        layer = None if request is None else request.enter(part, place)
        if request is None or layer is None:
            return None
        is_several = isinstance(output, (tuple, list))
        first: Tensor = output[0] if is_several else output
        visited = request.visit(place, layer, first)
        if visited is first:
            return None
        return type(output)([visited, *output[1:]]) if is_several else visited

    module.register_forward_hook(hook)


def _on_input(module: nn.Module | None, part: str, place: str) -> None:
    if module is None:
        raise RuntimeError(f"the anatomy table names a module for {place} that is not there")

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request = current.get()
        layer = None if request is None else request.enter(part, place)
        if request is None or layer is None:
            return None
        first: Tensor = args[0] if args else kwargs["hidden_states"]
        visited = request.visit(place, layer, first)
        if visited is first:
            return None
        return ((visited, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": visited})

    module.register_forward_pre_hook(hook, with_kwargs=True)


def _on_shared_input(module: nn.Module | None, part: str, place: str) -> None:
    """Hook the input of a norm inside a block; the block adds this very tensor again, so it is changed in place."""
    if module is None:
        raise RuntimeError(f"the anatomy table names a module for {place} that is not there")

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        request = current.get()
        layer = None if request is None else request.enter(part, place)
        if request is None or layer is None:
            return
        first: Tensor = args[0] if args else kwargs["hidden_states"]
        visited = request.visit(place, layer, first)
        if visited is not first:
            first.copy_(visited)

    module.register_forward_pre_hook(hook, with_kwargs=True)


def _hook_attention(block: nn.Module, part: str, stack: Stack, known: Anatomy) -> None:
    """Outside the attention interface the pattern passes through a dropout and the values through a module."""
    if known.pattern_at is None or known.value_at is None:
        return
    _on_output(anatomy.at(block, known.pattern_at), part, "pattern")
    value_module, out_proj = anatomy.at(block, known.value_at), anatomy.at(block, stack.out_proj)
    if value_module is None:
        raise RuntimeError("the anatomy table names a module for values that is not there")
    is_fused, n_heads = known.value_at.endswith("query_key_value"), _n_heads(block)  # no cycle through the block

    def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
        request = current.get()
        layer = None if request is None else request.enter(part, "moved_norm")
        if request is None or layer is None or not request.keeps("moved_norm", layer):
            return
        shape = output.shape[:-1]
        split = output.view(*shape, n_heads, 3, -1)[..., 2, :] if is_fused else output.view(*shape, n_heads, -1)
        request.visit("moved_norm", layer, moved_norm(split.transpose(1, 2), out_proj))

    value_module.register_forward_hook(hook)


def _n_heads(block: nn.Module) -> int:
    """Read the number of heads off the block's attention module."""
    names = ("num_attention_heads", "num_heads")
    found = (getattr(module, name, None) for module in block.modules() for name in names)
    return next(number for number in found if isinstance(number, int))
