"""The hub: from the client's cache without network, else safetensors only, from a pinned commit, or a sentence."""

import hashlib
import os
import shutil
import socket
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from lmviz.errors import BadModelFolder, CorruptedFile, ModelUnavailable, UnknownModel, UnsafeWeights
from lmviz.models import loading, sources
from tests.unit.models.hub_server import COMMIT, Hub, serving


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty cache of the hub client."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch):
    """The client may use the network; only addresses of this machine are ever named."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def no_hub(online: None, monkeypatch: pytest.MonkeyPatch):
    """A hub at an address where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")


@pytest.fixture
def hub(hub_cache: Path, online: None, bert_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A hub with one good repository that also holds what must not be fetched."""
    (bert_folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (bert_folder / "modeling_own.py").write_text("raise SystemExit")
    with serving({"org/tiny": bert_folder}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def lay_out(hub_cache: Path, folder: Path, name: str = "models--org--tiny"):
    """Put a model into the cache as the hub client does: blobs, a snapshot that links to them, and a reference."""
    blobs, snapshot = hub_cache / name / "blobs", hub_cache / name / "snapshots" / COMMIT
    for made in (blobs, snapshot, hub_cache / name / "refs"):
        made.mkdir(parents=True)
    for path in folder.iterdir():
        is_large = path.suffix == ".safetensors"
        blob = hashlib.sha256(path.read_bytes()).hexdigest() if is_large else f"blob-of-{path.name}"
        shutil.copy(path, blobs / blob)
        (snapshot / path.name).symlink_to(f"../../blobs/{blob}")
    (hub_cache / name / "refs" / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.parametrize("asked", ["org/tiny", f"org/tiny@{COMMIT}", "org/tiny@main"])
def test_a_cached_model_loads_offline_with_its_commit(hub_cache: Path, saved_bert: Path, asked: str) -> None:
    lay_out(hub_cache, saved_bert)
    model = loading.load(asked)
    assert (model.entry.id, model.entry.source, model.entry.revision) == ("org/tiny", "hub", COMMIT)
    assert (model.entry.family, model.n_layers) == ("bert", 2)


def test_a_cached_model_loads_while_the_hub_is_away(hub_cache: Path, no_hub: None, saved_bert: Path) -> None:
    lay_out(hub_cache, saved_bert)
    assert loading.load("org/tiny").entry.revision == COMMIT


@pytest.mark.parametrize("way", ["offline", "no_hub"])
def test_without_network_and_cache_it_says_so_at_once(
    hub_cache: Path, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "no_hub":
        request.getfixturevalue("no_hub")
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"Connect to the network.*minilm"):
        loading.load("org/tiny")
    assert time.monotonic() - started < 5


def test_a_hub_that_never_answers_is_given_up(hub_cache: Path, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            loading.load("org/tiny")
        assert time.monotonic() - started < 8


def test_offline_a_slip_of_the_finger_is_recognised(hub_cache: Path) -> None:
    with pytest.raises(UnknownModel, match="Did you mean 'bert-base-uncased'"):
        loading.load("bert-base-uncase")
    with pytest.raises(ModelUnavailable):
        loading.load("bert-base-uncased")


def test_half_a_model_in_the_cache_is_no_model(hub_cache: Path, saved_bert: Path) -> None:
    (lay_out(hub_cache, saved_bert) / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable):
        loading.load("org/tiny")


def test_a_truncated_file_in_the_cache_is_named(hub_cache: Path, saved_bert: Path) -> None:
    path = (lay_out(hub_cache, saved_bert) / "model.safetensors").resolve()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptedFile, match=r"model\.safetensors is cut short.*`lmviz pull org/tiny` does that\."):
        loading.load("org/tiny")


def flip_last_byte(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def test_weights_that_changed_in_the_cache_are_refused(hub_cache: Path, saved_bert: Path) -> None:
    path = (lay_out(hub_cache, saved_bert) / "model.safetensors").resolve()
    flip_last_byte(path)
    with pytest.raises(CorruptedFile, match=r"is damaged: its sha256 is .* Run `lmviz pull org/tiny` to fetch it"):
        sources.locate("org/tiny")
    flip_last_byte(path)
    assert sources.locate("org/tiny")[1].revision == COMMIT


def test_weights_are_hashed_when_they_are_new_or_changed(hub_cache: Path, saved_bert: Path, own_cache: Path) -> None:
    path = (lay_out(hub_cache, saved_bert) / "model.safetensors").resolve()
    sources.locate("org/tiny")
    assert [record.stem for record in (own_cache / "checked").iterdir()] == [path.name]
    then = path.stat()
    flip_last_byte(path)
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    sources.locate("org/tiny")  # neither size nor time tell, so it is not read
    path.touch()
    with pytest.raises(CorruptedFile, match="is damaged"):
        sources.locate("org/tiny")


def test_where_nothing_can_be_kept_weights_are_hashed_each_time(
    hub_cache: Path, saved_bert: Path, own_cache: Path
) -> None:
    path = (lay_out(hub_cache, saved_bert) / "model.safetensors").resolve()
    own_cache.write_text("a file where the folder should be")
    assert sources.locate("org/tiny")[1].revision == COMMIT
    flip_last_byte(path)
    with pytest.raises(CorruptedFile, match="is damaged"):
        sources.locate("org/tiny")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_what_is_damaged_is_fetched_again_by_pull(hub: Hub, bert_folder: Path, name: str) -> None:
    folder = sources.pull("org/tiny")
    if name.endswith(".json"):
        (folder / name).resolve().write_text("{")
    else:
        flip_last_byte((folder / name).resolve())
    with pytest.raises(CorruptedFile, match=r"`lmviz pull org/tiny`"):
        loading.load("org/tiny")
    assert sources.pull("org/tiny") == folder
    assert (folder / name).read_bytes() == (bert_folder / name).read_bytes()
    assert loading.load("org/tiny").entry.revision == COMMIT


def test_what_is_whole_is_not_fetched_again_by_pull(hub: Hub) -> None:
    sources.pull("org/tiny")
    hub.asked.clear()
    sources.pull("org/tiny")
    assert not [path for path in hub.asked if path.endswith(".safetensors")]


def test_a_fetched_model_is_pinned_and_asked_for_only_once(hub: Hub, hub_cache: Path) -> None:
    seen = []
    folder = sources.pull("org/tiny", lambda share, sentence: seen.append(share))
    assert folder == hub_cache / "models--org--tiny" / "snapshots" / COMMIT
    assert seen[-1] == 1.0
    n_asked = len(hub.asked)
    assert loading.load("org/tiny").entry.revision == COMMIT
    assert len(hub.asked) == n_asked


def test_neither_pickle_nor_code_is_fetched(hub: Hub) -> None:
    folder = sources.pull("org/tiny")
    assert (folder / "model.safetensors").is_file()
    assert not {"pytorch_model.bin", "modeling_own.py"} & {path.name for path in folder.iterdir()}
    assert not [path for path in hub.asked if path.endswith((".bin", ".py"))]


def test_of_shards_all_are_fetched(hub: Hub, sharded_folder: Path) -> None:
    hub.repositories["org/sharded"] = sharded_folder
    assert loading.load("org/sharded").entry.size == loading.load("org/tiny").entry.size


def test_a_pickle_only_repository_is_refused_from_its_list_of_files(hub: Hub, bert_folder: Path) -> None:
    (bert_folder / "model.safetensors").unlink()
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin.*safetensors"):
        loading.load("org/tiny")
    assert len(hub.asked) == 1


def test_a_repository_without_weights_is_said(hub: Hub, bert_folder: Path) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        (bert_folder / name).unlink()
    with pytest.raises(BadModelFolder, match=r"no model\.safetensors"):
        loading.load("org/tiny")


def test_an_unknown_name_a_revision_and_a_gate_each_have_their_sentence(hub: Hub) -> None:
    with pytest.raises(UnknownModel, match="No model named 'org/none'"):
        loading.load("org/none")
    with pytest.raises(UnknownModel, match="no revision 'v9'"):
        loading.load("org/tiny@v9")
    hub.gated.add("org/tiny")
    with pytest.raises(ModelUnavailable, match="hf auth login"):
        loading.load("org/tiny")


def test_the_fetched_model_computes_what_the_folder_does(hub: Hub, bert_folder: Path) -> None:
    ids = torch.tensor([[1, 5, 6, 7, 2]])
    with torch.no_grad():
        fetched = loading.load("org/tiny").hf_model(ids).logits
        local = loading.load(str(bert_folder)).hf_model(ids).logits
    assert torch.equal(fetched, local)
