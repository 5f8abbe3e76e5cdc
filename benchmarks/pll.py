"""What pseudo-log-likelihoods cost in batches, against one forward pass per token, and how far the two are apart.

    python benchmarks/pll.py [--model minilm-mlm] [--sentences 500] [--plain 50]

Sentences are made of common words, 6 to 30 of them. The plain passes run over every tenth of the sentences unless told
otherwise, half of them before the batches and half after; the ratio is of the times per token. The status is 1 when a
figure misses its limit.
"""

import argparse
import random
import sys
import time
from typing import Any

import numpy as np
import torch
from limits import Limits

import lmviz
from lmviz.analyses.predictions.scoring import ScoredText, score_texts
from lmviz.capture.trace import head_logits
from lmviz.models.loaded import LoadedModel

TIMES_FASTER, CLOSE = 7.0, 2e-5
WORDS = (
    "the cat old woman found a house river garden and said that warm cold long short dark light dry wet late early "
    "calm was because of tired nurses unbelievable photographs in evening mountains between them"
).split()


def sentences(n: int) -> list[str]:
    """Make sentences of common words, the same in every run."""
    draw = random.Random(0)  # a benchmark needs no secrets
    return [" ".join(draw.choices(WORDS, k=draw.randint(6, 30))) + "." for _ in range(n)]


@torch.no_grad()
def plainly(model: LoadedModel, text: str) -> np.ndarray:
    """Score a text with one pass for each token, all logits computed, the later pieces of a word masked with it."""
    given: Any = model.tokenizer(text, return_tensors="pt")
    ids, words = given["input_ids"][0], given.word_ids(0)
    scores = np.full(len(ids), np.nan, dtype=np.float32)
    for position, word in enumerate(words):
        if word is not None:
            masked = ids.clone()
            masked[[other for other in range(position, len(ids)) if words[other] == word]] = (
                model.tokenizer.mask_token_id
            )
            logits = head_logits(model.hf_model(**{**given, "input_ids": masked[None]}))[0, position]
            scores[position] = float(logits.log_softmax(-1)[ids[position]])
    return scores


def n_scored(scores: np.ndarray) -> int:
    """Count the tokens that have a score."""
    return int(np.isfinite(scores).sum())


def timed_plainly(model: LoadedModel, texts: list[str]) -> tuple[list[np.ndarray], float]:
    """Score texts with one pass for each token; give the scores and the seconds per token."""
    start = time.perf_counter()
    found = [plainly(model, text) for text in texts]
    return found, (time.perf_counter() - start) / sum(map(n_scored, found))


def timed_batches(model: LoadedModel, texts: list[str]) -> tuple[tuple[ScoredText, ...], float]:
    """Score texts in batches; give the scores and the seconds per token."""
    start = time.perf_counter()
    found = score_texts(model, texts)
    return found, (time.perf_counter() - start) / sum(n_scored(scored.log_probabilities) for scored in found)


def main() -> int:
    """Measure, print a line for each figure and limit, and give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm-mlm")
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--plain", type=int, default=50, help="how many of them also run plainly")
    asked = parser.parse_args()
    model, texts = lmviz.load(asked.model), sentences(asked.sentences)
    sample = range(0, len(texts), max(1, len(texts) // max(asked.plain, 2)))
    half = len(sample) // 2
    timed_plainly(model, texts[:1])
    timed_batches(model, texts[:2])
    before, one = timed_plainly(model, [texts[place] for place in sample[:half]])
    scored, batched = timed_batches(model, texts)
    after, two = timed_plainly(model, [texts[place] for place in sample[half:]])
    plain, limits = (one + two) / 2, Limits()
    apart = max(
        float(np.nanmax(np.abs(scored[place].log_probabilities - want)))
        for place, want in zip(sample, [*before, *after], strict=True)
    )
    n_tokens = sum(n_scored(item.log_probabilities) for item in scored)
    print(
        f"{len(texts)} sentences, {n_tokens:,} tokens, {batched * n_tokens:.1f} s: {batched * 1e3:.2f} ms a token "
        f"in batches, {one * 1e3:.2f} and {two * 1e3:.2f} ms plainly ({len(sample)} sentences)"
    )
    limits.at_least("faster than one pass per token", plain / batched, limit=TIMES_FASTER, unit="×")
    limits.at_most("apart from one pass per token", apart, limit=CLOSE, unit="nats")
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
