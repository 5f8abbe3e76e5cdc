"""Published sets for probes: read whole from copies of what is pinned, and refused where they are damaged."""

import gzip
import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from lmviz.datasets.conllu import open_conllu
from lmviz.datasets.labelled import LabelledText
from lmviz.datasets.probing_sets import PROBING_SETS, UD_ENGLISH_EWT, ProbingSet, Treebank
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import CorruptedFile, InvalidParameter
from tests.shared_data import published

FOLDERS = {
    "question-type": "nltk_qc",
    "subjectivity": "nltk_subjectivity",
    "sentiment": "sst2",
    "named-entities": "wnut17_ner",
}
TYPES = ("O", "corporation", "creative-work", "group", "location", "person", "product")


def whole(one: ProbingSet) -> dict[str, list[LabelledText]]:
    """Give the texts of a published set; none may be broken."""
    paths = [published(FOLDERS[one.slug]) / file.name for file in one.files]
    found: dict[str, list[LabelledText]] = {}
    for split, rows in one.read(paths).items():
        texts = list(rows)
        found[split] = [text for text in texts if isinstance(text, LabelledText)]
        assert len(found[split]) == len(texts)
    return found


def labels(texts: Iterable[LabelledText]) -> Mapping[str, int]:
    return Counter(target.label for text in texts for target in text.targets)


@pytest.mark.parametrize("one", PROBING_SETS.values(), ids=PROBING_SETS)
def test_what_is_pinned_is_what_was_read(one: ProbingSet) -> None:
    for file in one.files:
        assert hashlib.sha256((published(FOLDERS[one.slug]) / file.name).read_bytes()).hexdigest() == file.sha256
        assert file.address.startswith("https://raw.githubusercontent.com/")


def test_the_treebank_is_what_is_pinned() -> None:
    folder = published("ud_english_ewt")
    for file in UD_ENGLISH_EWT.files:
        path = folder / file.name
        content = path.read_bytes() if path.exists() else gzip.decompress(path.with_suffix(".conllu.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == file.sha256
    splits = UD_ENGLISH_EWT.splits([folder / file.name for file in UD_ENGLISH_EWT.files])
    assert {split: path.name for split, path in splits.items()} == {
        split: f"en_ewt-ud-{split}.conllu" for split in ("train", "dev", "test")
    }
    first = next(open_conllu(splits["test"]))
    assert first.line == 1


def test_question_types() -> None:
    found = whole(PROBING_SETS["question-type"])
    assert {split: len(texts) for split, texts in found.items()} == {"train": 5452, "test": 500}
    assert labels(found["test"]) == {"DESC": 138, "ENTY": 94, "ABBR": 9, "HUM": 65, "NUM": 113, "LOC": 81}
    assert found["train"][0].text == "How did serfdom develop in and then leave Russia ?"
    assert found["train"][0].targets[0].form == "How"


def test_subjectivity() -> None:
    found = whole(PROBING_SETS["subjectivity"])
    assert labels(found["train"]) == {"objective": 5000, "subjective": 5000}
    assert any("pokémon" in text.text for text in found["train"])
    assert not [text for text in found["train"] if any("\x80" <= one <= "\x9f" or one in "ÂÃ" for one in text.text)]


def test_sentiment() -> None:
    found = whole(PROBING_SETS["sentiment"])
    assert {split: labels(texts) for split, texts in found.items()} == {
        "train": {"positive": 3610, "negative": 3310},
        "dev": {"positive": 444, "negative": 428},
        "test": {"positive": 909, "negative": 912},
    }
    assert found["dev"][0].text == "one long string of cliches"


def test_named_entities() -> None:
    found = whole(PROBING_SETS["named-entities"])
    assert {split: len(texts) for split, texts in found.items()} == {"train": 3394, "dev": 1009, "test": 1287}
    assert all(sorted(labels(texts)) == sorted(TYPES) for texts in found.values())
    assert labels(found["train"])["person"] == 660 + 335
    for text in (text for texts in found.values() for text in texts):
        assert [target.form for target in text.targets] == [text.text[slice(*one.spans[0])] for one in text.targets]


def test_broken_lines_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "qc.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("qc/train.txt", b"HUM:ind Who ?\r\n\nno type\nLOC:city\nLOC:city \nABBR:exp caf\xe9\n")
    rows = list(PROBING_SETS["question-type"].read([path])["train"])
    texts = [(row.line, row.text) for row in rows if isinstance(row, LabelledText)]
    assert texts == [(1, "Who ?"), (6, "café")]
    assert [row.line for row in rows if isinstance(row, BrokenRow)] == [3, 4, 5]
    names = [tmp_path / name for name in ("train.tsv", "dev.tsv", "test.tsv")]
    for name in names:
        name.write_bytes("\t1\nfine 🙂\t1\r\n\nno label\nbad\t2\ncaf".encode() + b"\xe9\t0\n")
    rows = list(PROBING_SETS["sentiment"].read(names)["dev"])
    assert [(row.line, row.text) for row in rows if isinstance(row, LabelledText)] == [(2, "fine 🙂")]
    assert [row.line for row in rows if isinstance(row, BrokenRow)] == [1, 4, 5, 6]


def test_a_damaged_archive_or_one_without_its_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "subjectivity.zip"
    read = PROBING_SETS["subjectivity"].read
    with pytest.raises(InvalidParameter, match="cannot be read"):
        list(read([path])["train"])
    path.write_bytes(b"no zip")
    with pytest.raises(CorruptedFile, match="damaged"):
        list(read([path])["train"])
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("subjectivity/plot.tok.gt9.5000", b"it begins .\n" + b"\xe9\n")
    rows = read([path])["train"]
    assert isinstance(next(rows), LabelledText)
    assert next(rows) == BrokenRow(2, "it is no valid UTF-8")
    with pytest.raises(CorruptedFile, match=r"quote\.tok\.gt9\.5000"):
        next(rows)


def test_one_path_for_each_file() -> None:
    for one in PROBING_SETS.values():
        with pytest.raises(InvalidParameter, match="Give one for each"):
            one.read([])
    with pytest.raises(InvalidParameter, match="has 3 files, and 1 paths"):
        UD_ENGLISH_EWT.splits([Path("one")])


def test_every_set_says_its_licence_and_names_differ() -> None:
    every: list[ProbingSet | Treebank] = [*PROBING_SETS.values(), UD_ENGLISH_EWT]
    assert all(one.licence and one.title for one in every)
    assert len({one.slug for one in every}) == len({one.title for one in every}) == 5
