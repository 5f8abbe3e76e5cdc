"""Activations of many texts on disk: one file per layer, a row per token, kept in the cache and used again."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from lmviz.errors import CorruptedFile
from lmviz.models import cache

TOKENS, JOURNAL = "tokens.npz", "journal.json"
ROOM_VARIABLE = "LMVIZ_ACTIVATIONS_GB"  # of all activations that are kept
_ROOM = 20.0
Pieces = Int64[np.ndarray, " token"]


@dataclass(frozen=True, eq=False)
class TextTokens:
    """The tokens of many texts, one after the other in the order of the texts.

    `offsets` has where each text begins and the end of the last. `starts` and `ends` are the characters that a token
    stands for; `special` says which tokens stand for none.
    """

    offsets: Int64[np.ndarray, " text_and_end"]
    starts: Int64[np.ndarray, " token"]
    ends: Int64[np.ndarray, " token"]
    special: np.ndarray

    @property
    def n_texts(self) -> int:
        """How many texts there are."""
        return len(self.offsets) - 1

    @property
    def n_tokens(self) -> int:
        """How many tokens all of them have."""
        return int(self.offsets[-1])

    def pieces(self, text: int, spans: Sequence[tuple[int, int]]) -> Pieces:
        """Give the tokens that stand in some characters of a text, as rows; without spans, all but special ones.

        Args:
            text: The number of the text.
            spans: First character, and the one after the last.
        """
        low, high = int(self.offsets[text]), int(self.offsets[text + 1])
        starts, ends = self.starts[low:high], self.ends[low:high]
        chosen = np.zeros(high - low, dtype=bool) if spans else np.ones(high - low, dtype=bool)
        for first, last in spans:
            chosen |= (starts < last) & (ends > first)
        return np.flatnonzero(chosen & ~self.special[low:high] & (ends > starts)) + low


@dataclass(frozen=True, eq=False)
class Activations:
    """The residual stream of many texts, complete.

    Layer 0 is what enters the first block, layer i what leaves the i-th. Rows are in the order in which texts ran;
    `row_of` says which one a token has.
    """

    folder: Path
    tokens: TextTokens
    row_of: Int64[np.ndarray, " token"]
    n_layers: int
    width: int

    @property
    def n_bytes(self) -> int:
        """What it takes on disk."""
        return self.n_layers * self.tokens.n_tokens * self.width * 4

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        return tuple(layer_file(self.folder, layer) for layer in range(self.n_layers))

    def rows(self, layer: int, pieces: Pieces) -> Float32[np.ndarray, "token width"]:
        """Read some tokens of one layer.

        Args:
            layer: From 0, what enters the first block, to `n_layers` − 1.
            pieces: Which tokens, as `TextTokens.pieces` gives them.

        Raises:
            CorruptedFile: The file is gone or has another length.
        """
        shape = (self.tokens.n_tokens, self.width)
        try:
            stored = np.memmap(self._files[layer], dtype=np.float32, mode="r", shape=shape)
        except (OSError, ValueError):
            raise CorruptedFile(
                f"The activations in {self.folder} are damaged. Delete the folder; they are captured again."
            ) from None
        wanted = self.row_of[pieces]
        found: np.ndarray = np.asarray(stored[wanted])
        return found


def layer_file(folder: Path, layer: int) -> Path:
    """Name the file of one layer."""
    return folder / f"layer_{layer:03d}.f32"


def read_journal(folder: Path) -> int:
    """Give how many texts were captured; 0 where nothing can be read."""
    try:
        return int(json.loads((folder / JOURNAL).read_text(encoding="utf-8"))["n_done"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def write_journal(folder: Path, n_done: int) -> None:
    """Write down how many texts are captured, at once."""
    cache.write_json(folder / JOURNAL, {"n_done": n_done})


def room_bytes() -> float:
    """Give how much may be kept of all activations together."""
    setting = os.environ.get(ROOM_VARIABLE, "")
    try:
        return float(setting) * 1e9
    except ValueError:
        return _ROOM * 1e9


def make_room(parent: Path, wanted: int, *, but: Path) -> None:
    """Delete the activations used longest ago until as much as is wanted fits into what may be kept.

    Args:
        parent: The folder of all of them.
        wanted: Bytes.
        but: The folder that stays.
    """
    kept = sorted((path for path in parent.iterdir() if path.is_dir() and path != but), key=_used)
    total = sum(map(_size, kept))
    for folder in kept:
        if total + wanted <= room_bytes():
            return
        total -= _size(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _used(folder: Path) -> float:
    try:
        return (folder / JOURNAL).stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except OSError:
        return 0
