"""Benchmarks scored under interventions equal plain hooks on one unpadded text at a time, and nobody else sees them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.erasure.leace import leace
from lmviz.capture.batches import Copy, log_probabilities
from lmviz.capture.intervene import (
    AblateHead,
    AddDirection,
    Intervention,
    ProjectOut,
    Run,
    intervening,
    run,
    run_batch,
    under,
)
from lmviz.capture.readings import label_logits
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from lmviz.errors import InvalidParameter, NotForThisModel
from tests.brute_force import Bench, bench, changed_head, changed_stream
from tests.pair_brute_force import decoder_scores, encoder_scores
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

PAIRS = (
    ("The nurse said that she was tired.", "The nurse said that he was tired."),
    ("the old cat sat on the mat", "the young dog sat on the mat"),
    ("What is the capital of France?", "What is the old capital of France now?"),
    ("the doctor had left in the evening", "the doctor had left in the morning and the nurse had not"),
)
ENCODERS = ("bert", "roberta", "distilbert", "albert", "electra", "modernbert")
DECODERS = ("gpt2", "gpt_neox", "mistral", "llama", "qwen3", "gemma2", "gemma3_text", "phi3")
WIDTH = 32
RANDOM = np.random.default_rng(0)
ERASER = leace(RANDOM.normal(size=(60, WIDTH)) * RANDOM.uniform(0.2, 3, WIDTH) + 1, np.arange(60) % 3)
CENTER, READERS, WRITERS = (torch.from_numpy(a).float() for a in (ERASER.center, ERASER.readers, ERASER.writers))
STEP = RANDOM.normal(size=WIDTH)


def erase(x: torch.Tensor) -> torch.Tensor:
    return x - ((x - CENTER) @ READERS.T) @ WRITERS


def shift(x: torch.Tensor) -> torch.Tensor:
    return x + 2 * torch.from_numpy(STEP).float()


def mean(found: torch.Tensor) -> torch.Tensor:
    return found.mean(dim=1, keepdim=True).expand_as(found)


Brute = Callable[[Bench], AbstractContextManager[None]]
CHANGES: dict[str, tuple[Intervention, Brute]] = {
    "eraser": (
        ProjectOut(0, ERASER.writers, center=ERASER.center, readers=ERASER.readers),
        lambda own: changed_stream(own, "resid_post", 0, erase),
    ),
    "eraser in the last layer": (
        ProjectOut(1, ERASER.writers, center=ERASER.center, readers=ERASER.readers),
        lambda own: changed_stream(own, "resid_post", 1, erase),
    ),
    "steering": (
        AddDirection(1, STEP, strength=2.0, place="resid_pre"),
        lambda own: changed_stream(own, "resid_pre", 1, shift),
    ),
    "head": (AblateHead(1, 1, how="mean"), lambda own: changed_head(own, 1, 1, mean)),
}


@contextmanager
def in_every_pass(own: Bench, brute: Brute) -> Iterator[None]:
    """Brute force is for one pass; put it up anew at the beginning of each."""
    with ExitStack() as last:

        def begin(*_: Any) -> None:
            last.close()
            last.enter_context(brute(own))

        handle = own.plain.register_forward_pre_hook(begin)
        try:
            yield
        finally:
            handle.remove()


def written(folder: Path) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join(f'{{"more": "{more}", "less": "{less}"}}\n' for more, less in PAIRS), encoding="utf-8")
    return str(path)


def scores(own: Any, source: str, variant: str, slug: str = "minimal-pairs") -> np.ndarray:
    found = [score for batch in bias_run(slug, own, source=source, variant=variant).batches() for score in batch]
    assert not [score.problem for score in found if score.problem]
    return np.array([score.scores for score in sorted(found, key=lambda score: score.item.line)])


def check(own: Bench, change: str, source: str, variant: str) -> None:
    intervention, brute = CHANGES[change]
    of_kind = encoder_scores if own.model.kind == "encoder" else decoder_scores
    before = scores(own.model, source, variant)
    with intervening(own.model, (intervention,)):
        found = scores(own.model, source, variant)
    with in_every_pass(own, brute):
        want = np.array([of_kind(own.plain, own.model.tokenizer, pair, variant) for pair in PAIRS])
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-4 * max(1.0, np.abs(want).max() / 100))
    assert np.abs(want - before).max() > 1e-2, "an intervention that does nothing would agree with anything"
    np.testing.assert_array_equal(scores(own.model, source, variant), before)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoders_masked_scores(family: str, change: str, tmp_path: Path) -> None:
    check(bench(family), change, written(tmp_path), "pll")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("family", DECODERS)
def test_a_decoders_scores(family: str, change: str, tmp_path: Path) -> None:
    check(bench(family), change, written(tmp_path), "sum")


def crows(folder: Path) -> str:
    path = folder / "crows.csv"
    rows = "".join(f'"{more}","{less}",stereo,one\n' for more, less in PAIRS)
    path.write_text(f"sent_more,sent_less,stereo_antistereo,bias_type\n{rows}", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("family", "variant"), [("bert", "aula"), ("bert", "aul"), ("gpt2", "bias-bench"), ("llama", "perplexity")]
)
@pytest.mark.parametrize("change", ["eraser", "head"])
def test_every_other_way_of_running_a_model(family: str, variant: str, change: str, tmp_path: Path) -> None:
    own, source = bench(family), crows(tmp_path)
    intervention, brute = CHANGES[change]
    with intervening(own.model, (intervention,)):
        found = scores(own.model, source, variant, "crows-pairs")
    of_kind = encoder_scores if own.model.kind == "encoder" else decoder_scores
    with in_every_pass(own, brute):
        want = np.array([of_kind(own.plain, own.model.tokenizer, pair, variant) for pair in PAIRS])
    np.testing.assert_allclose(found, want, rtol=0, atol=2e-4)


def test_traces_runs_and_labels_have_them_too() -> None:
    own = bench("llama")
    text = encode(own.model, PAIRS[0][0])
    intervention = CHANGES["eraser"][0]
    asked = Run(text, (intervention,), logits_at=None)
    want = run(own.model, asked, places=("resid_post",))
    with intervening(own.model, (intervention,)):
        traced = trace(own.model, text, ("resid_post",), logits=True)
        ran = run(own.model, Run(text, logits_at=None), places=("resid_post",))
    for found in (traced, ran):
        np.testing.assert_allclose(found["resid_post"], want["resid_post"], atol=2e-5)
        np.testing.assert_allclose(found.logits, want.logits, atol=2e-5)
    labelling = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    texts = [encode(labelling, side) for pair in PAIRS for side in pair]
    with intervening(labelling, (intervention,)):
        many = label_logits(labelling, texts)
        alone = [label_logits(labelling, [one])[0] for one in texts]
    np.testing.assert_allclose(many, alone, atol=2e-5)
    assert np.abs(np.array(label_logits(labelling, texts)) - many).max() > 1e-3


def test_eight_threads_at_once_each_with_its_own(tmp_path: Path) -> None:
    own, source = bench("gpt2").model, written(tmp_path)
    directions = np.random.default_rng(1).normal(size=(12, WIDTH))

    def ask(direction: np.ndarray | None) -> np.ndarray:
        if direction is None:
            return scores(own, source, "sum")
        with intervening(own, (ProjectOut(0, direction),)):
            return scores(own, source, "sum")

    asked = [None, *directions, None]
    alone = [ask(one) for one in asked]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(ask, asked))
    np.testing.assert_array_equal(alone, together)
    assert all(np.abs(a - b).max() > 1e-4 for a, b in pairwise(alone))


def test_work_in_batches_is_done_under_them_and_its_caller_is_not() -> None:
    own = bench("bert").model
    texts = [encode(own, side) for pair in PAIRS for side in pair]
    copies = [Copy(text, asked=(1, 2), masked=(1,)) for text in texts]
    plain = [a for batch in log_probabilities(own, copies, longest=20) for a in batch]
    intervention = CHANGES["eraser"][0]
    for batch in under(own, (intervention,), batches=log_probabilities(own, copies, longest=20)):
        for between, before in zip(log_probabilities(own, copies, longest=20), [plain], strict=True):
            np.testing.assert_array_equal(between, before)
        assert np.abs(np.array(batch) - plain).max() > 1e-3


def test_another_model_sees_nothing_of_them() -> None:
    own, other = bench("gpt2").model, bench("llama").model
    text = encode(other, PAIRS[0][0])
    before = trace(other, text, (), logits=True).logits
    with intervening(own, (CHANGES["eraser"][0],)):
        np.testing.assert_array_equal(trace(other, text, (), logits=True).logits, before)


def test_what_cannot_be_replaced_is_refused() -> None:
    own = bench("gpt2").model
    with intervening(own, (CHANGES["steering"][0],)), pytest.raises(NotForThisModel, match="cannot write a text"):
        lmviz.run("generate", own, text="the cat", max_new_tokens=2)
    with pytest.raises(InvalidParameter, match="no layer 7"):
        intervening(own, (AddDirection(7, STEP),))
    with pytest.raises(NotForThisModel, match="with each run"):
        intervening(lmviz.wrap(*tiny("t5")), ())
    with pytest.raises(NotForThisModel, match="Nothing can be replaced in the attention"):
        intervening(bench("bloom").model, (AblateHead(0, 0),))
    with intervening(own, (ProjectOut(0, np.ones(5)),)), pytest.raises(InvalidParameter, match="shape"):
        next(run_batch(own, (Run(encode(own, "the cat")),), places=("resid_post",)))


def test_the_context_ends_with_its_body() -> None:
    own = bench("gpt2").model
    text = encode(own, PAIRS[0][0])
    before = trace(own, text, (), logits=True).logits
    with pytest.raises(KeyError), intervening(own, (CHANGES["eraser"][0],)):
        raise KeyError
    np.testing.assert_array_equal(trace(own, text, (), logits=True).logits, before)
