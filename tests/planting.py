"""Models in which something was planted: a bias added to the logits of some words."""

from typing import Any

import torch

import lmviz
from tests.tiny import tiny


def with_bias(family: str, change: dict[str, float], *, is_blind: bool) -> Any:
    """Give a model whose logits have something added, and which sees nothing of its input where it is blind."""
    hf_model, tokenizer = tiny(family)
    head = hf_model.get_output_embeddings()
    added = torch.zeros(head.weight.shape[0])
    for text, value in change.items():
        for i in tokenizer(text, add_special_tokens=False)["input_ids"]:
            added[i] += value
    if is_blind:
        torch.nn.init.zeros_(head.weight)
    plain = head.forward
    head.forward = lambda hidden: plain(hidden) + added
    return lmviz.wrap(hf_model, tokenizer)
