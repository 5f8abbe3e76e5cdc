"""The two sides of a comparison: a model each, what it is asked, and where the second one comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmviz.analyses.base import Progress, provenance

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_SIGNED = ("model", "source", "revision", "tokenizer", "dtype", "device")


@dataclass(frozen=True, eq=False)
class Side:
    """One side: a model, and the parameters of the analysis that it is asked."""

    model: "LoadedModel"
    given: Mapping[str, Any]


def second_model(model: "LoadedModel", name: str | None) -> "LoadedModel":
    """Give the model of the second side: the first one itself, or one by name in the same precision and place.

    Raises:
        UnknownModel: No model has this name.
    """
    if name is None or name == model.id:
        return model
    from lmviz.models.loading import load

    return load(name, dtype=model.dtype, device=str(model.device))


def signature_of_second(model: "LoadedModel") -> dict[str, Any]:
    """Say which model the second side is, for the provenance of both."""
    signed = provenance(model, {})
    return {f"{name}_b": signed[name] for name in _SIGNED}


def masks_of(a: "LoadedModel", b: "LoadedModel") -> tuple[str | None, str | None]:
    """Give how each model writes its mask token, None where it has none."""
    return a.tokenizer.mask_token, b.tokenizer.mask_token


def with_own_mask(a: "LoadedModel", b: Side) -> Side:
    """Write A's mask as B does, where what B reads has no mask of its own."""
    theirs, own = masks_of(a, b.model)
    read = {name: b.given[name] for name in ("text", "text_pair") if isinstance(b.given.get(name), str)}
    if theirs is None or own is None or theirs == own or any(own in text for text in read.values()):
        return b
    return Side(b.model, {**b.given, **{name: text.replace(theirs, own) for name, text in read.items()}})


def share_of(on_progress: Progress, *, start: float, end: float) -> Progress:
    """Give a progress whose 0 to 1 is a stretch of another's."""

    def told(fraction: float, message: str = "") -> None:
        on_progress(start + (end - start) * fraction, message)

    return told
