"""A GGUF file is converted once, exactly, and with its tokenizer put right."""

from pathlib import Path

import pytest
import torch

from lmviz.errors import BadModelFolder, CorruptedFile
from lmviz.models import loading, sources
from lmviz.models.loaded import LoadedModel
from tests.unit.models.gguf_files import llama, write


@pytest.fixture(scope="module")
def gguf_folder(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("gguf")
    write(folder / "tiny.gguf", llama())
    return folder


@pytest.fixture(scope="module")
def converted(gguf_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """The model after one conversion, and the cache it is in."""
    cache = tmp_path_factory.mktemp("converted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMVIZ_CACHE_DIR", str(cache))
        return loading.load(str(gguf_folder)), cache


def test_logits_are_those_of_the_model_the_file_was_made_from(converted: tuple[LoadedModel, Path]) -> None:
    model, _ = converted
    ids = torch.tensor([[1, 10, 20, 30, 40, 2]])
    with torch.no_grad():
        expected, found = llama()(ids).logits, model.hf_model(ids).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.01


def test_the_tokenizer_comes_along_whole(converted: tuple[LoadedModel, Path]) -> None:
    tokenizer = converted[0].tokenizer
    assert tokenizer.convert_ids_to_tokens(tokenizer("a  12 the<|im_end|>").input_ids) == [
        "a", "ĠĠ", "1", "2", "Ġthe", "<|im_end|>",
    ]  # fmt: skip
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "hi"
    assert tokenizer.model_max_length == 64


def test_the_checksum_of_the_file_is_its_revision(converted: tuple[LoadedModel, Path]) -> None:
    model, cache = converted
    assert [path.name for path in (cache / "models").iterdir()] == [model.entry.revision]
    assert len(model.entry.revision) == 64


def test_it_is_converted_once(
    converted: tuple[LoadedModel, Path], gguf_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cache = converted
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(cache))
    weights = next((cache / "models").iterdir()) / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert loading.load(str(gguf_folder / "tiny.gguf")).n_layers == 2
    assert sources.pull(str(gguf_folder)) == weights.parent
    assert weights.stat().st_mtime_ns == before


def test_a_damaged_conversion_is_named(
    converted: tuple[LoadedModel, Path], gguf_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, cache = converted
    weights = next((cache / "models").iterdir()) / "model.safetensors"
    whole = weights.read_bytes()
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(cache))
    weights.write_bytes(whole[:-8] + b"\0" * 8)
    with pytest.raises(CorruptedFile, match=r"model\.safetensors is damaged"):
        loading.load(str(gguf_folder))
    weights.write_bytes(whole)
    assert loading.load(str(gguf_folder)).n_heads == 4


def test_two_gguf_files_are_a_question(gguf_folder: Path, tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes((gguf_folder / "tiny.gguf").read_bytes())
    with pytest.raises(BadModelFolder, match=r"2 GGUF files \(a\.gguf, b\.gguf\)"):
        loading.load(str(tmp_path))


def test_what_is_no_gguf_file_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no")
    with pytest.raises(CorruptedFile, match=r"x\.gguf is not a GGUF file"):
        loading.load(str(tmp_path))


def test_a_cut_gguf_file_is_said_and_leaves_nothing(gguf_folder: Path, tmp_path: Path, own_cache: Path) -> None:
    whole = (gguf_folder / "tiny.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadModelFolder, match=r"cut\.gguf cannot be read"):
        loading.load(str(tmp_path / "cut.gguf"))
    assert list((own_cache / "models").iterdir()) == []
