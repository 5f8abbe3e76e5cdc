"""Interventions done the obvious way: hooks on modules, edited weights, a rewritten eager attention.

Works on a plain transformers model with eager attention, in one pass for each intervention, and knows nothing of how
lmviz does it. The model is put back at the end.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

import lmviz
from lmviz.capture.tokens import Encoding, encode
from lmviz.models import anatomy
from lmviz.models.anatomy import Stack
from lmviz.models.loaded import LoadedModel
from tests.tiny import tiny

TEXT = "the cat sat on the mat because it was tired"
OTHER = "the dog was on the mat because it sat tired"
DECODER_TEXT = "the dog was tired"
OTHER_DECODER_TEXT = "the cat was tired"
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Bench:
    """A tiny model as lmviz has it and as transformers has it, and one of its kinds of attention."""

    model: LoadedModel
    plain: Any
    part: str

    @property
    def stack(self) -> Stack:
        found = self.model.anatomy.stack(self.part)
        assert found is not None
        return found

    @property
    def decoder_text(self) -> str | None:
        return DECODER_TEXT if self.model.kind == "encoder-decoder" else None

    @property
    def other_decoder_text(self) -> str | None:
        return OTHER_DECODER_TEXT if self.model.kind == "encoder-decoder" else None

    @property
    def shares_blocks(self) -> bool:
        return len(anatomy.blocks(self.plain, self.stack)) < self.model.layers_of(self.part)

    def encoding(self, text: str = TEXT) -> Encoding:
        return encode(self.model, text)

    def module(self, layer: int, path: str | None) -> tuple[nn.Module, int]:
        """Give a module of a layer, and in which of its calls in one pass it is that layer's."""
        block = anatomy.blocks(self.plain, self.stack)[0 if self.shares_blocks else layer]
        found = block if path is None else anatomy.at(block, path)
        assert found is not None
        return found, layer if self.shares_blocks else 0

    def logits(self, text: str = TEXT) -> np.ndarray:
        """Run the plain model: (position, vocabulary)."""
        inputs = self.encoding(text).inputs()
        if self.model.kind == "encoder-decoder":
            ids = self.model.tokenizer(text_target=DECODER_TEXT, add_special_tokens=False)["input_ids"]
            inputs["decoder_input_ids"] = torch.tensor([[self.plain.config.decoder_start_token_id, *ids]])
        with torch.no_grad():
            logits: np.ndarray = self.plain(**inputs).logits[0].numpy()
        return logits


@cache
def _models(family: str) -> tuple[LoadedModel, Any]:
    hf_model, tokenizer = tiny(family)
    return lmviz.wrap(hf_model, tokenizer), hf_model


def bench(family: str, part: str | None = None) -> Bench:
    """Give the bench of a family; made once."""
    model, plain = _models(family)
    return Bench(model, plain, model.part_named(part))


def _change(value: Any, change: Change) -> Any:
    first = value[0] if isinstance(value, tuple) else value
    changed = change(first.reshape(1, -1, first.shape[-1])).reshape(first.shape)
    return (changed, *value[1:]) if isinstance(value, tuple) else changed


@contextmanager
def changed_output(where: tuple[nn.Module, int], change: Change) -> Iterator[None]:
    """Change what a module gives in one of its calls: (1, position, width)."""
    module, turn = where
    calls = iter(range(1000))
    hook = module.register_forward_hook(
        lambda _module, _args, output: _change(output, change) if next(calls) == turn else None
    )
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def changed_input(where: tuple[nn.Module, int], change: Change) -> Iterator[None]:
    """Change what a module is given in one of its calls: (1, position, width)."""
    module, turn = where
    calls = iter(range(1000))

    def hook(_module: nn.Module, args: Any, kwargs: Any) -> Any:
        if next(calls) != turn:
            return None
        if args:
            return (_change(args[0], change), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": _change(kwargs["hidden_states"], change)}

    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def changed_stream(own: Bench, place: str, layer: int, change: Change) -> Iterator[None]:
    """Change the residual stream, or what is added to it."""
    stack = own.stack
    if place == "resid_pre":
        scope = changed_input(own.module(layer, None), change)
    elif place == "resid_post":
        scope = changed_output(own.module(layer, None), change)
    elif place == "attn_out":
        scope = changed_output(own.module(layer, stack.attn), change)
    elif place == "mlp_out":
        scope = changed_output(own.module(layer, stack.mlp), change)
    elif stack.norm == "post":
        scope = changed_output(own.module(layer, stack.mid), change)
    else:
        scope = _changed_middle(own, layer, change)
    with scope:
        yield


@contextmanager
def _changed_middle(own: Bench, layer: int, change: Change) -> Iterator[None]:
    """Change the stream between attention and MLP by adding the difference to what attention adds."""
    seen: list[Tensor] = []

    def look(value: Tensor) -> Tensor:
        seen.append(value.clone())
        return value

    with changed_input(own.module(layer, own.stack.mid), look):
        own.logits()
    difference = change(seen[0]) - seen[0]
    added_by = own.module(layer, own.stack.cross or own.stack.attn)
    with changed_output(added_by, lambda value: value + difference):
        yield


@contextmanager
def without_columns(own: Bench, layer: int, head: int) -> Iterator[None]:
    """Zero the columns of W_O that read one head."""
    path = own.stack.cross_out_proj if own.part == "cross" else own.stack.out_proj
    module, _ = own.module(layer, path)
    weight: Tensor = module.weight  # type: ignore[assignment]
    before = weight.detach().clone()
    by_head = weight.data if isinstance(module, Conv1D) else weight.data.T
    size = by_head.shape[0] // own.model.heads_of(own.part)
    by_head[head * size : (head + 1) * size] = 0
    try:
        yield
    finally:
        weight.data.copy_(before)


@contextmanager
def changed_head(own: Bench, layer: int, head: int, change: Change) -> Iterator[None]:
    """Change what W_O reads of one head: (1, position, dimension)."""
    path = own.stack.cross_out_proj if own.part == "cross" else own.stack.out_proj
    n_heads = own.model.heads_of(own.part)

    def in_place(value: Tensor) -> Tensor:
        heads = value.view(1, value.shape[1], n_heads, -1).clone()
        heads[:, :, head] = change(heads[:, :, head])
        return heads.view_as(value)

    with changed_input(own.module(layer, path), in_place):
        yield


@contextmanager
def changed_pattern(own: Bench, layer: int, change: Change) -> Iterator[None]:
    """Rewrite the eager attention: a layer's pattern, (1, head, query, key), is changed and its output made anew."""
    files = {type(module).__module__ for module in own.plain.modules()}
    holders = [sys.modules[name] for name in files if hasattr(sys.modules[name], "eager_attention_forward")]
    calls = iter(range(1000))
    with ExitStack() as stack:
        for holder in holders:
            original = holder.eager_attention_forward

            def rewritten(module: nn.Module, *args: Any, _original: Any = original, **kwargs: Any) -> Any:
                output, pattern = _original(module, *args, **kwargs)
                if not _is_of_part(own, module) or next(calls) != layer:
                    return output, pattern
                values = args[2].repeat_interleave(pattern.shape[1] // args[2].shape[1], dim=1)
                changed = change(pattern)
                return torch.einsum("bhqk,bhkd->bqhd", changed, values).contiguous(), changed

            stack.callback(setattr, holder, "eager_attention_forward", original)
            holder.eager_attention_forward = rewritten
        yield


def _is_of_part(own: Bench, module: nn.Module) -> bool:
    if own.model.kind != "encoder-decoder":
        return True
    name = next(name for name, item in own.plain.named_modules() if item is module)
    is_cross = "encoder_attn" in name or "EncDecAttention" in name
    return own.part == ("cross" if is_cross else "decoder" if "decoder" in name else "encoder")


def renormalised(pattern: Tensor, edges: Tensor) -> Tensor:
    """Drop edges from a pattern and give their weight to the rest of the row, an unseen sink included."""
    sink = (1 - pattern.sum(-1, keepdim=True)).clamp_min(0)
    rest = pattern.masked_fill(edges, 0)
    total = rest.sum(-1, keepdim=True) + torch.where(sink > 1e-5, sink, 0.0)
    return torch.where(total > 0, rest / total.clamp_min(1e-30), 0.0)
