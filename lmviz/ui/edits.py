"""What a text reads after one of its tokens was replaced, masked, deleted, or something put before or after it."""

import unicodedata
from typing import Protocol

from lmviz.capture.places import Place, places
from lmviz.capture.words import word_numbers
from lmviz.errors import EmptyInput, InvalidParameter, LmvizError, NoMaskToken
from lmviz.results import TokenTable

ACTIONS = ("replace", "mask", "delete", "insert", "append")
_CLOSING = set(",.;:!?%…。、，；：！？")


class Asked(Protocol):
    """An edit that was asked for, for instance a StripEvent: what to do, to which token, with which text."""

    @property
    def action(self) -> str:
        """One of `ACTIONS`."""

    @property
    def position(self) -> int:
        """Position of the token, special tokens counted."""

    @property
    def text(self) -> str:
        """What replaces the token or comes before or after it; not read otherwise."""


def edited(table: TokenTable, asked: Asked, *, mask_token: str | None = None) -> tuple[int, str]:
    """Edit the characters that a token stands for.

    A replaced or masked token keeps the blanks around it; a deleted one takes the blank before it along. What is
    inserted stands before the token as a word of its own, or inside the word when the token continues one; what is
    appended stands after it in the same way. A blank is put where two words would run into each other that were apart,
    and none where there is one already.

    Args:
        table: Tokens and texts as they are.
        asked: The edit.
        mask_token: How the model writes its mask, for the action "mask".

    Returns:
        The segment (0 for the text, 1 for the second text) and how that text reads now.

    Raises:
        InvalidParameter: No such action or position, a token that is not in the text, or nothing was typed.
        NoMaskToken: The model has no mask token.
        EmptyInput: Nothing would be left.
    """
    text, content = _found(table, asked)
    if asked.action == "delete":
        new = _without(text, content)
    elif asked.action == "insert":
        new = _with_before(text, content, _typed(asked, "before"))
    elif asked.action == "append":
        new = _with_after(text, content, _typed(asked, "after"))
    elif asked.action == "mask":
        if not mask_token:
            raise NoMaskToken("This model has no mask token. Replace or delete the token instead.")
        new = _put(text, content, mask_token)
    else:
        new = _put(text, content, _typed(asked, "in place of"))
    if not new.strip():
        raise EmptyInput(f"{_name(table, asked)} is all there is; deleting it leaves no text. Replace it instead.")
    return table.segments[asked.position], new


def _found(table: TokenTable, asked: Asked) -> tuple[str, Place]:
    """Give the text that the token is in, and where its characters are, blanks around them left out."""
    if asked.action not in ACTIONS:
        raise InvalidParameter(f"{asked.action!r} is no edit. There are: {', '.join(ACTIONS)}.")
    if not 0 <= asked.position < len(table):
        raise InvalidParameter(
            f"There is no token at position {asked.position}; the last of the {len(table)} tokens is at "
            f"{len(table) - 1}. Click the token again."
        )
    place = places(table)[asked.position]
    if place is None:
        raise _refused(table, asked)
    text = table.text if table.segments[asked.position] == 0 else table.text_pair or ""
    start, end = place
    bare = text[start:end].strip()
    if bare:
        start = text.index(bare, start)
        end = start + len(bare)
    return text, (start, end)


def _refused(table: TokenTable, asked: Asked) -> LmvizError:
    kind = "a mark that the model puts around every text" if table.special[asked.position] else "not there"
    return InvalidParameter(
        f"{_name(table, asked)} at position {asked.position} cannot be edited: in the text it is {kind}. "
        "Click a token of the text."
    )


def _name(table: TokenTable, asked: Asked) -> str:
    return repr(table.tokens[asked.position])


def _typed(asked: Asked, where: str) -> str:
    """Give what was typed, without the blanks around it."""
    typed = asked.text.strip()
    if not typed:
        raise InvalidParameter(f"Nothing was typed to put {where} the token. Type a word, or delete the token.")
    return typed


def _put(text: str, content: Place, new: str) -> str:
    """Put something in the place of some characters; words that were apart stay apart."""
    left, right = text[: content[0]], text[content[1] :]
    before = " " if not _is_inside_word(text, content[0]) and _run_together(left, new) else ""
    after = " " if not _is_inside_word(text, content[1]) and _run_together(new, right) else ""
    return left + before + new + after + right


def _with_before(text: str, content: Place, new: str) -> str:
    """Put something before a token: inside its word, behind the word before it, or as a word of its own."""
    left, right = text[: content[0]], text[content[0] :]
    if _is_inside_word(text, content[0]):
        return left + new + right
    has_gap = left.endswith(" ")
    if has_gap and new[0] in _CLOSING:
        return left.rstrip(" ") + new + left[len(left.rstrip(" ")) :] + right
    before = " " if _run_together(left, new) else ""
    return left + before + new + _blank_after(left, new, right) + right


def _with_after(text: str, content: Place, new: str) -> str:
    """Put something after a token: inside its word, at the end of the text, or as a word of its own."""
    left, right = text[: content[1]], text[content[1] :]
    if _is_inside_word(text, content[1]):
        return left + new + right
    is_joined = new[0] in _CLOSING or left[-1:].isspace() or _opens(left)
    is_unspaced = _is_written_without_blanks(left[-1]) and _is_written_without_blanks(new[0])
    before = "" if is_joined or is_unspaced else " "
    return left + before + new + (" " if _run_together(new, right) else "") + right


def _blank_after(left: str, new: str, right: str) -> str:
    """Give the blank between what is inserted and the token: as the text has them, and always between two words."""
    if _opens(new) or right[:1].isspace():
        return ""
    if left.endswith(" "):
        return " "
    is_first = not left or left[-1].isspace()
    is_spaced = not _is_written_without_blanks(new[-1]) and not _is_written_without_blanks(right[0])
    return " " if (is_first and is_spaced and right[0] not in _CLOSING) or _run_together(new, right) else ""


def _without(text: str, content: Place) -> str:
    """Take some characters away, and the blank before them; where a blank is left on both sides, one stays."""
    left, right = text[: content[0]], text[content[1] :]
    if not text[content[0] : content[1]].strip():
        return left + (right.lstrip(" ") if left.endswith(" ") else right)
    bare = left.rstrip(" ")
    if not bare or bare[-1].isspace() or (bare == left and _opens(left)):
        return bare + right.lstrip(" ")
    is_apart = bare != left or not (_is_inside_word(text, content[0]) or _is_inside_word(text, content[1]))
    return bare + (" " if is_apart and _run_together(bare, right) else "") + right


def _is_inside_word(text: str, cut: int) -> bool:
    """Say whether the characters on both sides of a cut belong to one word."""
    numbers = word_numbers(text)
    return 0 < cut < len(text) and numbers[cut] >= 0 and numbers[cut - 1] == numbers[cut]


def _run_together(left: str, right: str) -> bool:
    """Say whether two texts written one after the other make one word where they meet."""
    return _is_inside_word(left + right, len(left))


def _is_written_without_blanks(letter: str) -> bool:
    """Say whether a letter is of a script that puts no blanks between words, as Chinese."""
    return letter.isalnum() and not _run_together(letter, letter)


def _opens(text: str) -> bool:
    """Say whether a text ends with an opening bracket or quotation mark."""
    return unicodedata.category(text[-1]) in ("Ps", "Pi")
