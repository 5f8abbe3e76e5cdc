"""What each task says of a sentence, worked out by hand."""

from collections.abc import Sequence

import pytest

from lmviz.analyses.probing.tasks import HEAD, KEPT, NO_HEAD, SWAPPED, TASKS
from lmviz.datasets.conllu import TaggedSentence, read_conllu
from lmviz.datasets.labelled import LabelledText
from tests.trees import CAT, DOGS, ROW, conllu


def sentence(rows: Sequence[ROW]) -> TaggedSentence:
    (found,) = read_conllu(conllu(rows).encode().splitlines())
    assert isinstance(found, TaggedSentence)
    return found


def labels(task: str, rows: Sequence[ROW]) -> list[str]:
    return [target.label for target in TASKS[task].derive(sentence(rows)).targets]


@pytest.mark.parametrize(
    ("task", "cat", "dogs"),
    [
        ("upos", ["DET", "ADJ", "NOUN", "VERB", "PUNCT"], ["NOUN", "AUX", "AUX", "VERB"]),
        ("number", ["Sing"], ["Plur", "Plur"]),
        ("tense", ["Past"], ["Pres", "Past"]),
        ("relation", ["det", "amod", "nsubj", "root", "punct"], ["nsubj", "aux", "aux", "root"]),
        ("depth", ["2", "2", "1", "0", "1"], ["1", "1", "1", "0"]),
        ("tree-depth", ["2"], ["1"]),
        ("length", ["5 to 8"], ["1 to 4"]),
        ("subject-number", ["Sing"], ["Plur"]),
        ("main-tense", ["Past"], ["Pres"]),
    ],
)
def test_labels_are_those_of_the_tree(task: str, cat: list[str], dogs: list[str]) -> None:
    assert labels(task, CAT) == cat
    assert labels(task, DOGS) == dogs


def test_words_stand_where_the_text_has_them() -> None:
    found = TASKS["upos"].derive(sentence(CAT))
    assert [found.text[slice(*target.spans[0])] for target in found.targets] == [row[0] for row in CAT]
    assert [target.lemma for target in found.targets] == [row[1] for row in CAT]


def test_arcs_pair_each_word_with_its_head_and_with_another() -> None:
    found = TASKS["head"].derive(sentence(CAT))
    pairs = [tuple(found.text[slice(*span)] for span in target.spans) for target in found.targets]
    heads = {(row[0], CAT[row[4] - 1][0]) for row in CAT if row[4]}
    assert {pair for pair, target in zip(pairs, found.targets, strict=True) if target.label == HEAD} == heads
    others = [pair for pair, target in zip(pairs, found.targets, strict=True) if target.label == NO_HEAD]
    assert len(others) == len(heads)
    assert all(pair not in heads and pair[0] != pair[1] for pair in others)


def swapped(count: int) -> list[LabelledText]:
    rows: list[ROW] = [
        ("w", "w", "NOUN", "", 0, "root"),
        ("x", "x", "VERB", "", 1, "obj"),
        ("y", "y", "ADJ", "", 1, "a"),
    ]
    made = ([(f"{form}{number}", *rest) for form, *rest in rows] for number in range(count))
    return [TASKS["bigram-shift"].derive(sentence(one)) for one in made]  # type: ignore[arg-type]


def test_two_neighbours_are_swapped_in_half_of_the_sentences() -> None:
    found = swapped(200)
    kept = [one.targets[0].label for one in found].count(KEPT)
    assert 70 <= kept <= 130
    for number, one in enumerate(found):
        words, plain = one.text.split(), [f"w{number}", f"x{number}", f"y{number}"]
        assert sorted(words) == sorted(plain)
        assert (words != plain) == (one.targets[0].label == SWAPPED)
    assert [one.text for one in found] == [one.text for one in swapped(200)]


def test_deep_words_share_a_label_and_what_is_no_tree_has_none() -> None:
    chain: list[ROW] = [(f"w{n}", "w", "NOUN", "", n, "x" if n else "root") for n in range(10)]
    assert labels("depth", chain) == ["0", "1", "2", "3", "4", "5", "6", *["7 or more"] * 3]
    assert labels("length", chain * 1) == ["9 to 12"]
    loop: list[ROW] = [("a", "a", "NOUN", "", 2, "x"), ("b", "b", "NOUN", "", 1, "x")]
    assert labels("depth", loop) == []
    assert labels("tree-depth", loop) == []
    assert labels("main-tense", loop) == []
    assert labels("length", [("w", "w", "NOUN", "", 0, "root")] * 30) == ["more than 25"]
