"""Models kept as a small difference from another: heads, low-rank updates of the weights under them, a configuration.

A folder holds config.json (the whole configuration of the result) and delta.safetensors. Its one entry of metadata,
"lmviz", is JSON that names the base by id and sha256; its tensors are called after the parameters of the result:

    NAME                  a parameter the base does not have, whole
    NAME.added            what is added to the base's parameter
    NAME.up, NAME.down    two factors [out, rank] and [rank, in]; their product is added

Parameters of the base carry the prefix that the metadata name ("bert."). Sums are made in float32.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.assets import assets
from lmviz.errors import BadModelFolder, CorruptedFile
from lmviz.models import cache
from lmviz.models.catalog import CATALOG
from lmviz.models.contents import Contents, configuration, unreadable, weight_shapes
from lmviz.models.folder import local_path
from lmviz.models.located import Located, Progress, Source
from lmviz.models.wheel import WheelSource

if TYPE_CHECKING:
    import torch

FILE = "delta.safetensors"
FORMAT = "lmviz-delta-1"
_CHANGES = (".added", ".up", ".down")

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Delta:
    """What the header of a delta says: whose difference it is, and the shapes of its tensors."""

    path: Path
    base: str
    base_sha256: str
    prefix: str
    shapes: Mapping[str, Shape]

    @property
    def changed(self) -> frozenset[str]:
        """Names of the base's parameters that it changes, with the prefix."""
        return frozenset(name.rpartition(".")[0] for name in self.shapes if name.endswith(_CHANGES))

    @property
    def new(self) -> frozenset[str]:
        """Names of the parameters that it brings."""
        return frozenset(name for name in self.shapes if not name.endswith(_CHANGES))


class DeltaSource:
    """A folder with a delta: one that comes with lmviz, by its id, or any other by its path."""

    name = "delta"

    def __init__(self, base: Source | None = None) -> None:
        self._base = WheelSource() if base is None else base

    def find(self, location: str) -> Located | None:
        """Give the model if its base is on this machine and belongs to it."""
        folder, delta = _open(location)
        base = self._base.find(CATALOG[delta.base].location)
        return None if base is None else _located(location, folder, delta, base)

    def fetch(self, location: str, on_progress: Progress) -> Located:
        """Fetch the base where it is missing."""
        folder, delta = _open(location)
        base = self._base.fetch(CATALOG[delta.base].location, on_progress)
        return _located(location, folder, delta, base)


def holds_delta(folder: Path) -> bool:
    """Say whether a folder holds a delta instead of a whole model."""
    try:
        return (folder / FILE).is_file()
    except OSError:
        return False


def read_header(path: Path) -> Delta:
    """Read what a delta is made for.

    Raises:
        CorruptedFile: It is not a safetensors file, or not one with a difference in it.
        BadModelFolder: It is made for a model that lmviz does not know.
    """
    shapes, metadata = weight_shapes(path)
    said = _said(metadata.get("lmviz", ""))
    if said.get("format") != FORMAT:
        raise CorruptedFile(f"{path} does not say that it is a difference ({FORMAT}). Write it with scripts/train.")
    base = said.get("base", "")
    if base not in CATALOG or CATALOG[base].source != "wheel":
        raise BadModelFolder(
            f"{path} is a difference from '{base}', which lmviz does not have. Make it from one of the embedded models."
        )
    return Delta(path, base, said.get("base_sha256", ""), said.get("prefix", ""), shapes)


def _said(metadata: str) -> dict[str, str]:
    """Read the metadata; what makes no sense says nothing."""
    try:
        return {str(name): str(value) for name, value in dict(json.loads(metadata)).items()}
    except (ValueError, TypeError):
        return {}


def merge(located: Located) -> "dict[str, torch.Tensor]":
    """Add a delta to its base.

    Args:
        located: A model that has a delta; its folder holds the base.

    Returns:
        Every parameter of the result in float32, by name.
    """
    import torch
    from safetensors.torch import load_file

    if located.delta is None:
        raise BadModelFolder(f"{located.folder} has no {FILE}; it is a whole model. Load it as it is.")
    header = read_header(located.delta)
    parts = load_file(located.delta)
    state = {header.prefix + name: value for name, value in load_file(located.folder / "model.safetensors").items()}
    for name in header.changed:
        if f"{name}.added" in parts:
            state[name] = state[name] + parts[f"{name}.added"].to(torch.float32)
        if f"{name}.up" in parts:
            state[name] = state[name] + parts[f"{name}.up"].float() @ parts[f"{name}.down"].float()
    return state | {name: parts[name].to(torch.float32) for name in header.new}


def _open(location: str) -> tuple[Path, Delta]:
    folder = assets() / "models" / location if location in CATALOG else local_path(location)
    try:
        return folder, read_header(folder / FILE)
    except OSError as error:
        raise unreadable(folder, error) from error


def _located(location: str, folder: Path, delta: Delta, base: Located) -> Located:
    """Check a delta against its base and against the catalog's pin; say what comes out of both."""
    if base.revision != delta.base_sha256:
        raise BadModelFolder(
            f"{delta.path} was made for {delta.base} with sha256 {delta.base_sha256[:12] or 'unknown'}, and "
            f"{delta.base} here has {base.revision[:12]}. Take the base it was made for, or the difference made for it."
        )
    _check_shapes(delta, base)
    sha256 = cache.sha256_once(delta.path)
    if location in CATALOG and sha256 != CATALOG[location].revision:
        raise CorruptedFile(
            f"{delta.path} was refused: its sha256 is {sha256[:12]}, pinned is {CATALOG[location].revision[:12]}. "
            "Install lmviz again."
        )
    config = configuration(folder)
    names = {delta.prefix + name for name in base.contents.names} | delta.new
    n_parameters = base.contents.n_parameters + sum(prod(delta.shapes[name]) for name in delta.new)
    contents = Contents(config, (*base.contents.weights, delta.path), frozenset(names), n_parameters)
    return Located(base.folder, sha256, contents, delta=delta.path)


def _check_shapes(delta: Delta, base: Located) -> None:
    """Refuse a delta that changes what the base does not have, or has in another shape."""
    there = {
        delta.prefix + name: shape for path in base.contents.weights for name, shape in weight_shapes(path)[0].items()
    }
    for name in sorted(delta.changed):
        added, up, down = (delta.shapes.get(name + change) for change in _CHANGES)
        whole = (up[0], down[1]) if up and down and len(up) == len(down) == 2 and up[1] == down[0] else None
        if (
            name not in there
            or any(shape not in (None, there[name]) for shape in (added, whole))
            or not (added or whole)
        ):
            raise BadModelFolder(
                f"{delta.path} does not fit {delta.base}: it changes {name} to a shape that is not the base's "
                f"({there.get(name, 'no such parameter')}). Take the difference made for this base."
            )
