"""Measure the masked language model and next-sentence prediction, the same way each time."""

from typing import Any

import numpy as np
import torch
from corpus import Document, Ids, blocks, join

BLOCK = 128  # positions, [CLS] and [SEP] included
SHARE = 0.15
SEED = 1


def masked_blocks(text: Ids, tokenizer: Any, n_blocks: int | None = None) -> tuple[Ids, Ids]:
    """Cut text into blocks of 128 positions and mask 15 % of the positions of each with [MASK], seed 1.

    Returns:
        The rows with masks, and what stood there (-100 where nothing is asked).
    """
    rng = np.random.default_rng(SEED)
    rows, targets = [], []
    untouched = np.array(tokenizer.all_special_ids)
    for part in list(blocks(text, BLOCK - 2))[:n_blocks]:
        row = np.concatenate([[tokenizer.cls_token_id], part, [tokenizer.sep_token_id]])
        open_to_mask = np.flatnonzero(~np.isin(row, untouched))
        chosen = rng.choice(open_to_mask, size=min(round(SHARE * BLOCK), len(open_to_mask)), replace=False)
        target = np.full(BLOCK, -100, dtype=np.int64)
        target[chosen] = row[chosen]
        row[chosen] = tokenizer.mask_token_id
        rows.append(row)
        targets.append(target)
    return np.stack(rows), np.stack(targets)


@torch.inference_mode()
def fill_mask(hf_model: Any, tokenizer: Any, documents: list[Document], n_blocks: int | None = None) -> dict[str, Any]:
    """Give top-1 and top-5 accuracy and the mean loss in nats at masked positions; [UNK] is never asked for."""
    hf_model.eval()
    texts = [join(document.sentences) for document in documents]
    rows, targets = masked_blocks(np.concatenate(texts), tokenizer, n_blocks)
    top1 = top5 = n = 0
    loss = 0.0
    for start in range(0, len(rows), 16):
        ids, target = torch.from_numpy(rows[start : start + 16]), torch.from_numpy(targets[start : start + 16])
        states = hf_model.bert(input_ids=ids).last_hidden_state[target != -100]
        logits, wanted = hf_model.cls.predictions(states), target[target != -100]
        best = logits.topk(5, dim=-1).indices
        top1 += int((best[:, 0] == wanted).sum())
        top5 += int((best == wanted[:, None]).any(-1).sum())
        loss += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        n += len(wanted)
    return {"top_1": round(top1 / n, 4), "top_5": round(top5 / n, 4), "loss": round(loss / n, 4), "n": n}


@torch.inference_mode()
def next_sentence(hf_model: Any, tokenizer: Any, documents: list[Document], n_pairs: int) -> dict[str, Any]:
    """Give accuracy on neighbouring sentences against sentences of another document, half of each, seed 1."""
    hf_model.eval()
    rng = np.random.default_rng(SEED)
    sizes = np.array([len(document.sentences) - 1 for document in documents], dtype=float)
    pairs, truth = [], []
    for number in range(n_pairs):
        chosen = rng.choice(len(documents), p=sizes / sizes.sum())
        sentences = documents[chosen].sentences
        place = rng.integers(len(sentences) - 1)
        second = sentences[place + 1]
        if number % 2:
            other = documents[rng.choice(np.delete(np.arange(len(documents)), chosen))].sentences
            second = other[rng.integers(len(other))]
        pairs.append((list(sentences[place][-60:]), list(second[:60])))
        truth.append(number % 2)
    right = np.zeros(n_pairs, dtype=bool)
    for start in range(0, n_pairs, 32):
        some = [_pair(tokenizer, *pair) for pair in pairs[start : start + 32]]
        padded = tokenizer.pad(some, return_tensors="pt")
        says = hf_model.cls.seq_relationship(hf_model.bert(**padded).pooler_output).argmax(-1).numpy()
        right[start : start + 32] = says == np.array(truth[start : start + 32])
    return {"accuracy": round(float(right.mean()), 4), "n": n_pairs}


def _pair(tokenizer: Any, first: list[int], second: list[int]) -> dict[str, list[int]]:
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    ids = [cls, *first, sep, *second, sep]
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    return {"input_ids": ids, "token_type_ids": segments, "attention_mask": [1] * len(ids)}
