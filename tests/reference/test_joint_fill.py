"""Several masks filled together, against every filling tried one by one."""

from itertools import product

import numpy as np
import pytest
import torch

import lmviz
from lmviz.capture.filling import fill
from lmviz.capture.tokens import encode
from lmviz.errors import InvalidParameter, NoMaskToken, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import MaskFillings
from tests.tiny import tiny

TEXT = "the [MASK] sat on [MASK] mat"


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return lmviz.wrap(*tiny("bert"))


def one_by_one(model: LoadedModel, positions: tuple[int, ...]) -> dict[tuple[int, ...], float]:
    """Give the log-probability of every filling, each chain of conditionals run on its own."""
    ids = encode(model, TEXT).input_ids
    n_words = model.hf_model.config.vocab_size

    def log_p(row: torch.Tensor, position: int) -> torch.Tensor:
        with torch.no_grad():
            return model.hf_model(input_ids=row).logits[0, position].double().log_softmax(-1)

    first, found = log_p(ids, positions[0]), {}
    for word in range(n_words):
        row = ids.clone()
        row[0, positions[0]] = word
        second = log_p(row, positions[1])
        found.update({(word, other): float(first[word] + second[other]) for other in range(n_words)})
    return found


def test_a_search_that_keeps_everything_is_exact(model: LoadedModel) -> None:
    encoding = encode(model, TEXT)
    positions = tuple(np.flatnonzero(np.array(encoding.table.ids) == model.tokenizer.mask_token_id).tolist())
    want = one_by_one(model, positions)
    assert len(want) == len(list(product(range(model.hf_model.config.vocab_size), repeat=2)))
    found = fill(model, encoding, positions=positions, width=model.hf_model.config.vocab_size)
    for ids, joint in zip(found.ids.tolist(), found.log_joint.tolist(), strict=True):
        assert joint == pytest.approx(want[tuple(ids)], abs=1e-5)
    best = sorted(want.values(), reverse=True)[: len(found.log_joint)]
    np.testing.assert_allclose(found.log_joint, best, atol=1e-5)


def test_of_one_mask_it_is_the_plain_distribution(model: LoadedModel) -> None:
    result = lmviz.run("joint-fill", model, text="the [MASK] sat", top_k=5)
    plain = lmviz.run("token-distributions", model, text="the [MASK] sat", top_k=5)
    assert isinstance(result, MaskFillings)
    np.testing.assert_allclose(result.joint, plain.probabilities[0], atol=1e-6)
    np.testing.assert_allclose(result.independent, result.joint, atol=1e-6)
    assert [row[0] for row in result.fillings] == list(plain.candidates[0])


def test_the_product_is_of_the_masks_asked_by_themselves(model: LoadedModel) -> None:
    result = lmviz.run("joint-fill", model, text=TEXT, top_k=5)
    every = model.hf_model.config.vocab_size
    alone = lmviz.run("token-distributions", model, text=TEXT, top_k=every)
    assert isinstance(result, MaskFillings)
    for ids, independent in zip(result.filling_ids, result.independent, strict=True):
        shares = [float(alone.probabilities[n][alone.candidate_ids[n] == token][0]) for n, token in enumerate(ids)]
        assert independent == pytest.approx(np.prod(shares), rel=1e-4)
    assert result.filling_ids.shape == (5, 2)


def test_what_cannot_be_filled_is_refused(model: LoadedModel) -> None:
    with pytest.raises(NoMaskToken, match=r"Put \[MASK\]"):
        lmviz.run("joint-fill", model, text="the cat sat")
    with pytest.raises(InvalidParameter, match="1 ≤ top_k"):
        lmviz.run("joint-fill", model, text=TEXT, top_k=0)
    with pytest.raises(InvalidParameter, match="width 101"):
        lmviz.run("joint-fill", model, text=TEXT, width=101)
    with pytest.raises(NotForThisModel, match="fills in no masks"):
        lmviz.run("joint-fill", lmviz.wrap(*tiny("gpt2")), text="the cat")
