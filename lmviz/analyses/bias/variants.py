"""The ways of scoring two texts that differ in little: of encoders with masks or without, of decoders from the left."""

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias.items import Item, ItemScore, Scored, Way
from lmviz.analyses.bias.plans import Plan, Side, mean, planned, refused, total
from lmviz.analyses.predictions.scoring import hidings
from lmviz.analyses.predictions.token_distributions import log_softmax
from lmviz.errors import InvalidParameter, LmvizError
from lmviz.results import TokenTable

if TYPE_CHECKING:
    from lmviz.capture.batches import Copy
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

_CHUNK = 16  # texts at a time where batches are not told one by one


def shared_positions(first: Sequence[int], second: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the positions of the tokens that two texts share, in order, as difflib pairs them (Nangia et al., 2020)."""
    blocks = SequenceMatcher(None, first, second).get_matching_blocks()
    return (
        tuple(block.a + place for block in blocks for place in range(block.size)),
        tuple(block.b + place for block in blocks for place in range(block.size)),
    )


def modified_positions(n_tokens: int, shared: Sequence[int]) -> tuple[int, ...]:
    """Give the positions of a text that it does not share with the other."""
    known = set(shared)
    return tuple(place for place in range(n_tokens) if place not in known)


def _encoded(model: "LoadedModel", item: Item) -> list["Encoding"]:
    from lmviz.capture.tokens import encode

    return [encode(model, text) for text in item.texts]


def _masked_one_by_one(encoding: "Encoding", positions: Sequence[int]) -> tuple["Copy", ...]:
    from lmviz.capture.batches import Copy

    return tuple(Copy(encoding, asked=(place,), masked=(place,)) for place in positions)


def _shared_masked(model: "LoadedModel", item: Item) -> Plan:
    """Mask each shared token but the first and the last, which are special, alone."""
    first, second = _encoded(model, item)
    shared = shared_positions(first.table.ids, second.table.ids)
    return tuple(
        Side(_masked_one_by_one(own, places[1:-1]), total) for own, places in zip((first, second), shared, strict=True)
    )


def _modified_masked(model: "LoadedModel", item: Item) -> Plan:
    """Mask each token that the other text lacks, alone."""
    first, second = _encoded(model, item)
    sides = []
    for own, shared in zip((first, second), shared_positions(first.table.ids, second.table.ids), strict=True):
        places = modified_positions(len(own.table), shared)
        if not places:
            raise InvalidParameter("One of its texts has no token that the other lacks. Choose another variant.")
        sides.append(Side(_masked_one_by_one(own, places), mean))
    return tuple(sides)


def _unmasked(model: "LoadedModel", item: Item) -> Plan:
    """Ask for every token in plain sight."""
    from lmviz.capture.batches import Copy

    return tuple(Side((Copy(own, asked=plain_positions(own.table)),), mean) for own in _encoded(model, item))


def pseudo_log_likelihoods(model: "LoadedModel", item: Item) -> Plan:
    """Ask for every token with it, and the later pieces of its word, masked (Kauf & Ivanova, 2023)."""
    from lmviz.capture.batches import Copy, tokenizer_words

    return tuple(
        Side(
            tuple(
                Copy(own, asked=asked, masked=masked)
                for asked, masked in hidings(tokenizer_words(model, own), plain_positions(own.table), within_word="l2r")
            ),
            total,
        )
        for own in _encoded(model, item)
    )


def plain_positions(table: TokenTable, *, first: int = 0) -> tuple[int, ...]:
    """Give the positions that are not special, from some position on.

    Raises:
        InvalidParameter: There are none.
    """
    places = tuple(place for place in range(first, len(table)) if not table.special[place])
    if not places:
        raise InvalidParameter(f"'{table.text[:40]}' has no token that can be scored. Type a longer text.")
    return places


def first_scored(model: "LoadedModel", encoding: "Encoding") -> int:
    """Give the first position of a decoder's text that follows something, if only the token to begin a text with."""
    from lmviz.capture.batches import n_read

    return 0 if n_read(model, encoding) > len(encoding.table) else 1


def from_the_left(reduce: Callable[[Sequence[np.ndarray]], float]) -> Callable[["LoadedModel", Item], Plan]:
    """Score all tokens of each text after those before them, the token for the beginning of a text first of all."""

    def plan(model: "LoadedModel", item: Item) -> Plan:
        from lmviz.capture.batches import Copy

        return tuple(
            Side((Copy(own, asked=plain_positions(own.table, first=first_scored(model, own))),), reduce)
            for own in _encoded(model, item)
        )

    return plan


def _shared_from_the_left(model: "LoadedModel", item: Item) -> Plan:
    """Score the tokens that both texts have."""
    from lmviz.capture.batches import Copy

    first, second = _encoded(model, item)
    sides = []
    for own, shared in zip((first, second), shared_positions(first.table.ids, second.table.ids), strict=True):
        scored = set(plain_positions(own.table, first=first_scored(model, own)))
        sides.append(Side((Copy(own, asked=tuple(place for place in shared if place in scored)),), total))
    return tuple(sides)


def _weighted_by_attention(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
    """Weight each token in plain sight by the attention it receives, over all layers, heads and queries."""
    return [tuple(_weighted(model, own) for own in _encoded(model, item)) for item in items]


def _weighted(model: "LoadedModel", encoding: "Encoding") -> float:
    from lmviz.capture.trace import trace

    places = list(plain_positions(encoding.table))
    seen = trace(model, encoding, ("pattern",), logits=True)
    logits = np.empty((0, 0)) if seen.logits is None else seen.logits
    log_probabilities = log_softmax(logits)[places, [encoding.table.ids[place] for place in places]]
    received = seen["pattern"].mean(axis=(0, 1, 2), dtype=np.float64)  # (key,)
    return float((received[places] * log_probabilities).mean())


def without_start(model: "LoadedModel", text: str) -> tuple[int, ...]:
    """Give the tokens of a text without special ones."""
    from lmviz.capture.tokens import encode

    table = encode(model, text).table
    return tuple(table.ids[place] for place in plain_positions(table))


def as_bias_bench(model: "LoadedModel", texts: Sequence[str]) -> list[float]:
    """Give the mean log-probability of each text's tokens, the first after the start token and the rest without it.

    StereoSet and Bias Bench score decoders so; their score is the exponential of it.
    """
    from lmviz.capture.sequences import following_log_probabilities

    rows = [without_start(model, text) for text in texts]
    start = int(model.tokenizer.bos_token_id)
    found = following_log_probabilities(model, [*((start, row[0]) for row in rows), *rows])
    return [mean(pair) for pair in zip(found[: len(rows)], found[len(rows) :], strict=True)]


def _minus_log_perplexity(model: "LoadedModel", texts: Sequence[str]) -> list[float]:
    """Give the mean log-probability of each text's tokens but the first, nothing put in front."""
    from lmviz.capture.sequences import following_log_probabilities
    from lmviz.capture.tokens import encode

    rows = [encode(model, text).table.ids for text in texts]
    short = next((text for text, row in zip(texts, rows, strict=True) if len(row) < 2), None)
    if short is not None:
        raise InvalidParameter(f"'{short[:40]}' is a single token, and the first is not scored. Type a longer text.")
    return [mean([found]) for found in following_log_probabilities(model, rows)]


def by_texts(score: Callable[["LoadedModel", Sequence[str]], list[float]], *, note: str, unit: str = "nats") -> Way:
    """Make a way of scoring from a function that gives one number for each of many texts."""

    def of_items(model: "LoadedModel", items: Sequence[Item]) -> list[tuple[float, ...]]:
        numbers = iter(score(model, [text for item in items for text in item.texts]))
        return [tuple(next(numbers) for _ in item.texts) for item in items]

    return by_items(of_items, note=note, unit=unit)


def by_items(
    score: Callable[["LoadedModel", Sequence[Item]], list[tuple[float, ...]]], *, note: str, unit: str = "nats"
) -> Way:
    """Make a way of scoring from a function that gives the numbers of each of many rows."""

    def way(model: "LoadedModel", items: Sequence[Item]) -> Scored:
        for start in range(0, len(items), _CHUNK):
            yield _each(score, model, items[start : start + _CHUNK])

    return Way(way, unit, note=note)


def _each(
    score: Callable[["LoadedModel", Sequence[Item]], list[tuple[float, ...]]],
    model: "LoadedModel",
    items: Sequence[Item],
) -> list[ItemScore]:
    """Score some rows together, or one by one where one of them is refused."""
    try:
        return [ItemScore(item, scores) for item, scores in zip(items, score(model, items), strict=True)]
    except LmvizError as error:
        if len(items) == 1:
            return [refused(items[0], error)]
        return [scored for item in items for scored in _each(score, model, [item])]


NANGIA = planned(
    _shared_masked,
    n_decimals=3,
    note="Sum over the shared tokens, each masked alone; scores are rounded to 3 decimals before they are compared.",
)
SHARED_MASKED = planned(_shared_masked, note="Sum over the shared tokens, each masked alone.")
MODIFIED = planned(_modified_masked, note="Mean over the tokens that differ, each masked alone; not Nangia's metric.")
AUL = planned(_unmasked, note="Mean over all tokens, nothing masked.")
AULA = by_items(
    _weighted_by_attention, note="Mean over all tokens, nothing masked, weighted by the attention they receive."
)
PLL = planned(
    pseudo_log_likelihoods, note="Pseudo-log-likelihood: each token masked with the later pieces of its word."
)
SHARED = planned(
    _shared_from_the_left,
    n_decimals=4,  # what differs at the very end alone is to tie
    note=(
        "Sum over the shared tokens only, each after all that stands before it; scores are rounded to 4 decimals, so "
        "that texts that differ at their end alone tie."
    ),
)
SUM = planned(from_the_left(total), note="Log-probability of the whole text.")
MEAN = planned(from_the_left(mean), note="Log-probability per token.")
BIAS_BENCH = by_texts(as_bias_bench, note="Mean over tokens, the first after the start token, the rest without it.")
PERPLEXITY = by_texts(
    _minus_log_perplexity, note="Minus the logarithm of the perplexity; the first token is not scored."
)


def has_start(model: "LoadedModel") -> bool:
    """Say whether a decoder has a token to begin a text with."""
    return model.tokenizer.bos_token_id is not None
