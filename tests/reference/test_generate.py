"""The main continuation is what transformers' own generate writes, and every node is what a plain pass says."""

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses.predictions.generate import ANALYSIS, Params, continue_from
from lmviz.models.loaded import LoadedModel
from lmviz.results import ContinuationTree
from tests.tiny import DECODERS, ENCODER_DECODERS, tiny

TEXT = "The cat sat on the mat."
WRITERS = (*DECODERS, *ENCODER_DECODERS)
N_NEW = 16


@cache
def both(family: str) -> tuple[Any, LoadedModel]:
    """Give the library's own model and lmviz's copy of it."""
    hf_model, tokenizer = tiny(family)
    return hf_model, lmviz.wrap(hf_model, tokenizer)


def grow(model: LoadedModel, text: str = TEXT, **params: Any) -> ContinuationTree:
    tree = lmviz.run("generate", model, text=text, **params)
    assert isinstance(tree, ContinuationTree)
    assert all(check.passed for check in ANALYSIS.check(tree))
    return tree


def new_tokens(tree: ContinuationTree) -> list[int]:
    return [int(tree.token_ids[node]) for node in tree.chosen]


def by_the_library(hf_model: Any, ids: list[int], **choice: Any) -> list[int]:
    """Give what generate writes after these ids, or for this source."""
    given = torch.tensor([ids])
    whole = hf_model.generate(given, attention_mask=torch.ones_like(given), **{"do_sample": False, **choice})[0]
    return [int(i) for i in whole[1 if hf_model.config.is_encoder_decoder else len(ids) :]]


def prompt_of(tree: ContinuationTree) -> list[int]:
    assert tree.table is not None
    return list(tree.table.ids)


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("n_beams", [1, 2, 5])
def test_greedy_and_beams_write_what_the_library_writes(family: str, n_beams: int) -> None:
    hf_model, model = both(family)
    tree = grow(model, max_new_tokens=N_NEW, n_beams=n_beams, n_branches=3)
    assert new_tokens(tree) == by_the_library(hf_model, prompt_of(tree), max_new_tokens=N_NEW, num_beams=n_beams)


def test_beams_are_not_the_greedy_text_everywhere() -> None:
    differ = [grow(both(name)[1], n_beams=5).text != grow(both(name)[1]).text for name in WRITERS]
    assert sum(differ) > len(differ) / 2, "where they agree, beams would prove nothing"


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_beams_end_where_the_librarys_do(length_penalty: float, early_stopping: Any) -> None:
    ends, lengths = [], set()
    for family, n_ends, n_beams in itertools.product(("gpt2", "llama", "bart"), (1, 4, 9), (2, 4)):
        hf_model, tokenizer = tiny(family)
        hf_model.generation_config.update(
            length_penalty=length_penalty,
            early_stopping=early_stopping,
            eos_token_id=written_by(hf_model, tokenizer)[:n_ends],
        )
        tree = grow(lmviz.wrap(hf_model, tokenizer), max_new_tokens=12, n_beams=n_beams)
        want = by_the_library(hf_model, prompt_of(tree), max_new_tokens=12, num_beams=n_beams)
        assert new_tokens(tree) == want, (family, n_ends, n_beams)
        assert tree.stop_reason == ("end" if want[-1] in hf_model.generation_config.eos_token_id else "length")
        ends.append(tree.stop_reason)
        lengths.add(len(want))
    assert len(lengths) > 1 or length_penalty == 2, "this penalty prefers long texts"
    assert "end" in ends or length_penalty == 2


def written_by(hf_model: Any, tokenizer: Any) -> list[int]:
    """Give tokens that the beams write from the third on, so that they can be made to end a text."""
    tree = grow(lmviz.wrap(hf_model, tokenizer), max_new_tokens=8, n_beams=4)
    return list(dict.fromkeys(int(tree.token_ids[node]) for node in np.flatnonzero(tree.depth >= 2)))


@pytest.mark.parametrize("family", ["gpt2", "opt", "t5", "bart"])
@pytest.mark.parametrize("n_beams", [1, 3])
def test_the_models_own_settings_are_followed(family: str, n_beams: int) -> None:
    hf_model, tokenizer = tiny(family)
    plain = grow(lmviz.wrap(hf_model, tokenizer), max_new_tokens=N_NEW, n_beams=n_beams)
    hf_model.generation_config.update(
        repetition_penalty=1.5, no_repeat_ngram_size=2, min_new_tokens=5, forced_eos_token_id=tokenizer.eos_token_id
    )
    tree = grow(lmviz.wrap(hf_model, tokenizer), max_new_tokens=N_NEW, n_beams=n_beams, n_branches=4)
    assert new_tokens(tree) == by_the_library(hf_model, prompt_of(tree), max_new_tokens=N_NEW, num_beams=n_beams)
    assert new_tokens(tree) != new_tokens(plain)
    assert new_tokens(tree)[-1] == tokenizer.eos_token_id
    assert tree.stop_reason == "end"


@torch.no_grad()
def expected(hf_model: Any, tree: ContinuationTree, node: int) -> torch.Tensor:
    """Give the log-probabilities at a node from one plain pass over everything before it."""
    before = [int(tree.token_ids[i]) for i in tree.path(node)[:-1]]
    if hf_model.config.is_encoder_decoder:
        start = hf_model.config.decoder_start_token_id
        given = {"input_ids": torch.tensor([prompt_of(tree)]), "decoder_input_ids": torch.tensor([[start, *before]])}
    else:
        given = {"input_ids": torch.tensor([[*prompt_of(tree), *before]])}
    logits: torch.Tensor = hf_model(**given, use_cache=False).logits[0, -1]
    return logits.double().log_softmax(-1)


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("choice", [{}, {"temperature": 3.0, "top_k": 30, "seed": 1}, {"n_beams": 3}], ids=str)
def test_every_node_says_what_a_plain_pass_says(family: str, choice: dict[str, Any]) -> None:
    hf_model, model = both(family)
    tree = grow(model, max_new_tokens=5, n_branches=4, **choice)
    for node in range(len(tree.tokens)):
        want = expected(hf_model, tree, node)
        token = int(tree.token_ids[node])
        np.testing.assert_allclose(tree.probability[node], want[token].exp(), atol=1e-6)
        np.testing.assert_allclose(tree.entropy[node], -(want.exp() * want).sum(), atol=1e-4)
        near = (want - want[token]).abs() < 1e-5  # what rounding may put on either side
        assert (want > want[token]).sum() - near.sum() <= tree.rank[node] <= (want > want[token]).sum() + near.sum()


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "t5"])
@pytest.mark.parametrize("choice", [{}, {"temperature": 3.0, "seed": 2}, {"n_beams": 3}], ids=str)
def test_the_next_best_stand_beside_each_chosen_token(family: str, choice: dict[str, Any]) -> None:
    hf_model, model = both(family)
    tree = grow(model, max_new_tokens=5, n_branches=4, **choice)
    for node in tree.chosen:
        want = expected(hf_model, tree, node)
        beside = {int(tree.token_ids[i]) for i in np.flatnonzero(tree.parent == tree.parent[node])}
        others = [int(i) for i in want.argsort(descending=True) if int(i) != tree.token_ids[node]]
        assert set(others[:3]) <= beside
        assert len(beside) == 4 or choice == {"n_beams": 3}


@pytest.mark.parametrize("family", ["gpt2", "mistral", "gemma3_text", "bart"])
@pytest.mark.parametrize("n_beams", [1, 3])
def test_a_branch_goes_on_as_the_library_would(family: str, n_beams: int) -> None:
    hf_model, model = both(family)
    tree = grow(model, max_new_tokens=12, n_branches=3)
    node = max(set(np.flatnonzero(tree.depth == 10)) - set(tree.chosen))
    grown = continue_from(model, tree, node=int(node), params=Params(TEXT, max_new_tokens=7, n_beams=n_beams))
    before = [int(tree.token_ids[i]) for i in tree.path(int(node))]
    assert new_tokens(grown)[: len(before)] == before
    if hf_model.config.is_encoder_decoder:
        start = [hf_model.config.decoder_start_token_id, *before]
        want = by_the_library(
            hf_model, prompt_of(tree), decoder_input_ids=torch.tensor([start]), max_new_tokens=7, num_beams=n_beams
        )[len(before) :]
    else:
        want = by_the_library(hf_model, [*prompt_of(tree), *before], max_new_tokens=7, num_beams=n_beams)
    assert new_tokens(grown)[len(before) :] == want


@pytest.mark.parametrize("family", WRITERS)
def test_prompt_and_text_read_as_the_whole(family: str) -> None:
    _, model = both(family)
    tree = grow(model, max_new_tokens=6)
    ids = new_tokens(tree) if model.kind == "encoder-decoder" else [*prompt_of(tree), *new_tokens(tree)]
    before = (
        "" if model.kind == "encoder-decoder" else model.tokenizer.decode(prompt_of(tree), skip_special_tokens=True)
    )
    assert before + tree.text == model.tokenizer.decode(ids, skip_special_tokens=True)


def test_the_embedded_decoder_writes_what_the_library_writes() -> None:
    model = lmviz.load("smollm2-135m")
    text = "The capital of France is"
    for n_beams, n_new in ((1, 20), (3, 8)):
        tree = grow(model, text, max_new_tokens=n_new, n_beams=n_beams, n_branches=5)
        want = by_the_library(model.hf_model, prompt_of(tree), max_new_tokens=n_new, num_beams=n_beams)
        assert new_tokens(tree) == want
        assert tree.text.startswith(" Paris")
