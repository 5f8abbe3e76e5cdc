"""Where each family keeps its blocks, sub-layers, norms and heads: one table by `model_type`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Stack:
    """One tower of blocks. Paths are dotted; `blocks` is relative to the base model, the others to a block.

    `norm` says how sub-layers join the residual stream: "pre" adds their output to it, "post" adds and then
    normalises (so the stream is the normalised one), "parallel" adds both outputs at once.
    """

    blocks: str
    attn: str  # the module whose output is added to the stream after attention
    mlp: str  # the module whose output is added to the stream after the MLP
    out_proj: str  # W_O
    norm: str = "pre"
    mid: str | None = None  # "pre": the norm that reads resid_mid; "post": the norm that writes it
    mlp_norm: str | None = None  # "post" only: the norm after the MLP
    cross: str | None = None  # the module whose output is added after cross attention
    cross_out_proj: str | None = None
    self_norm: str | None = None  # "post" with cross attention: the norm between the two attentions


@dataclass(frozen=True)
class Anatomy:
    """What lmviz knows about a family.

    `interface` is False where the attention does not go through the library's attention interface; `pattern_at`
    then names, relative to a block, the dropout that every pattern passes through, and `value_at` the module
    that makes the values.
    """

    stacks: tuple[tuple[str, Stack], ...]  # (part, stack)
    kind: str  # encoder, decoder, encoder-decoder
    interface: bool = True
    pattern_at: str | None = None
    value_at: str | None = None
    is_known: bool = True

    def stack(self, part: str) -> Stack | None:
        """Give the tower a part lives in; cross attention lives in the decoder's."""
        return dict(self.stacks).get("decoder" if part == "cross" else part)


_BERT = Stack(
    blocks="encoder.layer",
    attn="attention.output.dense",
    mlp="output.dense",
    out_proj="attention.output.dense",
    norm="post",
    mid="attention.output.LayerNorm",
    mlp_norm="output.LayerNorm",
)
_DISTILBERT = Stack(
    blocks="transformer.layer",
    attn="attention.out_lin",
    mlp="ffn",
    out_proj="attention.out_lin",
    norm="post",
    mid="sa_layer_norm",
    mlp_norm="output_layer_norm",
)
_ALBERT = Stack(
    blocks="encoder.albert_layer_groups.*.albert_layers",
    attn="attention.dense",
    mlp="ffn_output",
    out_proj="attention.dense",
    norm="post",
    mid="attention.LayerNorm",
    mlp_norm="full_layer_layer_norm",
)
_GPT2 = Stack(blocks="h", attn="attn.c_proj", mlp="mlp", out_proj="attn.c_proj", mid="ln_2")
_GPT_NEO = replace(_GPT2, attn="attn.attention.out_proj", out_proj="attn.attention.out_proj")
_GPT_NEOX = Stack(
    blocks="layers", attn="attention.dense", mlp="mlp", out_proj="attention.dense", mid="post_attention_layernorm"
)
_GPTJ = Stack(blocks="h", attn="attn.out_proj", mlp="mlp", out_proj="attn.out_proj", norm="parallel")
_OPT = Stack(
    blocks="decoder.layers", attn="self_attn.out_proj", mlp="fc2", out_proj="self_attn.out_proj", mid="final_layer_norm"
)
_OPT_POST = replace(_OPT, norm="post", mid="self_attn_layer_norm", mlp_norm="final_layer_norm")
_BLOOM = Stack(
    blocks="h",
    attn="self_attention.dense",
    mlp="mlp.dense_4h_to_h",
    out_proj="self_attention.dense",
    mid="post_attention_layernorm",
)
_LLAMA = Stack(
    blocks="layers", attn="self_attn.o_proj", mlp="mlp", out_proj="self_attn.o_proj", mid="post_attention_layernorm"
)
_GEMMA = Stack(
    blocks="layers",
    attn="post_attention_layernorm",
    mlp="post_feedforward_layernorm",
    out_proj="self_attn.o_proj",
    mid="pre_feedforward_layernorm",
)
_MODERNBERT = Stack(blocks="layers", attn="attn.Wo", mlp="mlp", out_proj="attn.Wo", mid="mlp_norm")
_T5_ENCODER = Stack(
    blocks="encoder.block",
    attn="layer.0.SelfAttention.o",
    mlp="layer.1.DenseReluDense",
    out_proj="layer.0.SelfAttention.o",
    mid="layer.1.layer_norm",
)
_T5_DECODER = Stack(
    blocks="decoder.block",
    attn="layer.0.SelfAttention.o",
    mlp="layer.2.DenseReluDense",
    out_proj="layer.0.SelfAttention.o",
    mid="layer.2.layer_norm",
    cross="layer.1.EncDecAttention.o",
    cross_out_proj="layer.1.EncDecAttention.o",
)
_BART_ENCODER = replace(_OPT_POST, blocks="encoder.layers")
_BART_DECODER = replace(
    _OPT_POST,
    blocks="decoder.layers",
    mid="encoder_attn_layer_norm",
    cross="encoder_attn.out_proj",
    cross_out_proj="encoder_attn.out_proj",
    self_norm="self_attn_layer_norm",
)


def _encoder(stack: Stack, **more: Any) -> Anatomy:
    return Anatomy(stacks=(("encoder", stack),), kind="encoder", **more)


def _decoder(stack: Stack, **more: Any) -> Anatomy:
    return Anatomy(stacks=(("decoder", stack),), kind="decoder", **more)


def _both(encoder: Stack, decoder: Stack) -> Anatomy:
    return Anatomy(stacks=(("encoder", encoder), ("decoder", decoder)), kind="encoder-decoder")


def _outside(attention: str, dropout: str, value: str) -> dict[str, Any]:
    return {"interface": False, "pattern_at": f"{attention}.{dropout}", "value_at": f"{attention}.{value}"}


FAMILIES: dict[str, Anatomy] = {
    "bert": _encoder(_BERT),
    "roberta": _encoder(_BERT),
    "distilbert": _encoder(_DISTILBERT),
    "albert": _encoder(_ALBERT),
    "electra": _encoder(_BERT),
    "modernbert": _encoder(_MODERNBERT),
    "deberta-v2": _encoder(_BERT, **_outside("attention.self", "dropout", "value_proj")),
    "gpt2": _decoder(_GPT2),
    "gpt_neo": _decoder(_GPT_NEO, **_outside("attn.attention", "attn_dropout", "v_proj")),
    "gpt_neox": _decoder(_GPT_NEOX),
    "gptj": _decoder(_GPTJ, **_outside("attn", "attn_dropout", "v_proj")),
    "opt": _decoder(_OPT),
    "bloom": _decoder(_BLOOM, **_outside("self_attention", "attention_dropout", "query_key_value")),
    "llama": _decoder(_LLAMA),
    "mistral": _decoder(_LLAMA),
    "qwen2": _decoder(_LLAMA),
    "qwen3": _decoder(_LLAMA),
    "gpt_oss": _decoder(_LLAMA),
    "phi3": _decoder(_LLAMA),
    "gemma2": _decoder(_GEMMA),
    "gemma3_text": _decoder(_GEMMA),
    "t5": _both(_T5_ENCODER, _T5_DECODER),
    "bart": _both(_BART_ENCODER, _BART_DECODER),
    "marian": _both(_BART_ENCODER, _BART_DECODER),
}
_GUESSES = (_LLAMA, _BERT, _GPT2, _GPT_NEOX)


def _variant(model_type: str, config: Any, known: Anatomy) -> Anatomy:
    """Some families choose between two ways of joining the stream in their config."""
    if model_type == "opt" and not config.do_layer_norm_before:
        return _decoder(_OPT_POST)
    if model_type == "gpt_neox" and config.use_parallel_residual:
        return _decoder(replace(_GPT_NEOX, norm="parallel", mid=None))
    if known.kind == "encoder" and getattr(config, "is_decoder", False):
        return replace(known, kind="decoder", stacks=(("decoder", known.stacks[0][1]),))
    return known


def find(hf_model: nn.Module) -> Anatomy:
    """Look up the model's family, or guess from the shape of its blocks when it is not in the table."""
    config: Any = hf_model.config
    known = FAMILIES.get(config.model_type)
    if known is not None:
        return _variant(config.model_type, config, known)
    kind = _guess_kind(hf_model)
    base = base_of(hf_model)
    fits = (stack for stack in _GUESSES if all(True for _ in _blocks_at(base, stack.blocks)) and _fits(base, stack))
    stack = next(fits, None)
    stacks = ((kind, stack),) if stack is not None and kind != "encoder-decoder" else ()
    return Anatomy(stacks=stacks, kind=kind, is_known=False)


def _guess_kind(hf_model: nn.Module) -> str:
    if getattr(hf_model.config, "is_encoder_decoder", False):
        return "encoder-decoder"
    causal = any(getattr(module, "is_causal", False) is True for module in hf_model.modules())
    return "decoder" if causal or type(hf_model).__name__.endswith("ForCausalLM") else "encoder"


def _fits(base: nn.Module, stack: Stack) -> bool:
    """Say whether every path of the stack exists in its first block."""
    block = next(_blocks_at(base, stack.blocks), None)
    if block is None:
        return False
    paths = (stack.attn, stack.mlp, stack.out_proj, stack.mid, stack.mlp_norm)
    return all(at(block, path) is not None for path in paths if path is not None)


def base_of(hf_model: nn.Module) -> nn.Module:
    """Give the model without its task head."""
    base: nn.Module = getattr(hf_model, "base_model", hf_model)
    return base


def at(module: nn.Module, path: str) -> nn.Module | None:
    """Follow a dotted path; None where it does not lead to a module."""
    here: Any = module
    for name in path.split("."):
        here = getattr(here, name, None)
        if here is None:
            return None
    return here if isinstance(here, nn.Module) else None


def blocks(hf_model: nn.Module, stack: Stack) -> tuple[nn.Module, ...]:
    """Give the stack's blocks in order; families that share a block list it once."""
    return tuple(_blocks_at(base_of(hf_model), stack.blocks))


def _blocks_at(base: nn.Module, path: str) -> Iterator[nn.Module]:
    head, _, rest = path.partition(".*.")
    holder = at(base, head)
    if holder is None:
        return
    for child in holder.children():
        if rest:
            yield from _blocks_at(child, rest)
        else:
            yield child


def reserved_positions(hf_model: nn.Module) -> int:
    """Count the first rows of the position table that no token is given (RoBERTa's start after the padding's)."""
    for name, module in hf_model.named_modules():
        is_table = name.endswith("position_embeddings") and type(module) is nn.Embedding
        if is_table and module.padding_idx is not None:
            return int(module.padding_idx) + 1
    return 0


def layer_counts(config: Any) -> dict[str, int]:
    """Say how many layers each tower has, from the config."""
    total = int(config.num_hidden_layers)
    if not getattr(config, "is_encoder_decoder", False):
        return {"encoder": total, "decoder": total}
    encoder = getattr(config, "encoder_layers", None) or getattr(config, "num_layers", None) or total
    decoder = getattr(config, "decoder_layers", None) or getattr(config, "num_decoder_layers", None) or total
    return {"encoder": int(encoder), "decoder": int(decoder), "cross": int(decoder)}
