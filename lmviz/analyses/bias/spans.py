"""Scores of a part of a text: of a decoder after all that stands before it, of an encoder behind masks."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lmviz.analyses.bias.plans import Answer, Side
from lmviz.analyses.bias.variants import first_scored
from lmviz.analyses.predictions.scoring import hidings
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Span = tuple[int, int]  # characters of a text


def positions_in(encoding: "Encoding", span: Span) -> tuple[int, ...]:
    """Give the positions of the tokens that reach into a part of a text, special ones apart.

    Raises:
        InvalidParameter: There are none.
    """
    table, (start, end) = encoding.table, span
    places = tuple(
        place
        for place, (first, last) in enumerate(table.spans)
        if first < end and last > start and not table.special[place]
    )
    if not places:
        raise InvalidParameter(f"'{table.text[start:end][:40]}' has no token that can be scored. Choose other words.")
    return places


def span_side(model: "LoadedModel", text: str, *, span: Span, reduce: Callable[[Sequence[Answer]], float]) -> Side:
    """Score the tokens of a part of a text.

    An encoder is asked about each of them with it, and the later pieces of its word, masked (Kauf & Ivanova, 2023).

    Args:
        model: A model with a language-model head.
        text: The whole text.
        span: The part, as characters.
        reduce: Makes one number of the log-probabilities.

    Returns:
        What has to run for it.

    Raises:
        InvalidParameter: No token of the part can be scored.
        LmvizError: The text cannot be read.
    """
    from lmviz.capture.batches import Copy, tokenizer_words
    from lmviz.capture.tokens import encode

    encoding = encode(model, text)
    places = positions_in(encoding, span)
    if model.kind == "encoder":
        hidden = hidings(tokenizer_words(model, encoding), places, within_word="l2r")
        return Side(tuple(Copy(encoding, asked=asked, masked=masked) for asked, masked in hidden), reduce)
    asked = tuple(place for place in places if place >= first_scored(model, encoding))
    return Side((Copy(encoding, asked=asked),), reduce)
