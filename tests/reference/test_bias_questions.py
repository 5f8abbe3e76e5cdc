"""BBQ's answers score as single plain passes do; what is planted is answered, and nothing else is found."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias import bbq
from lmviz.analyses.bias.bbq_questions import _ORDERS, prompt
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.items import Item, ItemScore
from lmviz.errors import InvalidParameter
from lmviz.results.choices import ChoiceScores
from tests.pair_brute_force import after, masked
from tests.planting import with_bias
from tests.shared_data import published
from tests.tiny import tiny

PERSONS = {"ans0": ["cat", "old"], "ans1": ["dog", "nonOld"], "ans2": ["fox", "unknown"]}


def question(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "example_id": number, "question_index": str(number), "category": "Age", "context_condition": "ambig",
        "question_polarity": "neg", "context": "the cat sat on the mat, a dog sat on the log",
        "question": "what is it?", "ans0": "cat", "ans1": "dog", "ans2": "fox", "label": 2, "answer_info": PERSONS,
        "additional_metadata": {"stereotyped_groups": ["Old"], "subcategory": "None"}, **changed,
    }  # fmt: skip


def written(folder: Path, *rows: dict[str, Any], name: str = "Age.jsonl") -> str:
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


DISAMBIG = {"context_condition": "disambig", "label": 0}
EVERY = [
    question(0), question(1, context="the lazy fox is on the log"), question(2, **DISAMBIG),
    question(3, question_polarity="nonneg", ans0="the lazy cat"), question(4, ans2="a fox", **DISAMBIG),
]  # fmt: skip


def scores_of(model: Any, **params: Any) -> list[ItemScore]:
    found = [score for batch in bias_run("bbq", model, **params).batches() for score in batch]
    return sorted(found, key=lambda score: score.item.line)


@pytest.mark.parametrize("variant", ["sum", "mean"])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoders_answers_equal_brute_force(family: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    model = lmviz.wrap(hf_model, tokenizer)
    for score in scores_of(model, source=written(tmp_path, *EVERY), variant=variant, n_orders=2):
        context, asked, *answers = score.item.texts
        want = []
        for order in ((0, 1, 2), (1, 2, 0)):
            listed = "; ".join(answers[place] for place in order)
            before = f"{context}\nQuestion: {asked}\nOptions: {listed}\nAnswer:"
            for answer in answers:
                ids, n_before = (tokenizer(part)["input_ids"] for part in (f"{before} {answer}", before))
                if ids[0] != tokenizer.bos_token_id:
                    ids, n_before = ([tokenizer.bos_token_id, *part] for part in (ids, n_before))
                assert ids[: len(n_before)] == n_before
                own = after(hf_model, ids)[len(n_before) - 1 :]
                want.append(float(own.sum() if variant == "sum" else own.mean()))
        np.testing.assert_allclose(score.scores, want, atol=1e-4, rtol=0)


def test_an_encoders_answers_equal_brute_force(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    for score in scores_of(lmviz.wrap(hf_model, tokenizer), source=written(tmp_path, *EVERY[:2])):
        for answer, value in zip(score.item.texts[2:], score.scores, strict=True):
            text = f"{prompt(score.item, (0, 1, 2))} {answer}"
            ids, words = tokenizer(text)["input_ids"], tokenizer(text).word_ids(0)
            places = [place for place, word in enumerate(words) if word == words[-2]]
            want = sum(masked(hf_model, tokenizer, ids, place, [p for p in places if p >= place]) for place in places)
            assert value == pytest.approx(want, abs=1e-4)


def test_every_order_is_there_once_and_three_are_balanced() -> None:
    assert sorted(_ORDERS) == sorted(permutations(range(3)))
    assert _ORDERS[0] == (0, 1, 2)
    assert {tuple(sorted(places)) for places in zip(*_ORDERS[:3], strict=True)} == {(0, 1, 2)}


def test_the_numbers_are_those_of_the_table_of_answers() -> None:
    result = lmviz.run("bbq", lmviz.wrap(*tiny("gpt2")), variant="mean", n_orders=3)
    assert isinstance(result, ChoiceScores)
    frame = result.to_frame().rename(columns={"context": "context_condition", "polarity": "question_polarity"})
    assert len(frame) == result.n == 64
    for row in bbq.scores(frame).itertuples(index=False):
        numbers = result.by_category[row.category].numbers
        assert numbers[f"accuracy_{row.context_condition}"] == pytest.approx(row.accuracy)
        for name in ("s_amb",) if row.context_condition == "ambig" else ("s_dis", "accuracy_cost"):
            np.testing.assert_allclose(numbers[name], getattr(row, name))
    best = np.stack([result.more, result.less, result.unknown]).argmax(axis=0)
    for place, answer, polarity in zip(best, result.answers, result.polarities, strict=True):
        first, second = ("target", "nontarget") if polarity == "neg" else ("nontarget", "target")
        assert answer == (first, second, "unknown")[place]
    assert result.numbers["n_templates"] == 8


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_model_that_ignores_its_input_has_no_bias_and_minds_no_order(family: str) -> None:
    blind = with_bias(family, {" the": 1.0, " It": 0.5}, is_blind=True)
    result = lmviz.run("bbq", blind, n_orders=6)
    assert result.numbers["order_sensitivity"] == 0.0
    assert result.numbers["s_amb_low"] <= 0 <= result.numbers["s_amb_high"]
    assert result.preference == pytest.approx((result.n - result.ties) / result.n / 2)
    assert result.ties < result.n / 2


def test_planted_answers_are_given(tmp_path: Path) -> None:
    source = written(tmp_path, *EVERY[:3])
    unknown = lmviz.run("bbq", with_bias("gpt2", {" fox": 40.0}, is_blind=False), source=source)
    assert set(unknown.answers) == {"unknown"}
    assert {name: unknown.numbers[name] for name in ("accuracy_ambig", "s_amb", "accuracy_disambig")} == {
        "accuracy_ambig": 1.0, "s_amb": 0.0, "accuracy_disambig": 0.0,
    }  # fmt: skip
    assert math.isnan(unknown.numbers["s_dis"])
    target = lmviz.run("bbq", with_bias("gpt2", {" cat": 40.0}, is_blind=False), source=source)
    assert target.preference == 1.0
    assert {name: target.numbers[name] for name in ("accuracy_ambig", "s_amb", "s_dis", "accuracy_disambig")} == {
        "accuracy_ambig": 0.0, "s_amb": 1.0, "s_dis": 1.0, "accuracy_disambig": 1.0,
    }  # fmt: skip


def test_one_order_tells_nothing_of_orders(tmp_path: Path) -> None:
    result = lmviz.run("bbq", lmviz.wrap(*tiny("gpt2")), source=written(tmp_path, *EVERY[:2]), n_orders=1)
    assert math.isnan(result.numbers["order_sensitivity"])


def test_templates_are_the_unit_of_the_interval(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    rows = [question(number % 2, context=f"the {word} sat") for number, word in enumerate(["cat", "dog", "fox"] * 6)]
    few = lmviz.run("bbq", model, source=written(tmp_path, *rows))
    assert few.numbers["n_templates"] == 2
    one = lmviz.run("bbq", model, source=written(tmp_path, *rows[::2]))
    assert math.isnan(one.numbers["s_amb_low"]) and one.cluster_interval is not None


def test_files_of_a_folder_are_read_in_turn_and_broken_rows_are_named(tmp_path: Path) -> None:
    written(tmp_path, *EVERY[:2])
    same = {**PERSONS, "ans1": ["dog", "old"]}
    written(tmp_path, question(9, category="SES"), {"no": "question"}, question(3, answer_info=same), name="SES.jsonl")
    result = lmviz.run("bbq", lmviz.wrap(*tiny("gpt2")), source=str(tmp_path))
    assert (result.n, result.skipped) == (3, 2)
    assert list(result.by_category) == ["Age", "SES"]
    assert result.provenance["skipped_rows"][0].startswith("Line 4: line 2 of SES.jsonl: its additional_metadata")
    assert "belong to the stereotyped groups" in result.provenance["skipped_rows"][1]
    assert set(result.provenance["data"]) == {"Age.jsonl", "SES.jsonl"}


def test_the_published_files_are_read_whole() -> None:
    run = bias_run("bbq", lmviz.wrap(*tiny("gpt2")), source=str(published("bbq/data")))
    assert sum(run.counts.values()) == 58_492
    assert len(run.counts) == 16, "eleven categories, four of them also with names, and the questions without roles"
    assert run.counts["Race_ethnicity (names)"] == 5000
    assert run.counts["Age"] == 3680
    small = bias_run("bbq", lmviz.wrap(*tiny("gpt2")), source=str(published("bbq/data")), limit=40)
    lines = [row.line for row in small._rows()]
    assert len(set(lines)) == 40 and max(lines) <= 58_492


def test_the_questions_that_ship_are_balanced() -> None:
    rows = [row for row in bias_run("bbq", lmviz.wrap(*tiny("gpt2")))._rows() if isinstance(row, Item)]
    assert len(rows) == 64
    for category in {row.category for row in rows}:
        own = [row.details for row in rows if row.category == category and row.details[4] == "disambig"]
        assert sum(row[3] == "target" for row in own) == len(own) / 2
        assert sum(row[5] == "neg" for row in own) == len(own) / 2


def test_eight_threads_at_once_answer_as_one_does(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("llama"))
    asked = [{"source": written(tmp_path, EVERY[i % 5], EVERY[0], name=f"{i}.jsonl"), "n_orders": 3} for i in range(16)]
    alone = [lmviz.run("bbq", model, **one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: lmviz.run("bbq", model, **one), asked))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.more, other.more)
        assert one.answers == other.answers


@pytest.mark.parametrize("n_orders", [0, 7, -1])
def test_a_number_of_orders_that_cannot_be(n_orders: int) -> None:
    with pytest.raises(InvalidParameter, match=f"n_orders is {n_orders}; three answers have 1 to 6 orders"):
        bias_run("bbq", lmviz.wrap(*tiny("gpt2")), n_orders=n_orders)
