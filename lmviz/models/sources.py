"""From a name to a complete local folder: which of the sources it belongs to, and fetching it ahead of use."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lmviz.errors import InvalidParameter, NotForThisModel, UnknownModel, did_you_mean
from lmviz.models import cache
from lmviz.models.catalog import CATALOG, ModelEntry, at_hand, suggestion
from lmviz.models.contents import unreadable
from lmviz.models.delta import DeltaSource, holds_delta
from lmviz.models.folder import FolderSource, local_path
from lmviz.models.hub import HubSource
from lmviz.models.located import Located, Progress, Source, ignore
from lmviz.models.wheel import WheelSource

SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.name: source for source in (FolderSource(), HubSource(), WheelSource(), DeltaSource())}
)
_LONGEST_NAME = 4096
_ON_SERVERS = "remote:"


@dataclass(frozen=True)
class Choice:
    """A name a person gave, with the source it belongs to and its location there."""

    name: str
    source: Source
    location: str

    def describe(self, located: Located) -> ModelEntry:
        """Give the catalog's entry, or make one from what the folder says."""
        if self.name in CATALOG:
            return CATALOG[self.name]
        is_local = self.source.name in ("folder", "delta")
        shown = local_path(self.location).resolve().name if is_local else self.location.partition("@")[0]
        return ModelEntry(
            id=shown,
            title=shown,
            source=self.source.name,
            location=self.location,
            revision=located.revision,
            family=str(located.contents.config.get("model_type", "")),
            size=f"{located.contents.n_parameters / 1e6:,.1f} M parameters",
            licence=str(located.contents.config.get("license") or "not stated"),
        )


def choose(name: str) -> Choice:
    """Say which source a name belongs to: the catalog, then folders, then the hub.

    Raises:
        UnknownModel: It cannot be a model's name.
        NotForThisModel: It names a model on a server.
        BadModelFolder: It is a path that cannot be read.
    """
    if not isinstance(name, str):
        raise InvalidParameter(f"A model is named by a string, not by {type(name).__name__}. Use wrap for a model.")
    name = name.strip()
    if name in CATALOG:
        return Choice(name, SOURCES[CATALOG[name].source], CATALOG[name].location)
    if name.startswith(_ON_SERVERS):
        raise NotForThisModel(
            f"{name[:80]} is a model on a server: it only predicts and is not loaded. Ask it with "
            f"lmviz.remote_model('{name.removeprefix(_ON_SERVERS)[:80]}'), or choose a model on this machine, "
            "such as smollm2-135m."
        )
    if _looks_like_a_path(name):
        if not _exists(local_path(name)):
            raise UnknownModel(f"There is no folder {name[:200]}. Check the path, or take {at_hand()}.")
        return Choice(name, SOURCES["delta" if holds_delta(local_path(name)) else "folder"], name)
    if not name or len(name) > _LONGEST_NAME or any(sign.isspace() or not sign.isprintable() for sign in name):
        raise UnknownModel(f"No model named '{name[:80]}'.{suggestion(name[:80])}")
    if not _is_folder(name):
        return Choice(name, SOURCES["hub"], name)
    return Choice(name, SOURCES["delta" if holds_delta(Path(name)) else "folder"], name)


def locate(name: str, on_progress: Progress = ignore) -> tuple[ModelEntry, Located]:
    """Give a model's entry and its complete folder, fetching it where it is not there yet."""
    choice = choose(name)
    located = choice.source.find(choice.location) or choice.source.fetch(choice.location, on_progress)
    return choice.describe(located), located


def pull(name: str, on_progress: Progress = ignore) -> Path:
    """Fetch a model ahead of use; put a damaged one right, and a hub model on its latest commit.

    Args:
        name: As for `load`.
        on_progress: Called with the share done and a sentence; an exception it raises stops the work.

    Returns:
        The folder it lies in; with the embedded models nothing is fetched twice.

    Raises:
        UnknownModel: No model has this name.
        ModelUnavailable: It cannot be fetched now.
        UnsafeWeights: Its weights are pickled.
    """
    choice = choose(name)
    return choice.source.fetch(choice.location, on_progress).folder


def is_fetched(id: str) -> bool:  # noqa: A002 - the name the catalog uses
    """Say whether an embedded model is on this machine already.

    Raises:
        UnknownModel: The catalog has no such id.
    """
    if id not in CATALOG:
        raise UnknownModel(f"The catalog has no model '{id}'.{did_you_mean(id, CATALOG)}")
    return cache.kept(CATALOG[CATALOG[id].base or id].revision) is not None


def _exists(path: Path) -> bool:
    """Say whether there is something at a path.

    Raises:
        BadModelFolder: The system does not let us see.
    """
    try:
        return path.exists()
    except OSError as error:
        raise unreadable(path, error) from error


def _is_folder(name: str) -> bool:
    """Say whether a name that may be one of the hub is a folder here; what cannot be read is none."""
    try:
        return Path(name).is_dir()
    except OSError:
        return False


def _looks_like_a_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~", ".\\", "..\\")) or "\\" in name or name.endswith(".gguf")
