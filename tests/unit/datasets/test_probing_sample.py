"""What ships for the probing page is what its script makes, and every tree of it is one."""

import csv
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

from lmviz.analyses.probing.tasks import TASKS, has_tree
from lmviz.assets import assets
from lmviz.datasets import blimp
from lmviz.datasets.blimp import GrammarPair
from lmviz.datasets.conllu import TaggedSentence, open_conllu

FOLDER = assets() / "probing"


def script() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "scripts" / "probing_sample.py"
    spec = importlib.util.spec_from_file_location("probing_sample", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sample_is_what_the_script_makes() -> None:
    assert (FOLDER / "sample.conllu").read_text(encoding="utf-8") == script().sample()


def test_every_sentence_is_a_tree_and_none_is_there_twice() -> None:
    rows = list(open_conllu(FOLDER / "sample.conllu"))
    sentences = [row for row in rows if isinstance(row, TaggedSentence)]
    assert len(sentences) == len(rows) == 264
    assert all(has_tree(sentence) for sentence in sentences)
    assert len({sentence.text for sentence in sentences}) == len(sentences)
    assert all(sentence.text[0].isupper() and sentence.text[-1] in ".?" for sentence in sentences)


def test_numbers_and_tenses_are_about_even() -> None:
    sentences = [row for row in open_conllu(FOLDER / "sample.conllu") if isinstance(row, TaggedSentence)]
    for task in ("number", "tense", "subject-number", "main-tense"):
        counts = Counter(target.label for one in sentences for target in TASKS[task].derive(one).targets)
        assert len(counts) == 2
        assert min(counts.values()) > 0.35 * sum(counts.values())


def test_tables_are_even_and_without_repeats() -> None:
    for name, n_labels, n in (("questions.csv", 6, 60), ("opinions.csv", 2, 80)):
        with (FOLDER / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len({row["text"] for row in rows}) == len(rows) == n
        assert set(Counter(row["label"] for row in rows).values()) == {n // n_labels}


def test_pairs_of_grammar_differ_and_are_sorted() -> None:
    rows = list(blimp.read(FOLDER / "grammar.jsonl"))
    assert len(rows) == 170
    assert all(isinstance(row, GrammarPair) and row.good != row.bad and row.phenomenon for row in rows)
