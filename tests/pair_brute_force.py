"""Scores of pairs done the obvious way: plain passes of a transformers model over one sequence at a time."""

import difflib
from typing import Any

import numpy as np
import torch

Ids = list[int]


def shared_and_not(first: Ids, second: Ids) -> tuple[list[list[int]], list[list[int]]]:
    """Give the positions of both texts in equal blocks, and those in all others."""
    shared: list[list[int]] = [[], []]
    other: list[list[int]] = [[], []]
    codes = difflib.SequenceMatcher(None, [str(i) for i in first], [str(i) for i in second]).get_opcodes()
    for tag, a, b, c, d in codes:
        for kept, span in (
            ((shared if tag == "equal" else other)[0], (a, b)),
            ((shared if tag == "equal" else other)[1], (c, d)),
        ):
            kept.extend(range(*span))
    return shared, other


@torch.no_grad()
def log_softmax(hf_model: Any, ids: Ids) -> torch.Tensor:
    output = hf_model(input_ids=torch.tensor([ids]))
    logits = output.prediction_logits if "prediction_logits" in output else output.logits
    return logits[0].double().log_softmax(-1)


@torch.no_grad()
def masked_one_by_one(hf_model: Any, tokenizer: Any, ids: Ids, positions: list[int]) -> list[float]:
    """Give the log-probability of each of some tokens when it alone is masked; one row for each, nothing padded."""
    rows = torch.tensor([ids] * len(positions))
    places = torch.arange(len(positions)), torch.tensor(positions)
    rows[places] = tokenizer.mask_token_id
    output = hf_model(input_ids=rows)
    logits = (output.prediction_logits if "prediction_logits" in output else output.logits)[places]
    wanted = torch.tensor(ids)[positions]
    return logits.double().log_softmax(-1)[torch.arange(len(positions)), wanted].tolist()


def masked(hf_model: Any, tokenizer: Any, ids: Ids, position: int, hidden: list[int] | None = None) -> float:
    """Give the log-probability of a token when it, or all that is hidden, is masked."""
    seen = [tokenizer.mask_token_id if place in (hidden or [position]) else i for place, i in enumerate(ids)]
    return float(log_softmax(hf_model, seen)[position, ids[position]])


def plain(tokenizer: Any, ids: Ids) -> list[int]:
    return [place for place, i in enumerate(ids) if i not in set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}]


def encoder_scores(hf_model: Any, tokenizer: Any, texts: tuple[str, str], variant: str) -> list[float]:
    both = [tokenizer(text)["input_ids"] for text in texts]
    shared, other = shared_and_not(*both)
    scores = []
    for ids, own, changed, text in zip(both, shared, other, texts, strict=True):
        if variant in ("nangia", "shared-tokens"):
            scores.append(sum(masked_one_by_one(hf_model, tokenizer, ids, own[1:-1])))
        elif variant == "modified-tokens":
            scores.append(float(np.mean([masked(hf_model, tokenizer, ids, place) for place in changed])))
        elif variant == "pll":
            words = tokenizer(text).word_ids(0)
            hidden = {p: [q for q in range(p, len(ids)) if words[q] == words[p]] for p in plain(tokenizer, ids)}
            scores.append(sum(masked(hf_model, tokenizer, ids, p, hidden[p]) for p in hidden))
        else:
            scores.append(in_plain_sight(hf_model, tokenizer, ids, is_weighted=variant == "aula"))
    return scores


@torch.no_grad()
def in_plain_sight(hf_model: Any, tokenizer: Any, ids: Ids, *, is_weighted: bool) -> float:
    """AUL and AULA as the paper's formula says."""
    output = hf_model(input_ids=torch.tensor([ids]), output_attentions=is_weighted)
    places = plain(tokenizer, ids)
    own = output.logits[0].double().log_softmax(-1)[places, [ids[place] for place in places]].numpy()
    if is_weighted:
        layers = torch.stack([layer[0] for layer in output.attentions])  # (layer, head, query, key)
        own = own * layers.mean(dim=(0, 1, 2)).double().numpy()[places]
    return float(own.mean())


def after(hf_model: Any, ids: Ids) -> np.ndarray:
    """Give the log-probability of every token but the first after those before it."""
    found = log_softmax(hf_model, ids)
    return np.array([float(found[place, ids[place + 1]]) for place in range(len(ids) - 1)])


def decoder_scores(hf_model: Any, tokenizer: Any, texts: tuple[str, str], variant: str) -> list[float]:
    start = tokenizer.bos_token_id
    both = [tokenizer(text)["input_ids"] for text in texts]
    bare = [[i for i in ids if i != start] for ids in both]
    shared, _ = shared_and_not(*bare)
    scores = []
    for ids, own, read in zip(bare, shared, both, strict=True):
        whole = after(hf_model, [start, *ids])
        if variant == "shared-tokens":
            scores.append(float(whole[own].sum()))
        elif variant in ("sum", "mean"):
            scores.append(float(whole.sum() if variant == "sum" else whole.mean()))
        elif variant == "bias-bench":
            first = after(hf_model, [start, ids[0]])
            scores.append(float(np.concatenate([first, after(hf_model, ids)]).mean()))
        else:
            scores.append(float(after(hf_model, read).mean()))
    return scores
