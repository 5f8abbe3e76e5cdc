"""Labelled texts of one's own: every form that is read, and what is said of rows that cannot be."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.labelled_files import LONGEST_TEXT, entity_types, read_labelled
from lmviz.datasets.sources import Source, kept
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import CorruptedFile, InvalidParameter


def split(source: Source, kind: str | None = None) -> tuple[list[LabelledText], list[tuple[int, str]]]:
    """Give the texts, and line and reason of the others."""
    broken: list[BrokenRow] = []
    texts = list(kept(read_labelled(source, kind=kind), broken.append))
    return texts, [(row.line, row.reason) for row in broken]


def objects(*rows: Any) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def only(row: Any) -> LabelledText:
    (text,), broken = split(objects(row), "jsonl")
    assert broken == []
    return text


def why(row: Any) -> str:
    texts, ((line, reason),) = split(objects({"text": "fine", "label": "a"}, row), "jsonl")
    assert (line, len(texts)) == (2, 1)
    return reason


def pieces(text: LabelledText) -> list[tuple[str, str]]:
    return [(" ".join(text.text[slice(*span)] for span in one.spans), one.label) for one in text.targets]


@pytest.mark.parametrize("text_name", ["text", "sentence"])
@pytest.mark.parametrize("label_name", ["label", "labels", "class", "target"])
def test_a_label_for_each_text(text_name: str, label_name: str) -> None:
    expected = LabelledText(2, "A fine day.", (Target((), "good", "A"),))
    table = f"id,{label_name},{text_name}\n7,good, A fine day. \n".encode()
    assert split(table, "csv") == ([expected], [])
    assert split(table.replace(b",", b"\t"), "tsv") == ([expected], [])
    assert only({label_name: "good", text_name: "A fine day."}).targets == expected.targets


def test_of_several_columns_the_first_name_counts() -> None:
    (text,), _ = split(b"target,label,sentence,text\nno,yes,other,one\n", "csv")
    assert (text.text, text.targets[0].label) == ("one", "yes")


def test_labels_may_be_numbers_and_truth_values() -> None:
    found = [only({"text": "a", "label": label}).targets[0].label for label in (0, 1.5, True, False, " x ")]
    assert found == ["0", "1.5", "true", "false", "x"]


def test_a_label_for_each_word() -> None:
    row = {"words": ["Anna", "saw", "it", ".", "🙂"], "labels": ["PER", None, "", "_", 3]}
    text = only(row)
    assert (text.text, pieces(text)) == ("Anna saw it . 🙂", [("Anna", "PER"), ("🙂", "3")])
    assert pieces(only({"tokens": ["a", "b"], "tags": ["X", "Y"]})) == [("a", "X"), ("b", "Y")]
    text = only(
        {"text": " I don't, don't! ", "words": ["I", "do", "n't", ",", "do", "n't", "!"], "labels": [*"abcdefg"]}
    )
    assert [one.spans for one in text.targets][4] == ((10, 12),)
    assert [piece for piece, _ in pieces(text)] == ["I", "do", "n't", ",", "do", "n't", "!"]
    assert only({"text": None, "words": ["a"], "labels": ["b"]}).text == "a"
    assert only({"words": ["a"], "labels": [None]}).targets == ()


def test_a_label_for_each_span() -> None:
    row = {
        "text": " Löwe 🦁 brüllt",
        "spans": [{"start": 1, "end": 5, "label": "N"}, {"start": 6, "end": 14, "label": 2}],
    }
    text = only(row)
    assert text.text == row["text"]
    assert text.targets == (Target(((1, 5),), "N", "Löwe"), Target(((6, 14),), "2", "🦁 brüllt"))
    assert only({"text": "a", "spans": []}).targets == ()


def test_a_label_for_each_pair() -> None:
    text = only({"text": "A fine day.", "span1": [7, 10], "span2": [2, 6], "label": "amod"})
    assert text.targets == (Target(((7, 10), (2, 6)), "amod", "day fine"),)


def test_a_file_of_columns() -> None:
    lines = [
        "-DOCSTART- -X- -X- O",
        "",
        "EU NNP I-NP B-ORG",
        "rejects VBZ I-VP O",
        "",
        "",
        "  ",
        "#tag\tB-x",
        "New York\t_",
    ]
    texts, broken = split("\n".join(lines).encode(), "conll")
    assert broken == []
    assert [(text.line, text.text) for text in texts] == [(3, "EU rejects"), (8, "#tag New York")]
    assert [pieces(text) for text in texts] == [[("EU", "B-ORG"), ("rejects", "O")], [("#tag", "B-x")]]


@pytest.mark.parametrize("ending", [".conll", ".bio", ".iob", ".annotated", ".BIO", ".conll.gz"])
def test_endings_of_files_of_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"file{ending}"
    content = b"word\tO\t\n"
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    assert pieces(split(path)[0][0]) == [("word", "O")]


def test_tags_become_types_of_entities() -> None:
    tags = ["O", "B-person", "I-person", "E-person", "S-group", "B-", "other", "b-x"]
    rows = list(read_labelled(objects({"words": [*"abcdefgh"], "labels": tags}, "broken"), kind="jsonl"))
    text, broken = entity_types(rows)
    assert isinstance(text, LabelledText)
    assert [one.label for one in text.targets] == ["O", "person", "person", "person", "group", "B-", "other", "b-x"]
    assert [one.form for one in text.targets] == [*"abcdefgh"]
    assert broken == rows[1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["a"], "no JSON object"),
        ({}, "its text is empty"),
        ({"text": " ", "label": "a"}, "its text is empty"),
        ({"text": 7, "label": "a"}, "its text is no text"),
        ({"text": "a"}, "its label is empty"),
        ({"text": "a", "label": None}, "its label is empty"),
        ({"text": "a", "label": ["b"]}, "neither a text nor a number"),
        ({"text": "x" * (LONGEST_TEXT + 1), "label": "a"}, "100,001 characters"),
        ({"text": "a", "labels": ["b"]}, "neither a text nor a number"),
        ({"words": ["a", "b"], "labels": ["x"]}, "2 words and 1 labels"),
        ({"words": [], "labels": []}, "no words"),
        ({"words": "ab", "labels": "xy"}, "its words are no list"),
        ({"tokens": ["a"]}, "its labels are no list"),
        ({"words": ["a", " "], "labels": ["x", "y"]}, "word 2 is no text or empty"),
        ({"words": ["a", 3], "labels": ["x", "y"]}, "word 2 is no text or empty"),
        ({"text": "a, b", "words": ["a", "b"], "labels": ["x", "y"]}, "word 2, 'b', does not stand"),
        ({"text": "a", "words": ["b"], "labels": ["y"]}, "word 1, 'b', does not stand"),
        ({"words": ["x" * 60_000] * 2, "labels": ["x", "y"]}, "120,001 characters"),
        ({"text": "abc", "spans": {"start": 0}}, "its spans are no list"),
        ({"text": "abc", "spans": [[0, 1]]}, "span 1 is no JSON object"),
        ({"text": "abc", "spans": [{"start": 0, "end": 1, "label": "a"}, {"start": 1}]}, "span 2 has not two whole"),
        ({"text": "abc", "spans": [{"start": True, "end": 2, "label": "a"}]}, "not two whole numbers"),
        ({"text": "abc", "spans": [{"start": 0, "end": 4, "label": "a"}]}, "from 0 to 4, and the text has 3"),
        ({"text": "abc", "spans": [{"start": -1, "end": 1, "label": "a"}]}, "from -1 to 1"),
        ({"text": "abc", "spans": [{"start": 2, "end": 2, "label": "a"}]}, "ends at 2, and starts at 2"),
        ({"text": "a c", "spans": [{"start": 1, "end": 2, "label": "a"}]}, "only blanks"),
        ({"text": "abc", "spans": [{"start": 0, "end": 1}]}, "span 1 has no label"),
        ({"spans": []}, "its text is empty"),
        ({"text": "abc", "span1": [0, 1], "label": "a"}, "span2 has not two whole numbers"),
        ({"text": "abc", "span1": [0, 1], "span2": [1.0, 2], "label": "a"}, "span2 has not two whole numbers"),
        ({"text": "abc", "span1": [0, 1], "span2": [1, 2]}, "the pair has no label"),
        ({"text": "abc", "spans": [], "words": ["abc"], "labels": ["x"]}, "two ways"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_its_reason(row: Any, reason: str) -> None:
    assert reason in why(row)


def test_broken_lines_other_encodings_and_line_ends() -> None:
    good = b'{"text": "caf\xc3\xa9", "label": "a"}'
    lines = [
        b"\xef\xbb\xbf" + good,
        b"{",
        b"",
        b'{"text": "caf\xe9", "label": "a"}',
        b'{"text": "\\ud83d", "label": "a"}',
    ]
    texts, broken = split(b"\r\n".join([*lines, b"[" * 100_000, good]), "jsonl")
    assert [(text.line, text.text) for text in texts] == [(1, "café"), (7, "café")]
    assert [line for line, _ in broken] == [2, 4, 5, 6]
    assert "half of a character" in broken[2][1]
    rows = [b"\xf0\x9f\xa6\x81 roars,a", b"", b"caf\xe9,a", b"one,two,three", b",a", b"b,", b"last,b", b""]
    texts, broken = split(b"\r\n".join([b"\xef\xbb\xbftext,label", *rows]), "csv")
    assert [(text.line, text.text) for text in texts] == [(2, "🦁 roars"), (8, "last")]
    assert [line for line, _ in broken] == [4, 5, 6, 7]
    columns = (
        b"\xef\xbb\xbfcaf\xc3\xa9\tB\r\n\r\nok O\r\ncaf\xe9 O\r\n\r\nalone\r\n\r\n\tO\r\n\r\n\xf0\x9f\xa6\x81 O\r\n"
    )
    texts, broken = split(columns, "conll")
    assert [(text.line, text.text) for text in texts] == [(1, "café"), (10, "🦁")]
    assert [line for line, _ in broken] == [4, 6, 8]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "conll"])
def test_an_empty_file_has_no_texts(kind: str) -> None:
    for content in (b"", b"\n\n", b"\r\n"):
        assert split(content, kind) == ([], [])


@pytest.mark.parametrize("n_labels", [0, 1, 1000])
def test_any_number_of_labels(n_labels: int) -> None:
    words, labels = [f"w{n}" for n in range(n_labels + 1)], [*(f"label {n}" for n in range(n_labels)), None]
    assert [one.label for one in only({"words": words, "labels": labels}).targets] == labels[:-1]
    text = "x" * max(n_labels, 1)
    spans = [{"start": n, "end": n + 1, "label": f"label {n}"} for n in range(n_labels)]
    assert [one.label for one in only({"text": text, "spans": spans}).targets] == labels[:-1]


def test_a_file_that_cannot_be_read_gets_a_remedy(tmp_path: Path) -> None:
    for name, reason in (
        ("none.csv", "cannot be read"),
        ("none.conll", "cannot be read"),
        ("none.xls", "Save it as one of them"),
        ("none.conllu", "Read it as a treebank"),
        ("none.conllu.gz", "Read it as a treebank"),
        ("none.txt", "columns text and label"),
    ):
        with pytest.raises(InvalidParameter, match=reason):
            split(tmp_path / name)
    with pytest.raises(InvalidParameter, match="Say which: csv, tsv, jsonl, conll"):
        split(b"text,label\n")
    with pytest.raises(InvalidParameter, match="not 'xml'"):
        split(b"", "xml")
    with pytest.raises(InvalidParameter, match=r"no column label or labels or class or target; its columns are 'text'"):
        split(b"text\na\n", "csv")
    with pytest.raises(InvalidParameter, match=r"no column text or sentence and label .*'a stirring film', '1'"):
        split(b"a stirring film\t1\na dull film\t0\n", "tsv")
    (tmp_path / "x.conll.gz").write_bytes(b"no gzip")
    with pytest.raises(CorruptedFile, match="damaged"):
        split(tmp_path / "x.conll.gz")


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=8)
)
def test_every_word_is_where_its_span_says(words: list[str]) -> None:
    text = only({"words": words, "labels": [f"{n}" for n in range(len(words))]})
    assert [one.form for one in text.targets] == words == [text.text[slice(*one.spans[0])] for one in text.targets]


def peak(path: Path) -> int:
    """Give the most memory that reading through a file took."""
    tracemalloc.start()
    for _ in read_labelled(path):
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.parametrize(
    ("ending", "header", "row"),
    [
        ("csv", "text,label\n", "She is here and waits.,a\n"),
        ("jsonl", "", '{"words": ["She", "is"], "labels": ["P", "V"]}\n'),
        ("conll", "", "She\tP\nis\tV\nhere\tR\n\n"),
    ],
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str, header: str, row: str) -> None:
    short, long = tmp_path / f"short.{ending}", tmp_path / f"long.{ending}"
    short.write_text(header + row * 2_000, encoding="utf-8")
    long.write_text(header + row * 15_000, encoding="utf-8")
    peak(short)  # what is loaded once
    assert peak(long) < peak(short) + 60_000 < long.stat().st_size / 2


def test_a_file_of_columns_without_empty_lines_is_one_broken_row_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "endless.conll"
    path.write_text("word O\n" * 400_000 + "\nfine O\n", encoding="utf-8")
    texts, broken = split(path)
    assert [text.text for text in texts] == ["fine"]
    assert broken == [(1, "it has more than 100,000 characters: empty lines part sentences")]
    assert "120,001 characters" in split(b"w O\n" * 60_001, "conll")[1][0][1]
