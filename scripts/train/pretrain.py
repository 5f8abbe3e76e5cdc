"""Train the masked-language-model and next-sentence heads of minilm, with the encoder under them.

    LMVIZ_DATA_DIR=../shared/data python scripts/train/pretrain.py --out /some/folder --steps 20000
    LMVIZ_DATA_DIR=../shared/data python scripts/train/pretrain.py --out /some/folder --decay 4000

The first form trains at a constant rate and can be stopped and started again at any time: it goes on from the last
checkpoint. The second takes the rate down to zero from there, in a copy of the checkpoint, which gives the model that
is shipped. The same seed gives the same batches whatever the interruptions.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from corpus import Batch, Batches, read_training_text
from measure import fill_mask, next_sentence
from torch import nn
from torch.nn.functional import cross_entropy, linear

from lmviz.models.sources import pull

SAVE_EVERY = 250
N_TOKENS = 4096  # per step


@dataclass(frozen=True)
class Rates:
    """What a run is made with; kept beside the checkpoint."""

    encoder: float = 4e-4
    head: float = 1e-3
    weight_decay: float = 0.01
    warm_up: int = 200
    masked: float = 0.3
    seed: int = 1


def fresh_model(base: Path, counts: torch.Tensor) -> Any:
    """Put new heads on the encoder: an identity for the dense layer, the words' frequencies for the bias."""
    config = transformers.BertConfig.from_pretrained(base, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    hf_model = transformers.BertForPreTraining(config)
    encoder = transformers.BertModel.from_pretrained(base)
    hf_model.bert.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        hf_model.cls.predictions.transform.dense.weight.copy_(torch.eye(config.hidden_size))
        hf_model.cls.predictions.transform.dense.bias.zero_()
        hf_model.cls.predictions.bias.copy_(((counts + 0.5) / (counts + 0.5).sum()).log())
    return hf_model


def losses(worker: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the mean loss over masked positions and, for pairs, of next-sentence prediction."""
    ids, segments, rows, columns, targets = (
        torch.from_numpy(part) for part in (batch.ids, batch.segments, batch.rows, batch.columns, batch.targets)
    )
    states = worker.bert(input_ids=ids, token_type_ids=segments)
    head = worker.cls.predictions
    logits = linear(head.transform(states.last_hidden_state[rows, columns]), _tied(worker), head.bias)
    filling = cross_entropy(logits.float(), targets, ignore_index=-100)
    if batch.follows is None:
        return filling, torch.zeros(())
    says = worker.cls.seq_relationship(states.pooler_output).float()
    return filling, cross_entropy(says, 1 - torch.from_numpy(batch.follows))  # class 0 is "B follows A"


def _tied(hf_model: Any) -> torch.Tensor:
    weight: torch.Tensor = hf_model.bert.embeddings.word_embeddings.weight
    return weight


class Trainer:
    """Full-precision weights, and a copy of them in bfloat16 that does the work."""

    def __init__(self, hf_model: Any, rates: Rates) -> None:
        self.master, self.rates = hf_model, rates
        config = hf_model.config
        config._attn_implementation = "eager"  # on a CPU its backward pass is several times faster
        self.worker = type(hf_model)(config).to(torch.bfloat16)
        self.pairs = list(zip(self.worker.parameters(), self.master.parameters(), strict=True))
        self.optimizer = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), eps=1e-6, fused=True)

    def _groups(self) -> list[dict[str, Any]]:
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.master.named_parameters():
            groups.setdefault((name.startswith("cls."), parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "rate": self.rates.head if is_head else self.rates.encoder,
                "weight_decay": self.rates.weight_decay if decays else 0.0,
            }
            for (is_head, decays), parameters in groups.items()
        ]

    def step(self, batch: Batch, share: float) -> tuple[float, float]:
        """Make one step at a share of the full rate; give both losses."""
        with torch.no_grad():
            for working, master in self.pairs:
                working.copy_(master)
        filling, following = losses(self.worker, batch)
        (filling + following).backward()
        for working, master in self.pairs:
            master.grad = None if working.grad is None else working.grad.float()
            working.grad = None
        nn.utils.clip_grad_norm_(self.master.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * share
        self.optimizer.step()
        return filling.item(), following.item()


def save(path: Path, trainer: Trainer, step: int, seconds: float) -> None:
    """Write a checkpoint aside and move it into place at once."""
    aside = path.with_suffix(".new")
    state = {
        "model": trainer.master.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
        "rates": asdict(trainer.rates),
    }
    torch.save(state, aside)
    aside.replace(path)


def main() -> None:
    """Train from the last checkpoint on."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True, help="where checkpoints and the curve are kept")
    arguments.add_argument("--steps", type=int, default=0, help="train at a constant rate up to this step")
    arguments.add_argument("--decay", type=int, default=0, help="take the rate to zero in this many steps, then end")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(Rates.seed)

    base = pull("minilm")
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    train, held_out = read_training_text(tokenizer)
    batches = Batches(train, tokenizer, n_tokens=N_TOKENS, masked=Rates.masked, seed=Rates.seed)
    counts = torch.bincount(
        torch.tensor([token for document in train for sentence in document.sentences for token in sentence]),
        minlength=len(tokenizer),
    ).float()
    trainer = Trainer(fresh_model(base, counts), Rates())
    constant, decayed = chosen.out / "constant.pt", chosen.out / "decayed.pt"
    source = decayed if chosen.decay and decayed.is_file() else constant
    start, seconds, first = 0, 0.0, 0
    if source.is_file():
        state = torch.load(source, weights_only=True)
        trainer.master.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        start, seconds = state["step"], state["seconds"]
    if chosen.decay:
        plan = chosen.out / "decay.json"
        if source is constant:
            plan.write_text(json.dumps({"first": start, "n": chosen.decay}), encoding="utf-8")
        first = json.loads(plan.read_text(encoding="utf-8"))["first"]
    last = first + chosen.decay if chosen.decay else chosen.steps
    began, sums, n_summed = time.monotonic() - seconds, [0.0, 0.0], 0
    for step in range(start, last):
        share = min(1.0, (step + 1) / Rates.warm_up)
        if chosen.decay:
            share = 1 - math.sqrt((step + 1 - first) / chosen.decay)
        filling, following = trainer.step(batches.batch(step), share)
        sums, n_summed = [sums[0] + filling, sums[1] + 2 * following], n_summed + 1
        if (step + 1) % 50 == 0:
            print(f"{step + 1} {filling:.3f} {following:.3f} {time.monotonic() - began:.0f} s", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == last:
            seconds = time.monotonic() - began
            save(decayed if chosen.decay else constant, trainer, step + 1, seconds)
            row = {
                "step": step + 1,
                "tokens": (step + 1) * N_TOKENS,
                "seconds": round(seconds),
                "share": round(share, 4),
                "train_loss": round(sums[0] / n_summed, 4),
                "train_next_sentence_loss": round(sums[1] / n_summed, 4),
                "held_out": fill_mask(trainer.master, tokenizer, held_out, n_blocks=300),
                "held_out_next_sentence": next_sentence(trainer.master, tokenizer, held_out, n_pairs=600)["accuracy"],
            }
            sums, n_summed = [0.0, 0.0], 0
            with (chosen.out / "curve.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


if __name__ == "__main__":
    main()
