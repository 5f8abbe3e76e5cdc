"""The three labelled tasks: sentences with a label, or with a label for every word."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from corpus import data_dir


@dataclass(frozen=True)
class Sentence:
    """Words and their labels; a classified sentence has one word, itself, and one label."""

    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """What is trained: its labels in order, and its parts."""

    name: str
    labels: tuple[str, ...]
    per_word: bool
    train: tuple[Sentence, ...]
    dev: tuple[Sentence, ...]
    test: tuple[Sentence, ...]


def read_task(name: str) -> Task:
    """Read a task's data: sentiment, pos or ner."""
    return {"sentiment": _sentiment, "pos": _pos, "ner": _ner}[name]()


def _sentiment() -> Task:
    folder, labels = data_dir() / "sst2", ("negative", "positive")
    parts = []
    for part in ("train", "dev", "test"):
        with (folder / f"{part}.tsv").open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            parts.append(tuple(Sentence((text,), (labels[int(label)],)) for text, label in rows))
    return Task("sentiment", labels, False, *parts)


def _pos() -> Task:
    folder = data_dir() / "ud_english_ewt"
    with gzip.open(folder / "en_ewt-ud-train.conllu.gz", "rt", encoding="utf-8") as file:
        train = tuple(_conllu(file))
    parts = [train]
    for part in ("dev", "test"):
        with (folder / f"en_ewt-ud-{part}.conllu").open(encoding="utf-8") as file:
            parts.append(tuple(_conllu(file)))
    labels = tuple(sorted({label for sentence in train for label in sentence.labels}))
    return Task("pos", labels, True, *parts)


def _ner() -> Task:
    folder = data_dir() / "wnut17_ner"
    parts = [_conll(folder / name) for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")]
    kinds = sorted({label[2:] for sentence in parts[0] for label in sentence.labels if label != "O"})
    return Task("ner", ("O", *(f"{place}-{kind}" for kind in kinds for place in "BI")), True, *parts)


def _conllu(file: TextIO) -> Iterable[Sentence]:
    """Read words and universal tags; ranges (1-2) and empty nodes (1.1) are no words of their own."""
    words: list[str] = []
    labels: list[str] = []
    for line in [*file, ""]:
        cells = line.rstrip("\n").split("\t")
        if len(cells) > 3 and cells[0].isdigit():
            words.append(cells[1])
            labels.append(cells[3])
        elif not line.strip() and words:
            yield Sentence(tuple(words), tuple(labels))
            words, labels = [], []


def _conll(path: Path) -> tuple[Sentence, ...]:
    """Read two columns, word and BIO tag, with blank lines between sentences."""
    sentences, rows = [], []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        cells = line.split("\t")
        if len(cells) >= 2 and cells[0].strip():
            rows.append((cells[0], cells[1].strip()))
        elif not line.strip() and rows:
            sentences.append(Sentence(tuple(word for word, _ in rows), tuple(label for _, label in rows)))
            rows = []
    return tuple(sentences)


def entities(labels: tuple[str, ...]) -> set[tuple[int, int, str]]:
    """Give the entities of a BIO sequence as (first word, word behind the last, kind)."""
    found: set[tuple[int, int, str]] = set()
    start, kind = -1, ""
    for place, label in enumerate([*labels, "O"]):
        if start >= 0 and label != f"I-{kind}":
            found.add((start, place, kind))
            start = -1
        if label.startswith("B-") or (label.startswith("I-") and start < 0):
            start, kind = place, label[2:]
    return found


def entity_f1(wanted: list[tuple[str, ...]], given: list[tuple[str, ...]]) -> dict[str, float]:
    """Give precision, recall and F1 of whole entities: same words and same kind."""
    right = n_wanted = n_given = 0
    for want, give in zip(wanted, given, strict=True):
        true, said = entities(want), entities(give)
        right, n_wanted, n_given = right + len(true & said), n_wanted + len(true), n_given + len(said)
    precision, recall = right / max(n_given, 1), right / max(n_wanted, 1)
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-12), 4),
        "n_entities": n_wanted,
    }


def baseline(task: Task) -> dict[str, float]:
    """Measure on test what takes no model: the most frequent label of the word (or of all), or known entities."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in task.train:
        for word, label in zip(sentence.words, sentence.labels, strict=True):
            counts[word.lower() if task.per_word else ""][label] += 1
    overall = sum(counts.values(), Counter()).most_common(1)[0][0]
    best = {word: count.most_common(1)[0][0] for word, count in counts.items()}
    given = [
        tuple(best.get(word.lower() if task.per_word else "", overall) for word in sentence.words)
        for sentence in task.test
    ]
    return score(task, task.test, given)


def score(task: Task, sentences: tuple[Sentence, ...], given: list[tuple[str, ...]]) -> dict[str, float]:
    """Give accuracy, or precision, recall and F1 where labels are entities."""
    wanted = [sentence.labels for sentence in sentences]
    if task.name == "ner":
        return entity_f1(wanted, given)
    n = sum(map(len, wanted))
    right = sum(a == b for want, give in zip(wanted, given, strict=True) for a, b in zip(want, give, strict=True))
    return {"accuracy": round(right / n, 4), "n": n}
