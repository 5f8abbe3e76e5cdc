"""What every answer has: tokens, checks, provenance, and plain forms of its numbers."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

Provenance = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """An invariant that was computed on this model and input; the page shows it as a badge.

    `sentence` carries the number ("rows sum to 1 within 2e-7"), `meaning` what a failure means for the reader.
    """

    slug: str
    sentence: str
    passed: bool
    value: float
    limit: float
    meaning: str


def _plain(value: Any) -> Any:
    """Turn a field into what JSON knows; NaN and infinities become None."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, (type, Result)):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.to_dict() if isinstance(value, Result) else value


@dataclass(frozen=True)
class TokenTable:
    """The tokens of one input, special ones included, and where in the text they come from.

    Every field but the texts has one entry per position.
    """

    text: str
    text_pair: str | None
    ids: tuple[int, ...]
    tokens: tuple[str, ...]  # as a person reads them: ' cat', '##ing', '中', '[CLS]'; stray bytes as '\\xe4'
    raw: tuple[str, ...]  # as the vocabulary spells them: 'Ġcat', '▁cat'
    spans: tuple[tuple[int, int], ...]  # characters of text (segment 0) or text_pair (segment 1)
    words: tuple[int, ...]  # running word number over both segments, -1 for special tokens
    segments: tuple[int, ...]  # 0 for text and its special tokens, 1 for text_pair
    special: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain lists and strings."""
        return dict(_plain(self))


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What every answer has: where it comes from, and plain forms of it."""

    provenance: Provenance = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, item.name, _frozen(value))
            elif isinstance(value, Mapping) and any(isinstance(x, np.ndarray) for x in value.values()):
                object.__setattr__(self, item.name, {k: _frozen(v) for k, v in value.items()})

    def to_dict(self) -> dict[str, Any]:
        """Give type and fields in forms that JSON knows; NaN becomes null."""
        plain = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        return {"type": type(self).__name__, **plain}

    def to_frame(self) -> pd.DataFrame:
        """Give one row per number (tidy)."""
        raise NotImplementedError


def _frozen(array: np.ndarray) -> np.ndarray:
    """Make an array read-only; floats become float32. The caller's own array stays as it was."""
    wanted = np.float32 if array.dtype.kind == "f" else array.dtype
    frozen = np.asarray(array, dtype=wanted).view()
    frozen.setflags(write=False)
    return frozen


def tidy(values: np.ndarray, axes: Mapping[str, Any], *, name: str) -> pd.DataFrame:
    """Flatten an array to one row per entry, with one column per axis."""
    grids = np.meshgrid(*[np.arange(size) for size in values.shape], indexing="ij")
    columns = {axis: grid.ravel() for axis, grid in zip(axes, grids, strict=True)}
    for axis, labels in axes.items():
        if labels is not None:
            columns[f"{axis}_token"] = np.asarray(labels, dtype=object)[columns[axis]]
    return pd.DataFrame({**columns, name: values.ravel()})


def is_punctuation(text: str) -> bool:
    """Say whether a token is nothing but punctuation, blanks around it apart; an empty one is not."""
    bare = text.strip()
    return bool(bare) and all(unicodedata.category(character).startswith("P") for character in bare)
