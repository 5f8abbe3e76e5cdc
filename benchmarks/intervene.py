"""What a residual patching grid costs in batches that begin at each layer, against one hooked pass for each cell.

    python benchmarks/intervene.py [--model smollm2-135m] [--plain 40] [--repeats 15]

The grid replaces the residual stream of the corrupted run by the clean one at one layer and one position, in all layers
and positions, and reads one logit difference at the last position. The plain passes, each with one forward hook on a
copy of the model, are taken for every so many-th cell, half before the grid and half after; the ratio is of times per
cell. The same pass with nothing asked for is timed with blocks that can be passed by and with the family's own. The
status is 1 when a figure misses its limit.
"""

import argparse
import copy
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from capture import interleaved
from limits import Limits

import lmviz
from lmviz.capture.intervene import PatchStream, Run, run, run_batch
from lmviz.capture.tokens import Encoding, encode
from lmviz.models import anatomy
from lmviz.models.loaded import LoadedModel

TIMES_FASTER, CLOSE, IDLE = 5.0, 1e-3, 1.03
CLEAN, CORRUPTED = (
    "When Mary and John went to the store, John gave a drink to",
    "When John and Mary went to the store, John gave a drink to",
)
TARGET, CONTRAST = " Mary", " John"


def plain_copy(model: LoadedModel) -> Any:
    """Make the same model as transformers has it: SDPA, no hooks, blocks of their own class."""
    other = type(model.hf_model)(_plain_config(model)).eval()
    other.load_state_dict(model.hf_model.state_dict())
    return other


def _plain_config(model: LoadedModel) -> Any:
    config = copy.deepcopy(model.hf_model.config)
    config._attn_implementation = "sdpa"
    return config


def difference(model: LoadedModel, logits: np.ndarray) -> float:
    """Give the target's logit minus the contrast's."""
    ids = [model.tokenizer.encode(word, add_special_tokens=False)[0] for word in (TARGET, CONTRAST)]
    return float(logits[ids[0]] - logits[ids[1]])


def grid(model: LoadedModel, clean: Encoding, corrupted: Encoding) -> np.ndarray:
    """Patch every layer and position: (layer, position)."""
    n_tokens = len(clean.table)
    own, other = (run(model, Run(text), places=("resid_pre",))["resid_pre"] for text in (corrupted, clean))

    def cells() -> Iterator[Run]:
        for layer in range(model.n_layers):
            entered = PatchStream(layer, "resid_pre", own[layer])
            for at in range(n_tokens):
                patch = PatchStream(layer, "resid_pre", other[layer][[at]], (at,))
                yield Run(corrupted, (entered, patch), logits_at=(n_tokens - 1,))

    scores = [difference(model, found.logits[0]) for found in run_batch(model, cells()) if found.logits is not None]
    return np.array(scores).reshape(model.n_layers, n_tokens)


@torch.no_grad()
def hooked(model: LoadedModel, plain: Any, texts: tuple[Encoding, Encoding], cells: list[tuple[int, int]]) -> Any:
    """Patch some cells, each in a pass of its own with a hook of its own; give the scores and seconds per cell."""
    clean, corrupted = texts
    blocks = anatomy.blocks(plain, dict(model.anatomy.stacks)["decoder"])
    other = run(model, Run(clean), places=("resid_pre",))["resid_pre"]
    scores = []
    start = time.perf_counter()
    for layer, at in cells:
        value = torch.from_numpy(other[layer, at].copy())

        def hook(_module: Any, args: Any, value: torch.Tensor = value, at: int = at) -> Any:
            hidden = args[0].clone()
            hidden[:, at] = value
            return (hidden, *args[1:])

        handle = blocks[layer].register_forward_pre_hook(hook)
        logits = plain(**corrupted.inputs(), use_cache=False, logits_to_keep=1).logits
        handle.remove()
        scores.append(difference(model, logits[0, -1].numpy()))
    return scores, (time.perf_counter() - start) / max(1, len(cells))


@torch.no_grad()
def idle(model: LoadedModel, given: Encoding, repeats: int) -> float:
    """Give the time of a pass with nothing asked for, in passes of the same model with the family's own blocks."""
    inputs = {**given.inputs(), "use_cache": False, "logits_to_keep": 1}
    before = copy.deepcopy(model.hf_model)
    for block in anatomy.blocks(before, dict(model.anatomy.stacks)["decoder"]):
        block.__class__ = type(block).__mro__[1]
    took = interleaved({"own": lambda: before(**inputs), "passable": lambda: model.hf_model(**inputs)}, repeats)
    return took["passable"] / took["own"]


def main() -> int:
    """Measure and print one line for each figure; give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--plain", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    model = lmviz.load(asked.model)
    plain = plain_copy(model)
    clean, corrupted = encode(model, CLEAN), encode(model, CORRUPTED)
    grid(model, clean, corrupted)
    everywhere = [(layer, at) for layer in range(model.n_layers) for at in range(len(clean.table))]
    cells = everywhere[:: max(1, len(everywhere) // asked.plain)]
    half = len(cells) // 2
    first, before = hooked(model, plain, (clean, corrupted), cells[:half])
    start = time.perf_counter()
    scores = grid(model, clean, corrupted)
    took = time.perf_counter() - start
    second, after = hooked(model, plain, (clean, corrupted), cells[half:])
    per_cell = (before + after) / 2
    apart = float(np.abs(np.array([*first, *second]) - np.array([scores[cell] for cell in cells])).max())
    n_layers, n_tokens = scores.shape
    print(f"{n_layers} layers × {n_tokens} positions: {took:.2f} s; one pass per cell: {per_cell * 1e3:.1f} ms each")
    limits = Limits()
    limits.at_least("grid", per_cell * scores.size / took, limit=TIMES_FASTER, unit="× faster than a pass per cell")
    limits.at_most("logit differences apart", apart, limit=CLOSE, unit="logits")
    limits.at_most("idle", idle(model, clean, asked.repeats), limit=IDLE, unit="×")
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
