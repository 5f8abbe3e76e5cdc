"""Where each token stands in its text, in characters that can be read and edited as a whole."""

from lmviz.capture.words import word_numbers
from lmviz.results import TokenTable

Place = tuple[int, int]


def places(table: TokenTable) -> tuple[Place | None, ...]:
    """Give the characters that each token stands for, blanks of its own included.

    Tokens that are bytes of one character all stand for that character, and those of an emoji made of several
    characters for the whole emoji.

    Returns:
        Start and end in `table.text`, or in `table.text_pair` for segment 1. None for what is not in the text: special
        tokens, tokens that were not found, and the blank that some tokenizers put before the first word.
    """
    texts = (table.text, table.text_pair or "")
    signs = tuple(_signs(text) for text in texts)
    return tuple(
        None if table.special[position] else _place(table.tokens[position], span, (texts[segment], signs[segment]))
        for position, (span, segment) in enumerate(zip(table.spans, table.segments, strict=True))
    )


def _place(token: str, span: Place, text_and_signs: tuple[str, dict[int, Place]]) -> Place | None:
    text, signs = text_and_signs
    start, end = span
    if start >= end or (not token.strip() and text[start:end].strip()):
        return None
    return min(start, signs.get(start, span)[0]), max(end, signs.get(end - 1, span)[1])


def _signs(text: str) -> dict[int, Place]:
    """Map each character of a sign that is several characters, such as an emoji with modifiers, to the whole of it."""
    runs: dict[int, list[int]] = {}
    for index, number in enumerate(word_numbers(text)):
        if number >= 0:
            runs.setdefault(number, []).append(index)
    return {
        index: (run[0], run[-1] + 1)
        for run in runs.values()
        if len(run) > 1 and not any(text[index].isalnum() for index in run)
        for index in run
    }
