"""Labelled files of every form are read, what is broken is told by its line, and the rest is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from lmviz.datasets import probing_sets
from lmviz.datasets.labelled import LabelledText
from lmviz.datasets.labelled_files import by_type, read_labelled
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter
from tests.shared_data import published


def good(rows: Any) -> list[LabelledText]:
    found = list(rows)
    assert not [row for row in found if isinstance(row, BrokenRow)], found
    return found


def from_objects(*objects: Any) -> list[LabelledText | BrokenRow]:
    return list(read_labelled("\n".join(json.dumps(one) for one in objects).encode(), kind="jsonl"))


def test_a_label_per_sentence_is_read_from_a_table() -> None:
    content = '\ufefftext,label\r\n"A fine, sunny day",good\r\n😀 中文,odd\r\n\r\n,bad\r\n'.encode()
    first, second, third = read_labelled(content, kind="csv")
    assert isinstance(first, LabelledText)
    assert (first.text, first.targets[0].label, first.targets[0].spans) == ("A fine, sunny day", "good", ())
    assert isinstance(second, LabelledText)
    assert second.targets[0].form == "😀"
    assert third == BrokenRow(5, "its text is empty")


def test_labels_of_words_stand_where_the_words_do() -> None:
    (row,) = from_objects({"words": ["I", "do", "n't", "know"], "tags": ["P", "_", None, "V"], "text": "I don't know"})
    assert isinstance(row, LabelledText)
    assert [(row.text[slice(*target.spans[0])], target.label) for target in row.targets] == [("I", "P"), ("know", "V")]
    (plain,) = from_objects({"tokens": ["a", "b"], "labels": [1, 0]})
    assert isinstance(plain, LabelledText)
    assert plain.text == "a b"
    assert [target.label for target in plain.targets] == ["1", "0"]


def test_spans_and_pairs_of_spans_are_read() -> None:
    spans, pair = from_objects(
        {
            "text": "Anna went to Oslo",
            "spans": [{"start": 0, "end": 4, "label": "who"}, {"start": 13, "end": 17, "label": "x"}],
        },
        {"text": "Anna went to Oslo", "span1": [0, 4], "span2": [5, 9], "label": "subject"},
    )
    assert isinstance(spans, LabelledText)
    assert [target.form for target in spans.targets] == ["Anna", "Oslo"]
    assert isinstance(pair, LabelledText)
    assert pair.targets[0].spans == ((0, 4), (5, 9))
    assert pair.targets[0].form == "Anna went"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"text": "a", "spans": [{"start": 0, "end": 9, "label": "x"}]}, "not in its text"),
        ({"text": "a", "spans": [{"start": 1, "end": 0, "label": "x"}]}, "not in its text"),
        ({"text": "a", "spans": [{"start": 0, "end": 1}]}, "no label"),
        ({"text": "a", "span1": "x", "label": "y"}, "no start and end"),
        ({"words": ["a", "b"], "labels": ["x"]}, "2 words and 1 labels"),
        ({"words": ["a", ""], "labels": ["x", "y"]}, "empty"),
        ({"words": ["a"], "labels": ["x"], "text": "b"}, "does not stand"),
        ({"text": "a"}, "no label"),
        ({"label": "a"}, "neither a text nor words"),
        ({"text": "x" * 60_000, "label": "a"}, "60,000 characters"),
        ({"text": "\ud800", "label": "a"}, "half a character"),
        (["a"], "no JSON object"),
    ],
)
def test_a_broken_object_is_told_and_the_rest_is_kept(broken: Any, said: str) -> None:
    first, second = from_objects(broken, {"text": "fine", "label": "a"})
    assert isinstance(first, BrokenRow)
    assert first.line == 1
    assert said in first.reason
    assert isinstance(second, LabelledText)


def test_columns_are_read_sentence_by_sentence(tmp_path: Path) -> None:
    path = tmp_path / "some.conll"
    path.write_bytes(
        b"-DOCSTART- O\n\nAnna NNP B-PER\nsleeps VBZ O\n\n\nalone\n\nin\tO\r\nNew\tB-LOC\r\nYork\tI-LOC\n\nbad \xff O\n"
    )
    one, two, three, four = read_labelled(path)
    assert isinstance(one, LabelledText)
    assert [(target.form, target.label) for target in one.targets] == [("Anna", "B-PER"), ("sleeps", "O")]
    assert two == BrokenRow(7, "line 7 has no word and label")
    assert isinstance(three, LabelledText)
    assert three.text == "in New York"
    assert isinstance(four, BrokenRow)
    assert [t.label for t in good(by_type([three]))[0].targets] == ["O", "LOC", "LOC"]


def test_a_table_without_the_columns_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="text and label"):
        list(read_labelled(b"a,b\n1,2\n", kind="csv"))


def test_many_labels_and_none() -> None:
    rows = "text,label\n" + "".join(f"text {n},label {n}\n" for n in range(1000))
    assert len({row.targets[0].label for row in good(read_labelled(rows.encode(), kind="csv"))}) == 1000
    assert list(read_labelled(b"text,label\n", kind="csv")) == []


def test_published_questions() -> None:
    found = probing_sets.questions([published("nltk_qc") / "qc.zip"])
    assert {name: len(good(rows)) for name, rows in found.items()} == {"train": 5452, "test": 500}
    assert {row.targets[0].label for row in good(found["test"])} == {"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"}


def test_published_subjectivity() -> None:
    rows = good(probing_sets.subjectivity([published("nltk_subjectivity") / "subjectivity.zip"])["train"])
    labels = [row.targets[0].label for row in rows]
    assert (labels.count("objective"), labels.count("subjective")) == (5000, 5000)


def test_published_sentiment() -> None:
    paths = [published("sst2") / f"{name}.tsv" for name in ("train", "dev", "test")]
    assert [len(good(rows)) for rows in probing_sets.sentiment(paths).values()] == [6920, 872, 1821]


def test_published_entities() -> None:
    names = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    found = probing_sets.entities([published("wnut17_ner") / name for name in names])
    counts = [len(list(rows)) for rows in found.values()]
    assert counts == [3394, 1009, 1287]


def test_checksums_are_those_of_the_files() -> None:
    import gzip
    import hashlib

    for slug, folder in (
        ("question-type", "nltk_qc"), ("subjectivity", "nltk_subjectivity"), ("sentiment", "sst2"),
        ("named-entities", "wnut17_ner"), ("ud-english-ewt", "ud_english_ewt"),
    ):  # fmt: skip
        for file in probing_sets.PROBING_SETS[slug].files:
            path = published(folder) / file.name
            content = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
            assert hashlib.sha256(content).hexdigest() == file.sha256
