"""What holds for every analysis, whatever it computes."""

import json
import pickle
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import PreTrainedModel

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.assets import assets
from lmviz.errors import InputTooLong, LmvizError, UnknownAnalysis
from lmviz.models.loaded import LoadedModel
from lmviz.results import Result
from tests.benchmark_files import SOURCES, lexicon, written
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

FAMILIES = ("bert", "gpt2", "llama", "t5")
ASKED = [
    slug for slug, known in ANALYSES.items() if known.group != "probing" or slug in SOURCES
]  # others: test_probing
PAIRS = tuple((f"the {one} sat", f"the {other} sat") for one, other in zip("aceghikl", "bdfjmnop", strict=True))
SLOW = (*SOURCES, "faithfulness")  # many passes for every answer
EXTRA: dict[str, dict[str, Any]] = {
    "query-key": {"layer": 1, "head": 2, "query": 1},
    "next-sentence": {"text_pair": "the dog sat"},
    "answer-span": {"question": "who sat?"},
    "compare": {"analysis": "attention-pattern"},
    "bias-removal": {"benchmark": "minimal-pairs", "n_draws": 1, "pairs": PAIRS, "neutral": str(lexicon())},
    "winobias": {"statistics": str(assets() / "bias" / "occupation-shares.tsv")},
    "honest": {"lexicon": str(lexicon())},
}
HEADS = {  # analyses of a head other than the language model's
    "next-sentence": "ForNextSentencePrediction",
    "classify": "ForSequenceClassification",
    "tag-tokens": "ForTokenClassification",
    "answer-span": "ForQuestionAnswering",
    "sentiment-gap": "ForSequenceClassification",
}
FILE = {"bias-localisation": "pairs"}  # what the parameter for a file is called, where it is not source
CHOICE = {"bias-localisation": "method"}  # and the one for a way of scoring, where it is not variant
ONLY = {  # families that can have the analysis, where it is not all
    **dict.fromkeys(SOURCES, ("bert", "gpt2", "llama")),
    "log-probability-bias": ("bert",),
    "next-sentence": ("bert",),
    "joint-fill": ("bert",),
    **{slug: ("bert", "gpt2", "llama") for slug, known in ANALYSES.items() if known.group == "attribution"},
    "generate": ("gpt2", "llama", "t5"),
    "generation-attribution": ("gpt2", "llama"),
}
AWKWARD = (
    "😀 👩‍👩‍👧‍👦 ok",
    "中文分词很难",
    "<b>bold</b>",
    "</script><script>alert(1)</script>",
    "<|endoftext|>",
    "שלום עולם مرحبا",
    "Ġ Ġthe ▁cat ##ing",
    "the the the the the",
    "a",
    "pneumonoultramicroscopicsilicovolcanoconiosis" * 3,
    "e\u0301 \u200b\ufeff x",
)


def made(slug: str, family: str) -> LoadedModel:
    """Make a model that can have the analysis."""
    return lmviz.wrap(*(tiny_head(family, HEADS[slug]) if slug in HEADS else tiny(family)))


model_of = cache(made)


def families_of(slug: str, *families: str) -> list[str]:
    return [family for family in families if family in ONLY.get(slug, FAMILIES)]


def pairs(*families: str) -> Any:
    """Give every analysis with each of those families that can have it."""
    return pytest.mark.parametrize(
        ("slug", "family"), [(slug, family) for slug in ASKED for family in families_of(slug, *families)]
    )


def question(slug: str, model: LoadedModel, text: str) -> dict[str, Any]:
    """Put a text the way an analysis wants it: as it is, or in the file of a benchmark."""
    if slug in SOURCES:
        return {FILE.get(slug, "source"): str(written(slug, text)), **EXTRA.get(slug, {})}
    if (
        slug in ("token-distributions", "joint-fill") or ANALYSES[slug].group == "attribution"
    ) and model.kind == "encoder":
        text = f"{text} {model.tokenizer.mask_token}"
    if slug == "cka":
        text = f"{text} and a few words more"
    more = {"text_b": f"{text} again"} if slug == "compare" else {}
    return {"text": text, **more, **EXTRA.get(slug, {})}


def ask(slug: str, family: str, text: str, **more: Any) -> Result:
    model = model_of(slug, family)
    return lmviz.run(slug, model, **{**question(slug, model, text), **more})


def wrong_for(slug: str, change: dict[str, Any], remedy: str) -> tuple[dict[str, Any], str]:
    """Give the mistake that a benchmark sees in place of a wrong text, and what it should say."""
    if slug not in SOURCES:
        return change, remedy
    name, choice = FILE.get(slug, "source"), CHOICE.get(slug, "variant")
    if "txet" in change:
        return {f"{name}x": "a"}, f"Did you mean '{name}'"
    text = change["text"]
    if text is None:
        return {choice: "none"}, f"has no {choice} 'none'"
    return ({name: 5}, f"takes {name} as str") if text == 5 else ({name: text}, "Give the path of a file")


def arrays(result: Result) -> dict[str, np.ndarray]:
    named = {item.name: getattr(result, item.name) for item in fields(result)}
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}


def same(a: Result, b: Result) -> None:
    assert type(a) is type(b)
    assert list(arrays(a)) == list(arrays(b))
    for name, value in arrays(a).items():
        np.testing.assert_array_equal(value, arrays(b)[name], err_msg=name)


every = pytest.mark.parametrize("slug", ASKED)
every_pair = pairs(*FAMILIES)


@every_pair
def test_same_question_same_answer(slug: str, family: str) -> None:
    first = ask(slug, family, "The cat sat on the mat.")
    ask(slug, family, "The dog left.")
    same(first, ask(slug, family, "The cat sat on the mat."))


@every_pair
def test_numbers_are_finite_or_nan_with_a_note_and_cannot_be_changed(slug: str, family: str) -> None:
    result = ask(slug, family, "the cat sat on the mat")
    assert arrays(result)
    for name, value in arrays(result).items():
        assert np.isfinite(value).all() or getattr(result, "note", ""), name
        assert not value.flags.writeable, name
        assert value.dtype in (np.float32, np.int64), name


@every_pair
def test_its_own_checks_pass(slug: str, family: str) -> None:
    checks = ANALYSES[slug].check(ask(slug, family, "The cat sat on the mat."))
    assert checks
    assert [check for check in checks if not check.passed] == []


@every_pair
def test_it_pickles_and_becomes_json_and_a_frame(slug: str, family: str) -> None:
    result = ask(slug, family, "The cat sat.")
    same(result, pickle.loads(pickle.dumps(result)))
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["type"] == type(result).__name__
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    main = max(arrays(result).values(), key=lambda value: value.size)
    assert len(frame) == main.size


@every_pair
def test_it_says_where_it_comes_from(slug: str, family: str) -> None:
    model = model_of(slug, family)
    provenance = ask(slug, family, "The cat sat.").provenance
    assert provenance["analysis"] == slug
    assert provenance["title"] == ANALYSES[slug].title
    assert provenance["model"] == model.entry.id
    assert provenance["dtype"] == "float32"
    assert provenance["device"] == str(model.device)
    assert set(provenance["versions"]) == {"lmviz", "torch", "transformers", "numpy"}
    assert provenance["versions"]["torch"] == torch.__version__
    assert set(provenance["parameters"]) == {item.name for item in fields(ANALYSES[slug].params)}


@pairs("bert", "llama")
def test_eight_threads_at_once_answer_as_one_does(slug: str, family: str) -> None:
    words = ("cat", "dog", "fox", "nurse", "doctor", "keys", "table", "arrow")
    texts = [" ".join(["the", *words[: 1 + i % 8], "sat"]) for i in range(8 if slug in SLOW else 24)]
    alone = [ask(slug, family, text) for text in texts]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(lambda text: ask(slug, family, text), texts))
    for one, other in zip(alone, together, strict=True):
        same(one, other)
        assert one.provenance["parameters"] == other.provenance["parameters"]
    numbers = {b"".join(value.tobytes() for value in arrays(result).values()) for result in alone}
    assert len(numbers) == 8, "answers that are all alike would not show a leak"


@every_pair
@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"text": ""}, "Type a"),
        ({"text": " \n\t "}, "Type a"),
        ({"text": "a" * 100_000}, "Shorten"),
        ({"text": 5}, "takes text as str"),
        ({"text": None}, "takes text as str"),
        ({"txet": "a"}, "Did you mean 'text'"),
    ],
)
def test_wrong_input_gets_a_remedy(slug: str, family: str, change: dict[str, Any], remedy: str) -> None:
    model = model_of(slug, family)
    wrong, answer = wrong_for(slug, change, remedy)
    with pytest.raises(LmvizError, match=answer):
        lmviz.run(slug, model, **{**question(slug, model, "x"), **wrong})


@pairs("bert", "gpt2", "llama")
def test_a_text_over_the_models_limit_says_by_how_much(slug: str, family: str) -> None:
    sentence = r"reads at most 512. Shorten it by [\d,]+ tokens"
    if slug in SOURCES:  # a row that is too long is left out, and the result says so
        result = ask(slug, family, "the cat " * 400)
        assert re.search(sentence, result.provenance["skipped_rows"][0])
        assert re.search(sentence, getattr(result, "note", ""))
        return
    with pytest.raises(InputTooLong, match=sentence):
        ask(slug, family, "the cat " * 400)


@pytest.mark.parametrize("slug", [slug for slug in ASKED if slug not in SOURCES])
def test_a_missing_text_is_asked_for(slug: str) -> None:
    with pytest.raises(LmvizError, match=r"needs text.*text \(str\)"):
        lmviz.run(slug, model_of(slug, families_of(slug, *FAMILIES)[0]))


def test_an_unknown_analysis_gets_a_suggestion() -> None:
    with pytest.raises(UnknownAnalysis, match="Did you mean 'attention-rollout'"):
        lmviz.run("attention-rolout", model_of("attention-rollout", "gpt2"), text="a")


class Fell(Exception):
    """Raised in the middle of a pass."""


def state(hf_model: PreTrainedModel) -> list[Any]:
    """Everything about a model that an analysis might leave changed."""
    hooks = [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks), module.training)
        for name, module in hf_model.named_modules()
    ]
    weights = [
        (name, p.requires_grad, p.grad is None, p._version, p.data_ptr()) for name, p in hf_model.named_parameters()
    ]
    return [hooks, weights, hf_model.config.to_json_string(), torch.is_grad_enabled()]


@every_pair
def test_the_model_is_as_before_after_success_and_after_an_exception(slug: str, family: str) -> None:
    model = made(slug, family)
    ask_this = question(slug, model, "The cat sat on the mat.")
    before, values = state(model.hf_model), [p.clone() for p in model.hf_model.parameters()]
    first = lmviz.run(slug, model, **ask_this)
    assert state(model.hf_model) == before

    def fall(*_: Any) -> None:
        raise Fell

    leaves = [module for module in model.hf_model.modules() if not list(module.children())]
    handles = [module.register_forward_hook(fall) for module in leaves[len(leaves) // 4 :]]
    with pytest.raises(Fell):
        lmviz.run(slug, model, **ask_this)
    for handle in handles:
        handle.remove()
    assert state(model.hf_model) == before
    for old, new in zip(values, model.hf_model.parameters(), strict=True):
        assert torch.equal(old, new)
    same(first, lmviz.run(slug, model, **ask_this))


@every
@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_work(slug: str, text: str) -> None:
    for family in families_of(slug, "bert", "gpt2", "llama"):
        result = ask(slug, family, text, **({"query": 0} if slug == "query-key" else {}))
        for name, value in arrays(result).items():
            assert np.isfinite(value).all() or getattr(result, "note", ""), name


@every
def test_a_stopped_job_stops(slug: str) -> None:
    def stop(fraction: float, message: str = "") -> None:
        raise lmviz.LmvizError(f"Stopped at {fraction}.")

    model = model_of(slug, families_of(slug, "gpt2", "bert")[0])
    with pytest.raises(LmvizError, match="Stopped"):
        ANALYSES[slug].answer(model, question(slug, model, "The cat sat."), on_progress=stop)


@every
def test_it_describes_itself(slug: str) -> None:
    analysis = ANALYSES[slug]
    assert analysis.slug == slug
    assert analysis.group in {"attention", "predictions", "attribution", "compare", "bias", "probing"}
    assert analysis.title[0].isupper()
    assert analysis.reference.startswith("https://")
    assert analysis.caution.endswith(".")
    assert analysis.needs
    assert analysis.checks
    run: Callable[..., Any] = analysis.run
    assert run.__doc__
    assert "Args:" in run.__doc__
