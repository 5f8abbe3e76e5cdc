"""The preference of a minimal pair as one number: how much more probable the shared tokens are in the first text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmviz.analyses.bias.items import Item
from lmviz.analyses.bias.localisation.tasks import Reading, Task, check_fits, read_ids
from lmviz.analyses.bias.variants import shared_positions
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

    Texts = tuple[Encoding, Encoding]

Shared = tuple[tuple[int, ...], tuple[int, ...]]
SIGNS = (1.0, -1.0)
PLACES = frozenset({"resid_pre", "attended_value"})


def plan(model: "LoadedModel", item: Item) -> Task:
    """Ask for the tokens that both texts have, as `minimal-pairs` scores them in its variant `shared-tokens`.

    An encoder has each of them masked alone. A decoder gives each after what stands before it; those before the first
    difference are left out, as they come to the same in both texts.

    Args:
        model: An encoder or a decoder.
        item: Two texts.

    Returns:
        A task whose number is the score of the first text less that of the second, in nats.

    Raises:
        InvalidParameter: A decoder's texts share nothing after they differ.
        LmvizError: A text is empty or too long.
    """
    from lmviz.capture.tokens import encode

    first, second = (encode(model, text) for text in item.texts[:2])
    shared = shared_positions(first.table.ids, second.table.ids)
    readings = (_masked if model.kind == "encoder" else _from_the_left)(model, (first, second), shared)
    if not readings:
        raise InvalidParameter(
            "Its texts share no token that can be asked about: a decoder is asked about those after the first that "
            "differs. Go on with the same words in both."
        )
    check_fits(model, readings, places=PLACES)
    return Task(item, readings)


def _masked(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Mask each shared token but the first and the last, which are special, alone."""
    from lmviz.capture.given_ids import of_ids

    readings = []
    for own, places, sign in zip(texts, shared, SIGNS, strict=True):
        ids = own.table.ids
        for place in places[1:-1]:
            hidden = (*ids[:place], int(model.tokenizer.mask_token_id), *ids[place + 1 :])
            readings.append(Reading(of_ids(model, hidden, like=own), (place,), (ids[place],), (sign,)))
    return tuple(readings)


def _from_the_left(model: "LoadedModel", texts: "Texts", shared: Shared) -> tuple[Reading, ...]:
    """Read each text once; the logits for a token stand one position before it."""
    from lmviz.capture.given_ids import of_ids

    read = [read_ids(model, own) for own in texts]
    shifts = [len(ids) - len(own.table) - 1 for ids, own in zip(read, texts, strict=True)]
    kept = [pair for pair in _after_difference(texts, shared) if _is_asked(texts, pair, shifts)]
    if not kept:
        return ()
    return tuple(
        Reading(
            of_ids(model, ids, like=own),
            tuple(place + shift for place in places),
            tuple(own.table.ids[place] for place in places),
            (sign,) * len(places),
        )
        for ids, own, places, shift, sign in zip(read, texts, zip(*kept, strict=True), shifts, SIGNS, strict=True)
    )


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
