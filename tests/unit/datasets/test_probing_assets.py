"""What ships for probes: a tagged sample that is what its script makes and is right, and labelled texts."""

import gzip
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from lmviz.analyses.probing.trees import checked_heads
from lmviz.datasets.conllu import TaggedSentence, TaggedWord, open_conllu
from lmviz.datasets.labelled import LabelledText
from lmviz.datasets.labelled_files import read_labelled
from tests.shared_data import published

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "assets" / "probing"
CLOSED = ("ADP", "AUX", "CCONJ", "DET", "PART", "PRON", "PUNCT", "SCONJ")


@pytest.fixture(scope="module")
def sentences() -> list[TaggedSentence]:
    found = list(open_conllu(FOLDER / "sample.conllu"))
    assert [one for one in found if not isinstance(one, TaggedSentence)] == []
    return [one for one in found if isinstance(one, TaggedSentence)]


def children(sentence: TaggedSentence, word: int, *relations: str) -> list[TaggedWord]:
    return [one for one in sentence.words if one.head == word and one.relation in relations]


def finite(sentence: TaggedSentence, word: int) -> list[TaggedWord]:
    """Give the finite verb or auxiliary in the indicative of the clause of a word."""
    every = [sentence.words[word], *children(sentence, word, "aux", "aux:pass", "cop")]
    return [one for one in every if one.features.get("Mood") == "Ind"]


def test_the_sample_is_what_the_script_makes(tmp_path: Path) -> None:
    target = tmp_path / "made" / "sample.conllu"
    subprocess.run([sys.executable, ROOT / "scripts" / "probing_sample.py", target], check=True)
    assert target.read_bytes() == (FOLDER / "sample.conllu").read_bytes()


def test_sentences_differ_and_are_of_many_frames_and_lengths(sentences: list[TaggedSentence]) -> None:
    assert len(sentences) == len({one.text for one in sentences}) == len({one.name for one in sentences}) == 240
    frames = Counter(one.name.rpartition("-")[0] for one in sentences)
    assert len(frames) == 60 and set(frames.values()) == {4}
    trees = {tuple((word.head, word.relation) for word in one.words) for one in sentences}
    assert len(trees) >= 55
    lengths = [len(one.words) for one in sentences]
    assert (min(lengths), max(lengths)) == (4, 24)


def test_texts_are_written_as_english_is(sentences: list[TaggedSentence]) -> None:
    for one in sentences:
        assert one.text[0].isupper() and one.text[-1] in ".?!"
        assert not {"  ", " ,", " .", " ?", " !", " n't", " 's"} & {
            one.text[at : at + 2] for at in range(len(one.text))
        }
        words = one.text.lower().rstrip(".?!").split()
        for word, following in pairwise(words):
            if word in ("a", "an") and not following.startswith("use"):
                assert (word == "an") == (following[0] in "aeiou"), one.text


def test_every_tree_is_a_tree_without_crossing_edges(sentences: list[TaggedSentence]) -> None:
    for one in sentences:
        heads = [int(head) for head in checked_heads([word.head for word in one.words])]
        edges = [(min(edge), max(edge)) for edge in enumerate(heads) if edge[1] >= 0]
        crossing = [(a, b) for a in edges for b in edges if a[0] < b[0] < a[1] < b[1]]
        assert crossing == [], one.name


def test_relations_fit_the_words_they_join(sentences: list[TaggedSentence]) -> None:
    for one in sentences:
        for at, word in enumerate(one.words):
            head = one.words[word.head]
            where = f"{one.name}: {word.form}"
            assert (word.relation == "root") == (word.head < 0), where
            assert (word.relation == "punct") == (word.upos == "PUNCT"), where
            if word.relation in ("det", "amod"):
                following = [index for index, other in enumerate(one.words) if index > at and other.upos == "NOUN"]
                assert following[0] == word.head, where
            if word.relation in ("obj", "iobj", "obl", "obl:agent"):
                assert head.upos in ("VERB", "ADJ"), where
            if word.relation == "case":
                assert head.upos in ("NOUN", "PROPN", "NUM"), where


def test_subjects_and_verbs_agree(sentences: list[TaggedSentence]) -> None:
    n_checked = 0
    for one in sentences:
        for at, word in enumerate(one.words):
            if word.relation not in ("nsubj", "nsubj:pass") or "Number" not in word.features:
                continue
            number = "Plur" if children(one, at, "conj") else word.features["Number"]
            for verb in finite(one, word.head):
                assert verb.features["Number"] == number, f"{one.name}: {word.form} {verb.form}"
                assert verb.features["Person"] == word.features.get("Person", "3")
                n_checked += 1
    assert n_checked > 200


def test_features_are_there_and_balanced(sentences: list[TaggedSentence]) -> None:
    tenses, numbers = Counter[str](), Counter[str]()
    for one in sentences:
        root = next(at for at, word in enumerate(one.words) if word.head < 0)
        tenses.update(verb.features["Tense"] for verb in finite(one, root))
        for word in one.words:
            if word.relation.startswith("nsubj") and "Number" in word.features:
                numbers[word.features["Number"]] += 1
            if word.upos in ("NOUN", "PROPN"):
                assert word.features["Number"] in ("Sing", "Plur")
            if word.upos in ("VERB", "AUX"):
                assert word.features["VerbForm"] in ("Fin", "Inf", "Part", "Ger")
            if word.features.get("Mood") == "Ind":
                assert {"Number", "Person", "Tense"} <= set(word.features)
    assert 0.45 < tenses["Past"] / tenses.total() < 0.55
    assert 0.45 < numbers["Plur"] / numbers.total() < 0.55
    seen = {value for one in sentences for word in one.words for value in word.features.items()}
    assert {("Mood", "Imp"), ("Person", "1"), ("VerbForm", "Ger"), ("Voice", "Pass"), ("Degree", "Cmp")} <= seen


def test_tags_and_relations_are_those_of_the_published_treebank(sentences: list[TaggedSentence]) -> None:
    tags, joined = set(), set()
    text = gzip.decompress((published("ud_english_ewt") / "en_ewt-ud-train.conllu.gz").read_bytes()).decode()
    for block in text.split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line[:1].isdigit()]
        rows = [row for row in rows if row[0].isdigit()]
        for row in rows:
            tags.add((row[1].lower(), row[2].lower(), row[3], row[4], row[5]))
            joined.add((row[3], row[7], rows[int(row[6]) - 1][3] if row[6] != "0" else ""))
    for one in sentences:
        for word in one.words:
            head = one.words[word.head].upos if word.head >= 0 else ""
            assert (word.upos, word.relation, head) in joined, f"{one.name}: {word.form}"
            features = "|".join(f"{name}={value}" for name, value in word.features.items()) or "_"
            if word.upos in CLOSED:
                assert (word.form.lower(), word.lemma.lower(), word.upos, word.xpos, features) in tags, word


@pytest.mark.parametrize(
    ("name", "n_rows", "names"),
    [
        ("questions.csv", 60, {"person", "place", "time", "number", "thing", "reason"}),
        ("opinions.csv", 80, {"positive", "negative"}),
    ],
)
def test_labelled_texts_are_balanced_and_not_told_by_their_first_word(name: str, n_rows: int, names: set[str]) -> None:
    rows = list(read_labelled(FOLDER / name))
    texts = [row for row in rows if isinstance(row, LabelledText)]
    assert len(texts) == len(rows) == len({text.text for text in texts}) == n_rows
    labels = Counter(text.targets[0].label for text in texts)
    assert labels == dict.fromkeys(names, n_rows // len(names))
    pairs = Counter((text.targets[0].form, text.targets[0].label) for text in texts)
    best = {form: max(n for (other, _), n in pairs.items() if other == form) for form, _ in pairs}
    assert sum(best.values()) / n_rows < 0.65  # what a table from first words to labels would get right, on these rows


def test_the_readme_names_every_file() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(path.name in readme for path in FOLDER.iterdir() if path.name != "README.md")
