"""Tokens joined to words for a picture: the score of a word is the sum of its pieces'."""

from collections.abc import Iterator, Sequence

import numpy as np

from lmviz.components.tokens import StripToken
from lmviz.results import TokenTable


def groups(table: TokenTable) -> tuple[tuple[int, ...], ...]:
    """Give the positions of each word, in reading order; a token without a word is one by itself."""
    return tuple(tuple(own) for own in _groups(table.words))


def _groups(words: Sequence[int]) -> Iterator[list[int]]:
    own: list[int] = []
    for place, word in enumerate(words):
        if own and (word < 0 or word != words[own[-1]]):
            yield own
            own = []
        own.append(place)
    if own:
        yield own


def word_scores(table: TokenTable, scores: np.ndarray) -> np.ndarray:
    """Add the scores of each word's pieces up; NaN where none of them has one.

    Args:
        table: The tokens.
        scores: One number per position, NaN for none.

    Returns:
        (word,), in reading order.
    """
    own = [scores[list(places)] for places in groups(table)]
    return np.array([np.nan if np.isnan(found).all() else float(np.nansum(found)) for found in own])


def word_tokens(table: TokenTable, values: np.ndarray) -> tuple[StripToken, ...]:
    """Give words as a strip takes tokens; a word of several pieces has no id, and its note names them.

    Args:
        table: The tokens.
        values: One number per word, NaN for none.
    """
    return tuple(
        StripToken(
            text="".join(_piece(table.tokens[place], is_first=place == own[0]) for place in own),
            raw=" ".join(table.raw[place] for place in own),
            id=table.ids[own[0]] if len(own) == 1 else -1,
            special=table.special[own[0]],
            segment=table.segments[own[0]],
            word=table.words[own[0]],
            value=None if np.isnan(value) else float(value),
            note=_pieces(table, own) if len(own) > 1 else "",
        )
        for own, value in zip(groups(table), values, strict=True)
    )


def _pieces(table: TokenTable, own: Sequence[int]) -> str:
    """Say which tokens a word is made of, and where they stand."""
    return f"Tokens {own[0]} to {own[-1]}: {' '.join(table.raw[place] for place in own)}"


def _piece(token: str, *, is_first: bool) -> str:
    return token if is_first else token.removeprefix("##")
