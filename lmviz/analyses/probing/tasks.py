"""What a probe can be asked about a sentence with its tree: labels of its words, of pairs of them, or of the whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from types import MappingProxyType

from lmviz.analyses.probing.trees import ROOT, checked_heads, depths
from lmviz.datasets.conllu import TaggedSentence, TaggedWord
from lmviz.datasets.labelled import LabelledText, Target
from lmviz.errors import InvalidParameter

DEEPEST = 7  # deeper words and trees share a label
LENGTHS = ((1, 4), (5, 8), (9, 12), (13, 16), (17, 20), (21, 25))  # words; as SentEval's bins, with the short ones
NUMBERS, TENSES = ("Sing", "Plur"), ("Pres", "Past")
KEPT, SWAPPED = "as written", "two words swapped"
HEAD, NO_HEAD = "head", "no head"
_SUBJECTS = frozenset({"nsubj", "csubj"})


@dataclass(frozen=True)
class Task:
    """A question with a label for its answer.

    `unit` is what has a label: "word", "pair" (of words) or "text". `derive` gives the labelled parts of a sentence,
    maybe none; a text may differ from the sentence's own. `reference` says where the task comes from.
    """

    slug: str
    title: str
    unit: str
    derive: Callable[[TaggedSentence], LabelledText]
    reference: str


def _labelled(sentence: TaggedSentence, targets: Iterator[Target] | tuple[Target, ...]) -> LabelledText:
    return LabelledText(sentence.line, sentence.text, tuple(targets))


def _of_words(label: Callable[[TaggedWord], str]) -> Callable[[TaggedSentence], LabelledText]:
    """Make a task whose labels stand at the words, where they have one."""

    def derive(sentence: TaggedSentence) -> LabelledText:
        found = ((word, label(word)) for word in sentence.words)
        return _labelled(sentence, tuple(_word(word, name) for word, name in found if name))

    return derive


def _word(word: TaggedWord, label: str) -> Target:
    return Target((word.span,), label, word.form, word.lemma)


def _of_text(label: Callable[[TaggedSentence], str]) -> Callable[[TaggedSentence], LabelledText]:
    """Make a task with one label for the whole sentence."""

    def derive(sentence: TaggedSentence) -> LabelledText:
        found = label(sentence)
        return _labelled(sentence, (_whole(sentence, found),) if found else ())

    return derive


def _whole(sentence: TaggedSentence, label: str) -> Target:
    return Target((), label, sentence.words[0].form, sentence.words[0].lemma)


def universal(relation: str) -> str:
    """Give the part of a relation that all languages share: "nsubj" of "nsubj:pass"."""
    return relation.partition(":")[0]


def _one_of(value: str, known: tuple[str, ...]) -> str:
    return value if value in known else ""


def has_tree(sentence: TaggedSentence) -> bool:
    """Say whether the heads of a sentence are a tree."""
    try:
        checked_heads([word.head for word in sentence.words])
    except InvalidParameter:
        return False
    return True


def _depth(sentence: TaggedSentence) -> LabelledText:
    if not has_tree(sentence):
        return _labelled(sentence, ())
    deep = depths([word.head for word in sentence.words])
    named = (_at_most(int(own)) for own in deep)
    return _labelled(sentence, tuple(_word(word, name) for word, name in zip(sentence.words, named, strict=True)))


def _at_most(depth: int) -> str:
    return str(depth) if depth < DEEPEST else f"{DEEPEST} or more"


def _tree_depth(sentence: TaggedSentence) -> str:
    return _at_most(int(depths([word.head for word in sentence.words]).max())) if has_tree(sentence) else ""


def _length(sentence: TaggedSentence) -> str:
    n_words = len(sentence.words)
    found = next((f"{low} to {high}" for low, high in LENGTHS if low <= n_words <= high), "")
    return found or f"more than {LENGTHS[-1][1]}"


def _root(sentence: TaggedSentence) -> int:
    return next((place for place, word in enumerate(sentence.words) if word.head == ROOT), -1)


def _subject_number(sentence: TaggedSentence) -> str:
    """Give the number of the main clause's subject, where it shows."""
    root = _root(sentence)
    subjects = (word for word in sentence.words if word.head == root and universal(word.relation) in _SUBJECTS)
    subject = next(subjects, None)
    return "" if subject is None else _one_of(subject.features.get("Number", ""), NUMBERS)


def _main_tense(sentence: TaggedSentence) -> str:
    """Give the tense of the main clause's finite verb: the root itself, or its first finite auxiliary."""
    root = _root(sentence)
    helpers = [word for word in sentence.words if word.head == root and universal(word.relation) in ("aux", "cop")]
    for word in (*helpers, *sentence.words[root : root + 1]):
        if word.features.get("VerbForm", "Fin") == "Fin" and "Tense" in word.features:
            return _one_of(word.features["Tense"], TENSES)
    return ""


def chance(text: str) -> int:
    """Give a number that is a text's own: the same in every run, and as good as drawn."""
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:6], "big")


def _bigram_shift(sentence: TaggedSentence) -> LabelledText:
    """Swap two neighbouring words in half of the sentences; which half, and which words, hangs on the text alone."""
    words, number = sentence.words, chance(sentence.text)
    places = [
        place
        for place, (one, other) in enumerate(pairwise(words))
        if one.span[1] <= other.span[0] and one.form.casefold() != other.form.casefold()
        and "PUNCT" not in (one.upos, other.upos)
    ]  # fmt: skip
    if not places:
        return _labelled(sentence, ())
    if number % 2:
        return _labelled(sentence, (_whole(sentence, KEPT),))
    place = places[number // 2 % len(places)]
    (a, b), (c, d) = words[place].span, words[place + 1].span
    text = sentence.text
    swapped = f"{text[:a]}{text[c:d]}{text[b:c]}{text[a:b]}{text[d:]}"
    return LabelledText(sentence.line, swapped, (_whole(sentence, SWAPPED),))


def _arcs(sentence: TaggedSentence) -> LabelledText:
    """Pair each word with its head, and with another word that is not."""
    words, targets = sentence.words, []
    for place, word in enumerate(words):
        others = [other for other in range(len(words)) if other not in (place, word.head)]
        if word.head == ROOT or not others:
            continue
        other = others[chance(f"{sentence.text}\n{place}") % len(others)]
        targets += [_pair(word, words[word.head], HEAD), _pair(word, words[other], NO_HEAD)]
    return _labelled(sentence, tuple(targets))


def _pair(word: TaggedWord, other: TaggedWord, label: str) -> Target:
    return Target((word.span, other.span), label, f"{word.form} {other.form}", f"{word.lemma} {other.lemma}")


def tree_words(sentence: TaggedSentence) -> LabelledText:
    """Label every word with its head and its part of speech, for those that need whole trees; none where it is none."""
    if not has_tree(sentence):
        return _labelled(sentence, ())
    return _labelled(sentence, tuple(_word(word, f"{word.head} {word.upos}") for word in sentence.words))


def heads_of(target: Target) -> int:
    """Give the head that `tree_words` wrote down."""
    return int(target.label.partition(" ")[0])


def universal_pos(target: Target) -> str:
    """Give the part of speech that `tree_words` wrote down."""
    return target.label.partition(" ")[2]


_LIU = "https://arxiv.org/abs/1903.08855"
_CONNEAU = "https://arxiv.org/abs/1805.01070"
_TENNEY = "https://arxiv.org/abs/1905.06316"
_ALL = (
    Task("upos", "Part of speech", "word", _of_words(lambda word: word.upos), _LIU),
    Task(
        "number", "Number of a word", "word",
        _of_words(lambda word: _one_of(word.features.get("Number", ""), NUMBERS)), "https://arxiv.org/abs/1704.03471",
    ),
    Task(
        "tense", "Tense of a verb", "word",
        _of_words(lambda word: _one_of(word.features.get("Tense", ""), TENSES)), "https://arxiv.org/abs/1704.03471",
    ),
    Task("relation", "Dependency relation", "word", _of_words(lambda word: universal(word.relation)), _TENNEY),
    Task("head", "Syntactic head (is this word that one's head?)", "pair", _arcs, _LIU),
    Task("depth", "Depth in the tree", "word", _depth, "https://aclanthology.org/N19-1419"),
    Task("tree-depth", "Depth of the whole tree", "text", _of_text(_tree_depth), _CONNEAU),
    Task("length", "Length of the sentence", "text", _of_text(_length), _CONNEAU),
    Task("subject-number", "Number of the subject", "text", _of_text(_subject_number), _CONNEAU),
    Task("main-tense", "Tense of the main verb", "text", _of_text(_main_tense), _CONNEAU),
    Task("bigram-shift", "Were two words swapped?", "text", _bigram_shift, _CONNEAU),
)  # fmt: skip
TASKS: Mapping[str, Task] = MappingProxyType({task.slug: task for task in _ALL})
