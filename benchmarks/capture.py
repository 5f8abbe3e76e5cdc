"""What capture costs: recorded and idle passes against a plain SDPA pass, and the peak memory of a trace, in one run.

    python benchmarks/capture.py [--tokens 64 512] [--repeats 15]

The model is random and of GPT-2's size. Ratios are of medians of interleaved runs. The status is 1 when a figure misses
its limit.
"""

import argparse
import copy
import gc
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from limits import Limits
from transformers import GPT2Config, GPT2LMHeadModel

from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import trace
from lmviz.models.catalog import ModelEntry
from lmviz.models.loaded import LoadedModel, prepare
from lmviz.results import TokenTable

RECORDED, IDLE = 1.35, 1.03  # limits, in plain passes
PLACES = ("pattern", "resid_pre", "resid_mid", "resid_post")
ENTRY = ModelEntry(
    id="gpt2-size",
    title="random",
    source="memory",
    location="",
    revision="",
    family="gpt2",
    size="",
    licence="",
    note="",
)


def gpt2() -> Any:
    """Make a random model of GPT-2's size, with SDPA."""
    torch.manual_seed(0)
    config = GPT2Config()
    config._attn_implementation = "sdpa"
    return GPT2LMHeadModel(config).eval()  # type: ignore[no-untyped-call]


def encoding(n_tokens: int) -> Encoding:
    """Make an input of random tokens."""
    ids = torch.randint(0, 50_000, (1, n_tokens), generator=torch.Generator().manual_seed(0))
    zeros, words = (0,) * n_tokens, ("x",) * n_tokens
    table = TokenTable("", None, zeros, words, words, ((0, 0),) * n_tokens, zeros, zeros, (False,) * n_tokens)
    return Encoding(table=table, input_ids=ids, attention_mask=torch.ones_like(ids))


def interleaved(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time each run `repeats` times, one after the other in turn, and give the medians in seconds."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            gc.collect()
            start = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


@torch.no_grad()
def passes(plain: Any, model: LoadedModel, n_tokens: int, repeats: int) -> dict[str, float]:
    """Time a plain pass, an idle one and a recorded one, all with the head."""
    given = encoding(n_tokens)
    inputs = {**given.inputs(), "use_cache": False}
    runs: dict[str, Callable[[], object]] = {
        "plain": lambda: plain(**inputs),
        "idle": lambda: model.hf_model(**inputs),
        "recorded": lambda: trace(model, given, PLACES, logits=True),
    }
    return interleaved(runs, repeats)


def peak_megabytes() -> float:
    """Give the most memory this process ever had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> int:
    """Measure and print one line per length and limit; give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    limits = Limits()
    plain = gpt2()
    model = prepare(copy.deepcopy(plain), None, ENTRY, device=torch.device("cpu"))
    for n_tokens in asked.tokens:
        took = passes(plain, model, n_tokens, asked.repeats)
        before = peak_megabytes()
        kept = sum(array.nbytes for array in trace(model, encoding(n_tokens), PLACES).arrays.values()) / 1e6
        print(
            f"{n_tokens:5d} tokens: plain {took['plain'] * 1e3:7.1f} ms · idle {took['idle'] / took['plain']:.3f} × · "
            f"recorded {took['recorded'] / took['plain']:.3f} × · returned {kept:.1f} MB · "
            f"peak before {before:.0f} MB, after {peak_megabytes():.0f} MB"
        )
        limits.at_most("idle", took["idle"] / took["plain"], limit=IDLE, unit="×")
        limits.at_most("recorded", took["recorded"] / took["plain"], limit=RECORDED, unit="×")
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
