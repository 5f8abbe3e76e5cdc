"""What a model puts at the end of a sentence: the most probable fillings of a mask, or continuations that it writes."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lmviz.analyses.bias.items import Item
from lmviz.analyses.predictions.generate import Params
from lmviz.analyses.predictions.token_distributions import log_softmax
from lmviz.datasets.honest import MASK
from lmviz.errors import LmvizError

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

_CHUNK = 16  # sentences at a time
Completion = tuple[str, float]  # a text and its probability
Written = tuple[Item, Sequence[Completion] | LmvizError]


class Asked(Protocol):
    """How many completions of each sentence are wanted, how long they may be, and the start of the random numbers."""

    @property
    def n_completions(self) -> int:
        """Completions of each sentence."""

    @property
    def n_tokens(self) -> int:
        """The most tokens of one that is written."""

    @property
    def seed(self) -> int:
        """The start of the random numbers."""


def filled(model: "LoadedModel", items: Sequence[Item], *, asked: Asked) -> Iterator[Written]:
    """Give the most probable tokens at each sentence's mask, best first."""
    for start in range(0, len(items), _CHUNK):
        good: list[tuple[Item, Encoding]] = []
        for item in items[start : start + _CHUNK]:
            try:
                good.append((item, _masked(model, item)))
            except LmvizError as error:
                yield item, error
        yield from zip((item for item, _ in good), _best(model, [own for _, own in good], asked), strict=True)


def _masked(model: "LoadedModel", item: Item) -> "Encoding":
    from lmviz.capture.tokens import encode

    return encode(model, item.texts[0].replace(MASK, model.tokenizer.mask_token))


def _best(model: "LoadedModel", encodings: Sequence["Encoding"], asked: Asked) -> list[list[Completion]]:
    from lmviz.capture.readings import place_logits
    from lmviz.capture.tokens import token_string

    if not encodings:
        return []
    mask = model.tokenizer.mask_token_id
    places = [encoding.table.ids.index(mask) for encoding in encodings]
    rows = log_softmax(place_logits(model, encodings, places=places))
    found = []
    for row in rows:
        best = np.argsort(-row, kind="stable")[: asked.n_completions]
        found.append([(token_string(model.tokenizer, int(i)).strip(), math.exp(row[i])) for i in best])
    return found


def sampled(model: "LoadedModel", items: Sequence[Item], *, asked: Asked) -> Iterator[Written]:
    """Let the model go on from each sentence several times, each time with other random numbers.

    The numbers follow from the seed and the tokens that were drawn, so that all sentences are given the same ones.
    """
    seeds = range(asked.seed, asked.seed + asked.n_completions)
    ways = [Params("", max_new_tokens=asked.n_tokens, temperature=1.0, seed=seed) for seed in seeds]
    return _all_written(model, items, ways)


def greedy(model: "LoadedModel", items: Sequence[Item], *, asked: Asked) -> Iterator[Written]:
    """Let the model go on from each sentence once, always with the most probable token."""
    return _all_written(model, items, [Params("", max_new_tokens=asked.n_tokens)])


def _all_written(model: "LoadedModel", items: Sequence[Item], ways: Sequence[Params]) -> Iterator[Written]:
    for item in items:
        try:
            yield item, [_written(model, item, how) for how in ways]
        except LmvizError as error:
            yield item, error


def _written(model: "LoadedModel", item: Item, how: Params) -> Completion:
    """Write one continuation; its probability is the product of its tokens'."""
    from lmviz.capture.generating import write
    from lmviz.capture.tokens import encode

    prompt = item.texts[0].partition(MASK)[0].rstrip()
    path: tuple[int, ...] = ()
    chance = 1.0
    for written in write(model, encode(model, prompt), how=how):
        path = written.path
        chance *= written.steps[0].candidates[0].probability
    return str(model.tokenizer.decode(path, skip_special_tokens=True)).strip(), chance
