"""Keep a trained model as what lmviz ships: heads whole, low-rank updates of the weights under them.

    python scripts/train/shrink.py /some/folder/decayed.pt minilm-mlm --rank 64 --embedding-rank 64

Writes assets/models/ID/delta.safetensors and config.json and prints the checksum to pin in lmviz/models/catalog.py.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from tasks import Task, read_task

from lmviz.models.catalog import CATALOG
from lmviz.models.delta import FILE, FORMAT
from lmviz.models.sources import pull

MODELS = Path(__file__).resolve().parents[2] / "assets" / "models"
EMBEDDING = "bert.embeddings.word_embeddings.weight"
TIED = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")  # the embedding and the bias, once more


def difference(
    trained: dict[str, torch.Tensor], base: dict[str, torch.Tensor], *, rank: int, embedding_rank: int
) -> dict[str, torch.Tensor]:
    """Give the tensors of a delta, in float16.

    Matrices of the encoder become two factors from the singular value decomposition of their change; vectors and small
    matrices are kept whole.
    """
    parts: dict[str, torch.Tensor] = {}
    for name, value in trained.items():
        if name in TIED or name.endswith("position_ids"):
            continue
        if name not in base:
            parts[name] = value.to(torch.float16)
            continue
        change = value.float() - base[name].float()
        if not change.any():
            continue
        kept = embedding_rank if name == EMBEDDING else rank
        if change.ndim < 2 or kept * sum(change.shape) >= change.numel():
            parts[f"{name}.added"] = change.to(torch.float16)
            continue
        up, sizes, down = torch.linalg.svd(change, full_matrices=False)
        root = sizes[:kept].sqrt()
        parts[f"{name}.up"] = (up[:, :kept] * root).to(torch.float16)
        parts[f"{name}.down"] = (root[:, None] * down[:kept]).to(torch.float16)
    return {name: part.contiguous() for name, part in parts.items()}


def write(id_: str, parts: dict[str, torch.Tensor], config: Any, folder: Path) -> str:
    """Write a delta and its configuration; give its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"format": FORMAT, "id": id_, "base": "minilm", "base_sha256": CATALOG["minilm"].revision, "prefix": "bert."}
    save_file(parts, folder / FILE, metadata={"lmviz": json.dumps(said, sort_keys=True)})  # one entry: a fixed order
    (folder / FILE).chmod(0o644)
    config.to_json_file(folder / "config.json", use_diff=True)
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def configuration(id_: str, base: Path) -> Any:
    """Make the configuration of the whole model."""
    config = transformers.BertConfig.from_pretrained(base)
    if id_ == "minilm-mlm":
        config.architectures = ["BertForPreTraining"]
        return config
    task: Task = read_task(id_.removeprefix("minilm-"))
    config.architectures = ["BertForTokenClassification" if task.per_word else "BertForSequenceClassification"]
    config.id2label = dict(enumerate(task.labels))
    config.label2id = {label: number for number, label in enumerate(task.labels)}
    return config


def main() -> None:
    """Shrink one checkpoint."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("checkpoint", type=Path)
    arguments.add_argument("id", choices=("minilm-mlm", "minilm-sentiment", "minilm-pos", "minilm-ner"))
    arguments.add_argument("--rank", type=int, default=32)
    arguments.add_argument("--embedding-rank", type=int, default=64)
    arguments.add_argument("--folder", type=Path, help="write there instead of assets/models/ID")
    chosen = arguments.parse_args()
    base = pull("minilm")
    before = {f"bert.{name}": value for name, value in load_file(base / "model.safetensors").items()}
    trained = torch.load(chosen.checkpoint, weights_only=True)["model"]
    parts = difference(trained, before, rank=chosen.rank, embedding_rank=chosen.embedding_rank)
    folder = chosen.folder or MODELS / chosen.id
    sha256 = write(chosen.id, parts, configuration(chosen.id, base), folder)
    print(f"{folder / FILE}: {(folder / FILE).stat().st_size / 1e6:.1f} MB, sha256 {sha256}")


if __name__ == "__main__":
    main()
