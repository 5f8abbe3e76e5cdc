"""The one context variable through which a request reaches the model: what to keep and what to replace.

Nothing is added to or removed from a model per request. The permanent hooks and the registered attention function
read this variable; each thread has its own, so two requests cannot see each other.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

ATTENTION_PLACES = frozenset({"pattern", "query", "key", "moved_norm", "added", "attended_value"})
STREAM_PLACES = frozenset({"resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"})
PLACES = ATTENTION_PLACES | STREAM_PLACES
MASK = "mask"  # what is added to the scores: it can be replaced, and is recorded as part of "added"
_IN_ATTENTION = ATTENTION_PLACES | {MASK}
_INSIDE_BLOCK = (
    "attention",
    "attn_out",
    "resid_mid",
    "mlp_out",
)  # counted there, so counted on where a block is passed


class Keeper(Protocol):
    """Where recorded tensors go, one layer at a time."""

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        """Take `value`, shaped (batch, ...), of one layer; it may be overwritten right after the call."""


class Edit(Protocol):
    """What is done to the value at one place of one layer."""

    def apply(self, value: Tensor) -> Tensor:
        """Give what the model goes on with; `value`, shaped (batch, ...), is left as it is."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A replacement of everything at one place of one layer; `value` has the shape found there."""

    place: str
    layer: int
    value: Tensor

    def apply(self, value: Tensor) -> Tensor:
        """Give the replacement, whatever was found."""
        return self.value.to(value).view_as(value)


@dataclass(eq=False)
class Request:
    """What one forward pass should keep and replace, in one part of the model.

    Layers are counted as they run, so that a block that is used twice is two layers.
    """

    part: str
    places: frozenset[str]
    keeper: Keeper
    layers: frozenset[int] | None = None  # None: all
    patches: Mapping[tuple[str, int], Edit] = field(default_factory=dict)
    batch: int = 1
    entry: int = 0  # the layer whose whole input is replaced: blocks before it need not run
    scales: dict[int, float] = field(default_factory=dict)  # layer -> what q·k is multiplied by, noted on the way
    softcap: float | None = None
    has_sinks: bool = False  # part of each row goes to a learned sink: rows sum to less than one
    _seen: dict[str, int] = field(default_factory=dict)

    def enter(self, part: str, counter: str) -> int | None:
        """Count one more visit; give the layer number if anything there is asked for."""
        if part != self.part:
            return None
        layer = self._seen.get(counter, 0)
        self._seen[counter] = layer + 1
        return layer

    def keeps(self, place: str, layer: int) -> bool:
        """Say whether this place of this layer is to be kept."""
        return place in self.places and (self.layers is None or layer in self.layers)

    def visit(self, place: str, layer: int, value: Tensor) -> Tensor:
        """Replace the value if asked, keep it if asked, and give what the model goes on with."""
        patch = self.patches.get((place, layer))
        if patch is not None:
            value = patch.apply(self._by_row(value)).view_as(value)
        if self.keeps(place, layer):
            self.keeper.keep(place, layer, self._by_row(value).detach())
        return value

    def _by_row(self, value: Tensor) -> Tensor:
        """Give back the axis of the batch to what a family has flattened to (batch * position, width)."""
        return value if value.dim() > 2 else value.view(self.batch, -1, value.shape[-1])

    @property
    def sees_attention(self) -> bool:
        """Say whether the pattern has to be computed in the open, at least in one layer."""
        return bool(self.places & ATTENTION_PLACES) or any(place in _IN_ATTENTION for place, _ in self.patches)

    def opens(self, layer: int) -> bool:
        """Say whether the pattern of this layer has to be computed in the open."""
        return bool(self.places & ATTENTION_PLACES) or any((place, layer) in self.patches for place in _IN_ATTENTION)

    def is_before_entry(self, part: str) -> bool:
        """Say whether the block that is being run comes before the layer where this pass begins."""
        return part == self.part and 0 < self._seen.get("resid_pre", 0) <= self.entry

    def pass_by(self) -> None:
        """Count the places inside a block that is not run, so that later ones keep their numbers."""
        self._seen.update(dict.fromkeys(_INSIDE_BLOCK, self._seen["resid_pre"]))


current: ContextVar[Request | None] = ContextVar("lmviz_request", default=None)


@contextmanager
def asking(request: Request) -> Iterator[None]:
    """Make `request` the current one for this thread while the body runs."""
    token = current.set(request)
    try:
        yield
    finally:
        current.reset(token)
