"""The analyses on the two embedded models: equal to the library's own eager attention, and their laws hold."""

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.bias.benchmarks import BENCHMARKS
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import AttentionPattern, LayerHeadGrid, TokenDistributions
from tests.benchmark_files import lexicon

TEXT = "The nurse said that she was tired because the doctor had left early."
EMBEDDED = ("minilm", "smollm2-135m")


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.load(name)


def by_the_library(model: LoadedModel, ids: tuple[int, ...]) -> Any:
    """Run a second model of the library's own class, with eager attention and the same weights."""
    config = copy.deepcopy(model.hf_model.config)
    config._attn_implementation = "eager"
    second = type(model.hf_model)(config)
    second.load_state_dict(model.hf_model.state_dict(), assign=True)
    second.train(mode=False)
    with torch.no_grad():
        return second(input_ids=torch.tensor([ids]), output_attentions=True)


@pytest.mark.parametrize("name", EMBEDDED)
def test_pattern_and_next_tokens_are_the_librarys(name: str) -> None:
    model = model_of(name)
    result = lmviz.run("attention-pattern", model, text=TEXT)
    assert isinstance(result, AttentionPattern)
    assert result.table is not None
    output = by_the_library(model, result.table.ids)
    np.testing.assert_allclose(result.pattern, torch.cat(output.attentions).numpy(), atol=1e-6, rtol=0)
    if name == "minilm":
        with pytest.raises(NotForThisModel, match="no language-model head"):
            lmviz.run("token-distributions", model, text=TEXT)
        return
    expected = lmviz.run("token-distributions", model, text=TEXT, top_k=3)
    assert isinstance(expected, TokenDistributions)
    want = output.logits[0].double().softmax(-1).topk(3).values.numpy()
    np.testing.assert_allclose(expected.probabilities, want, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize(
    "slug", [slug for slug, found in ANALYSES.items() if found.group not in ("predictions", "bias", "probing")]
)
def test_laws_hold_on_a_real_sentence(name: str, slug: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "query-key": {"layer": 4, "head": 7, "query": 6},
        "compare": {"analysis": "attention-pattern", "text_b": TEXT.replace("nurse", "pilot")},
    }
    if ANALYSES[slug].group == "attribution" and name == "minilm":
        name = "minilm-sentiment"  # there is nothing to explain without a head
    if slug == "generation-attribution":
        name = "smollm2-135m"  # the encoder writes nothing
    result = lmviz.run(slug, model_of(name), text=TEXT, **more.get(slug, {}))
    checks = ANALYSES[slug].check(result)
    assert checks
    assert [check for check in checks if not check.passed] == []


ONLY = {"log-probability-bias": ("minilm-mlm",), "sentiment-gap": ("minilm-sentiment",)}


@pytest.mark.parametrize(
    ("name", "slug"), [(name, slug) for slug in BENCHMARKS for name in ONLY.get(slug, ("minilm-mlm", "smollm2-135m"))]
)
def test_laws_hold_on_the_benchmarks_that_come_along(name: str, slug: str) -> None:
    more = {"lexicon": str(lexicon())} if slug == "honest" else {}
    result = lmviz.run(slug, model_of(name), limit=6, **more)
    checks = ANALYSES[slug].check(result)
    assert checks
    assert [check for check in checks if not check.passed] == []


def test_a_real_decoder_has_induction_heads() -> None:
    words = "kite moon salt river glass horn paper stone"
    once = lmviz.run("head-statistics", model_of("smollm2-135m"), text=f"{words} {words}", statistic="induction")
    assert isinstance(once, LayerHeadGrid)
    assert np.nanmax(once.values) > 0.5
    assert np.nanmedian(once.values) < 0.1
