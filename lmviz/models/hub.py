"""Models of the Hugging Face hub, through its own client and cache; safetensors only, pinned to a commit.

What is in the client's cache is used as it is, without a look at the network: a model stays at the commit it was
first resolved to until somebody fetches it again. The client names large files by their sha256; lmviz compares.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from lmviz.errors import BadModelFolder, CorruptedFile, ModelUnavailable, UnknownModel, UnsafeWeights, did_you_mean
from lmviz.models import cache
from lmviz.models.catalog import CATALOG, WELL_KNOWN, at_hand, suggestion
from lmviz.models.contents import INDEX, SINGLE, inspect, is_pickle, pickled
from lmviz.models.located import Located, Progress

_PATIENCE = 4.0  # seconds until the hub must have answered
_SMALL_FILES = (".json", ".txt", ".model", ".spm", ".jinja")


class HubSource:
    """A repository of the hub: "gpt2", "org/name", or "org/name@commit" for another revision than main."""

    name = "hub"

    def find(self, location: str) -> Located | None:
        """Give the model if the hub client's cache holds it completely."""
        repo_id, revision = _split(location)
        try:
            config = try_to_load_from_cache(repo_id, "config.json", constants.HF_HUB_CACHE, revision=revision)
        except HFValidationError as error:
            raise UnknownModel(f"No model named '{location[:80]}'.{suggestion(location[:80])}") from error
        if not isinstance(config, str):
            return None
        folder = Path(config).parent
        try:
            return _located(location, folder)
        except (BadModelFolder, UnsafeWeights):
            return None  # the client fetches files one by one; the weights may still be missing

    def fetch(self, location: str, on_progress: Progress) -> Located:
        """Ask the hub what there is, refuse what is unsafe, fetch what is needed and what is damaged."""
        repo_id, revision = _split(location)
        names = _files_of(location, repo_id, revision)
        wanted = _wanted(location, names)
        try:
            located = _located(location, _download(location, wanted, on_progress))
        except CorruptedFile:  # the client takes what lies in its cache for whole
            located = _located(location, _download(location, wanted, on_progress, anew=True))
        on_progress(1.0, f"{location} is ready")
        return located


def _split(location: str) -> tuple[str, str]:
    repo_id, _, revision = location.partition("@")
    return repo_id, revision or "main"


def _located(location: str, folder: Path) -> Located:
    """Look into a folder of the client's cache and compare its large files with their checksums."""
    try:
        contents = inspect(folder)
    except CorruptedFile as error:
        raise CorruptedFile(f"{error} `lmviz pull {location}` does that.") from error
    small = (path for path in sorted(folder.iterdir()) if path.name.endswith(_SMALL_FILES))
    for path in (*contents.weights, *small):
        sha256 = _pinned_sha256(path)
        if sha256 is not None:
            cache.verify_pinned(path, sha256, asked_as=location)
    return Located(folder, folder.name, contents)


def _pinned_sha256(path: Path) -> str | None:
    """Read the sha256 off the name of the blob that a snapshot's file links to; small files are named otherwise."""
    name = path.readlink().name if path.is_symlink() else ""
    return name if re.fullmatch(r"[0-9a-f]{64}", name) else None


def _files_of(location: str, repo_id: str, revision: str) -> list[str]:
    """Ask the hub for the names of a repository's files."""
    try:
        info = HfApi().model_info(repo_id, revision=revision, timeout=_PATIENCE)
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"'{location}' asks its readers to accept conditions first. Accept them on its page of the hub, then log "
            "in here once with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise UnknownModel(f"No model named '{location}', or it is private.{suggestion(repo_id)}") from error
    except RevisionNotFoundError as error:
        raise UnknownModel(f"'{repo_id}' has no revision '{revision}'. Leave it out to get the latest.") from error
    except HfHubHTTPError as error:
        raise ModelUnavailable(
            f"The hub could not tell about '{location}' (status {error.response.status_code}). Try again later."
        ) from error
    except OfflineModeIsEnabled as error:
        raise _unreachable(location, "HF_HUB_OFFLINE is set") from error
    except Exception as error:
        if not _is_network(error):
            raise
        raise _unreachable(location, type(error).__name__) from error
    return [file.rfilename for file in info.siblings or ()]


def _is_network(error: Exception) -> bool:
    """Say whether an error is the client's network library's; which one that is differs between releases."""
    return isinstance(error, OSError) or any(base.__name__ == "HTTPError" for base in type(error).__mro__)


def _unreachable(location: str, reason: str) -> ModelUnavailable | UnknownModel:
    """Make the error for a model that is not in the cache while the hub cannot be asked."""
    repo_id, _ = _split(location)
    known = [*CATALOG, *WELL_KNOWN]
    guess = "" if repo_id in known else did_you_mean(repo_id, known)
    if guess and "/" not in repo_id:
        return UnknownModel(
            f"No model named '{location}' on this machine, and the hub cannot be reached.{guess}"
            " Otherwise connect to the network and try again."
        )
    return ModelUnavailable(
        f"'{location}' is not on this machine and the hub cannot be reached ({reason}).{guess} Connect to the "
        f"network, name a folder, or take {at_hand()}."
    )


def _wanted(location: str, names: list[str]) -> list[str]:
    """Choose the files to fetch: configuration, tokenizer and one set of safetensors; never a pickle."""
    at_root = [name for name in names if "/" not in name]
    if SINGLE in at_root:
        weights = [SINGLE]
    elif INDEX in at_root:
        weights = [INDEX, *(name for name in at_root if _is_shard(name))]
    else:
        pickles = [name for name in at_root if is_pickle(name)]
        if pickles:
            raise pickled(f"'{location}'", pickles)
        raise BadModelFolder(f"'{location}' holds no {SINGLE}, so there is no model to load. Name another one.")
    small = [name for name in at_root if name.endswith(_SMALL_FILES) and not name.endswith(".index.json")]
    return [*weights, *small]


def _is_shard(name: str) -> bool:
    return name.startswith("model-") and "-of-" in name and name.endswith(".safetensors")


def _download(location: str, wanted: Iterable[str], on_progress: Progress, *, anew: bool = False) -> Path:
    repo_id, revision = _split(location)
    try:
        return Path(
            snapshot_download(
                repo_id,
                revision=revision,
                cache_dir=constants.HF_HUB_CACHE,
                allow_patterns=list(wanted),
                force_download=anew,
                tqdm_class=_bar(on_progress, f"Fetching {location}"),
            )
        )
    except Exception as error:
        if not _is_network(error):
            raise
        raise ModelUnavailable(
            f"'{location}' could not be fetched ({type(error).__name__}). Try again: what is complete is kept."
        ) from error


def _bar(on_progress: Progress, sentence: str) -> type[Any]:
    """Make a progress bar that draws nothing and tells `on_progress` how many bytes are there."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*args, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B" and self.total:
                on_progress(min(1.0, self.n / self.total), sentence)

    return Bar
