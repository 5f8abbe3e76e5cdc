"""What a row asks of a model: inputs, and the tokens whose log-probabilities make its number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.bias.items import Item

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Logits = Float32[np.ndarray, "position vocabulary"]
Positions = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Reading:
    """One input, and what is asked of it: the scores of the tokens `ids` at `places`, each with its weight."""

    encoding: "Encoding"
    places: Positions
    ids: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def logits_at(self) -> Positions:
        """The positions whose logits are needed, each once."""
        return tuple(sorted(set(self.places)))

    def number(self, logits: Logits | None) -> float:
        """Add up the log-probabilities of the tokens, in nats, by their weights; `logits` is at `logits_at`."""
        if logits is None:
            return 0.0
        highest = logits.max(axis=1)
        normaliser = np.log(np.exp(logits - highest[:, None]).sum(axis=1)) + highest.astype(np.float64)
        rows = np.searchsorted(self.logits_at, self.places)
        found = logits[rows, list(self.ids)].astype(np.float64) - normaliser[rows]
        return float(found @ np.array(self.weights))


@dataclass(frozen=True, eq=False)
class Task:
    """A row's inputs; its number is the sum over them.

    In mediation `others` are the same of the counterfactual, position by position, and `roles` the positions of each
    role in each input.
    """

    item: Item
    readings: tuple[Reading, ...]
    others: tuple[Reading, ...] = ()
    roles: tuple[Mapping[str, Positions], ...] = field(default=())

    @property
    def n_tokens(self) -> int:
        """How much is read in one pass over all inputs."""
        return sum(len(reading.encoding.table) for reading in (*self.readings, *self.others))


def read_ids(model: "LoadedModel", encoding: "Encoding") -> tuple[int, ...]:
    """Give what the model reads: the tokens, after the token to begin a text with where a decoder has one."""
    from lmviz.capture.batches import front

    return (*front(model, encoding), *encoding.table.ids)


def check_fits(model: "LoadedModel", readings: Sequence[Reading], *, places: frozenset[str]) -> None:
    """Refuse inputs that would take more memory than a single job may.

    Raises:
        OverBudget: With the numbers.
    """
    from lmviz.capture import budget

    longest = max(len(reading.encoding.table) for reading in readings)
    budget.check(model, longest, places=places)
