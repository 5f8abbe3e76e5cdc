"""The quantity when only some tokens, or words, are there: what methods that take tokens away are made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from lmviz.analyses.attribution.baselines import BASELINES, Embeddings, baseline_note, check_baseline, ends
from lmviz.analyses.attribution.targets import Explained
from lmviz.analyses.base import Progress
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

DELETE = "delete"
UNITS = ("token", "word")
MOST_SAMPLES = 10_000
_MOST_PLAYERS = 62  # whose sets are counted
Coalition = Bool[np.ndarray, " player"]


@dataclass(frozen=True, eq=False)
class Game:
    """Players that can be there or not: each is some positions.

    `baseline` is what stands where a player is not, or `DELETE`: nothing, and what follows moves up.
    """

    model: "LoadedModel"
    target: Explained
    players: tuple[tuple[int, ...], ...]
    baseline: str

    def values(self, coalitions: Iterable[Coalition]) -> Iterator[np.ndarray]:
        """Give the quantity for many coalitions, batch by batch: (row,) each, in their order."""
        from lmviz.capture.gradients import values
        from lmviz.capture.leaving_out import values_without

        there = (self._there(coalition) for coalition in coalitions)
        model, target = self.model, self.target
        if self.baseline == DELETE:
            return values_without(model, target.encoding, kept=there, quantity=target.quantity)
        empty, own = self._ends
        points = (np.where(kept[:, None], own, empty) for kept in there)
        return values(model, target.encoding, points=points, quantity=target.quantity)

    def spread(self, scores: Float64[np.ndarray, " player"]) -> Float64[np.ndarray, " position"]:
        """Give each position its part of its player's score, all of them alike; fixed ones have 0."""
        found = np.zeros(len(self.target.encoding.table))
        for own, score in zip(self.players, scores, strict=True):
            found[list(own)] = score / len(own)
        return found

    def asked(self, sets: Iterable[Coalition], on_progress: Progress) -> dict[bytes, float]:
        """Give the quantity for each of some sets, each asked for once; the key is the set as bytes."""
        names = list(dict.fromkeys(own.tobytes() for own in sets))
        found: list[float] = []
        for batch in self.values(np.frombuffer(name, dtype=bool) for name in names):
            found.extend(batch.tolist())
            on_progress(min(0.99, len(found) / len(names)), f"{len(found)} of {len(names)} passes")
        return dict(zip(names, found, strict=True))

    @property
    def note(self) -> str:
        """Say what happens to what is taken away."""
        if self.baseline != DELETE:
            return baseline_note(self.model, self.baseline)
        return "Tokens are deleted; special tokens, and those that the answer is read at, stay."

    @cached_property
    def _ends(self) -> tuple[Embeddings, Embeddings]:
        return ends(self.model, self.target, baseline=self.baseline)

    def _there(self, coalition: Coalition) -> Bool[np.ndarray, " position"]:
        there = np.ones(len(self.target.encoding.table), dtype=bool)
        for own, is_in in zip(self.players, coalition, strict=True):
            there[list(own)] = is_in
        return there


def all_sets(n_players: int, *, most: int) -> Bool[np.ndarray, "set player"] | None:
    """Give every set of players there is, nobody first and all last; None where they are more than `most`."""
    if n_players > _MOST_PLAYERS or 2**n_players > most:
        return None
    return np.array(list(product((False, True), repeat=n_players)), dtype=bool).reshape(2**n_players, n_players)


def check_draws(*, n_samples: int, seed: int) -> None:
    """Refuse numbers that nothing can be drawn with.

    Raises:
        InvalidParameter: An impossible number of samples or seed.
    """
    if not 1 <= n_samples <= MOST_SAMPLES:
        raise InvalidParameter(f"n_samples is {n_samples}; ask for 1 to {MOST_SAMPLES:,}.")
    if seed < 0:
        raise InvalidParameter(f"The seed is {seed}; give 0 or more.")


def check_game(model: "LoadedModel", *, baseline: str, by: str) -> None:
    """Refuse what cannot be taken away, or in no such way.

    Raises:
        InvalidParameter: No such baseline or unit.
    """
    if baseline not in (*BASELINES, DELETE):
        raise InvalidParameter(
            f"There is no baseline '{baseline[:40]}'. Choose from {', '.join((*BASELINES, DELETE))}."
        )
    if baseline != DELETE:
        check_baseline(model, baseline)
    if by not in UNITS:
        raise InvalidParameter(f"Nothing is taken away by '{by[:40]}'. Choose {' or '.join(UNITS)}.")


def game(model: "LoadedModel", target: Explained, *, baseline: str, by: str) -> Game:
    """Say who plays: every token, or every word with all of its pieces, that is not fixed."""
    fixed = target.is_fixed.copy()
    if baseline == DELETE:
        fixed[[place for term in target.quantity for place in term.positions]] = True
    names = range(len(fixed)) if by == "token" else target.encoding.table.words
    players: dict[int, list[int]] = {}
    for place, name in enumerate(names):
        if not fixed[place]:
            players.setdefault(name if name >= 0 else -place - 2, []).append(place)
    return Game(model, target, tuple(tuple(own) for own in players.values()), baseline)
