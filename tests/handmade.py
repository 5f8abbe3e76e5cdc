"""A GPT-2 whose heads are known by construction: previous token, first token, induction, and one that does nothing."""

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

WORDS = ("start", "ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kite")
N_POSITIONS, HEAD_SIZE = 24, 24
WIDTH = 2 * HEAD_SIZE  # the residual stream: which word (12), which position (24), which word came before (12)
WORD, POSITION, BEFORE = slice(0, 12), slice(12, 36), slice(36, 48)
STRONG = 60.0


def handmade() -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """Build the model: L0H0 looks at the previous token and notes it down, L0H1 at the first token, L1H0 at what
    followed the last time the word occurred, L1H1 nowhere in particular.
    """
    config = GPT2Config(
        vocab_size=len(WORDS),
        n_positions=N_POSITIONS,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
        _fill(model)
    model.train(mode=False)
    return model, _tokenizer()


def _fill(model: GPT2LMHeadModel) -> None:
    model.transformer.wte.weight[:, WORD] = torch.eye(12)
    model.transformer.wpe.weight[:, POSITION] = torch.eye(24)
    blocks: Any = model.transformer.h
    first, second = (block.attn for block in blocks)
    query, key, value = (slice(part * WIDTH, part * WIDTH + HEAD_SIZE) for part in range(3))  # of head 0
    first.c_attn.weight[POSITION, query] = STRONG * torch.eye(24).roll(-1, dims=1)  # asks for position - 1
    first.c_attn.weight[POSITION, key] = torch.eye(24)
    first.c_attn.weight[WORD, value][:, :12] = torch.eye(12)
    first.c_proj.weight[:12, BEFORE] = torch.eye(12)  # notes down the word it found there
    first.c_attn.bias[HEAD_SIZE] = STRONG  # head 1 asks for position 0, whatever the word
    first.c_attn.weight[POSITION, WIDTH + HEAD_SIZE : 2 * WIDTH] = torch.eye(24)
    second.c_attn.weight[WORD, query][:, :12] = STRONG * torch.eye(12)  # asks who noted down this word
    second.c_attn.weight[BEFORE, key][:, :12] = torch.eye(12)


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="start"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrap: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = wrap(tokenizer_object=tokenizer, unk_token="start", eos_token="kite")
    return wrapped
