"""What counts as a word: the same for every tokenizer, so that words of two models can be compared."""

import unicodedata

_JOINERS = {"\u200d", "\u200c"}
_APOSTROPHES = {"'", "\u2019"}
_SINGLE = (  # scripts that are written without spaces: each character is a word
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def _kind(char: str) -> str:
    """Sort a character: space, word, single (a word by itself) or joined (belongs to what is before it)."""
    category = unicodedata.category(char)
    if char.isspace():
        return "space"
    if category.startswith("M") or char in _JOINERS or 0x1F3FB <= ord(char) <= 0x1F3FF:
        return "joined"
    if any(low <= ord(char) <= high for low, high in _SINGLE):
        return "single"
    return "word" if char.isalnum() or char == "_" else "single"


def word_numbers(text: str) -> list[int]:
    """Number the words of a text, character by character; spaces get -1.

    A word is a run of letters and digits with its marks and inner apostrophes; every other sign, and every Chinese
    or Japanese character, is a word of its own; an emoji keeps its modifiers.
    """
    numbers: list[int] = []
    count, before = -1, "space"
    for index, char in enumerate(text):
        kind = _kind(char)
        if char in _APOSTROPHES and before == "word" and text[index + 1 : index + 2].isalpha():
            kind = "word"
        is_after_joiner = index > 0 and text[index - 1] == "\u200d"
        continues = (kind == "word" and before == "word") or is_after_joiner or (kind == "joined" and before != "space")
        if kind != "space" and not continues:
            count += 1
        numbers.append(-1 if kind == "space" else count)
        before = before if kind == "joined" and before != "space" else kind
    return numbers
