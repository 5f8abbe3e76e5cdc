"""A name belongs to the catalog, to a folder or to the hub, or it is refused with a suggestion."""

from pathlib import Path

import pytest

from lmviz.errors import BadModelFolder, InvalidParameter, LmvizError, UnknownModel
from lmviz.models import sources


@pytest.mark.parametrize(
    ("name", "source"),
    [("minilm", "wheel"), (" smollm2-135m ", "wheel"), ("gpt2", "hub"), ("org/name", "hub"), ("org/name@main", "hub")],
)
def test_a_name_belongs_to_a_source(name: str, source: str) -> None:
    assert sources.choose(name).source.name == source


def test_a_folder_is_known_by_being_there(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bert_folder.parent)
    names = (str(bert_folder), "tiny-bert", "./tiny-bert")
    assert {sources.choose(name).source.name for name in names} == {"folder"}


@pytest.mark.parametrize("name", ["", "   ", "two words", "a\0b", "x" * 5000, "/no/such/folder", "~/no-such-folder"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel):
        sources.locate(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("~nosuchuser/x", "no home folder ~nosuchuser. Write the whole path"),
        ("x" * 400, "No model named 'xxx"),
        ("org/" + "x" * 400, "No model named 'org/xxx"),
        ("org/tiny@" + "x" * 400, "Connect to the network"),
        ("/" + "x" * 400, "cannot be read .File name too long.. Check the path"),
        ("~/" + "x" * 400, "Check the path"),
        ("x" * 400 + ".gguf", "Check the path"),
        ("/etc/passwd/model", "no folder /etc/passwd/model"),
    ],
)
def test_a_name_the_system_refuses_is_one_sentence(name: str, said: str) -> None:
    with pytest.raises(LmvizError, match=said) as caught:
        sources.locate(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_model_is_not_a_name() -> None:
    with pytest.raises(InvalidParameter, match="wrap"):
        sources.choose(3)


def test_a_folder_is_described_by_what_lies_in_it(bert_folder: Path) -> None:
    entry, located = sources.locate(str(bert_folder))
    assert (entry.id, entry.source, entry.family) == ("tiny-bert", "folder", "bert")
    assert entry.size.endswith("M parameters")
    assert len(entry.revision) == 64
    assert sources.pull(str(bert_folder)) == located.folder == bert_folder


def test_the_checksum_follows_the_weights(bert_folder: Path, sharded_folder: Path) -> None:
    before = sources.locate(str(bert_folder))[0].revision
    path = bert_folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert sources.locate(str(bert_folder))[0].revision != before
    assert len(sources.locate(str(sharded_folder))[0].revision) == 64


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BadModelFolder, match=r"no config\.json"):
        sources.locate(str(tmp_path))


def test_nothing_is_fetched_in_a_new_cache() -> None:
    assert not sources.is_fetched("minilm")
    with pytest.raises(UnknownModel, match="Did you mean 'minilm'"):
        sources.is_fetched("minilmm")
