"""What writing costs: a tree of 50 tokens against the library's plain cached `generate`, and a branch that is followed.

    python benchmarks/generation.py [--tokens 50] [--repeats 5] [--threads N]

The model is the embedded smollm2-135m; plain is the library's own class with SDPA over the same weights. Ratios are of
medians of interleaved runs; where other work goes on, one thread is steadier. The status is 1 when a figure misses its
limit.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from capture import interleaved
from limits import Limits

import lmviz
from lmviz.analyses.predictions.generate import Params, continue_from, generate
from lmviz.models.loaded import LoadedModel
from lmviz.results import ContinuationTree

LIMIT = 1.2  # in runs of the library's own
TEXT = "Once upon a time there was a small town by the sea, where"
N_BRANCH = 10  # tokens that an alternative is followed for
N_BEAMS = 4


def plain_copy(model: LoadedModel) -> Any:
    """Make a model of the library's own class with the same weights, with SDPA and nothing of lmviz in it."""
    config = copy.deepcopy(model.hf_model.config)
    config._attn_implementation = "sdpa"
    second = type(model.hf_model)(config)
    second.load_state_dict(model.hf_model.state_dict(), assign=True)
    second.generation_config = copy.deepcopy(model.hf_model.generation_config)
    return second.eval()


def written(hf_model: Any, ids: list[int], n_new: int, **choice: Any) -> list[int]:
    """Let the library write; give the new tokens."""
    given = torch.tensor([ids])
    whole = hf_model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=n_new, do_sample=False, **choice
    )
    return [int(i) for i in whole[0, len(ids) :]]


def alternative(tree: ContinuationTree) -> int:
    """Give a node in the middle that is not on the main continuation."""
    middle = int(tree.depth.max()) // 2
    return next(node for node, depth in enumerate(tree.depth) if depth == middle and not tree.is_chosen[node])


def runs(model: LoadedModel, n_tokens: int) -> dict[str, Callable[[], object]]:
    """Give what is timed, each with the library's counterpart; both must write the same."""
    plain = plain_copy(model)
    params = Params(text=TEXT, max_new_tokens=n_tokens, n_branches=5)
    tree = generate(model, params)
    ids = [int(i) for i in tree.token_ids]
    prompt = list(tree.table.ids) if tree.table else []
    if [ids[node] for node in tree.chosen] != written(plain, prompt, n_tokens) or len(tree.chosen) != n_tokens:
        raise SystemExit(f"The library writes something else, or fewer than {n_tokens} tokens.")
    node = alternative(tree)
    before = prompt + [ids[place] for place in tree.path(node)]
    branch, beams = replace(params, max_new_tokens=N_BRANCH), replace(params, max_new_tokens=N_BRANCH, n_beams=N_BEAMS)
    return {
        "plain": lambda: written(plain, prompt, n_tokens),
        "tree": lambda: generate(model, params),
        "plain branch": lambda: written(plain, before, N_BRANCH),
        "branch": lambda: continue_from(model, tree, node=node, params=branch),
        "plain beams": lambda: written(plain, prompt, N_BRANCH, num_beams=N_BEAMS),
        "beams": lambda: generate(model, beams),
    }


def main() -> int:
    """Measure and print one line per limit; give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    limits = Limits()
    took = interleaved(runs(lmviz.load("smollm2-135m"), asked.tokens), asked.repeats)
    print(" · ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items()))
    named = {
        "tree": f"{asked.tokens} tokens with 5 branches",
        "branch": f"an alternative followed for {N_BRANCH} tokens",
        "beams": f"{N_BRANCH} tokens of {N_BEAMS} beams",
    }
    pairs = (("tree", "plain"), ("branch", "plain branch"), ("beams", "plain beams"))
    for ours, theirs in pairs:
        limits.at_most(named[ours], took[ours] / took[theirs], limit=LIMIT, unit="× generate")
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
