"""Many rows say what each says alone: the numbers of the single analyses, whatever stands beside a row."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import lmviz
from lmviz.analyses.compare.rows import TASKS, Columns, compare_rows, compared_rows, tasks_for
from lmviz.analyses.predictions.tags import word_tags
from lmviz.capture.words import word_numbers
from lmviz.datasets.tables import BrokenRow, Record, Row
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import LabelProbabilities, RowAnswer, TokenDistributions
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

TEXTS = (
    "The cat sat on the mat.",
    "Dogs and cats",
    "The nurses said sleeping pandas don't fly over the house in the evening.",
    "中文 and <b>bold</b> </script> text 🐈",
    "the the the the the the",
) * 9  # more than one batch


@cache
def model(family: str, ending: str = "") -> LoadedModel:
    return lmviz.wrap(*(tiny_head(family, ending) if ending else tiny(family)))


def records(texts: Iterable[str], **more: str) -> list[Row]:
    return [Record(n, {"text": text, **more}) for n, text in enumerate(texts, start=2)]


def asked(a: LoadedModel, b: LoadedModel, rows: Iterable[Row], task: str, **columns: str) -> list[RowAnswer]:
    batches = compare_rows(a, b, rows=rows, task=task, columns=Columns(**columns))
    return [answer for batch in batches for answer in batch]


def test_expected_tokens_are_those_of_a_comparison_of_one_text() -> None:
    a, b = model("gpt2"), model("llama")
    for answer, text in zip(asked(a, b, records(TEXTS[:5]), "tokens"), TEXTS, strict=False):
        first, second = (lmviz.run("token-distributions", side, text=text, top_k=1) for side in (a, b))
        assert isinstance(first, TokenDistributions)
        assert isinstance(second, TokenDistributions)
        assert (answer.answer_a, answer.answer_b) == (first.candidates[-1][0], second.candidates[-1][0])
        assert answer.value_a == pytest.approx(float(first.probabilities[-1, 0]), abs=1e-5)
        assert answer.value_b == pytest.approx(float(second.probabilities[-1, 0]), abs=1e-5)


@pytest.mark.parametrize(("family_a", "family_b"), [("gpt2", "llama"), ("bert", "gpt2"), ("gpt2", "bert")])
def test_disagreement_on_tokens_is_the_divergence_of_the_whole_comparison(family_a: str, family_b: str) -> None:
    from lmviz.analyses import ANALYSES
    from lmviz.analyses.compare.compare import compare
    from lmviz.analyses.compare.sides import Side

    a, b = model(family_a), model(family_b)
    texts = ["the [MASK] sat on the [MASK]", "cats and [MASK]"] if "bert" in (family_a, family_b) else TEXTS[:3]
    for answer, text in zip(asked(a, b, records(texts), "tokens"), texts, strict=True):
        sides = Side(a, {"text": text}), Side(b, {"text": text})
        whole = compare(*sides, analysis=ANALYSES["token-distributions"])
        js = whole.per_unit["js"][~np.isnan(whole.per_unit["js"])]
        want = js[0] if "bert" in (family_a, family_b) else js[-1]
        assert answer.disagreement == pytest.approx(float(want), abs=1e-5)
        assert 0.01 < want < np.log(2)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_surprisals_are_those_of_one_text_for_each_of_its_words(family: str) -> None:
    for answer, text in zip(asked(model(family), model("gpt2"), records(TEXTS), "surprisal"), TEXTS, strict=True):
        one = lmviz.run("surprisal", model(family), text=text)
        total = float(np.nansum(one.scores))  # type: ignore[attr-defined]
        assert answer.value_a == pytest.approx(total / (max(word_numbers(text)) + 1), abs=1e-4)
        assert answer.answer_a == f"{total:.3f} nats" or abs(float(answer.answer_a.split()[0]) - total) < 2e-3
        assert answer.disagreement == pytest.approx(abs(answer.value_b - answer.value_a))


def test_labels_are_those_of_one_text() -> None:
    a, b = model("bert", "ForSequenceClassification"), model("gpt2", "ForSequenceClassification")
    for answer, text in zip(asked(a, b, records(TEXTS), "classify"), TEXTS, strict=True):
        one, other = (lmviz.run("classify", side, text=text) for side in (a, b))
        assert isinstance(one, LabelProbabilities)
        assert isinstance(other, LabelProbabilities)
        assert answer.answer_a == one.labels[int(one.probabilities.argmax())]
        assert answer.value_b == pytest.approx(float(other.probabilities.max()), abs=1e-5)
        want = float(np.abs(one.probabilities - other.probabilities).sum() / 2)
        assert answer.disagreement == pytest.approx(want, abs=1e-5)


def test_tags_are_those_of_one_text() -> None:
    a, b = model("bert", "ForTokenClassification"), model("electra", "ForTokenClassification")
    n_apart = 0
    for answer, text in zip(asked(a, b, records(TEXTS), "tag-tokens"), TEXTS, strict=True):
        sides = [word_tags(lmviz.run("tag-tokens", side, text=text)) for side in (a, b)]  # type: ignore[arg-type]
        assert answer.answer_a == " ".join(tag.label for tag in sides[0])
        by_place = [{tag.start: tag.label for tag in side} for side in sides]
        apart = [by_place[0].get(place) != by_place[1].get(place) for place in {*by_place[0], *by_place[1]}]
        assert answer.disagreement == pytest.approx(np.mean(apart))
        n_apart += sum(apart)
    assert n_apart


HEADS = {"classify": "ForSequenceClassification", "tag-tokens": "ForTokenClassification"}
every_task = pytest.mark.parametrize("task", TASKS)


def numbers(answers: Iterable[RowAnswer], name: str) -> np.ndarray:
    return np.array([getattr(answer, name) for answer in answers])


@every_task
def test_a_against_itself_is_nothing_and_sides_change_places(task: str) -> None:
    a, b = model("gpt2", HEADS.get(task, "")), model("llama", HEADS.get(task, ""))
    same = asked(a, a, records(TEXTS), task)
    np.testing.assert_allclose(numbers(same, "disagreement"), 0, atol=1e-12)
    there, back = asked(a, b, records(TEXTS), task), asked(b, a, records(TEXTS), task)
    np.testing.assert_allclose(numbers(there, "disagreement"), numbers(back, "disagreement"), atol=1e-5)
    assert [answer.answer_a for answer in there] == [answer.answer_b for answer in back]
    assert numbers(there, "disagreement").max() > 0.01, "models that differ must disagree somewhere"


@every_task
def test_a_row_does_not_depend_on_the_rows_beside_it(task: str) -> None:
    a, b = model("gpt2", HEADS.get(task, "")), model("llama", HEADS.get(task, ""))
    together = asked(a, b, records(TEXTS), task)
    for n in (0, 7, 40):
        [alone] = asked(a, b, records(TEXTS)[n : n + 1], task)
        nothing = {"value_a": 0.0, "value_b": 0.0, "disagreement": 0.0}
        is_said = {} if task != "surprisal" else {"answer_a": "", "answer_b": ""}  # numbers, which may be rounded apart
        assert replace(alone, **nothing, **is_said) == replace(together[n], **nothing, **is_said)
        for name in ("value_a", "value_b", "disagreement"):
            assert getattr(alone, name) == pytest.approx(getattr(together[n], name), abs=1e-4)


def test_two_texts_on_one_model() -> None:
    rows: list[Row] = [
        Record(2, {"text": "the cat sat", "other": "the dog sat"}),
        Record(3, {"text": "a", "other": "a"}),
    ]
    [first, second] = asked(model("gpt2"), model("gpt2"), rows, "surprisal", text_b="other")
    assert first.text_b == "the dog sat"
    one = lmviz.run("surprisal", model("gpt2"), text="the dog sat")
    assert first.value_b == pytest.approx(float(np.nansum(one.scores)) / 3, abs=1e-5)  # type: ignore[attr-defined]
    assert first.disagreement > 0
    assert second.disagreement == 0


def test_tags_of_two_texts_need_as_many_words() -> None:
    tagger = model("bert", "ForTokenClassification")
    rows: list[Row] = [
        Record(2, {"text": "the cat sat", "b": "a dog ran"}),
        Record(3, {"text": "the cat", "b": "dogs"}),
    ]
    [good, bad] = asked(tagger, tagger, rows, "tag-tokens", text_b="b")
    assert not good.problem
    assert "word by word" in bad.problem


def test_what_cannot_be_read_is_named_and_the_rest_goes_on() -> None:
    long = "word " * 400
    rows: list[Row] = [
        Record(2, {"text": "the cat sat"}),
        BrokenRow(3, "it is no valid JSON"),
        Record(4, {"text": "  "}),
        Record(5, {"text": long}),
        Record(6, {"other": "x"}),
        Record(7, {"text": "the cat sat"}),
    ]
    found = asked(model("gpt2"), model("llama"), rows, "surprisal")
    assert [answer.line for answer in found] == [2, 3, 4, 5, 6, 7]
    problems = [answer.problem for answer in found]
    assert problems[0] == problems[-1] == ""
    assert problems[1] == "Line 3: it is no valid JSON."
    assert problems[2].startswith("Line 4: The text is empty")
    assert "reads at most" in problems[3]
    assert problems[4] == "Line 6: it has no 'text'."
    assert found[0].value_a == pytest.approx(found[-1].value_a, abs=1e-5)


def test_rows_are_taken_when_their_turn_comes() -> None:
    taken = 0

    def rows() -> Iterable[Row]:
        nonlocal taken
        for row in records(TEXTS):
            taken += 1
            yield row

    batches = compare_rows(model("gpt2"), model("llama"), rows=rows(), task="tokens")
    assert taken == 0
    assert len(next(batches)) == taken == 8


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: ("gpt2", "", "llama", "", "magic"), InvalidParameter, "no task 'magic'"),
        (lambda: ("bert", "ForSequenceClassification", "gpt2", "", "classify"), NotForThisModel, "no sequence-class"),
        (lambda: ("t5", "", "gpt2", "", "surprisal"), NotForThisModel, "for encoders and decoders"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(
    make: Callable[[], tuple[str, ...]], error: type[Exception], said: str
) -> None:
    family_a, ending_a, family_b, ending_b, task = make()
    with pytest.raises(error, match=said):
        compare_rows(model(family_a, ending_a), model(family_b, ending_b), rows=[], task=task)


def test_labels_that_are_not_the_same_are_refused() -> None:
    other = lmviz.wrap(*tiny_head("bert", "ForSequenceClassification", id2label={0: "bad", 1: "good"}))
    with pytest.raises(InvalidParameter, match="same labels"):
        compare_rows(other, model("bert", "ForSequenceClassification"), rows=[], task="classify")


def test_every_task_says_why_it_cannot() -> None:
    reasons = tasks_for(model("bert"), model("gpt2"))
    assert reasons["tokens"] == reasons["surprisal"] == ""
    assert "head" in reasons["classify"]


def test_the_result_says_where_it_comes_from() -> None:
    a, b = model("gpt2"), model("llama")
    answers = asked(a, b, records(TEXTS[:3]), "tokens")
    result = compared_rows(a, b, answers=answers, task="tokens")
    assert result.to_frame()["disagreement"].tolist() == numbers(answers, "disagreement").tolist()
    assert result.to_dict()["rows"][0]["line"] == 2
    assert {"model", "model_b", "parameters"} <= set(result.provenance)


@every_task
def test_eight_threads_answer_alike(task: str) -> None:
    a, b = model("gpt2", HEADS.get(task, "")), model("llama", HEADS.get(task, ""))
    want = numbers(asked(a, b, records(TEXTS), task), "disagreement")
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: asked(a, b, records(TEXTS), task), range(8)):
            np.testing.assert_allclose(numbers(found, "disagreement"), want, atol=1e-5)
