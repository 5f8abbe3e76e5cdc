"""Measure the probing lab on a treebank: python benchmarks/probing.py FOLDER [MODEL].

FOLDER has files with train, dev and test in their names, such as the English Web Treebank. It says how fast the capture
is beside a plain batched pass over the same sentences, how long the whole lab takes for one task (every layer, five
seeds, task and control, and a model with random weights), and how much memory all of it took.
"""

import resource
import sys
import tempfile
import time

import torch

import lmviz
from lmviz.analyses.probing.linear_probe import completed
from lmviz.analyses.probing.probe_run import Params, probe_run
from lmviz.capture.activations import Capture, captured
from lmviz.capture.narrow import accepted
from lmviz.capture.padding import padded


def plain(wanted: Capture) -> float:
    """Give the seconds of a plain pass over the same batches."""
    base = wanted.model.hf_model.base_model
    start = time.perf_counter()
    with torch.no_grad():
        for batch in wanted.batches():
            rows, segments = wanted.texts.of(batch)
            base(**accepted(base, padded(wanted.model, rows, segments=segments)))
    return time.perf_counter() - start


def main(folder: str, name: str = "minilm") -> None:
    """Measure and print."""
    import os

    model = lmviz.load(name)
    with tempfile.TemporaryDirectory() as cache:
        loaded = os.environ.get("LMVIZ_CACHE_DIR")
        os.environ["LMVIZ_CACHE_DIR"] = cache
        start = time.perf_counter()
        run = probe_run("linear", model, params=Params(source=folder, task="upos"))
        prepared = time.perf_counter() - start
        before = plain(run.capture)
        start = time.perf_counter()
        captured(run.capture, on_progress=lambda *_: None)
        capture = time.perf_counter() - start
        around = (before, plain(run.capture))
        said = run.seconds
        start = time.perf_counter()
        result = completed(run)
        rest = time.perf_counter() - start
        if loaded is None:
            del os.environ["LMVIZ_CACHE_DIR"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    ratio = sum(around) / 2 / capture
    lines = [
        f"{name}: {len(run.parts(0)):,} words to train on, {len(run.steps)} probes",
        f"reading and tokenizing {prepared:.0f} s, capture {capture:.0f} s",
        f"plain passes {around[0]:.0f} s and {around[1]:.0f} s, so at {ratio:.2f} x their throughput",
        f"everything else {rest:.0f} s (said: {said:.0f} s), in all {(prepared + capture + rest) / 60:.1f} min",
        f"peak memory {peak:.2f} GB, activations {run.capture.n_bytes / 1e9:.2f} GB on disk for each of the two models",
    ]
    for series in ("accuracy", "control", "selectivity", "random_weights", "unseen", "macro_f1"):
        values = zip(result.series[series], result.low[series], result.high[series], strict=True)
        lines.append(f"{series}: " + ", ".join(f"{100 * v:.2f} [{100 * a:.2f}, {100 * b:.2f}]" for v, a, b in values))
    lines.append(f"baselines {dict(result.baselines)}, best layer {result.best}, V-information {result.information}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
