"""What a text must be before anything reads it."""

from lmviz.errors import EmptyInput, InputTooLong, InvalidParameter

LONGEST_TEXT = 50_000  # characters; more is refused before a tokenizer spends seconds on it


def check_text(text: str, name: str) -> None:
    """Refuse a text that is empty or far too long; `name` begins the sentence.

    Raises:
        EmptyInput: There is nothing but space.
        InvalidParameter: A character is not whole.
        InputTooLong: More characters than `LONGEST_TEXT`.
    """
    if not text.strip():
        raise EmptyInput(f"{name} is empty. Type a sentence, for instance 'The cat sat on the mat.'")
    if any("\ud800" <= letter <= "\udfff" for letter in text[: LONGEST_TEXT + 1]):
        raise InvalidParameter(f"{name} holds half a character, left over from a broken copy. Type it again.")
    if len(text) > LONGEST_TEXT:
        raise InputTooLong(
            f"{name} has {len(text):,} characters; at most {LONGEST_TEXT:,} can be looked at. "
            f"Shorten it by {len(text) - LONGEST_TEXT:,} characters."
        )
