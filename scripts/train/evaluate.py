"""Measure a shipped model and write its card.

    LMVIZ_DATA_DIR=../shared/data python scripts/train/evaluate.py minilm-mlm --curve /some/folder/curve.jsonl

Writes assets/models/ID/measured.json and card.md. Everything is measured on the model as `lmviz.load` gives it.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cards import EXAMPLES, card
from corpus import TEST, data_dir, read_document, read_training_text
from finetune import predict
from measure import fill_mask, next_sentence
from shrink import MODELS
from tasks import baseline, read_task, score

import lmviz
from lmviz.models.loaded import LoadedModel

Measured = dict[str, Any]


def masked_language_model(model: LoadedModel) -> Measured:
    """Measure fill-mask on wikitext2_test and next sentence on what was held out of every training file."""
    test = read_document(data_dir() / "text" / TEST, model.tokenizer)
    train, held_out = read_training_text(model.tokenizer)
    counts = np.bincount([token for document in train for ids in document.sentences for token in ids])
    return {
        "fill_mask_wikitext2_test": fill_mask(model.hf_model, model.tokenizer, [test]),
        "fill_mask_most_frequent_words": _frequent(counts, model.tokenizer, test),
        "next_sentence_held_out": next_sentence(model.hf_model, model.tokenizer, held_out, n_pairs=4000),
        "fill_mask": {text: _candidates(model, text) for text in EXAMPLES["minilm-mlm"]},
    }


def _frequent(counts: Any, tokenizer: Any, test: Any) -> Measured:
    """Give what always answering the most frequent pieces of the training text would reach."""
    from corpus import join
    from measure import masked_blocks

    best = np.argsort(-counts, kind="stable")[:5]
    wanted = masked_blocks(join(test.sentences), tokenizer)[1]
    wanted = wanted[wanted != -100]
    return {
        "top_1": round(float((wanted == best[0]).mean()), 4),
        "top_5": round(float(np.isin(wanted, best).mean()), 4),
    }


def _candidates(model: LoadedModel, text: str) -> list[list[Any]]:
    found = lmviz.run("token-distributions", model, text=text, top_k=5)
    return [[name, round(float(p), 4)] for name, p in zip(found.candidates[0], found.probabilities[0], strict=True)]


def labelled(model: LoadedModel) -> Measured:
    """Measure a head on the dev and test parts of its task, with what takes no model beside it."""
    task = read_task(model.id.removeprefix("minilm-"))
    parts = {"dev": task.dev, "test": task.test}
    given = {name: predict(model.hf_model, task, part, model.tokenizer) for name, part in parts.items()}
    measured = {name: score(task, part, given[name]) for name, part in parts.items()}
    return {
        **measured,
        "baseline_test": baseline(task),
        "examples": {text: _says(model, text) for text in EXAMPLES[model.id]},
    }


def _says(model: LoadedModel, text: str) -> Any:
    encoded = model.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        shares = model.hf_model(**encoded).logits[0].softmax(-1)
    labels = model.hf_model.config.id2label
    if shares.ndim == 1:
        return [labels[int(shares.argmax())], round(float(shares.max()), 4)]
    words = encoded.word_ids()
    first = [place for place, word in enumerate(words) if word is not None and word not in words[:place]]
    pieces = [text[slice(*encoded.word_to_chars(words[place]))] for place in first]
    return [[piece, labels[int(shares[place].argmax())]] for piece, place in zip(pieces, first, strict=True)]


@torch.inference_mode()
def language_model(model: LoadedModel) -> Measured:
    """Give the loss of a decoder on wikitext2_test in nats per token, and bits per byte of the text.

    The text is read in windows of 1024 tokens that overlap by a quarter; every token but the first is predicted once,
    from at least 256 tokens before it, the beginning apart. Nothing stands for the pieces that the file gives as
    [UNK]: they are left out of the sum, and their bytes too.
    """
    text = (data_dir() / "text" / TEST).read_text(encoding="utf-8")
    encoded = model.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    ids, spans = torch.tensor(encoded["input_ids"]), np.array(encoded["offset_mapping"])
    unknown = np.zeros(len(text), dtype=bool)
    start = text.find("[UNK]")
    while start >= 0:
        unknown[start : start + 5] = True
        start = text.find("[UNK]", start + 5)
    covered = np.concatenate([[0], np.cumsum(unknown)])
    counted = covered[spans[:, 1]] == covered[spans[:, 0]]
    losses = np.full(len(ids), np.nan)
    for begin in range(0, len(ids) - 256, 768):
        window = ids[begin : begin + 1024]
        logits = model.hf_model(input_ids=window[None]).logits[0, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits, window[1:], reduction="none").numpy()
        new = 0 if begin == 0 else 255
        losses[begin + 1 + new : begin + len(window)] = loss[new:]
    kept = counted & ~np.isnan(losses)
    n_bytes = sum(len(text[a:b].encode()) for (a, b), keep in zip(spans, kept, strict=True) if keep)
    return {
        "loss_wikitext2_test": round(float(losses[kept].mean()), 4),
        "perplexity_per_token": round(math.exp(float(losses[kept].mean())), 2),
        "bits_per_byte": round(float(losses[kept].sum() / math.log(2) / n_bytes), 4),
        "n_tokens": int(kept.sum()),
        "n_bytes": n_bytes,
    }


MEASURES: dict[str, Callable[[LoadedModel], Measured]] = {
    "minilm-mlm": masked_language_model,
    "minilm-sentiment": labelled,
    "minilm-pos": labelled,
    "minilm-ner": labelled,
    "smollm2-135m": language_model,
}


def main() -> None:
    """Measure one model and write its card."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("id", choices=MEASURES)
    arguments.add_argument("--curve", type=Path, help="the curve.jsonl of the training run")
    chosen = arguments.parse_args()
    model = lmviz.load(chosen.id)
    measured = {"id": chosen.id, "sha256": model.entry.revision, **MEASURES[chosen.id](model)}
    curve = [json.loads(line) for line in chosen.curve.read_text().splitlines()] if chosen.curve else []
    folder = MODELS / chosen.id
    folder.mkdir(parents=True, exist_ok=True)
    written = json.dumps({**measured, "curve": curve}, indent=1, ensure_ascii=False)
    (folder / "measured.json").write_text(written + "\n", encoding="utf-8")
    (folder / "card.md").write_text(card(chosen.id, measured, curve), encoding="utf-8")
    print(json.dumps(measured, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
