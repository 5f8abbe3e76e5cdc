"""Models kept as a difference from another: added exactly, and refused where they do not fit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import lmviz
from lmviz.assets import assets
from lmviz.errors import BadModelFolder, CorruptedFile, UnsafeWeights
from lmviz.models import delta, sources
from lmviz.models.catalog import CATALOG

QUERY = "bert.encoder.layer.2.attention.self.query.weight"
BIAS = "bert.encoder.layer.5.output.dense.bias"


def parts() -> dict[str, torch.Tensor]:
    dice = torch.Generator().manual_seed(1)
    shapes = {f"{QUERY}.up": (384, 4), f"{QUERY}.down": (4, 384), f"{BIAS}.added": (384,)}
    head = {"classifier.weight": (3, 384), "classifier.bias": (3,)}
    return {name: torch.randn(shape, generator=dice).half() for name, shape in {**shapes, **head}.items()}


def write(folder: Path, tensors: dict[str, torch.Tensor] | None = None, **metadata: str) -> Path:
    folder.mkdir()
    config = json.loads((sources.pull("minilm") / "config.json").read_text(encoding="utf-8"))
    config |= {"architectures": ["BertForTokenClassification"], "id2label": {"0": "A", "1": "B", "2": "C"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    said = {"format": delta.FORMAT, "base": "minilm", "base_sha256": CATALOG["minilm"].revision, "prefix": "bert."}
    save_file(
        parts() if tensors is None else tensors, folder / delta.FILE, metadata={"lmviz": json.dumps(said | metadata)}
    )
    return folder


def without(name: str, **more: Any) -> dict[str, torch.Tensor]:
    return {key: value for key, value in parts().items() if key != name} | more


def test_a_delta_is_added_to_its_base(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    model = lmviz.load(str(folder))
    got, given = model.hf_model.state_dict(), parts()
    base = load_file(sources.pull("minilm") / "model.safetensors")
    want = base[QUERY.removeprefix("bert.")] + given[f"{QUERY}.up"].float() @ given[f"{QUERY}.down"].float()
    torch.testing.assert_close(got[QUERY], want, atol=1e-6, rtol=0)
    torch.testing.assert_close(got[BIAS], base[BIAS.removeprefix("bert.")] + given[f"{BIAS}.added"].float())
    torch.testing.assert_close(got["classifier.weight"], given["classifier.weight"].float())
    other = "encoder.layer.3.attention.self.query.weight"
    assert torch.equal(got[f"bert.{other}"], base[other])
    assert type(model.hf_model).__name__ == "BertForTokenClassification"
    assert (model.entry.id, model.entry.source) == ("mine", "delta")
    assert model.entry.revision == delta.cache.sha256_of(folder / delta.FILE)


def test_a_delta_takes_another_precision(tmp_path: Path) -> None:
    assert lmviz.load(str(write(tmp_path / "mine")), dtype="bfloat16").dtype == "bfloat16"


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "says"),
    [
        (
            None,
            {"base_sha256": "0" * 64},
            BadModelFolder,
            r"minilm with sha256 0{12}, and minilm here has 53aa51172d14",
        ),
        (None, {"base": "gpt-9"}, BadModelFolder, "difference from 'gpt-9'"),
        (None, {"base": "smollm2-135m"}, BadModelFolder, r"was made for smollm2-135m with sha256 53aa51172d14"),
        (None, {"format": "other"}, CorruptedFile, "does not say that it is a difference"),
        (without(f"{QUERY}.up"), {}, BadModelFolder, rf"does not fit minilm: it changes {QUERY}"),
        (without("", **{f"{QUERY}.added": torch.zeros(3)}), {}, BadModelFolder, rf"{QUERY} to a shape"),
        (without("", **{"bert.nowhere.weight.added": torch.zeros(3)}), {}, BadModelFolder, "no such parameter"),
        (without("classifier.bias"), {}, BadModelFolder, "lacks 1 weights of .*classifier.bias"),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor] | None, metadata: dict[str, str], error: type, says: str
) -> None:
    folder = write(tmp_path / "mine", tensors, **metadata)
    with pytest.raises(error, match=says):
        lmviz.load(str(folder))


def test_a_cut_delta_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    whole = (folder / delta.FILE).read_bytes()
    (folder / delta.FILE).write_bytes(whole[:-7])
    with pytest.raises(CorruptedFile, match="cut short"):
        lmviz.load(str(folder))


def test_a_delta_may_not_bring_code_or_lack_its_configuration(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "m.Mine"}}), encoding="utf-8")
    with pytest.raises(UnsafeWeights):
        lmviz.load(str(folder))
    for name in ("os", "BertTokenizer", ""):
        (folder / "config.json").write_text(json.dumps(config | {"architectures": [name]}), encoding="utf-8")
        with pytest.raises(BadModelFolder, match="no model class"):
            lmviz.load(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(BadModelFolder, match=r"no config\.json"):
        lmviz.load(str(folder))


def test_a_changed_delta_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tmp_path / "models" / "minilm-sentiment"
    shutil.copytree(assets() / "models" / "minilm-sentiment", ours)
    monkeypatch.setattr(delta, "assets", lambda: tmp_path)
    assert lmviz.load("minilm-sentiment").id == "minilm-sentiment"  # a true copy is taken
    changed = bytearray((ours / delta.FILE).read_bytes())
    changed[-1] ^= 1
    (ours / delta.FILE).write_bytes(changed)
    pinned = CATALOG["minilm-sentiment"].revision[:12]
    with pytest.raises(CorruptedFile, match=rf"sha256 is [0-9a-f]{{12}}, pinned is {pinned}"):
        lmviz.load("minilm-sentiment")
