"""A GPT-2 in which one head alone, L1H2, carries a preference: it looks for "nurse" and its like and says "she"."""

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

FEMALE, MALE = ("nurse", "maid", "dancer", "nun"), ("man", "king", "guard", "monk")
WORDS = ("start", *FEMALE, *MALE, "said", "that", "hoped", "ran", "she", "he", "was", "late", "here")
LAYER, HEAD = 1, 2
WIDTH, N_HEADS = 32, 4
_SIZE = WIDTH // N_HEADS
_STRONG = 12.0
_NOISE = 1e-3


def planted() -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """Build the model; its other heads and MLPs do a little of everything at random."""
    config = GPT2Config(
        vocab_size=len(WORDS), n_positions=16, n_embd=WIDTH, n_layer=2, n_head=N_HEADS, bos_token_id=0, eos_token_id=0
    )
    model = GPT2LMHeadModel(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = _NOISE * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(noise + 1.0 if "ln_" in name and name.endswith("weight") else noise)
        _fill(model)
    model.train(mode=False)
    return model, _tokenizer()


def _fill(model: GPT2LMHeadModel) -> None:
    """Let each word be a direction, and let the head look at female words from everywhere."""
    model.transformer.wte.weight[:, : len(WORDS)] += torch.eye(len(WORDS))
    attn: Any = model.transformer.h[LAYER].attn
    female = [WORDS.index(word) for word in FEMALE]
    first = HEAD * _SIZE
    attn.c_attn.bias[first] = _STRONG  # the query, wherever it stands
    attn.c_attn.weight[female, WIDTH + first] = 1.0  # the key of a female word
    attn.c_attn.weight[female, 2 * WIDTH + first] = 1.0  # and its value
    attn.c_proj.weight[first, WORDS.index("she")] = 1.0
    attn.c_proj.weight[first, WORDS.index("he")] = -1.0


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="start"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(tokenizer_object=tokenizer, unk_token="start")
    return wrapped
