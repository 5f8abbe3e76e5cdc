"""A tree of continuations: how it grows, is stopped, goes on, and what is refused."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.predictions.generate import ANALYSIS, Params, continue_from, generate, stream, stream_from
from lmviz.errors import Cancelled, InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import ContinuationTree
from tests.tiny import tiny

TEXT = "The cat sat on the mat."
PARAMS = Params(TEXT, max_new_tokens=8, n_branches=3)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return lmviz.wrap(*tiny("gpt2"))


@pytest.fixture(scope="module")
def tree(model: LoadedModel) -> ContinuationTree:
    return generate(model, PARAMS)


def same(one: ContinuationTree, other: ContinuationTree) -> None:
    assert one.to_dict() == other.to_dict()


def is_a_tree(tree: ContinuationTree) -> None:
    """Hold a tree to its laws: parents first, depths by one, tokens once, one chosen path from the prompt on."""
    assert (tree.parent < np.arange(len(tree.parent))).all()
    roots = tree.parent == -1
    assert (tree.depth[roots] == 0).all()
    assert (tree.depth[~roots] == tree.depth[tree.parent[~roots]] + 1).all()
    pairs = list(zip(tree.parent.tolist(), tree.token_ids.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert tree.path(tree.chosen[-1]) == tree.chosen
    assert ((tree.probability >= 0) & (tree.probability <= 1)).all()
    assert (tree.entropy >= 0).all()


@pytest.mark.parametrize(
    "choice",
    [{}, {"n_branches": 1}, {"temperature": 2.0}, {"n_beams": 4}, {"n_beams": 3, "n_branches": 1}, {"n_branches": 100}],
    ids=str,
)
@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_it_is_a_tree(family: str, choice: dict[str, Any]) -> None:
    model = lmviz.wrap(*tiny(family))
    trees = list(stream(model, replace(PARAMS, **choice)))
    for tree in trees:
        is_a_tree(tree)
    if choice.get("n_beams", 1) == 1:
        assert [len(t.tokens) for t in trees] == [choice.get("n_branches", 3) * len(t.chosen) for t in trees]
        assert len(trees) == 8 or trees[-1].stop_reason == "end"


def test_beams_that_were_given_up_stay_as_branches(model: LoadedModel) -> None:
    tree = generate(model, replace(PARAMS, n_beams=4, n_branches=1))
    leaves = set(range(len(tree.tokens))) - set(tree.parent.tolist())
    assert len(leaves) > 4


def test_the_rows_of_its_frame_are_its_nodes(tree: ContinuationTree) -> None:
    frame = tree.to_frame()
    assert list(frame) == [
        "node", "parent", "depth", "token", "token_id", "probability", "rank", "entropy", "is_chosen",
    ]  # fmt: skip
    assert frame["node"].tolist() == list(range(len(tree.tokens)))
    assert tuple(frame.loc[frame["is_chosen"], "node"]) == tree.chosen
    siblings = frame[frame["is_chosen"].groupby(frame["parent"]).transform("any")].groupby("parent")
    assert (siblings["rank"].nunique() == 3).all()


def test_it_pickles_and_becomes_json(tree: ContinuationTree) -> None:
    same(tree, pickle.loads(pickle.dumps(tree)))
    plain = json.loads(json.dumps(tree.to_dict(), allow_nan=False))
    assert plain["type"] == "ContinuationTree"
    assert plain["table"]["text"] == TEXT
    assert plain["is_chosen"].count(True) == 8


def test_a_path_leads_from_the_prompt_to_the_node(tree: ContinuationTree) -> None:
    assert tree.path(-1) == ()
    assert [tree.depth[node] for node in tree.path(tree.chosen[4])] == [0, 1, 2, 3, 4]


def test_the_stream_ends_with_the_whole(model: LoadedModel, tree: ContinuationTree) -> None:
    trees = list(stream(model, PARAMS))
    same(trees[-1], tree)
    assert [len(t.chosen) for t in trees] == list(range(1, 9))
    assert [t.stop_reason for t in trees] == ["stopped"] * 7 + ["length"]
    assert all(tree.text.startswith(t.text.rstrip("\ufffd")) for t in trees)


def test_who_stops_asking_stops_the_model(model: LoadedModel) -> None:
    passes = []
    handle = model.hf_model.get_input_embeddings().register_forward_hook(lambda *_: passes.append(1))
    trees = stream(model, PARAMS)
    next(trees)
    next(trees)
    trees.close()  # type: ignore[attr-defined]
    handle.remove()
    assert len(passes) == 2


def test_a_wrong_parameter_is_refused_before_the_first_tree(model: LoadedModel) -> None:
    with pytest.raises(InvalidParameter):
        stream(model, replace(PARAMS, max_new_tokens=0))


@pytest.mark.parametrize("choice", [{}, {"temperature": 1.5, "seed": 4}], ids=str)
def test_what_was_written_when_it_was_stopped_is_there_and_goes_on(model: LoadedModel, choice: dict[str, Any]) -> None:
    params = replace(PARAMS, **choice)
    heard: list[float] = []

    def stop(fraction: float, message: str = "") -> None:
        heard.append(fraction)
        if len(heard) == 3:
            raise Cancelled(f"Stopped: {message}.")

    with pytest.raises(Cancelled, match="3 of at most 8 tokens are written") as caught:
        generate(model, params, on_progress=stop)
    cut = caught.value.so_far
    assert isinstance(cut, ContinuationTree)
    assert heard == [1 / 8, 2 / 8, 3 / 8]
    assert (len(cut.chosen), cut.stop_reason) == (3, "stopped")
    assert cut.provenance["parameters"]["max_new_tokens"] == 8
    on = continue_from(model, cut, node=cut.chosen[-1], params=replace(params, max_new_tokens=5))
    whole = generate(model, params)
    np.testing.assert_array_equal(on.token_ids, whole.token_ids)
    assert (on.text, on.stop_reason, on.chosen) == (whole.text, "length", whole.chosen)


def test_an_alternative_is_followed_and_all_else_stays(model: LoadedModel, tree: ContinuationTree) -> None:
    node = int(np.flatnonzero((tree.depth == 2) & ~np.array(tree.is_chosen))[1])
    grown = continue_from(model, tree, node=node, params=replace(PARAMS, max_new_tokens=4))
    is_a_tree(grown)
    n_old = len(tree.tokens)
    assert len(grown.tokens) == n_old + 4 * 3
    for name in ("parent", "depth", "token_ids", "probability", "rank", "entropy"):
        np.testing.assert_array_equal(getattr(grown, name)[:n_old], getattr(tree, name))
    assert grown.chosen[:3] == tree.path(node)
    assert len(grown.chosen) == 3 + 4
    assert grown.text != tree.text
    assert grown.provenance["parameters"] == tree.provenance["parameters"]
    (step,) = grown.provenance["continued"]
    assert (step["node"], step["max_new_tokens"], step["n_branches"]) == (node, 4, 3)
    again = continue_from(model, grown, node=tree.chosen[-1], params=replace(PARAMS, max_new_tokens=1))
    assert [entry["node"] for entry in again.provenance["continued"]] == [node, tree.chosen[-1]]
    assert again.chosen[:-1] == tree.chosen


def test_a_continuation_that_is_there_is_kept_once(model: LoadedModel, tree: ContinuationTree) -> None:
    grown = continue_from(model, tree, node=tree.chosen[1], params=replace(PARAMS, max_new_tokens=6))
    np.testing.assert_array_equal(grown.token_ids, tree.token_ids)
    assert grown.chosen == tree.chosen
    assert grown.text == tree.text
    other = continue_from(model, tree, node=-1, params=replace(PARAMS, temperature=3.0, seed=1))
    is_a_tree(other)
    assert len(other.tokens) > len(tree.tokens)


def test_growing_further_can_be_watched(model: LoadedModel, tree: ContinuationTree) -> None:
    params = replace(PARAMS, max_new_tokens=3)
    trees = list(stream_from(model, tree, node=4, params=params))
    assert len(trees) == 3
    same(trees[-1], continue_from(model, tree, node=4, params=params))


def test_a_text_that_ended_goes_on_nowhere() -> None:
    hf_model, tokenizer = tiny("gpt2")
    first = generate(lmviz.wrap(hf_model, tokenizer), PARAMS)
    hf_model.generation_config.eos_token_id = int(first.token_ids[first.chosen[2]])
    model = lmviz.wrap(hf_model, tokenizer)
    tree = generate(model, PARAMS)
    assert (len(tree.chosen), tree.stop_reason) == (3, "end")
    with pytest.raises(InvalidParameter, match="ends with this token"):
        continue_from(model, tree, node=tree.chosen[-1], params=PARAMS)


@pytest.mark.parametrize(
    ("node", "change", "message"),
    [
        (24, {}, r"no node 24. Choose from 0 to 23, or -1"),
        (-2, {}, r"no node -2"),
        (0, {"text": "The dog sat."}, "grown from other tokens"),
    ],
)
def test_what_cannot_be_continued_is_refused(
    model: LoadedModel, tree: ContinuationTree, node: int, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message):
        continue_from(model, tree, node=node, params=replace(PARAMS, **change))


def test_a_tree_of_another_model_is_refused(tree: ContinuationTree) -> None:
    with pytest.raises(InvalidParameter, match="the text and the model it is from"):
        continue_from(lmviz.wrap(*tiny("llama")), tree, node=0, params=PARAMS)
    with pytest.raises(NotForThisModel):
        continue_from(lmviz.wrap(*tiny("bert")), tree, node=0, params=PARAMS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens is 0; it is at least 1"),
        ({"n_beams": 0}, "n_beams is 0"),
        ({"n_branches": -1}, "n_branches is -1"),
        ({"n_branches": 401}, "n_branches is 401; GPT2LMHeadModel knows 400 tokens"),
        ({"n_beams": 5000}, "n_beams is 5,000"),
        ({"top_k": 0}, "top_k is 0"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": 1e-40}, "temperature is 1e-40; it is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_p": 0.0}, "top_p is 0.0; it is a share above 0"),
        ({"top_p": 1.01}, "top_p is 1.01"),
        ({"seed": -1}, "seed is -1"),
        ({"n_beams": 2, "temperature": 0.5}, "Set temperature to 0, or n_beams to 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(model: LoadedModel, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        lmviz.run("generate", model, text=TEXT, **given)


def test_extremes_work(model: LoadedModel) -> None:
    for choice in (
        {"temperature": 1e-6},
        {"temperature": 1e9},
        {"top_k": 10**9, "temperature": 1.0},
        {"top_p": 1e-9, "temperature": 1.0},
        {"n_beams": 400, "max_new_tokens": 2},
        {"n_branches": 400, "max_new_tokens": 1},
        {"seed": 2**64 - 1, "temperature": 1.0},
    ):
        assert lmviz.run("generate", model, text=TEXT, **{"max_new_tokens": 3, **choice}).to_dict()["text"]


def test_more_than_one_in_all_fails_the_check(tree: ContinuationTree) -> None:
    assert ANALYSIS.check(tree)[0].passed
    broken = ContinuationTree(**{**vars(tree), "probability": np.full_like(tree.probability, 0.5)})
    assert not ANALYSIS.check(broken)[0].passed
