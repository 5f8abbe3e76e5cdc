"""Sentences with their trees, made on the spot, as CoNLL-U."""

from collections.abc import Sequence
from pathlib import Path

ROW = tuple[str, str, str, str, int, str]  # form, lemma, upos, features, head from 1 (0: root), relation


def conllu(*sentences: Sequence[ROW]) -> str:
    """Write sentences; words are parted by a space."""
    blocks = []
    for number, rows in enumerate(sentences, start=1):
        lines = [f"# sent_id = s{number}", f"# text = {' '.join(row[0] for row in rows)}"]
        lines += [
            "\t".join((str(place), form, lemma, upos, "_", features or "_", str(head), relation, "_", "_"))
            for place, (form, lemma, upos, features, head, relation) in enumerate(rows, start=1)
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


CAT: list[ROW] = [
    ("the", "the", "DET", "", 3, "det"),
    ("old", "old", "ADJ", "", 3, "amod"),
    ("cat", "cat", "NOUN", "Number=Sing", 4, "nsubj"),
    ("sat", "sit", "VERB", "Tense=Past|VerbForm=Fin", 0, "root"),
    (".", ".", "PUNCT", "", 4, "punct"),
]
DOGS: list[ROW] = [
    ("dogs", "dog", "NOUN", "Number=Plur", 4, "nsubj:pass"),
    ("are", "be", "AUX", "Number=Plur|Tense=Pres|VerbForm=Fin", 4, "aux"),
    ("being", "be", "AUX", "VerbForm=Ger", 4, "aux:pass"),
    ("seen", "see", "VERB", "Tense=Past|VerbForm=Part", 0, "root"),
]

NOUNS, VERBS, ADJECTIVES = (
    ("cat", "dog", "nurse", "doctor", "panda", "fox"),
    ("sat", "know", "fly", "said"),
    ("old", "young"),
)


def many(n: int = 120) -> str:
    """Write different sentences of one kind: the (adjective) noun verb the noun."""
    sentences = []
    for number in range(n):
        noun, other = NOUNS[number % 6], NOUNS[number // 6 % 6]
        verb, adjective = VERBS[number // 36 % 4], ADJECTIVES[number // 18 % 2]
        has_adjective = number % 5 != 0
        head = 3 if has_adjective else 2
        rows: list[ROW] = [("the", "the", "DET", "", head, "det")]
        if has_adjective:
            rows.append((adjective, adjective, "ADJ", "", 3, "amod"))
        rows += [
            (noun, noun, "NOUN", "Number=Sing", head + 1, "nsubj"),
            (verb, verb, "VERB", "Tense=Past|VerbForm=Fin", 0, "root"),
            ("the", "the", "DET", "", head + 3, "det"),
            (other, other, "NOUN", "Number=Sing", head + 1, "obj"),
        ]
        sentences.append(rows)
    return conllu(*sentences)


def written(folder: Path, text: str, name: str = "some.conllu") -> str:
    """Write a file and give its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)
