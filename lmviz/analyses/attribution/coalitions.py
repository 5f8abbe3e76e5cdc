"""The quantity when only some tokens, or words, are there: what methods that take tokens away are made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from lmviz.analyses.attribution.baselines import BASELINES, Embeddings, baseline_note, check_baseline, ends
from lmviz.analyses.attribution.targets import Explained
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

DELETE = "delete"
UNITS = ("token", "word")
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
