"""What can be replaced in a forward pass: plain numbers that fit any model with such a layer, head and position.

Layers, heads and positions count from zero; positions are those of the run's own text. `positions=None` means all of
them. Values of another run come from a `Trace`. Several interventions of one run at the same place follow each other in
the order in which they are given.

Each has a `layer`, a `place` there (one of the residual stream's, "mask", "pattern" or "attended_value") and a `write`,
which changes in place what one run has there: (position, width) of the stream, (head, query, key) of mask and pattern,
(head, position, dimension) of attended_value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lmviz.errors import InvalidParameter
from lmviz.models.context import MASK

Positions = tuple[int, ...] | None
Values = Float[np.ndarray, "..."]
_NO_LENGTH = 1e-6  # relative: directions that differ by less are one


@dataclass(frozen=True, eq=False)
class AblateHead:
    """Take a head out: what it has gathered, before W_O, becomes zero or its own mean over the positions of this run.

    Zero is far from anything the next layer has seen; the mean keeps what the head says everywhere. Resampling (Chan
    et al., 2022) and the mean over other texts are `PatchHead`.
    """

    layer: int
    head: int
    how: str = "zero"  # or "mean"
    positions: Positions = None
    place: ClassVar[str] = "attended_value"

    def write(self, found: Tensor) -> None:
        """Overwrite the head."""
        if self.how not in ("zero", "mean"):
            raise InvalidParameter(f"A head is ablated by 'zero' or by 'mean', not by {self.how!r}.")
        own = found[_one(self.head, found.shape[0], "head")]
        own[_at(self.positions, own.shape[0])] = 0 if self.how == "zero" else own.mean(dim=0)


@dataclass(frozen=True, eq=False)
class PatchHead:
    """Put another run's values in the place of what a head has gathered, before W_O.

    `value` is (position, dimension), one row for each replaced position, as `Trace["attended_value"][layer, head]` has
    it, or (dimension,) for one vector everywhere, such as a mean over many texts.
    """

    layer: int
    head: int
    value: Values
    positions: Positions = None
    place: ClassVar[str] = "attended_value"

    def write(self, found: Tensor) -> None:
        """Overwrite the head."""
        _put(found[_one(self.head, found.shape[0], "head")], self.value, self.positions)


@dataclass(frozen=True, eq=False)
class PatchPattern:
    """Override where a head attends by another run's pattern; the values stay this run's (Vig et al., 2020).

    `pattern` is (query, key), one row for each replaced query.
    """

    layer: int
    head: int
    pattern: Values
    queries: Positions = None
    place: ClassVar[str] = "pattern"

    def write(self, found: Tensor) -> None:
        """Overwrite the head's rows."""
        _put(found[_one(self.head, found.shape[0], "head")], self.pattern, self.queries)


@dataclass(frozen=True, eq=False)
class PatchStream:
    """Put another run's values in the residual stream, or in what attention or the MLP adds to it (Meng et al., 2022).

    `value` is (position, width), one row for each replaced position, or (width,) for one vector everywhere. With
    `resid_pre` at all positions everything before the layer is moot, and is not run where nothing of it is asked for.
    """

    layer: int
    place: str
    value: Values
    positions: Positions = None

    @property
    def is_entry(self) -> bool:
        """Say whether everything before the layer is moot."""
        return self.place == "resid_pre" and self.positions is None

    def write(self, found: Tensor) -> None:
        """Overwrite the positions."""
        _put(found, self.value, self.positions)


@dataclass(frozen=True, eq=False)
class KnockOut:
    """Cut the edges from some queries to some keys, in some heads or all (None).

    With `is_renormalised` the scores are masked before the softmax (Geva et al., 2023): the weight goes to the other
    keys, and a query that has none left gathers nothing. Without, the weights are set to zero and the rows sum to less.
    """

    layer: int
    queries: Positions
    keys: Positions
    heads: Positions = None
    is_renormalised: bool = True

    @property
    def place(self) -> str:
        """Where the edges are cut."""
        return MASK if self.is_renormalised else "pattern"

    def write(self, found: Tensor) -> None:
        """Overwrite the edges."""
        heads = _at(self.heads, found.shape[0], "head")
        queries, keys = _at(self.queries, found.shape[1]), _at(self.keys, found.shape[2])
        nothing = torch.finfo(found.dtype).min if self.is_renormalised else 0.0
        found[heads[:, None, None], queries[:, None], keys] = nothing


@dataclass(frozen=True, eq=False)
class AddDirection:
    """Steer: add `strength` times a direction, (width,), as it is, at some positions (Turner et al., 2023)."""

    layer: int
    direction: Values
    strength: float = 1.0
    place: str = "resid_post"
    positions: Positions = None

    def write(self, found: Tensor) -> None:
        """Add it."""
        step = self.strength * np.asarray(self.direction, dtype=np.float32)
        found[_at(self.positions, found.shape[0])] += _values(step, found, (found.shape[1],))


@dataclass(frozen=True, eq=False)
class ProjectOut:
    """Erase a direction, (width,), or a subspace spanned by several, (direction, width).

    x becomes x − P (x − c), where P is the orthogonal projection on the span and c the `center`, (width,), zero if not
    given (Ravfogel et al., 2020). With `readers`, (direction, width), P is oblique: each direction is subtracted as
    often as its reader finds in x − c, which is the form of a LEACE eraser (Belrose et al., 2023).
    """

    layer: int
    directions: Values
    place: str = "resid_post"
    positions: Positions = None
    center: Values | None = None
    readers: Values | None = None

    def write(self, found: Tensor) -> None:
        """Subtract the projection."""
        width = found.shape[1]
        at = _at(self.positions, found.shape[0])
        moved = found[at].float()
        if self.center is not None:
            moved = moved - _values(self.center, moved, (width,))
        writers = _values(np.atleast_2d(self.directions), moved, (-1, width))
        if self.readers is None:
            writers = readers = torch.from_numpy(_basis(self.directions)).to(moved)
        else:
            readers = _values(np.atleast_2d(self.readers), moved, tuple(writers.shape))
        found[at] -= ((moved @ readers.T) @ writers).to(found.dtype)


OnStream = PatchStream | AddDirection | ProjectOut
Intervention = AblateHead | PatchHead | PatchPattern | KnockOut | OnStream


def _basis(directions: np.ndarray) -> np.ndarray:
    """Give orthonormal rows that span the directions."""
    _, sizes, rows = np.linalg.svd(np.atleast_2d(directions).astype(np.float64), full_matrices=False)
    if sizes[0] == 0.0:
        raise InvalidParameter("A direction of length zero cannot be projected out. Give one that points somewhere.")
    basis: np.ndarray = rows[sizes > _NO_LENGTH * sizes[0]].astype(np.float32)
    return basis


def _one(number: int, n_there: int, name: str) -> int:
    """Give the number back if there is such a head or position."""
    if not 0 <= number < n_there:
        raise InvalidParameter(f"There is no {name} {number}; {name}s go from 0 to {n_there - 1}.")
    return number


def _at(numbers: Sequence[int] | None, n_there: int, name: str = "position") -> Tensor:
    """Give the chosen numbers, or all there are, as an index."""
    if numbers is None:
        return torch.arange(n_there)
    return torch.tensor([_one(number, n_there, name) for number in numbers], dtype=torch.long)


def _put(found: Tensor, value: np.ndarray, positions: Positions) -> None:
    """Overwrite rows: all by one vector, or each by its own."""
    at = _at(positions, found.shape[0])
    shape = (found.shape[1],) if np.ndim(value) == 1 else (len(at), found.shape[1])
    found[at] = _values(value, found, shape)


def _values(value: np.ndarray, found: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Put an array beside what was found; -1 in the shape is any number but 0."""
    array = np.array(value, dtype=np.float32)
    has_shape = array.ndim == len(shape) and all(
        own == want or (want == -1 and own) for own, want in zip(array.shape, shape, strict=True)
    )
    if not has_shape:
        raise InvalidParameter(f"A value has the shape {array.shape}; here it must be {_shape_words(shape)}.")
    if not np.isfinite(array).all():
        raise InvalidParameter("A value holds numbers that are not finite. Replace them first.")
    return torch.from_numpy(array).to(found)


def _shape_words(shape: tuple[int, ...]) -> str:
    return f"({', '.join('any' if size == -1 else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"
