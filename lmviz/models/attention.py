"""The attention function that lmviz registers: full speed when idle, in the open when something is asked for.

With nothing asked for it calls the library's SDPA function. With a request in the context it calls the modelling
file's own eager function, so that soft caps, sinks, position biases and sliding windows are right by construction,
and recomputes the output only when the pattern or what the heads gathered is replaced.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask, sdpa_mask
from transformers.pytorch_utils import Conv1D

from lmviz.models.context import MASK, Request, current

NAME = "lmviz"
_NOT_FOR_SDPA = ("softcap", "s_aux")  # a soft cap raises under SDPA; sinks are silently left out by it
_NOT_FOR_SDPA_CONFIG = ("attn_logit_softcapping", "sinks", "num_local_experts")

Attended = tuple[Tensor, Tensor | None]


@dataclass(frozen=True, eq=False)
class Site:
    """What the attention function has to know about the module that calls it."""

    part: str
    out_proj: nn.Module | None = None


def site_of(module: nn.Module) -> Site:
    """Give the site that was noted on the module at load."""
    site: Site = module.__dict__.get("_lmviz_site", Site("encoder"))
    return site


def attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
) -> Attended:
    """Attend; keep and replace what the current request asks for.

    Args:
        module: The attention module that calls.
        query: (batch, head, query, dimension).
        key: (batch, key-value head, key, dimension).
        value: (batch, key-value head, key, dimension).
        attention_mask: Additive, boolean or None, as the library's mask functions make it.
        **kwargs: What the family passes on: scaling, softcap, position_bias, s_aux, sliding_window.

    Returns:
        The output (batch, query, head, dimension), and the pattern (batch, head, query, key) where it was computed.
    """
    request = current.get()
    if request is None and not _needs_own(kwargs):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    site = site_of(module)
    layer = None if request is None else request.enter(site.part, "attention")
    is_open = request is not None and layer is not None and request.opens(layer)
    if not is_open and not _needs_own(kwargs):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    is_causal = kwargs.get("is_causal", getattr(module, "is_causal", False))
    mask = _additive(attention_mask, query, key, is_causal=bool(is_causal))
    if request is None or layer is None or not is_open:
        return own_function(module)(module, query, key, value, mask, **kwargs)
    return _in_the_open(module, (query, key, value, mask), (request, layer), kwargs)


def _in_the_open(
    module: nn.Module,
    inputs: tuple[Tensor, Tensor, Tensor, Tensor | None],
    asked: tuple[Request, int],
    kwargs: dict[str, Any],
) -> Attended:
    """Attend with the pattern computed; keep and replace what is asked for in this layer."""
    query, key, value, mask = inputs
    request, layer = asked
    is_blocked = (MASK, layer) in request.patches
    if is_blocked:
        mask = request.visit(MASK, layer, _added(query, key, (mask,)))
    output, pattern = own_function(module)(module, query, key, value, mask, **kwargs)
    if pattern is None:
        return output, pattern
    if request.keeps("moved_norm", layer):
        request.visit("moved_norm", layer, moved_norm(_repeated(value, query), site_of(module).out_proj))
    _keep_scores(request, layer, (query, key, mask), kwargs)
    rows = _without_blind_rows(pattern, mask) if is_blocked else pattern
    visited = request.visit("pattern", layer, rows)
    if visited is not pattern:
        output = torch.matmul(visited, _repeated(value, query)).transpose(1, 2).contiguous()
    gathered = output.transpose(1, 2)  # (batch, head, query, dimension)
    replaced = request.visit("attended_value", layer, gathered)
    return output if replaced is gathered else replaced.transpose(1, 2).contiguous(), visited


def _without_blind_rows(pattern: Tensor, mask: Tensor | None) -> Tensor:
    """Let a query that has no key left attend to nothing; softmax would spread it over all that is masked."""
    if mask is None:
        return pattern
    sees = (mask > torch.finfo(mask.dtype).min / 2).any(dim=-1, keepdim=True)  # (batch, head, query, 1)
    return pattern if bool(sees.all()) else pattern * sees


def _needs_own(kwargs: dict[str, Any]) -> bool:
    return any(kwargs.get(name) is not None for name in _NOT_FOR_SDPA)


def own_function(module: nn.Module) -> Callable[..., Attended]:
    """Give the eager attention function of the file that defines the module."""
    function: Callable[..., Attended] = sys.modules[type(module).__module__].eager_attention_forward
    return function


def _repeated(key_or_value: Tensor, query: Tensor) -> Tensor:
    """Repeat key-value heads to the query heads that share them."""
    return repeat_kv(key_or_value, query.shape[1] // key_or_value.shape[1])


def _keep_scores(
    request: Request, layer: int, inputs: tuple[Tensor, Tensor, Tensor | None], kwargs: dict[str, Any]
) -> None:
    """Keep what the scores are made of, where it is asked for."""
    query, key, mask = inputs
    request.scales[layer] = float(kwargs.get("scaling") or query.shape[-1] ** -0.5)
    request.softcap = kwargs.get("softcap")
    request.has_sinks = kwargs.get("s_aux") is not None
    if request.keeps("query", layer):
        request.visit("query", layer, query)
    if request.keeps("key", layer):
        request.visit("key", layer, _repeated(key, query))
    if request.keeps("added", layer):
        request.visit("added", layer, _added(query, key, (mask, kwargs.get("position_bias"))))


def _added(query: Tensor, key: Tensor, terms: tuple[Tensor | None, ...]) -> Tensor:
    """Give what is added to q·k: mask and position bias, (batch, head, query, key)."""
    total = query.new_zeros(query.shape[:3] + key.shape[2:3])
    for term in terms:
        if term is not None:
            total = total + term[..., : key.shape[2]]
    return total


def moved_norm(value: Tensor, out_proj: nn.Module | None) -> Tensor:
    """Give the norm of what each head would move from each key at full attention.

    The norm of value times the head's slice of W_O, without W_O's bias (Kobayashi et al., 2020).

    Args:
        value: (batch, head, key, dimension), key-value heads repeated.
        out_proj: The module that holds W_O.

    Returns:
        (batch, head, key).
    """
    if out_proj is None:
        raise RuntimeError("the output projection of this attention module is not known")
    weight: Tensor = out_proj.weight  # type: ignore[assignment]
    matrix = weight if isinstance(out_proj, Conv1D) else weight.T  # (head * dimension, width)
    heads = matrix.view(value.shape[1], value.shape[3], -1)  # (head, dimension, width)
    per_head = [(value[:, head] @ heads[head]).float().norm(dim=-1) for head in range(value.shape[1])]
    return torch.stack(per_head, dim=1)


def _additive(mask: Tensor | None, query: Tensor, key: Tensor, *, is_causal: bool) -> Tensor | None:
    """Turn what SDPA would have got (boolean, or nothing and a causal flag) into a mask to add."""
    if mask is not None and mask.dtype != torch.bool:
        return mask
    n_queries, n_keys = query.shape[2], key.shape[2]
    if mask is None:
        if n_queries == 1 or not is_causal:
            return None
        mask = torch.ones(n_queries, n_keys, dtype=torch.bool, device=query.device).tril(n_keys - n_queries)[None, None]
    lowest = torch.finfo(query.dtype).min
    return torch.zeros(mask.shape, dtype=query.dtype, device=mask.device).masked_fill(~mask, lowest)


def mask_function(*args: Any, **kwargs: Any) -> Tensor | None:
    """Make SDPA's mask when idle (it may be left out) and the additive mask when something is asked for."""
    request, config = current.get(), kwargs.get("config")
    in_the_open = request is not None and request.sees_attention
    if in_the_open or any(getattr(config, name, None) is not None for name in _NOT_FOR_SDPA_CONFIG):
        return eager_mask(*args, **kwargs)
    mask: Tensor | None = sdpa_mask(*args, **kwargs)
    return mask


def register() -> None:
    """Make the function known to the library under the name "lmviz"; doing it again changes nothing."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, mask_function)
