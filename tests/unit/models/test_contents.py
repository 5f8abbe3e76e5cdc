"""What is incomplete, damaged or unsafe in a model folder is refused by name before anything is loaded."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from lmviz.errors import BadModelFolder, CorruptedFile, UnsafeWeights
from lmviz.models.contents import inspect, unreadable


def edit_json(path: Path, **changes: Any) -> None:
    read = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**read, **changes}), encoding="utf-8")


def test_a_whole_folder_tells_its_configuration_and_parameters(bert_folder: Path) -> None:
    contents = inspect(bert_folder)
    assert contents.config["model_type"] == "bert"
    assert "bert.embeddings.word_embeddings.weight" in contents.names
    assert [path.name for path in contents.weights] == ["model.safetensors"]


def test_shards_hold_together_what_one_file_holds(bert_folder: Path, sharded_folder: Path) -> None:
    one, many = inspect(bert_folder), inspect(sharded_folder)
    assert len(many.weights) > 1
    assert (one.names, one.n_parameters) == (many.names, many.n_parameters)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(bert_folder: Path, name: str) -> None:
    (bert_folder / name).unlink()
    with pytest.raises(BadModelFolder, match=name.replace(".", r"\.")):
        inspect(bert_folder)


def test_a_missing_shard_is_named(sharded_folder: Path) -> None:
    shard = inspect(sharded_folder).weights[1]
    shard.unlink()
    with pytest.raises(BadModelFolder, match=shard.name):
        inspect(sharded_folder)


@pytest.mark.parametrize("n_bytes", [0, 5, 100, -1])
def test_truncated_weights_are_named(bert_folder: Path, n_bytes: int) -> None:
    path = bert_folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(CorruptedFile, match=r"model\.safetensors"):
        inspect(bert_folder)


def test_bytes_behind_the_weights_are_refused(bert_folder: Path) -> None:
    path = bert_folder / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(CorruptedFile, match="damaged"):
        inspect(bert_folder)


def test_a_header_of_absurd_length_is_refused_unread(bert_folder: Path) -> None:
    (bert_folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(CorruptedFile, match="not a safetensors file"):
        inspect(bert_folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_invalid_json_is_named(bert_folder: Path, name: str, text: str) -> None:
    (bert_folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CorruptedFile, match=name.replace(".", r"\.")):
        inspect(bert_folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "last.ckpt"])
@pytest.mark.parametrize("has_config", [True, False])
def test_pickles_are_refused_with_the_remedy(bert_folder: Path, name: str, has_config: bool) -> None:
    (bert_folder / "model.safetensors").unlink()
    torch.save({}, bert_folder / name)
    if not has_config:
        (bert_folder / "config.json").unlink()
    with pytest.raises(UnsafeWeights, match="save_pretrained") as caught:
        inspect(bert_folder)
    assert name in str(caught.value)


def test_a_pickle_beside_safetensors_is_left_alone(bert_folder: Path) -> None:
    (bert_folder / "pytorch_model.bin").write_bytes(b"whatever")
    assert inspect(bert_folder).weights[0].name == "model.safetensors"


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_its_own_is_refused(bert_folder: Path, name: str) -> None:
    edit_json(bert_folder / name, auto_map={"AutoModel": "modeling_own.OwnModel", "AutoTokenizer": ["x.Own", None]})
    with pytest.raises(UnsafeWeights, match="OwnModel"):
        inspect(bert_folder)


def test_a_wish_to_be_trusted_is_refused(bert_folder: Path) -> None:
    edit_json(bert_folder / "config.json", trust_remote_code=True)
    with pytest.raises(UnsafeWeights, match="never runs"):
        inspect(bert_folder)


def test_code_that_is_part_of_transformers_by_now_is_no_reason_to_refuse(bert_folder: Path) -> None:
    edit_json(bert_folder / "config.json", auto_map={"AutoModel": "modeling_bert.BertModel"})
    assert inspect(bert_folder).config["model_type"] == "bert"


def test_an_index_cannot_lead_out_of_the_folder(sharded_folder: Path) -> None:
    edit_json(sharded_folder / "model.safetensors.index.json", weight_map={"a": "../elsewhere.safetensors"})
    with pytest.raises(UnsafeWeights, match="elsewhere"):
        inspect(sharded_folder)


def test_an_adapter_is_not_taken_for_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(BadModelFolder, match="adapter"):
        inspect(tmp_path)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_folder_one_may_not_read_is_named_with_the_remedy(tmp_path: Path, code: int) -> None:
    refused = OSError(code, os.strerror(code), str(tmp_path / "config.json"))
    assert str(unreadable(tmp_path, refused)) == (
        f"{tmp_path / 'config.json'} cannot be read ({os.strerror(code)}). "
        "Give yourself the right to read it, or copy it to where you have that."
    )


def test_what_the_system_cannot_read_is_a_bad_folder(tmp_path: Path) -> None:
    with pytest.raises(BadModelFolder, match=r"File name too long.*Check the path"):
        inspect(tmp_path / ("x" * 400))
    assert "Check the path and the disk" in str(unreadable(tmp_path, OSError(errno.EIO, "Input/output error")))
