"""How a model says which of two sentences is grammatical: whole sentences, or one critical word after its prefix."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from lmviz.analyses.bias import variants
from lmviz.analyses.bias.items import Item, Way
from lmviz.analyses.bias.plans import Plan, Side, planned, total
from lmviz.analyses.predictions.scoring import Hiding, hidings
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

ONE, TWO = "one-prefix", "two-prefixes"
PREFIXES = (ONE, TWO)  # where their texts stand among an item's details, four of each
_N_TEXTS = 4  # prefix and word of the good sentence, then of the bad one


def masked(within_word: str) -> Way:
    """Score whole sentences of an encoder by their pseudo-log-likelihood, see `scoring.hidings`."""

    def hide(words: Sequence[int], scored: Sequence[int]) -> Iterator[Hiding]:
        return hidings(words, scored, within_word=within_word)

    notes = {
        "l2r": "each token masked with the later pieces of its word",
        "original": "each token masked alone, so that other pieces of its word give it away",
        "whole_word": "all pieces of a word masked at once",
    }
    return planned(_hiding(hide), note=f"Pseudo-log-likelihood: {notes[within_word]}.")


def _from_here_on(words: Sequence[int], scored: Sequence[int]) -> Iterator[Hiding]:
    """Mask each position with everything that comes after it, the sign at the end of the text aside."""
    last = max(scored)
    for position in scored:
        yield (position,), tuple(range(position, min(last, len(words) - 1) + 1))


def _hiding(hide: Callable[[Sequence[int], Sequence[int]], Iterator[Hiding]]) -> Callable[["LoadedModel", Item], Plan]:
    def plan(model: "LoadedModel", item: Item) -> Plan:
        from lmviz.capture.batches import Copy, tokenizer_words
        from lmviz.capture.tokens import encode

        sides = []
        for text in item.texts:
            own = encode(model, text)
            hidden = hide(tokenizer_words(model, own), variants.plain_positions(own.table))
            sides.append(Side(tuple(Copy(own, asked=asked, masked=gone) for asked, gone in hidden), total))
        return tuple(sides)

    return plan


def after_prefix(name: str) -> Way:
    """Score one word of each sentence, its pieces after the prefix that its file names (Warstadt et al., 2020)."""
    place = PREFIXES.index(name) * _N_TEXTS

    def plan(model: "LoadedModel", item: Item) -> Plan:
        given = item.details[place : place + _N_TEXTS]
        if not all(given):
            raise InvalidParameter(f"Its paradigm has no {name.replace('-', ' ')}. Score whole sentences instead.")
        return tuple(_word_after(model, prefix, word) for prefix, word in (given[:2], given[2:]))

    return planned(plan, note="Log-probability of the critical word after its prefix; the rest is not read.")


def _word_after(model: "LoadedModel", prefix: str, word: str) -> Side:
    from lmviz.capture.batches import Copy
    from lmviz.capture.tokens import encode

    own = encode(model, f"{prefix} {word}")
    asked = [place for place in variants.plain_positions(own.table) if own.table.spans[place][1] > len(prefix)]
    return Side((Copy(own, asked=tuple(asked)),), total)


ENCODER: Mapping[str, Way] = MappingProxyType(
    {
        "within-word-l2r": masked("l2r"),
        "original": masked("original"),
        "whole-word": masked("whole_word"),
        "global-l2r": planned(
            _hiding(_from_here_on), note="Pseudo-log-likelihood: each token masked with all that comes after it."
        ),
    }
)
DECODER: Mapping[str, Way] = MappingProxyType(
    {"sum": variants.SUM, "mean": variants.MEAN, ONE: after_prefix(ONE), TWO: after_prefix(TWO)}
)
