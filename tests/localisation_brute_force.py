"""What a localisation asks, asked of a plain model: one pass for each input and each thing that is changed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from lmviz.analyses.bias.variants import shared_positions
from tests.brute_force import Bench, bench, changed_head, changed_pattern, changed_stream

Ids = list[int]
Asked = tuple[Ids, list[int], Ids]  # what is read, where, and the tokens whose probability is asked for there
Scope = Callable[[], AbstractContextManager[None]]  # a new one for each pass: it changes one and no more


class Brute:
    """A tiny model as transformers has it."""

    def __init__(self, family: str) -> None:
        self.own: Bench = bench(family)
        self.tokenizer: Any = self.own.model.tokenizer
        self.is_encoder = self.own.model.kind == "encoder"

    def log_probabilities(self, ids: Sequence[int], scope: Scope = nullcontext) -> np.ndarray:
        """Run the model on some tokens: (position, vocabulary)."""
        given = torch.tensor([list(ids)])
        with torch.no_grad(), scope():
            logits: torch.Tensor = self.own.plain(input_ids=given, attention_mask=torch.ones_like(given)).logits[0]
        found: np.ndarray = logits.double().log_softmax(-1).numpy()
        return found

    def read(self, text: str) -> Ids:
        """Give what the model reads of a text, with what a decoder begins with."""
        ids = list(self.tokenizer(text)["input_ids"])
        start = self.tokenizer.bos_token_id
        return ids if self.is_encoder or start is None or ids[0] == start else [start, *ids]

    def shared(self, pair: Sequence[str]) -> Iterator[tuple[Ids, int, int, int]]:
        """Give what is read, where, which token, and the sign, for each shared token but the first."""
        first, second = (self.read(text) for text in pair[:2])
        places = list(zip(*shared_positions(first, second), strict=True))
        for own, side, sign in ((first, 0, 1), (second, 1, -1)):
            for at in places[1:-1] if self.is_encoder else places[1:]:
                place, ids = at[side], list(own)
                if self.is_encoder:
                    ids[place] = self.tokenizer.mask_token_id
                yield ids, place - (not self.is_encoder), own[place], sign

    def modified(self, pair: Sequence[str]) -> Iterator[tuple[Ids, int, int, float]]:
        """Give the same for each token that the other text lacks, its sign over how many there are."""
        first, second = (self.read(text) for text in pair[:2])
        for own, shared, sign in zip((first, second), shared_positions(first, second), (1, -1), strict=True):
            places = [place for place in range(len(own)) if place not in shared and (place or self.is_encoder)]
            for place in places:
                ids = list(own)
                if self.is_encoder:
                    ids[place] = self.tokenizer.mask_token_id
                yield ids, place - (not self.is_encoder), own[place], sign / len(places)

    def margin(self, pair: Sequence[str], scope: Scope = nullcontext, *, of: str = "shared") -> float:
        """Give by how much the tokens are more probable in the first text."""
        total = 0.0
        for ids, at, token, weight in getattr(self, of)(pair):
            total += weight * self.log_probabilities(ids, scope)[at, token]
        return total

    def inputs(self, pairs: Sequence[Sequence[str]], *, of: str = "shared") -> list[tuple[int, ...]]:
        """Give everything that is read for the margins of some pairs, each of a pair once."""
        return [ids for pair in pairs for ids in dict.fromkeys(tuple(ids) for ids, *_ in getattr(self, of)(pair))]

    def mean_of_head(self, layer: int, head: int, inputs: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Average what a head gathers over all positions of some inputs: (1, 1, dimension)."""
        seen: list[torch.Tensor] = []
        for ids in inputs:
            self.log_probabilities(ids, lambda: changed_head(self.own, layer, head, _looking(seen)))
        return torch.cat(seen, dim=1).mean(dim=1, keepdim=True)

    def asked(self, prompt: str, words: Sequence[str]) -> list[Asked]:
        """Give what is asked for each continuation."""
        return [self._encoder_asked(prompt, word) if self.is_encoder else self._asked(prompt, word) for word in words]

    def _encoder_asked(self, prompt: str, word: str) -> Asked:
        ids = self.read(prompt if "[MASK]" in prompt else f"{prompt} [MASK].")
        pieces, mask = list(self.tokenizer(word, add_special_tokens=False)["input_ids"]), self.tokenizer.mask_token_id
        at = ids.index(mask)
        return [*ids[:at], *[mask] * len(pieces), *ids[at + 1 :]], list(range(at, at + len(pieces))), pieces

    def _asked(self, prompt: str, word: str) -> Asked:
        before = prompt.partition("[MASK]")[0].rstrip()
        stem, whole = self.read(before), self.read(f"{before} {word}")
        assert whole[: len(stem)] == stem
        return whole[:-1], list(range(len(stem) - 1, len(whole) - 1)), whole[len(stem) :]

    def log_odds(self, asked: Sequence[Asked], scopes: Sequence[Scope] = (nullcontext, nullcontext)) -> float:
        """Give ln of exp(mean log-probability) of the second continuation over that of the first."""
        chances = [
            np.exp(self.log_probabilities(ids, scope)[at, pieces].mean())
            for (ids, at, pieces), scope in zip(asked, scopes, strict=True)
        ]
        return float(np.log(chances[1] / chances[0]))

    def with_pattern(self, where: tuple[int, int], *, of: Ids) -> Scope:
        """Give one head the pattern that it has on another input."""
        (layer, head), seen = where, list[torch.Tensor]()
        self.log_probabilities(of, lambda: changed_pattern(self.own, layer, _looking(seen)))

        def put(found: torch.Tensor) -> torch.Tensor:
            changed = found.clone()
            changed[:, head] = seen[0][:, head]
            return changed

        return lambda: changed_pattern(self.own, layer, put)

    def with_stream(self, where: tuple[str, int], at: Sequence[int], *, of: Ids) -> Scope:
        """Give some positions what they have on another input."""
        (place, layer), seen = where, list[torch.Tensor]()
        self.log_probabilities(of, lambda: changed_stream(self.own, place, layer, _looking(seen)))

        def put(found: torch.Tensor) -> torch.Tensor:
            changed = found.clone()
            changed[:, list(at)] = seen[0][:, list(at)]
            return changed

        return lambda: changed_stream(self.own, place, layer, put)


def _looking(seen: list[torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Change nothing, but note down what is there."""

    def look(found: torch.Tensor) -> torch.Tensor:
        seen.append(found.clone())
        return found

    return look


def roles(own: Sequence[Asked], other: Sequence[Asked]) -> dict[str, list[list[int]]]:
    """Give the positions of each role in the input of each continuation; one input may be read for both."""
    places: dict[str, list[list[int]]] = {"changed": [], "answer": [], "others": [], "all": []}
    for (ids, *_), (its, *_) in zip(own, other, strict=True):
        changed = [n for n, (a, b) in enumerate(zip(ids, its, strict=True)) if a != b]
        read_off = {at for one, where, _ in own if one == ids for at in where}
        answer = sorted(read_off - set(changed))
        everywhere = list(range(len(ids)))
        rest = [n for n in everywhere if n not in (*changed, *answer)]
        for name, found in zip(places, (changed, answer, rest, everywhere), strict=True):
            places[name].append(found)
    return places
