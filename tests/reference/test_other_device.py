"""On an accelerator every analysis says what it says on the processor; skipped where there is none."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.models.loaded import LoadedModel
from tests.contract.test_analyses import HEADS, SLOW, arrays, families_of, model_of, question
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no accelerator here")

PAIRS = [(slug, family) for slug in ANALYSES for family in families_of(slug, "bert", "gpt2", "llama", "t5")]
QUICK = [(slug, family) for slug, family in PAIRS if slug not in SLOW and family in ("bert", "llama")]


def moved(slug: str, family: str) -> LoadedModel:
    hf_model, tokenizer = tiny_head(family, HEADS[slug]) if slug in HEADS else tiny(family)
    return lmviz.wrap(hf_model.to("cuda"), tokenizer)  # type: ignore[arg-type]


@pytest.mark.parametrize(("slug", "family"), PAIRS)
def test_numbers_are_those_of_the_processor(slug: str, family: str) -> None:
    here, there = model_of(slug, family), moved(slug, family)
    text = "The cat sat on the mat."
    own = lmviz.run(slug, here, **question(slug, here, text))
    other = lmviz.run(slug, there, **question(slug, there, text))
    assert other.provenance["device"].startswith("cuda")
    for name, value in arrays(own).items():
        if value.dtype.kind == "f":
            scale = max(1.0, float(np.nanmax(np.abs(value), initial=0.0)))
            np.testing.assert_allclose(arrays(other)[name], value, atol=1e-3 * scale, err_msg=name)
    assert all(check.passed for check in ANALYSES[slug].check(other))


@pytest.mark.parametrize(("slug", "family"), QUICK)
def test_eight_threads_at_once_answer_as_one_does(slug: str, family: str) -> None:
    model = moved(slug, family)
    texts = [" ".join(["the", *("cat", "dog", "fox", "nurse")[: 1 + at % 4], "sat"]) for at in range(8)]

    def asked(text: str) -> dict[str, np.ndarray]:
        return arrays(lmviz.run(slug, model, **question(slug, model, text)))

    alone = [asked(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(asked, texts))
    for one, two in zip(alone, together, strict=True):
        for name, value in one.items():
            np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=1e-4, err_msg=name)
