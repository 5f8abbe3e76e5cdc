"""Tiny random models of every family, with tokenizers made on the spot; nothing is downloaded.

`tiny("llama")` gives a transformers model of 2 layers and 4 heads and a tokenizer in that family's style. Weights
come from a generator of their own, large enough that attention is far from uniform, and are the same in every run.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.tiny_tokenizers import (
    MAX_POSITIONS,
    albert_tokenizer,
    bert_tokenizer,
    distilbert_tokenizer,
    gpt2_tokenizer,
    llama_tokenizer,
    roberta_tokenizer,
    t5_tokenizer,
)

N_LAYERS, N_HEADS, N_KEY_VALUE_HEADS, WIDTH, INNER = 2, 4, 2, 32, 48


@dataclass(frozen=True)
class Family:
    """How to build one family: class names in transformers, a tokenizer, and what its configuration adds."""

    config: str
    model: str
    tokenizer: Callable[[], PreTrainedTokenizerFast]
    settings: dict[str, Any] = field(default_factory=dict)


_COMMON: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": MAX_POSITIONS,
}
_GROUPED: dict[str, Any] = {**_COMMON, "num_key_value_heads": N_KEY_VALUE_HEADS}
_WITH_HEAD_SIZE: dict[str, Any] = {**_GROUPED, "head_dim": 8}
_GPT: dict[str, Any] = {"n_embd": WIDTH, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_positions": MAX_POSITIONS}
_SEQ2SEQ: dict[str, Any] = {
    "d_model": WIDTH,
    "encoder_layers": N_LAYERS,
    "decoder_layers": N_LAYERS,
    "encoder_attention_heads": N_HEADS,
    "decoder_attention_heads": N_HEADS,
    "encoder_ffn_dim": INNER,
    "decoder_ffn_dim": INNER,
    "max_position_embeddings": MAX_POSITIONS,
    "forced_eos_token_id": None,
}
_GEMMA3: dict[str, Any] = {
    **_WITH_HEAD_SIZE,
    "query_pre_attn_scalar": 8,
    "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention"],
}
_DEBERTA: dict[str, Any] = {
    **_COMMON,
    "relative_attention": True,
    "position_buckets": 16,
    "max_relative_positions": MAX_POSITIONS,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
_DISTIL: dict[str, Any] = {"dim": WIDTH, "n_layers": N_LAYERS, "n_heads": N_HEADS, "hidden_dim": INNER}
_NEO: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_layers": N_LAYERS,
    "num_heads": N_HEADS,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 8,
    "max_position_embeddings": MAX_POSITIONS,
}
_OPT: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS,
    "ffn_dim": INNER,
    "word_embed_proj_dim": WIDTH,
    "max_position_embeddings": MAX_POSITIONS,
}
_T5: dict[str, Any] = {
    "d_model": WIDTH,
    "d_kv": 8,
    "d_ff": INNER,
    "num_layers": N_LAYERS,
    "num_decoder_layers": N_LAYERS,
    "num_heads": N_HEADS,
}
_OSS: dict[str, Any] = {
    **_WITH_HEAD_SIZE,
    "num_local_experts": 2,
    "num_experts_per_tok": 1,
    "sliding_window": 8,
    "layer_types": ["sliding_attention", "full_attention"],
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
_MODERN: dict[str, Any] = {**_COMMON, "local_attention": 8, "global_attn_every_n_layers": 2}

ENCODERS = {
    "bert": Family("BertConfig", "BertForMaskedLM", bert_tokenizer, _COMMON),
    "roberta": Family(
        "RobertaConfig",
        "RobertaForMaskedLM",
        roberta_tokenizer,
        {**_COMMON, "max_position_embeddings": MAX_POSITIONS + 2},
    ),
    "distilbert": Family(
        "DistilBertConfig",
        "DistilBertForMaskedLM",
        distilbert_tokenizer,
        {**_DISTIL, "max_position_embeddings": MAX_POSITIONS},
    ),
    "albert": Family("AlbertConfig", "AlbertForMaskedLM", albert_tokenizer, {**_COMMON, "embedding_size": 16}),
    "electra": Family("ElectraConfig", "ElectraForMaskedLM", bert_tokenizer, {**_COMMON, "embedding_size": 16}),
    "deberta-v2": Family("DebertaV2Config", "DebertaV2ForMaskedLM", albert_tokenizer, _DEBERTA),
    "modernbert": Family("ModernBertConfig", "ModernBertForMaskedLM", roberta_tokenizer, _MODERN),
}
DECODERS = {
    "gpt2": Family("GPT2Config", "GPT2LMHeadModel", gpt2_tokenizer, _GPT),
    "gpt_neo": Family("GPTNeoConfig", "GPTNeoForCausalLM", gpt2_tokenizer, _NEO),
    "gpt_neox": Family("GPTNeoXConfig", "GPTNeoXForCausalLM", gpt2_tokenizer, _COMMON),
    "gptj": Family("GPTJConfig", "GPTJForCausalLM", gpt2_tokenizer, {**_GPT, "rotary_dim": 4}),
    "opt": Family("OPTConfig", "OPTForCausalLM", roberta_tokenizer, _OPT),
    "bloom": Family(
        "BloomConfig",
        "BloomForCausalLM",
        gpt2_tokenizer,
        {"hidden_size": WIDTH, "n_layer": N_LAYERS, "n_head": N_HEADS},
    ),
    "llama": Family("LlamaConfig", "LlamaForCausalLM", llama_tokenizer, _GROUPED),
    "mistral": Family("MistralConfig", "MistralForCausalLM", llama_tokenizer, {**_GROUPED, "sliding_window": 8}),
    "qwen2": Family("Qwen2Config", "Qwen2ForCausalLM", gpt2_tokenizer, _GROUPED),
    "qwen3": Family("Qwen3Config", "Qwen3ForCausalLM", gpt2_tokenizer, _WITH_HEAD_SIZE),
    "gemma2": Family("Gemma2Config", "Gemma2ForCausalLM", llama_tokenizer, {**_GEMMA3, "attn_logit_softcapping": 5.0}),
    "gemma3_text": Family("Gemma3TextConfig", "Gemma3ForCausalLM", llama_tokenizer, _GEMMA3),
    "phi3": Family("Phi3Config", "Phi3ForCausalLM", llama_tokenizer, _GROUPED),
    "gpt_oss": Family("GptOssConfig", "GptOssForCausalLM", gpt2_tokenizer, _OSS),
}
ENCODER_DECODERS = {
    "t5": Family("T5Config", "T5ForConditionalGeneration", t5_tokenizer, _T5),
    "bart": Family("BartConfig", "BartForConditionalGeneration", roberta_tokenizer, _SEQ2SEQ),
    "marian": Family("MarianConfig", "MarianMTModel", t5_tokenizer, _SEQ2SEQ),
}
FAMILIES = {**ENCODERS, **DECODERS, **ENCODER_DECODERS}


def tiny(family: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Build a tiny random model of a family and a tokenizer in its style.

    Args:
        family: A model_type of `FAMILIES`.

    Returns:
        A model in evaluation mode with eager attention, new on every call, and its tokenizer.
    """
    recipe = FAMILIES[family]
    tokenizer = recipe.tokenizer()
    settings = {**recipe.settings, "vocab_size": len(tokenizer), **_special_ids(family, tokenizer)}
    config = getattr(transformers, recipe.config)(**settings, attn_implementation="eager")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = getattr(transformers, recipe.model)(config)
    _stir(model, zlib.crc32(family.encode()))
    model.train(mode=False)
    return model, tokenizer


def _special_ids(family: str, tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Give the configuration the numbers its tokenizer uses."""
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "cls_token_id", "sep_token_id")
    ids = {name: getattr(tokenizer, name) for name in names if getattr(tokenizer, name) is not None}
    if family in ENCODER_DECODERS:
        ids["decoder_start_token_id"] = ids["eos_token_id"] if family == "bart" else ids["pad_token_id"]
    return ids


@torch.no_grad()
def _stir(model: PreTrainedModel, seed: int) -> None:
    """Draw every weight anew, so that attention is far from uniform and no bias or norm is trivial."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() >= 2:
            unscaled = name.endswith("Attention.q.weight")  # T5 keeps 1/√d in its query weights
            parameter.copy_((0.2 / 8**0.5 if unscaled else 0.2) * noise)
        else:
            parameter.add_(0.1 * noise)
