"""A model that is ready to be looked at, and how it is made ready: once, at load."""

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from lmviz.errors import NotForThisModel
from lmviz.models import anatomy, attention, hooks, selfcheck
from lmviz.models.anatomy import Anatomy
from lmviz.models.catalog import ModelEntry
from lmviz.results import Check

_NO_LIMIT = ("t5", "mt5", "bloom", "mpt")  # relative positions
_HUGE = 10**6  # what tokenizers say when they know no limit


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A frozen model with its tokenizer and what lmviz knows about it.

    `parts` are the kinds of attention it has: ("encoder",), ("decoder",) or ("encoder", "decoder", "cross").
    `lacks` says in sentences what cannot be had from it, and why.
    """

    hf_model: Any
    tokenizer: Any
    entry: ModelEntry
    device: torch.device
    dtype: str
    kind: str
    anatomy: Anatomy
    max_positions: int | None
    lacks: tuple[str, ...]

    @property
    def id(self) -> str:
        """The name a person knows the model by."""
        return self.entry.id

    @property
    def parts(self) -> tuple[str, ...]:
        """The kinds of attention there are."""
        return ("encoder", "decoder", "cross") if self.kind == "encoder-decoder" else (self.kind,)

    def part_named(self, part: str | None) -> str:
        """Give a part by its name; None for the first there is.

        Raises:
            NotForThisModel: The model has no such part.
        """
        if part is None:
            return self.parts[0]
        if part not in self.parts:
            there = ", ".join(f"'{name}'" for name in self.parts)
            raise NotForThisModel(f"{self.id} has no {part} attention. Choose part from {there}.")
        return part

    @property
    def n_layers(self) -> int:
        """Layers of the first part."""
        return self.layers_of(self.parts[0])

    @property
    def n_heads(self) -> int:
        """Heads per layer of the first part."""
        return self.heads_of(self.parts[0])

    def layers_of(self, part: str) -> int:
        """Give the number of layers of a part."""
        return anatomy.layer_counts(self.hf_model.config)[part]

    def heads_of(self, part: str) -> int:
        """Give the number of heads per layer of a part."""
        config = self.hf_model.config
        side = "decoder" if part == "cross" else part
        own = getattr(config, f"{side}_attention_heads", None) if self.kind == "encoder-decoder" else None
        return int(own or config.num_attention_heads)

    @property
    def uses(self) -> str:
        """The name of the attention implementation: lmviz's own, or eager where a family has no choice."""
        return str(self.hf_model.config._attn_implementation)

    @property
    def has_interface(self) -> bool:
        """Say whether its attention goes through the library's attention interface."""
        return self.anatomy.interface and self.uses == attention.NAME

    def has_stream(self, part: str) -> bool:
        """Say whether the places of the residual stream of a part are known."""
        return part != "cross" and self.anatomy.stack(part) is not None

    @cached_property
    def self_check(self) -> tuple[Check, ...]:
        """Invariants, computed on this model the first time they are asked for."""
        return selfcheck.check(self.hf_model, self.tokenizer, known=self.anatomy, device=self.device)


def prepare(hf_model: Any, tokenizer: Any, entry: ModelEntry, *, device: torch.device) -> LoadedModel:
    """Make a model ready: frozen, in evaluation mode, attention registered, permanent hooks installed.

    Args:
        hf_model: A transformers model; it belongs to lmviz from here on.
        tokenizer: Its tokenizer.
        entry: Where it comes from.
        device: The device its inputs go to.

    Returns:
        The model with everything the analyses need to know about it.
    """
    attention.register()
    hf_model.eval().requires_grad_(requires_grad=False)
    known = anatomy.find(hf_model)
    uses_interface = known.interface and _takes_interface(hf_model)
    hf_model.set_attn_implementation(attention.NAME if uses_interface else "eager")
    if "_lmviz_installed" not in hf_model.__dict__:
        hooks.install(hf_model, known)
        hf_model.__dict__["_lmviz_installed"] = True
    if not known.is_known and known.stacks and not _stream_adds_up(hf_model, tokenizer, known, device):
        known = replace(known, stacks=())
    return LoadedModel(
        hf_model=hf_model,
        tokenizer=tokenizer,
        entry=entry,
        device=device,
        dtype=str(hf_model.dtype).removeprefix("torch."),
        kind=known.kind,
        anatomy=known,
        max_positions=_max_positions(hf_model, tokenizer),
        lacks=_lacks(hf_model.config.model_type, known, uses_interface=uses_interface),
    )


def _stream_adds_up(hf_model: Any, tokenizer: Any, known: Anatomy, device: torch.device) -> bool:
    """Say whether a guessed anatomy is right: the parts of the stream must add up on this very model."""
    checks = selfcheck.check(hf_model, tokenizer, known=known, device=device)
    return any(check.slug == "stream" and check.passed for check in checks)


def _takes_interface(hf_model: nn.Module) -> bool:
    """Say whether a modelling file it is made of calls its attention through the library's interface."""
    files = {type(module).__module__ for module in hf_model.modules()}
    return any(hasattr(sys.modules[name], "eager_attention_forward") for name in files)


def _max_positions(hf_model: Any, tokenizer: Any) -> int | None:
    """Give the longest input in tokens; None where the model has no fixed limit."""
    config = hf_model.config
    if config.model_type in _NO_LIMIT:
        return None
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        limit = getattr(config, name, None)
        if isinstance(limit, int) and limit > 0:
            return limit - anatomy.reserved_positions(hf_model)
    limit = getattr(tokenizer, "model_max_length", None)
    return int(limit) if isinstance(limit, int) and limit < _HUGE else None


def _lacks(model_type: str, known: Anatomy, *, uses_interface: bool) -> tuple[str, ...]:
    """Say what cannot be had from this family, and why."""
    sentences = []
    if not uses_interface:
        sentences.append(
            f"No query–key view: the attention of {model_type} does not go through the library's attention interface."
        )
        if known.pattern_at is None:
            sentences.append(f"No interventions on attention: lmviz reads the pattern of {model_type} after the fact.")
    if not known.is_known and not known.stacks:
        sentences.append(f"No residual stream, no value-weighted attention: {model_type} is not in the anatomy table.")
    elif not known.is_known:
        sentences.append(f"{model_type} is not in the anatomy table; its parts were guessed from its blocks.")
    return tuple(sentences)
