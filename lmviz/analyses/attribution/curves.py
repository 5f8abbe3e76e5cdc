"""What becomes of the answer when words go, or come, in the order of an explanation; and in random orders."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from lmviz.analyses.attribution.coalitions import Coalition, Game

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)  # of the words; those of DeYoung et al. (2020)
MOST_STEPS = 20
Told = Callable[[int, int], None]  # passes done, passes in all
Order = Int64[np.ndarray, " player"]


@dataclass(frozen=True, eq=False)
class Curves:
    """The quantity while words are taken away (`deletion`) and put in (`insertion`), for several orders.

    `fractions` are the shares of words, 0 to 1. Areas are under the curves over that share. `comprehensiveness` is
    what the first words take with them, `sufficiency` what is missing when only they are there, both as means over
    `SHARES` of the words, at least one.
    """

    fractions: Float64[np.ndarray, " step"]
    deletion: Float64[np.ndarray, "order step"]
    insertion: Float64[np.ndarray, "order step"]
    comprehensiveness: Float64[np.ndarray, " order"]
    sufficiency: Float64[np.ndarray, " order"]

    @property
    def value(self) -> float:
        """The quantity with all players there."""
        return float(self.deletion[0, 0])

    @property
    def empty(self) -> float:
        """The quantity with none of them."""
        return float(self.deletion[0, -1])

    @property
    def deletion_area(self) -> Float64[np.ndarray, " order"]:
        """The area under each deletion curve: the lower, the sooner the answer goes."""
        return _area(self.deletion, self.fractions)

    @property
    def insertion_area(self) -> Float64[np.ndarray, " order"]:
        """The area under each insertion curve: the higher, the sooner the answer is there."""
        return _area(self.insertion, self.fractions)


def _area(values: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.trapezoid(values, fractions, axis=1)
    return found


def curves(game: Game, orders: Sequence[Order], *, told: Told) -> Curves:
    """Follow some orders, most important word first; every set of words is asked once.

    Args:
        game: Who plays, and what stands where a player is not.
        orders: Each names all players.
        told: Called after every batch.
    """
    n_players = len(game.players)
    steps = np.unique(np.round(np.linspace(0, n_players, min(n_players, MOST_STEPS) + 1)).astype(np.int64))
    firsts = [int(np.ceil(share * n_players)) for share in SHARES]
    counts = sorted({*steps.tolist(), *firsts})
    wanted = {own.tobytes(): own for order in orders for own in _sets(order, counts)}
    found: list[float] = []
    for batch in game.values(wanted.values()):
        found.extend(batch.tolist())
        told(len(found), len(wanted))
    known = dict(zip(wanted, found, strict=True))

    def value(order: Order, count: int, *, is_in: bool) -> float:
        return known[_first(order, count, is_in=is_in).tobytes()]

    whole = known[np.ones(n_players, dtype=bool).tobytes()]
    return Curves(
        fractions=steps / max(1, n_players),
        deletion=np.array([[value(order, count, is_in=False) for count in steps] for order in orders]),
        insertion=np.array([[value(order, count, is_in=True) for count in steps] for order in orders]),
        comprehensiveness=np.array(
            [whole - np.mean([value(order, count, is_in=False) for count in firsts]) for order in orders]
        ),
        sufficiency=np.array(
            [whole - np.mean([value(order, count, is_in=True) for count in firsts]) for order in orders]
        ),
    )


def _sets(order: Order, counts: Sequence[int]) -> Iterator[Coalition]:
    for count in counts:
        yield _first(order, count, is_in=False)
        yield _first(order, count, is_in=True)


def _first(order: Order, count: int, *, is_in: bool) -> Coalition:
    """Give the set in which only the first few of an order are, or are not."""
    there = np.full(len(order), not is_in)
    there[order[:count]] = is_in
    return there


def order_of(scores: np.ndarray) -> Order:
    """Put players in order, the largest score first; of equal ones the earlier."""
    return np.argsort(-scores, kind="stable")


def random_orders(n_players: int, n_orders: int, *, seed: int) -> list[Order]:
    """Draw orders."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(n_players) for _ in range(n_orders)]


def exceedance(own: float, others: np.ndarray, *, is_low_good: bool) -> float:
    """Give the one-sided p that a random order does as well: (1 + those as good) / (1 + all)."""
    as_good = others <= own if is_low_good else others >= own
    return float((1 + as_good.sum()) / (1 + len(others)))
