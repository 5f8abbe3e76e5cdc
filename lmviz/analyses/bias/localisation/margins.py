"""The preference of a minimal pair as one number: how much more probable the tokens of the first text are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmviz.analyses.bias.items import Item
from lmviz.analyses.bias.localisation.tasks import Reading, Task, check_fits, read_ids
from lmviz.analyses.bias.variants import modified_positions, shared_positions
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

    Texts = tuple[Encoding, Encoding]

Shared = tuple[tuple[int, ...], tuple[int, ...]]
SIGNS = (1.0, -1.0)
MARGINS = ("shared-tokens", "modified-tokens")
PLACES = frozenset({"resid_pre", "attended_value"})


def plan(model: "LoadedModel", item: Item, *, margin: str = MARGINS[0]) -> Task:
    """Ask for the tokens that both texts have, or for those that only one has.

    "shared-tokens": the sum over what both have, as `minimal-pairs` scores it in its variant of that name. An encoder
    has each token masked alone. A decoder gives each after what stands before it; those before the first difference
    are left out, as they come to the same in both texts. "modified-tokens": the mean over what the other text lacks,
    for an encoder again as in `minimal-pairs`. It takes far fewer passes, and how frequent the words are counts in it.

    Args:
        model: An encoder or a decoder.
        item: Two texts.
        margin: One of `MARGINS`.

    Returns:
        A task whose number is the score of the first text less that of the second, in nats.

    Raises:
        InvalidParameter: A decoder's texts share nothing after they differ, or a text has nothing that the other lacks.
        LmvizError: A text is empty or too long.
    """
    from lmviz.capture.tokens import encode

    first, second = (encode(model, text) for text in item.texts[:2])
    shared = shared_positions(first.table.ids, second.table.ids)
    asked = _READINGS[margin, "encoder" if model.kind == "encoder" else "decoder"]
    readings = asked(model, (first, second), shared)
    if not readings:
        raise InvalidParameter(_NOTHING[margin])
    check_fits(model, readings, places=PLACES)
    return Task(item, readings)


def _shared_masked(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Mask each shared token but the first and the last, which are special, alone."""
    return tuple(
        _hidden(model, own, place, weight=sign)
        for own, places, sign in zip(texts, shared, SIGNS, strict=True)
        for place in places[1:-1]
    )


def _modified_masked(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Mask each token that the other text lacks alone."""
    modified = _modified(texts, shared)
    if not all(modified):
        return ()
    return tuple(
        _hidden(model, own, place, weight=sign / len(places))
        for own, places, sign in zip(texts, modified, SIGNS, strict=True)
        for place in places
    )


def _hidden(model: "LoadedModel", own: "Encoding", place: int, *, weight: float) -> Reading:
    from lmviz.capture.given_ids import of_ids

    ids = own.table.ids
    hidden = (*ids[:place], int(model.tokenizer.mask_token_id), *ids[place + 1 :])
    return Reading(of_ids(model, hidden, like=own), (place,), (ids[place],), (weight,))


def _modified(texts: "Texts", shared: Shared) -> list[tuple[int, ...]]:
    """Give the positions of each text that are not shared."""
    return [modified_positions(len(own.table), theirs) for own, theirs in zip(texts, shared, strict=True)]


def _shared_from_the_left(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Ask for the shared tokens after the first difference."""
    shifts = _shifts(model, texts)
    kept = [pair for pair in _after_difference(texts, shared) if _is_asked(texts, pair, shifts)]
    if not kept:
        return ()
    first, second = zip(*kept, strict=True)
    return _read_once(model, texts, (first, second))


def _modified_from_the_left(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Ask for the tokens that the other text lacks, those that something stands before."""
    first, second = (
        tuple(place for place in places if place + shift >= 0 and not own.table.special[place])
        for own, places, shift in zip(texts, _modified(texts, shared), _shifts(model, texts), strict=True)
    )
    if not (first and second):
        return ()
    return _read_once(model, texts, (first, second), is_mean=True)


def _read_once(
    model: "LoadedModel", texts: "Texts", asked: Sequence[tuple[int, ...]], *, is_mean: bool = False
) -> tuple[Reading, ...]:
    """Read each text once; the logits for a token stand one position before it."""
    from lmviz.capture.given_ids import of_ids

    return tuple(
        Reading(
            of_ids(model, read_ids(model, own), like=own),
            tuple(place + shift for place in places),
            tuple(own.table.ids[place] for place in places),
            (sign / len(places) if is_mean else sign,) * len(places),
        )
        for own, places, shift, sign in zip(texts, asked, _shifts(model, texts), SIGNS, strict=True)
    )


def _shifts(model: "LoadedModel", texts: "Texts") -> list[int]:
    """Say how far from a token's position the logits for it are."""
    return [len(read_ids(model, own)) - len(own.table) - 1 for own in texts]


def _after_difference(texts: "Texts", shared: Shared) -> list[tuple[int, int]]:
    """Pair the shared positions, those of a common beginning left out; all of them where the texts are the same."""
    pairs = list(zip(*shared, strict=True))
    if texts[0].table.ids == texts[1].table.ids:
        return pairs
    return [pair for number, pair in enumerate(pairs) if pair != (number, number)]


def _is_asked(texts: "Texts", pair: tuple[int, int], shifts: Sequence[int]) -> bool:
    """Say whether something stands before a token in both texts, and it is not special."""
    return all(
        place + shift >= 0 and not own.table.special[place]
        for own, place, shift in zip(texts, pair, shifts, strict=True)
    )


_READINGS = {
    ("shared-tokens", "encoder"): _shared_masked,
    ("shared-tokens", "decoder"): _shared_from_the_left,
    ("modified-tokens", "encoder"): _modified_masked,
    ("modified-tokens", "decoder"): _modified_from_the_left,
}
_NOTHING = {
    "shared-tokens": (
        "Its texts share no token that can be asked about: a decoder is asked about those after the first that "
        "differs. Go on with the same words in both, or ask for the words that differ."
    ),
    "modified-tokens": (
        "One of its texts has no token that the other lacks and something stands before. "
        "Ask for the words that both texts share."
    ),
}
