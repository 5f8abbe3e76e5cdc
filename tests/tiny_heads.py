"""Tiny random models with a head other than a language model, of every family that has it; nothing is downloaded."""

import zlib
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.tiny import FAMILIES, _special_ids, _stir


def tiny_head(family: str, ending: str, **settings: Any) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Build a tiny random model of a family with one of its other heads.

    Args:
        family: A model_type of `tests.tiny.FAMILIES`.
        ending: How the class is called after the family, such as "ForSequenceClassification".
        **settings: What its configuration has besides, such as id2label.

    Returns:
        A model in evaluation mode with eager attention, new on every call, and its tokenizer.
    """
    recipe = FAMILIES[family]
    tokenizer = recipe.tokenizer()
    own = {**recipe.settings, "vocab_size": len(tokenizer), **_special_ids(family, tokenizer), **settings}
    config = getattr(transformers, recipe.config)(**own, attn_implementation="eager")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = getattr(transformers, recipe.config.removesuffix("Config") + ending)(config)
    _stir(model, zlib.crc32((family + ending).encode()))
    model.train(mode=False)
    return model, tokenizer
