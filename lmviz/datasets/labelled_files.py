"""Labelled files of a person's own."""

from collections.abc import Iterator

from lmviz.datasets.labelled import LabelledText
from lmviz.datasets.sources import Source
from lmviz.datasets.tables import BrokenRow


def read_labelled(source: Source, *, kind: str | None = None) -> Iterator[LabelledText | BrokenRow]:
    """Read a file with labels."""
    raise NotImplementedError
