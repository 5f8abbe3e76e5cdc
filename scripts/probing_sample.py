"""Write assets/probing/sample.conllu: the frames of probing_frames.txt, filled with the words of probing_words.txt.

    python scripts/probing_sample.py [FILE]

Every frame gives four sentences, one for each tense and number, in another order from frame to frame; a frame may fix
either. The trees are those of the frames, written by hand, after Universal Dependencies as the English Web Treebank
uses them.
"""

import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "assets" / "probing" / "sample.conllu"
SEED = 20
ROUNDS = (("Past", "Sing"), ("Pres", "Plur"), ("Past", "Plur"), ("Pres", "Sing"))
NOUNS = ("person", "job", "thing", "animal", "place", "holder", "event", "money")
RELATIONS = {
    "DET": "det", "ADP": "case", "ADJ": "amod", "ADV": "advmod", "NUM": "nummod", "CCONJ": "cc", "SCONJ": "mark",
    "PART": "mark", "AUX": "aux", "PUNCT": "punct",
}  # fmt: skip
DETERMINERS = {"Sing": "the the the a a this that every", "Plur": "the the the the some these those"}
DETERMINER_FEATURES = {
    "the": "Definite=Def|PronType=Art", "a": "Definite=Ind|PronType=Art", "some": "PronType=Ind",
    "every": "PronType=Tot", "this": "Number=Sing|PronType=Dem", "that": "Number=Sing|PronType=Dem",
    "these": "Number=Plur|PronType=Dem", "those": "Number=Plur|PronType=Dem",
}  # fmt: skip
AUXILIARIES = {
    "be": ("be", "is", "was", "been", "being"),
    "have": ("have", "has", "had", "had", "having"),
    "do": ("do", "does", "did", "done", "doing"),
}
FORMS = {  # of a verb: which of its five forms, part of speech, features
    "inf": (0, "VB", "VerbForm=Inf"),
    "imp": (0, "VB", "Mood=Imp|VerbForm=Fin"),
    "pres": (4, "VBG", "Tense=Pres|VerbForm=Part"),
    "ger": (4, "VBG", "VerbForm=Ger"),
    "part": (3, "VBN", "Tense=Past|VerbForm=Part"),
    "pass": (3, "VBN", "Tense=Past|VerbForm=Part|Voice=Pass"),
}
PRONOUNS = {  # he, it (as an object), his and i, by who is meant: form and lemma
    "he": {"m": "he he", "f": "she she", "p": "they they"},
    "it": {"n": "it it", "p": "they them"},
    "his": {"m": "his his", "f": "her her", "p": "their their", "1s": "my my", "1p": "our our"},
    "i": {"1s": "I I", "1p": "we we"},
}
GENDERS = {"m": "Gender=Masc|", "f": "Gender=Fem|", "n": "Gender=Neut|"}


@dataclass(frozen=True)
class Slot:
    """A place in a frame: what stands there, its head from 1, its relation, and whether a blank is before it."""

    what: str
    head: int
    relation: str
    is_glued: bool


@dataclass(frozen=True)
class Frame:
    """A structure: its name, its places, the tense where it is fixed, and the numbers of groups that are fixed."""

    name: str
    slots: tuple[Slot, ...]
    tense: str
    numbers: Mapping[str, str]


@dataclass(frozen=True)
class Word:
    """A word as CoNLL-U has it, without its place in the tree."""

    form: str
    lemma: str
    upos: str
    xpos: str
    features: str = "_"


def _blocks(path: Path) -> Iterator[list[str]]:
    """Give the lines between empty ones, without comments."""
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# ") and line != "#"
    ]
    for block in "\n".join(lines).split("\n\n"):
        if block.strip():
            yield block.strip().split("\n")


def read_frames() -> list[Frame]:
    """Read the frames in their order."""
    return [_frame(block[0].split(), " ".join(block[1:]).split()) for block in _blocks(HERE / "probing_frames.txt")]


def _frame(header: Sequence[str], places: Sequence[str]) -> Frame:
    slots = []
    for place in places:
        found = re.fullmatch(r"(\+?)(.+)>(\d+)(?::([a-z:]+))?", place)
        if found is None or int(found[3]) > len(places):
            raise ValueError(f"{header[0]}: {place!r} cannot be read")
        slots.append(Slot(found[2], int(found[3]), found[4] or "", bool(found[1])))
    tense = next((word.capitalize() for word in header[1:] if word in ("past", "pres")), "")
    numbers = {word[0]: {"s": "Sing", "p": "Plur"}[word[1]] for word in header[1:] if re.fullmatch(r"\d[sp]", word)}
    return Frame(header[0], tuple(slots), tense, numbers)


def read_words() -> dict[str, list[list[str]]]:
    """Read the lists of words; those of persons who may be a woman or a man are a list of their own."""
    lists: dict[str, list[list[str]]] = {}
    for line in (line for block in _blocks(HERE / "probing_words.txt") for line in block):
        if line.startswith("["):
            entries = lists.setdefault(line[1:-1], [])
        else:
            entries.append(line.split())
    lists["job"] = [entry for entry in lists["person"] if len(entry) == 2]
    return lists


class Decks:
    """Deals the entries of each list in a random order, each once before the first comes again."""

    def __init__(self, lists: Mapping[str, Sequence[list[str]]]) -> None:
        self.random = random.Random(SEED)
        self.lists = lists
        self.left: dict[str, list[list[str]]] = {}

    def deal(self, name: str, taken: set[str]) -> list[str]:
        """Give the next entry that is not in the sentence yet."""
        left = self.left.setdefault(name, [])
        while not any(entry[0] not in taken for entry in left):
            left[:] = [*left, *self.random.sample(self.lists[name], len(self.lists[name]))]
        entry = next(entry for entry in left if entry[0] not in taken)
        left.remove(entry)
        taken.add(entry[0])
        return entry


class Sentence:
    """One filling of a frame."""

    def __init__(self, frame: Frame, decks: Decks, *, tense: str, number: str) -> None:
        self.frame, self.decks, self.tense = frame, decks, frame.tense or tense
        self.taken: set[str] = set()
        self.numbers = self._numbers(number)
        self.nouns: dict[int, list[str]] = {}
        self.kinds: dict[str, str] = {}  # of a group: m, f or n, or 1 for who speaks
        for at, slot in enumerate(frame.slots):
            self._choose(at, slot.what)
        self.words = [self._word(at, slot.what) for at, slot in enumerate(frame.slots)]
        for at, (word, following) in enumerate(pairwise(self.words)):
            if word.form == "a" and following.form[0] in "aeiou" and not following.form.startswith("use"):
                self.words[at] = Word("an", *list(vars(word).values())[1:])

    def _numbers(self, number: str) -> dict[str, str]:
        """Give the numbers of the groups: the first that is free has the one that was asked for."""
        found = dict(self.frame.numbers)
        for slot in self.frame.slots:
            if re.fullmatch(r"(name|num)\d", slot.what):
                found[slot.what[-1]] = "Sing" if slot.what.startswith("name") else "Plur"
        groups = dict.fromkeys(slot.what[-1] for slot in self.frame.slots if re.search(r"[a-zA-Z]\d$", slot.what))
        for group in groups:
            if group not in found:
                found[group] = number
                number = self.decks.random.choice(("Sing", "Plur"))
        return found

    def _choose(self, at: int, what: str) -> None:
        """Choose the noun of a place, and so what its group is."""
        name, group = what[:-1], what[-1]
        if group.isdigit() and name == "i":
            self.kinds[group] = "1"
        if group.isdigit() and (name in NOUNS or name == "name"):
            self.nouns[at] = self.decks.deal(name, self.taken)
            is_person = name in ("person", "job", "name")
            either = self.decks.random.choice("mf") if is_person else "n"
            gender = self.nouns[at][-1] if len(self.nouns[at][-1]) == 1 else either
            self.kinds.setdefault(group, gender)

    def _word(self, at: int, what: str) -> Word:
        name, group = what[:-1], what[-1]
        if at in self.nouns:
            number = self.numbers[group]
            form = self.nouns[at][number == "Plur" and name != "name"]
            tags = ("PROPN", "NNP") if name == "name" else ("NOUN", "NN" if number == "Sing" else "NNS")
            return Word(form, self.nouns[at][0], *tags, f"Number={number}")
        if what in self.decks.lists:
            return Word(*self.decks.deal(what, self.taken if len(self.decks.lists[what]) > 1 else set()))
        if "." in what:
            return self._verb(*what.split("."))
        if name == "num":
            return Word(*self.decks.deal(name, self.taken))
        if name in PRONOUNS:
            return self._pronoun(name, group)
        return self._determiner(name, self.numbers[group])

    def _determiner(self, name: str, number: str) -> Word:
        choice = {"Sing": "a", "Plur": "some"}[number] if name == "A" else DETERMINERS[number]
        form = self.decks.random.choice(choice.split())
        return Word(form, {"these": "this", "those": "that"}.get(form, form), "DET", "DT", DETERMINER_FEATURES[form])

    def _pronoun(self, name: str, group: str) -> Word:
        number, kind = self.numbers[group], self.kinds[group]
        if kind == "1":
            kind = f"1{number[0].lower()}"
        elif number == "Plur":
            kind = "p"
        lemma, form = PRONOUNS[name][kind].split()
        case = {"it": "Acc", "his": "Gen"}.get(name, "Nom")
        person = f"Person={1 if kind.startswith('1') else 3}"
        poss = "Poss=Yes|" if name == "his" else ""
        features = f"Case={case}|{GENDERS.get(kind, '')}Number={number}|{person}|{poss}PronType=Prs"
        return Word(form, lemma, "PRON", "PRP$" if poss else "PRP", features)

    def _verb(self, name: str, shape: str) -> Word:
        upos = "AUX" if name in AUXILIARIES else "VERB"
        if name == "exist":
            forms: Sequence[str] = AUXILIARIES["be"]
        else:
            forms = AUXILIARIES.get(name) or self.decks.deal(name, self.taken)
        if shape in FORMS:
            at, xpos, features = FORMS[shape]
            return Word(forms[at], forms[0], upos, xpos, features)
        number, person = self.numbers.get(shape, "Sing"), 1 if self.kinds.get(shape) == "1" else 3
        is_third = (number, person) == ("Sing", 3)
        form = forms[2] if self.tense == "Past" else forms[is_third]
        if forms[0] == "be" and number == "Plur":
            form = {"Past": "were", "Pres": "are"}[self.tense]
        xpos = "VBD" if self.tense == "Past" else "VBZ" if is_third else "VBP"
        features = f"Mood=Ind|Number={number}|Person={person}|Tense={self.tense}|VerbForm=Fin"
        return Word(form, forms[0], upos, xpos, features)

    def lines(self) -> tuple[str, list[str]]:
        """Give the text, and the lines of the words."""
        glued = [slot.is_glued for slot in self.frame.slots] + [False]
        stops = [word.upos == "PUNCT" for word in self.words] + [True]
        forms = [word.form for word in self.words]
        forms[0] = forms[0][0].upper() + forms[0][1:]
        text, lines = "", []
        for at, (slot, word) in enumerate(zip(self.frame.slots, self.words, strict=True)):
            text += forms[at] + ("" if glued[at + 1] or stops[at + 1] else " ")
            if glued[at + 1]:
                space = "SpaceAfter=No" if stops[at + 2] else "_"
                lines.append("\t".join([f"{at + 1}-{at + 2}", forms[at] + forms[at + 1], *"_______", space]))
            is_joined = glued[at] or glued[at + 1]
            misc = "SpaceAfter=No" if stops[at + 1] and not is_joined and at + 1 < len(self.words) else "_"
            relation = slot.relation or ("root" if slot.head == 0 else RELATIONS[word.upos])
            tags = (word.lemma, word.upos, word.xpos, word.features, str(slot.head), relation)
            lines.append("\t".join([str(at + 1), forms[at], *tags, "_", misc]))
        return text, lines


def sample() -> str:
    """Make the whole file."""
    frames, decks = read_frames(), Decks(read_words())
    texts: set[str] = set()
    blocks = []
    for turn, at in product(range(len(ROUNDS)), range(len(frames))):
        frame, (tense, number) = frames[at], ROUNDS[(turn + at) % len(ROUNDS)]
        text, lines = Sentence(frame, decks, tense=tense, number=number).lines()
        while text in texts:
            text, lines = Sentence(frame, decks, tense=tense, number=number).lines()
        texts.add(text)
        blocks.append("\n".join([f"# sent_id = {frame.name}-{turn + 1}", f"# text = {text}", *lines]))
    return "\n\n".join(blocks) + "\n\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(sample(), encoding="utf-8", newline="\n")
