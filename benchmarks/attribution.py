"""What attributions cost: integrated gradients against Captum's, of a label, a next token and a written text; memory.

    python benchmarks/attribution.py [--repeats 3] [--steps 32] [--tokens 30] [--threads N]

Captum runs the library's own class with SDPA over the same weights, with its default batching: all steps at once. Both
say how much is left unexplained, and at the same steps that is the same. Where "as little left" stands, lmviz takes the
steps that its tolerance needs and Captum the fewest that leave no more, found by trying. Ratios are of medians of
interleaved runs, of a written text of one run each. Memory is that of a process of its own, the model included. The
status is 1 when a figure misses its limit.
"""

import argparse
import copy
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients
from capture import interleaved
from limits import Limits

import lmviz
from lmviz.models.loaded import LoadedModel
from lmviz.results import GeneratedScores, TokenScores

FASTER, MEMORY = 2.0, 4.0  # limits: times, and GB
MOST_MEMORY = 12  # GB that a process is let have
APART = 1e-3  # of the largest score, between lmviz and Captum
FILM = "The film was long and slow, but in the end the actors saved it and I left the cinema happy."
PLACE = "The capital of France is a city that people all over the world like to visit, and its name is"
STORY = "Once upon a time there was a small town by the sea, where"
LONG_TOKENS, LONG_STEPS = 256, 64
BENT = "The capital of France is"  # on whose way from the padding token the answer jumps
TRIED = (4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 50, 64, 96, 128, 256, 512, 1024, 2048)  # steps
ALL_AT_ONCE = 256  # steps; with more, Captum is given batches of so many as lmviz takes


class Plain:
    """One score of a plain model, as a function of embeddings, and what Captum makes of it."""

    def __init__(self, hf_model: Any, ids: list[int], *, fixed: list[bool], pad: int) -> None:
        self.hf_model = hf_model
        table = hf_model.get_input_embeddings()
        self.own = table(torch.tensor([ids])).detach()
        empty = table(torch.tensor(pad)).detach()
        self.empty = torch.where(torch.tensor(fixed)[None, :, None], self.own, empty)
        self.entry = 0

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Give the score, (row,)."""
        logits: torch.Tensor = self.hf_model(inputs_embeds=embeddings).logits
        return (logits if logits.ndim == 2 else logits[:, -1])[:, self.entry]

    def first(self) -> "Plain":
        """Explain what the model puts first."""
        with torch.no_grad():
            logits = self.hf_model(inputs_embeds=self.own).logits
        self.entry = int((logits[0] if logits.ndim == 2 else logits[0, -1]).argmax())
        return self

    def explain(self, n_steps: int) -> tuple[np.ndarray, float]:
        """Give Captum's scores, and how much they leave."""
        rows = None if n_steps <= ALL_AT_ONCE else max(1, 1024 // self.own.shape[1])
        found, delta = IntegratedGradients(self).attribute(
            self.own, self.empty, n_steps=n_steps, internal_batch_size=rows, return_convergence_delta=True
        )
        return found.sum(dim=-1)[0].detach().numpy(), float(delta.abs().max())

    def slope(self) -> np.ndarray:
        """Give Captum's input × gradient."""
        found = InputXGradient(self).attribute(self.own.clone().requires_grad_())
        scores: np.ndarray = found.sum(dim=-1)[0].detach().numpy()
        return scores


def same_weights(model: LoadedModel) -> Any:
    """Make a model of the library's own class with the same weights, with SDPA and nothing of lmviz in it."""
    config = copy.deepcopy(model.hf_model.config)
    config._attn_implementation = "sdpa"
    second = type(model.hf_model)(config)
    second.load_state_dict(model.hf_model.state_dict(), assign=True)
    return second.eval().requires_grad_(requires_grad=False)


def plain_of(model: LoadedModel, result: TokenScores | GeneratedScores, hf_model: Any, n_tokens: int) -> Plain:
    """Make the plain counterpart of the first tokens of a result."""
    assert result.table is not None
    tokenizer = model.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    table = result.table
    return Plain(hf_model, list(table.ids[:n_tokens]), fixed=list(table.special[:n_tokens]), pad=int(pad))


def one_score(name: str, text: str, *, asked: argparse.Namespace, limits: Limits) -> None:
    """Compare the explanation of one score with the same steps."""
    model = lmviz.load(name)
    given = explained(model, text, n_steps=asked.steps)
    plain = plain_of(model, given, same_weights(model), len(given.tokens)).first()
    wanted, left = plain.explain(asked.steps)
    apart = float(np.abs(given.scores - wanted).max() / np.abs(wanted).max())
    limits.at_most(f"{name}: scores apart, of the largest", apart, limit=APART, unit="")
    runs: dict[str, Callable[[], object]] = {
        "captum": lambda: plain.explain(asked.steps),
        "lmviz": lambda: explained(model, text, n_steps=asked.steps),
    }
    took = interleaved(runs, asked.repeats)
    print(
        f"{name}, {len(given.tokens)} tokens: captum {took['captum']:.2f} s · lmviz {took['lmviz']:.2f} s · "
        f"left over {left:.3g} and {abs(given.residue):.3g} logits"
    )
    limits.at_least(f"{name}: {asked.steps} steps", took["captum"] / took["lmviz"], limit=FASTER, unit="× faster")


def as_little_left(name: str, text: str, *, asked: argparse.Namespace, limits: Limits) -> None:
    """Compare the steps that a tolerance takes with the fewest that leave Captum no more than it allows.

    Where not even the most that are tried do, these are compared.
    """
    model = lmviz.load(name)
    given = explained(model, text, tolerance=asked.tolerance)
    plain = plain_of(model, given, same_weights(model), len(given.tokens)).first()
    facts = given.provenance
    allowed = max(abs(given.residue), asked.tolerance * abs(facts["value"] - facts["baseline_value"]))
    left = {}
    for n_steps in TRIED:
        left[n_steps] = plain.explain(n_steps)[1]
        if left[n_steps] <= allowed:
            break
    runs: dict[str, Callable[[], object]] = {
        "captum": lambda: plain.explain(n_steps),
        "lmviz": lambda: explained(model, text, tolerance=asked.tolerance),
    }
    took = interleaved(runs, asked.repeats)
    print(
        f"{name}, at most {allowed:.2g} left: lmviz {facts['steps']:.0f} steps, {took['lmviz']:.2f} s, leaves "
        f"{abs(given.residue):.2g} · captum {n_steps} steps, {took['captum']:.2f} s, leaves {left[n_steps]:.2g}"
    )
    limits.at_least(f"{name}: as little left", took["captum"] / took["lmviz"], limit=FASTER, unit="× faster")


def explained(model: LoadedModel, text: str, **how: Any) -> TokenScores:
    """Ask lmviz."""
    found = lmviz.run("integrated-gradients", model, text=text, **how)
    assert isinstance(found, TokenScores)
    return found


def written(method: str, *, asked: argparse.Namespace, limits: Limits) -> None:
    """Compare the explanation of all tokens of a written text with one call of Captum for each."""
    model = lmviz.load("smollm2-135m")
    hf_model = same_weights(model)
    text = lmviz.run("generate", model, text=STORY, max_new_tokens=asked.tokens).text  # type: ignore[attr-defined]

    start = time.perf_counter()
    result = lmviz.run(
        "generation-attribution", model, text=STORY, continuation=text, method=method, n_steps=asked.steps
    )
    ours = time.perf_counter() - start
    assert isinstance(result, GeneratedScores)
    plains = []
    for row, token in enumerate(result.table.ids[result.n_source :] if result.table else ()):
        plains.append(plain_of(model, result, hf_model, result.n_source + row))
        plains[-1].entry = token
    start = time.perf_counter()
    is_slope = method == "input-x-gradient"
    wanted = [plain.slope() if is_slope else plain.explain(asked.steps)[0] for plain in plains]
    captums = time.perf_counter() - start
    apart = max(
        float(np.abs(row[: len(own)] - own).max() / np.abs(own).max())
        for row, own in zip(result.scores, wanted, strict=True)
    )
    limits.at_most(f"{len(plains)} tokens, {method}: scores apart, of the largest of each", apart, limit=APART, unit="")
    print(f"{len(plains)} written tokens, {method}: captum {captums:.1f} s · lmviz {ours:.1f} s")
    what = f"{len(plains)} written tokens, {method}"
    limits.at_least(what, captums / ours, limit=FASTER, unit="× faster")


def remember(who: str) -> None:
    """Explain a long text and print the most memory that this process ever had, in megabytes."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY * 10**9,) * 2)
    model = lmviz.load("smollm2-135m")
    word = " town"
    ids = model.tokenizer(STORY + word * LONG_TOKENS)["input_ids"][:LONG_TOKENS]
    text = model.tokenizer.decode(ids)
    if who == "lmviz":
        lmviz.run("integrated-gradients", model, text=text, n_steps=LONG_STEPS)
    else:
        pad = int(model.tokenizer.eos_token_id)
        Plain(same_weights(model), ids, fixed=[False] * len(ids), pad=pad).first().explain(LONG_STEPS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def memory(limits: Limits) -> None:
    """Compare the peak memory of a long text, each in a process of its own."""
    for who in ("lmviz", "captum"):
        command = [sys.executable, __file__, "--remember", who]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        said = (
            f"{float(child.stdout.split()[-1]) / 1e3:.2f} GB"
            if child.returncode == 0
            else f"more than {MOST_MEMORY} GB, where it is stopped"
        )
        print(f"{LONG_TOKENS} tokens × {LONG_STEPS} steps, peak of {who}: {said}", flush=True)
        if who == "lmviz":
            peak = float(said.split(maxsplit=1)[0]) if child.returncode == 0 else float("inf")
            limits.at_most("peak memory", peak, limit=MEMORY, unit="GB")


def main() -> int:
    """Measure and print one line per limit; give the status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--tokens", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", choices=("label", "tolerance", "bent", "next", "slopes", "written", "memory"))
    parser.add_argument("--remember", choices=("lmviz", "captum"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.remember:
        remember(asked.remember)
        return 0
    limits = Limits()
    parts: dict[str, Callable[[], None]] = {
        "label": lambda: one_score("minilm-sentiment", FILM, asked=asked, limits=limits),
        "tolerance": lambda: as_little_left("minilm-sentiment", FILM, asked=asked, limits=limits),
        "bent": lambda: as_little_left("smollm2-135m", BENT, asked=asked, limits=limits),
        "next": lambda: one_score("smollm2-135m", PLACE, asked=asked, limits=limits),
        "slopes": lambda: written("input-x-gradient", asked=asked, limits=limits),
        "written": lambda: written("integrated-gradients", asked=asked, limits=limits),
        "memory": lambda: memory(limits),
    }
    for name, measure in parts.items():
        if asked.only in (None, name):
            measure()
    return limits.status


if __name__ == "__main__":
    sys.exit(main())
