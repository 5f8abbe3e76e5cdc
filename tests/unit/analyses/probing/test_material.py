"""Nothing stands on two sides, whatever is held out; what is broken is told and the rest is kept."""

from collections.abc import Iterator

import pytest

from lmviz.analyses.probing.material import (
    DEV,
    MOST_LABELS,
    TEST,
    TRAIN,
    UNKNOWN,
    Division,
    Material,
    key_of,
    material,
)
from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter


def text(number: int, *, n_words: int = 4) -> LabelledText:
    """Make a sentence of words that come again elsewhere, each with its own label."""
    words = [f"w{(number * 7 + place * place) % 50}" for place in range(n_words)]
    spans = []
    start = 0
    for word in words:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    targets = tuple(
        Target((span,), "even" if int(word[1:]) % 2 else "odd", word, f"l{int(word[1:]) // 2}")
        for word, span in zip(words, spans, strict=True)
    )
    return LabelledText(number, f"{' '.join(words)} u{number}", targets)


def texts(n: int = 300) -> Iterator[LabelledText]:
    return (text(number, n_words=3 + number % 5) for number in range(n))


def keys(found: Material, side: int) -> set[str]:
    return {key_of(found.texts[number]) for number in found.text_of[found.on(side)]}


@pytest.mark.parametrize("held_out", ["sentence", "word", "lemma"])
def test_no_sentence_is_on_two_sides(held_out: str) -> None:
    found = material({"train": texts()}, Division(held_out), unit="word")
    assert all(found.on(side).size for side in (TRAIN, DEV, TEST))
    assert not keys(found, TRAIN) & keys(found, TEST)
    assert not keys(found, TRAIN) & keys(found, DEV)
    assert not keys(found, DEV) & keys(found, TEST)


def test_the_same_sentence_in_two_files_is_kept_in_training_alone() -> None:
    rows = {"train": list(texts(100)), "dev": list(texts(100)), "test": [*texts(100), text(1000), text(1001)]}
    shouted = LabelledText(1, rows["train"][3].text.upper(), rows["train"][3].targets)
    rows["test"].append(shouted)
    found = material(rows, Division(), unit="word")
    assert not found.on(DEV).size
    assert keys(found, TEST) <= {key_of(text(1000).text), key_of(text(1001).text)}


@pytest.mark.parametrize("held_out", ["word", "lemma"])
def test_held_out_types_are_never_trained_on(held_out: str) -> None:
    rows = list(texts())
    found = material({"train": rows}, Division(held_out), unit="word")
    lemma = {target.form: target.lemma for row in rows for target in row.targets}

    def types(side: int) -> set[str]:
        forms = {found.forms[part] for part in found.on(side)}
        return {lemma[form] for form in forms} if held_out == "lemma" else forms

    assert not types(TRAIN) & types(TEST)
    assert not types(TRAIN) & types(DEV)
    assert types(TEST)


def test_spans_and_labels_stay_with_their_text() -> None:
    found = material({"train": texts()}, Division(), unit="word")
    for part in range(len(found.label)):
        start, end = found.spans[part, 0]
        form = found.texts[found.text_of[part]][start:end]
        assert form == found.forms[part]
        assert found.labels[found.label[part]] == ("even" if int(form[1:]) % 2 else "odd")


def test_a_limit_draws_the_same_sentences_again() -> None:
    one, again = (material({"train": texts()}, Division(limit=40), unit="word") for _ in range(2))
    assert one.texts == again.texts
    assert len(keys(one, TRAIN)) == 40
    assert len(keys(one, TEST)) == 10
    other = material({"train": texts()}, Division(limit=40, seed=1), unit="word")
    assert other.texts != one.texts
    assert other.fingerprint != one.fingerprint


def test_broken_rows_are_counted_and_the_first_is_told() -> None:
    rows = [BrokenRow(7, "it is no valid JSON"), *texts(100), BrokenRow(9, "it is empty")]
    found = material({"train": rows}, Division(), unit="word")
    assert found.skipped == 2
    assert "line 7: it is no valid JSON" in found.notes[-1]


def test_labels_that_training_lacks_are_wrong_and_told() -> None:
    strange = LabelledText(1, "never seen before", (Target(((0, 5),), "new", "never"),))
    found = material({"train": texts(50), "test": [strange]}, Division(), unit="word")
    assert list(found.label[found.on(TEST)]) == [UNKNOWN]
    assert "1 test words" in found.notes[0]


def labelled(labels: list[str]) -> list[LabelledText]:
    return [LabelledText(n, f"text {n} {label}", (Target((), label, "text"),)) for n, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No text has a label"),
        (labelled(["a"] * 60), "have one label, 'a'"),
        ([LabelledText(1, "x", ())], "No text has a label"),
    ],
)
def test_too_few_labels_are_refused(rows: list[LabelledText], said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        material({"train": rows}, Division(), unit="text")


def test_of_a_thousand_labels_the_most_frequent_are_learnt() -> None:
    rows = labelled([f"label {n % 1000 if n < 2000 else n % 100}" for n in range(4000)])
    found = material({"train": rows}, Division(), unit="text")
    assert len(found.labels) == MOST_LABELS
    assert any("labels; the 200 most frequent are learnt" in note for note in found.notes)


@pytest.mark.parametrize(("division", "said"), [(Division("paragraph"), "held out"), (Division(limit=0), "limit of 0")])
def test_impossible_divisions_are_refused(division: Division, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        material({"train": texts(10)}, division, unit="word")
