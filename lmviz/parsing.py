"""From what was typed to a value: each parameter is read as the type that its field declares."""

import types
import typing
from typing import Any

from lmviz.errors import InvalidParameter

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_value(hint: Any, text: str) -> Any:
    """Read one parameter as the type its dataclass field declares.

    Args:
        hint: str, int, float, bool, a Literal, a tuple of one type, or any of these or None.
        text: What was typed; the entries of a tuple are separated by commas.

    Returns:
        The value; 'none' stands for None where the field takes it and is no text.

    Raises:
        InvalidParameter: The text is not such a value.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _union(inner, text)
    if origin is tuple:
        return tuple(parse_value(inner[0], part.strip()) for part in text.split(",") if part.strip())
    if origin is typing.Literal:
        return _choice({str(choice): choice for choice in inner}, text)
    if hint is bool:
        return _choice(TRUTH, text.lower())
    if not _is_whole(text):
        raise InvalidParameter("This is no valid UTF-8: it holds half a character. Write it again, or in another way.")
    try:
        return hint(text)
    except ValueError:
        raise InvalidParameter(f"'{text}' is not {describe(hint)}.") from None


def _is_whole(text: str) -> bool:
    """Say whether a text can be written down: a terminal hands over bytes that are no UTF-8 as half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _union(members: tuple[Any, ...], text: str) -> Any:
    """Read the first member of a union that takes the text."""
    wanted = [member for member in members if member is not types.NoneType]
    if len(wanted) < len(members) and str not in wanted and text.lower() == "none":
        return None
    for member in wanted[:-1]:
        try:
            return parse_value(member, text)
        except InvalidParameter:
            continue
    return parse_value(wanted[-1], text)


def _choice(choices: dict[str, Any], text: str) -> Any:
    """Look up a choice by its name."""
    if text not in choices:
        raise InvalidParameter(f"'{text}' is not one of {', '.join(choices)}.")
    return choices[text]


def describe(hint: Any) -> str:
    """Name a type the way a person would."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(describe(member) for member in inner if member is not types.NoneType)
    if origin is tuple:
        return f"several, separated by commas, each {describe(inner[0])}"
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, inner))
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))
