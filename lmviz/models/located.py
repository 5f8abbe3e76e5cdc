"""What the sources have in common: a name goes in, a complete local folder comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lmviz.models.contents import Contents

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a sentence; an exception it raises stops the work."""


def ignore(share: float, sentence: str) -> None:
    """Take progress and do nothing with it."""


@dataclass(frozen=True)
class Located:
    """A complete model folder on this machine and what pins it: a commit or a sha256.

    With a delta the folder holds the base, and contents and revision are those of the result.
    """

    folder: Path
    revision: str
    contents: Contents
    delta: Path | None = None


class Source(Protocol):
    """A way to get weights."""

    @property
    def name(self) -> str:
        """The word that stands in `ModelEntry.source`."""

    def find(self, location: str) -> Located | None:
        """Give the model if it is complete on this machine; never uses the network."""

    def fetch(self, location: str, on_progress: Progress) -> Located:
        """Get what is missing or newer, and give the model."""
