"""Grammar scores as plain passes give them, one sequence at a time; planted knowledge is found, and BLiMP is whole."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.items import Item
from lmviz.analyses.probing.grammar import BENCHMARK, Params
from lmviz.datasets.tables import BrokenRow
from lmviz.results import GrammarScores
from tests.pair_brute_force import log_softmax, masked, plain
from tests.shared_data import published
from tests.tiny import tiny

PAIRS = (
    ("The old cats don't sleep here.", "The old cats doesn't sleep here."),
    ("the dog sat on the mat", "the dog sit on the mat"),
    ("pandas know", "pandas knows"),
)


def written(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "pairs.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def plainly(folder: Path) -> str:
    return written(
        folder, *({"UID": "p", "linguistics_term": "t", "sentence_good": a, "sentence_bad": b} for a, b in PAIRS)
    )


def scores_of(model: Any, **params: Any) -> list[tuple[float, ...]]:
    found = [score for batch in bias_run("blimp", model, **params).batches() for score in batch]
    return [score.scores for score in sorted(found, key=lambda score: score.item.line)]


def hidden_for(words: list[int | None], position: int, variant: str, last: int) -> list[int]:
    same = [place for place, word in enumerate(words) if word == words[position]]
    return {
        "original": [position],
        "within-word-l2r": [place for place in same if place >= position],
        "whole-word": same,
        "global-l2r": list(range(position, last + 1)),
    }[variant]


@pytest.mark.parametrize("variant", ["within-word-l2r", "original", "whole-word", "global-l2r"])
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_encoder_scores_as_brute_force_does(family: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    wanted = []
    for texts in PAIRS:
        own = []
        for text in texts:
            given = tokenizer(text)
            ids, words = given["input_ids"], given.word_ids(0)
            places = plain(tokenizer, ids)
            hidden = [hidden_for(words, place, variant, places[-1]) for place in places]
            own.append(sum(masked(hf_model, tokenizer, ids, p, h) for p, h in zip(places, hidden, strict=True)))
        wanted.append(own)
    found = scores_of(lmviz.wrap(hf_model, tokenizer), source=plainly(tmp_path), variant=variant)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=2e-4)


@pytest.mark.parametrize("variant", ["sum", "mean"])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoder_scores_as_brute_force_does(family: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    wanted = []
    for texts in PAIRS:
        own = []
        for text in texts:
            given = tokenizer(text)["input_ids"]
            ids = given if given[0] == tokenizer.bos_token_id else [tokenizer.bos_token_id, *given]
            logs = log_softmax(hf_model, ids)
            found = [float(logs[place, ids[place + 1]]) for place in range(len(ids) - 1)]
            own.append(sum(found) / (len(found) if variant == "mean" else 1))
        wanted.append(own)
    scores = scores_of(lmviz.wrap(hf_model, tokenizer), source=plainly(tmp_path), variant=variant)
    for one, other in zip(scores, wanted, strict=True):
        assert one == pytest.approx(other, abs=2e-4)


def test_a_word_after_its_prefix_is_all_that_is_scored(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("gpt2")
    row = {
        "UID": "p", "linguistics_term": "t", "sentence_good": "the cat sat here", "sentence_bad": "the cat sit here",
        "one_prefix_prefix": "the cat", "one_prefix_word_good": "sat", "one_prefix_word_bad": "sit",
        "two_prefix_prefix_good": "the cat", "two_prefix_prefix_bad": "the dog", "two_prefix_word": "sat",
    }  # fmt: skip
    model, source = lmviz.wrap(hf_model, tokenizer), written(tmp_path, row)

    def after(prefix: str, word: str) -> float:
        before = tokenizer(prefix)["input_ids"]
        ids = [tokenizer.bos_token_id, *tokenizer(f"{prefix} {word}")["input_ids"]]
        logs = log_softmax(hf_model, ids)
        return sum(float(logs[place, ids[place + 1]]) for place in range(len(before), len(ids) - 1))

    (one,) = scores_of(model, source=source, variant="one-prefix")
    assert one == pytest.approx((after("the cat", "sat"), after("the cat", "sit")), abs=2e-4)
    (two,) = scores_of(model, source=source, variant="two-prefixes")
    assert two == pytest.approx((after("the cat", "sat"), after("the dog", "sat")), abs=2e-4)


def test_a_paradigm_without_a_prefix_is_left_out_with_the_reason(tmp_path: Path) -> None:
    result = lmviz.run("blimp", lmviz.wrap(*tiny("gpt2")), source=plainly(tmp_path), variant="one-prefix")
    assert result.n == 0
    assert result.skipped == len(PAIRS)
    assert "no one prefix" in result.note


def test_phenomena_hold_their_paradigms_and_ties_are_wrong(tmp_path: Path) -> None:
    rows = [
        {"UID": name, "linguistics_term": term, "sentence_good": good, "sentence_bad": bad}
        for name, term, good, bad in (
            ("one", "s-selection", "the cat sat", "the cat sat"),
            ("one", "s-selection", "a dog sat on the mat", "a dog sat on the mat"),
            ("two", "argument_structure", "the mat", "the mat"),
            ("three", "binding", "cat", "dog"),
        )
    ]
    result = lmviz.run("blimp", lmviz.wrap(*tiny("bert")), source=written(tmp_path, *rows))
    assert isinstance(result, GrammarScores)
    assert set(result.by_category) == {"argument_structure", "binding"}
    selection = result.by_category["argument_structure"]
    assert (selection.n, selection.ties, selection.preference) == (3, 3, 0.0)
    assert {name: part.n for name, part in selection.by_category.items()} == {"one": 2, "two": 1}
    assert result.paradigms == ("one", "one", "two", "three")
    assert list(result.to_frame()["paradigm"]) == ["one", "one", "two", "three"]
    assert not result.references


def test_what_a_model_was_taught_is_found(tmp_path: Path) -> None:
    """A model that likes one token better than any other tells the sentences that have it."""
    hf_model, tokenizer = tiny("gpt2")
    liked, other = (tokenizer(f" {word}")["input_ids"][0] for word in ("cat", "dog"))

    def like(_module: Any, _given: Any, logits: torch.Tensor) -> torch.Tensor:
        raised = logits.clone()
        raised[..., liked] += 50
        raised[..., other] -= 50
        return raised

    rows = [{"good": f"{start} cat", "bad": f"{start} dog"} for start in ("the", "a", "on the", "old")]
    hook = hf_model.lm_head.register_forward_hook(like)
    try:
        result = lmviz.run("blimp", lmviz.wrap(hf_model, tokenizer), source=written(tmp_path, *rows))
    finally:
        hook.remove()
    assert result.preference == 1.0
    assert set(result.by_category) == {"pairs"}  # a file that names no paradigm is one


def test_eight_threads_get_the_same_scores(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), plainly(tmp_path)
    wanted = scores_of(model, source=source)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: scores_of(model, source=source), range(8)):
            assert found == [pytest.approx(one, abs=1e-5) for one in wanted]


def test_all_of_blimp_is_read() -> None:
    files = BENCHMARK.files(Params(source=str(published("blimp"))))
    rows = list(BENCHMARK.read(Params(), files))
    assert not [row for row in rows if isinstance(row, BrokenRow)]
    items = [row for row in rows if isinstance(row, Item)]
    assert len(items) == 67_000
    assert len({item.cluster for item in items}) == 67
    assert len({item.category for item in items}) == 12
    assert len({item.line for item in items}) == 67_000
    assert sum(bool(item.details[0]) for item in items) == 20_000  # with one prefix
    assert sum(item.texts[0] == item.texts[1] for item in items) == 7


@pytest.mark.parametrize(
    "bad",
    [b"{", b'["a"]', b'{"good": "x"}', b'{"good": "", "bad": "y"}', b'{"good": 3, "bad": "y"}', b'{"good": "\xff"}'],
)
def test_a_broken_line_is_told_and_the_rest_goes_on(bad: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_bytes(bad + b'\n{"good": "the cat", "bad": "cat the"}\n')
    result = lmviz.run("blimp", lmviz.wrap(*tiny("bert")), source=str(path))
    assert (result.n, result.skipped) == (1, 1)
    assert "Line 1" in result.note


def test_an_answer_about_official_paradigms_has_what_people_chose_and_pickles(tmp_path: Path) -> None:
    rows = [
        {
            "UID": "adjunct_island",
            "linguistics_term": "island_effects",
            "sentence_good": "the cat",
            "sentence_bad": "cat",
        }
    ]
    result = lmviz.run("blimp", lmviz.wrap(*tiny("gpt2")), source=written(tmp_path, *rows))
    assert isinstance(result, GrammarScores)
    assert result.references["people"]["all"] == pytest.approx(0.886)
    assert pickle.loads(pickle.dumps(result)).references == result.references
    assert json.loads(json.dumps(result.to_dict()))["references"]["people"]["all"] == pytest.approx(0.886)
