"""Train a head of minilm for sentiment, part of speech or named entities, with the encoder under it.

    LMVIZ_DATA_DIR=../shared/data python scripts/train/finetune.py sentiment --out /some/folder

Word embeddings stay as they are. One checkpoint is kept per epoch, and a run that was stopped goes on from it.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tasks import Sentence, Task, read_task, score
from torch import nn

from lmviz.models.sources import pull

SEED = 1
LONGEST = 128


@dataclass(frozen=True)
class Plan:
    """How a task is trained."""

    epochs: int
    rate: float
    batch: int
    dropout: float = 0.1


PLANS = {"sentiment": Plan(4, 8e-5, 32), "pos": Plan(4, 3e-4, 32), "ner": Plan(8, 2e-4, 16, 0.2)}


def fresh_model(task: Task, base: Path, dropout: float) -> Any:
    """Put a new head on the encoder."""
    kinds = (transformers.BertForSequenceClassification, transformers.BertForTokenClassification)
    config = transformers.BertConfig.from_pretrained(
        base,
        id2label=dict(enumerate(task.labels)),
        label2id={label: number for number, label in enumerate(task.labels)},
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    hf_model = kinds[task.per_word].from_pretrained(base, config=config, attn_implementation="eager")
    hf_model.bert.embeddings.requires_grad_(requires_grad=False)
    return hf_model


def encode(task: Task, sentences: tuple[Sentence, ...], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
    """Turn sentences into ids and labels; of a word's pieces only the first has a label."""
    number = {label: place for place, label in enumerate(task.labels)}
    rows = []
    for sentence in sentences:
        if not task.per_word:
            ids = tokenizer(sentence.words[0], truncation=True, max_length=LONGEST)["input_ids"]
            rows.append((ids, [number[sentence.labels[0]]]))
            continue
        encoded = tokenizer(list(sentence.words), is_split_into_words=True, truncation=True, max_length=LONGEST)
        places, labels, last = encoded.word_ids(), [], None
        for place in places:
            labels.append(-100 if place is None or place == last else number.get(sentence.labels[place], -100))
            last = place
        rows.append((encoded["input_ids"], labels))
    return rows


def collate(rows: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad a batch: ids, attention mask, labels."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in rows])
    n_labels = max(len(labels) for _, labels in rows)
    labels = torch.tensor([row + [-100] * (n_labels - len(row)) for _, row in rows])
    return ids, (ids != 0).long(), labels


@torch.inference_mode()
def predict(hf_model: Any, task: Task, sentences: tuple[Sentence, ...], tokenizer: Any) -> list[tuple[str, ...]]:
    """Give a label per sentence or per word; a word beyond the longest input gets the first label."""
    hf_model.eval()
    rows = encode(task, sentences, tokenizer)
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][0]))
    answers: list[tuple[str, ...]] = [()] * len(rows)
    for start in range(0, len(order), 64):
        places = order[start : start + 64]
        ids, mask, _ = collate([rows[place] for place in places])
        best = hf_model(input_ids=ids, attention_mask=mask).logits.argmax(-1).numpy()
        for place, said in zip(places, best, strict=True):
            if not task.per_word:
                answers[place] = (task.labels[said],)
                continue
            words = tokenizer(
                list(sentences[place].words), is_split_into_words=True, truncation=True, max_length=LONGEST
            ).word_ids()
            first = {word: position for position, word in reversed(list(enumerate(words))) if word is not None}
            answers[place] = tuple(
                task.labels[said[first[word]]] if word in first else task.labels[0]
                for word in range(len(sentences[place].words))
            )
    return answers


def train(task: Task, plan: Plan, out: Path) -> None:
    """Train epoch by epoch, from the last checkpoint on."""
    torch.manual_seed(SEED)
    base = pull("minilm")
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    hf_model = fresh_model(task, base, plan.dropout)
    rows = encode(task, task.train, tokenizer)
    parameters = [parameter for parameter in hf_model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    n_batches = len(rows) // plan.batch
    n_steps, warm_up = plan.epochs * n_batches, n_batches // 4
    checkpoint, first = out / "checkpoint.pt", 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        hf_model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
    for epoch in range(first, plan.epochs):
        began, total = time.monotonic(), 0.0
        torch.manual_seed(SEED + epoch)  # dropout goes on the same way after an interruption
        hf_model.train()
        for number, places in enumerate(_batches(rows, plan.batch, epoch)):
            ids, mask, labels = collate([rows[place] for place in places])
            with torch.autocast("cpu", torch.bfloat16):
                logits = hf_model(input_ids=ids, attention_mask=mask).logits
            loss = nn.functional.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=-100)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            step = epoch * n_batches + number
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * min(1.0, (step + 1) / warm_up) * (1 - step / n_steps)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        aside = checkpoint.with_suffix(".new")
        torch.save({"model": hf_model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}, aside)
        aside.replace(checkpoint)
        dev = score(task, task.dev, predict(hf_model, task, task.dev, tokenizer))
        row = {"epoch": epoch + 1, "train_loss": round(total / n_batches, 4), "dev": dev}
        with (out / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(row, f"{time.monotonic() - began:.0f} s", flush=True)


def _batches(rows: list[tuple[list[int], list[int]]], size: int, epoch: int) -> list[list[int]]:
    """Shuffle, then put rows of about the same length together, the same way each time."""
    rng = np.random.default_rng((SEED, epoch))
    order = rng.permutation(len(rows))
    chunks = [
        sorted(order[start : start + size * 20], key=lambda row: len(rows[row][0]))
        for start in range(0, len(order), size * 20)
    ]
    batches = [chunk[start : start + size] for chunk in chunks for start in range(0, len(chunk) - size + 1, size)]
    return [batches[place] for place in rng.permutation(len(batches))][: len(rows) // size]


def main() -> None:
    """Train one task."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("task", choices=PLANS)
    arguments.add_argument("--out", type=Path, required=True, help="where the checkpoint and the curve are kept")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    train(read_task(chosen.task), PLANS[chosen.task], chosen.out)


if __name__ == "__main__":
    main()
