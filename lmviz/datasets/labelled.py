"""What a probe is asked about: texts, and the words, spans or whole texts in them that have a label."""

from dataclasses import dataclass

Span = tuple[int, int]  # first character, and the one after the last


@dataclass(frozen=True)
class Target:
    """Something in a text that has a label.

    `spans` are the characters it stands at: one span for a word or a phrase, two for a pair of words, none for the text
    as a whole. `form` is what a word-based guess would go by, such as the word itself; `lemma` is its dictionary form,
    empty where it is not known.
    """

    spans: tuple[Span, ...]
    label: str
    form: str
    lemma: str = ""


@dataclass(frozen=True)
class LabelledText:
    """One text: the line it begins at, from 1, the text, and its labelled parts."""

    line: int
    text: str
    targets: tuple[Target, ...]
