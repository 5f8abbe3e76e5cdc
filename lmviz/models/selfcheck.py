"""Invariants that are computed on every loaded model: does what lmviz reads off it add up?"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lmviz.models import anatomy
from lmviz.models.anatomy import Anatomy, Stack
from lmviz.models.context import STREAM_PLACES, Patch, Request, asking
from lmviz.results import Check

_TEXT = "The cat sat on the mat because it was tired."
ROUNDING = {"float32": 1.0, "float16": 3e2, "bfloat16": 3e3}  # how much coarser a dtype's rounding may be


class _Shelf:
    """Keeps what was recorded, by place and layer."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], Tensor] = {}

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        self.kept[place, layer] = value.detach().clone()


def check(hf_model: Any, tokenizer: Any, *, known: Anatomy, device: torch.device) -> tuple[Check, ...]:
    """Run the model a few times on a short sentence and report what holds, in its worst part.

    Returns:
        rows: every row of every pattern sums to one. plain: recording does not change the output. stream: the
        parts of the residual stream add up. patch: replacing a pattern by itself changes nothing. The last two
        only where the model's anatomy is known and its patterns pass through lmviz.
    """
    run = _Run(hf_model, known, _inputs(hf_model, tokenizer, known, device))
    with torch.no_grad():
        plain = _output(hf_model, run.inputs)
        found = [item for part in _parts(known) for item in _check_part(run, part, plain)]
    slugs = dict.fromkeys(item.slug for item in found)
    return tuple(max((item for item in found if item.slug == slug), key=_badness) for slug in slugs)


@dataclass(frozen=True, eq=False)
class _Run:
    """A model and what it is given."""

    hf_model: Any
    known: Anatomy
    inputs: dict[str, Tensor]

    @property
    def loose(self) -> float:
        """How much coarser than float32 its rounding may be."""
        return ROUNDING.get(str(self.hf_model.dtype).removeprefix("torch."), 1.0)


def _badness(item: Check) -> tuple[bool, float]:
    """Order checks by how bad they are; a failure without a number (NaN) is a failure all the same."""
    return not item.passed, item.value


def _parts(known: Anatomy) -> tuple[str, ...]:
    return ("encoder", "decoder", "cross") if known.kind == "encoder-decoder" else (known.kind,)


def _check_part(run: _Run, part: str, plain: Tensor) -> list[Check]:
    """Check one kind of attention, and the stream of its tower."""
    stack = run.known.stack(part) if part != "cross" else None
    places = frozenset({"pattern"}) | (STREAM_PLACES if stack is not None else frozenset())
    shelf = _Shelf()
    request = Request(part=part, places=places, keeper=shelf)
    with asking(request):
        recorded = _output(run.hf_model, run.inputs)
    is_open = any(place == "pattern" for place, _ in shelf.kept)
    if not is_open:
        _keep_returned(shelf, run.hf_model(**run.inputs, output_attentions=True), part)
    checks = [_rows(shelf, run.loose, has_sinks=request.has_sinks), _same("plain", plain, recorded, run.loose)]
    if stack is not None:
        checks.append(_stream(shelf, run.hf_model, stack, run.loose))
    if is_open:
        checks.append(_patched(run, (part, shelf, recorded)))
    return checks


def _keep_returned(shelf: _Shelf, output: Any, part: str) -> None:
    """For attention that does not pass through lmviz: take the patterns the model returns."""
    returned = getattr(output, f"{part}_attentions", None) or getattr(output, "attentions", None) or ()
    for layer, pattern in enumerate(returned):
        shelf.keep("pattern", layer, pattern)


def _inputs(hf_model: Any, tokenizer: Any, known: Anatomy, device: torch.device) -> dict[str, Tensor]:
    given = tokenizer(_TEXT, return_tensors="pt")
    inputs = {name: given[name].to(device) for name in ("input_ids", "attention_mask") if name in given}
    if known.kind == "encoder-decoder":
        start = hf_model.config.decoder_start_token_id or 0
        decoder = inputs["input_ids"][:, :6].clone()
        decoder[:, 0] = start
        inputs["decoder_input_ids"] = decoder
    return inputs


def _output(hf_model: Any, inputs: dict[str, Tensor]) -> Tensor:
    """Give the logits, or the last hidden state of a model without a head."""
    output = hf_model(**inputs)
    for name in ("logits", "prediction_logits", "last_hidden_state", "start_logits"):
        if getattr(output, name, None) is not None:
            found: Tensor = getattr(output, name)
            return found.float()
    first: Tensor = output[0]
    return first.float()


def _check(slug: str, words: str, value: float, limit: float) -> Check:
    meaning = {
        "rows": "The attention shown is not a distribution over positions; do not trust the pictures of this model.",
        "plain": "Recording changes this model's answer; what is shown is not what the model does.",
        "stream": "The parts of the residual stream do not add up; norms and sums over parts are not to be trusted.",
        "patch": "Replacing a pattern by itself changes the answer; interventions on this model are not exact.",
    }[slug]
    return Check(slug, f"{words} {value:.0e}", bool(value <= limit), value, limit, meaning)


def _rows(shelf: _Shelf, loose: float, *, has_sinks: bool) -> Check:
    sums = [value.float().sum(-1) for (place, _), value in shelf.kept.items() if place == "pattern"]
    if has_sinks:  # the rest of each row goes to the sink
        worst = max((float((total - 1).clamp_min(0).max()) for total in sums), default=float("inf"))
        return _check("rows", "rows sum to at most 1 (the rest goes to the sink) within", worst, 1e-5 * loose)
    worst = max((float((total - 1).abs().max()) for total in sums), default=float("inf"))
    return _check("rows", "rows sum to 1 within", worst, 1e-5 * loose)


def _relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max().clamp_min(1.0))


def _same(slug: str, a: Tensor, b: Tensor, loose: float) -> Check:
    return _check(slug, "recording leaves the output unchanged within", _relative(a, b), 1e-4 * loose)


def _stream(shelf: _Shelf, hf_model: Any, stack: Stack, loose: float) -> Check:
    """Compare each block's output with the sum of what its parts wrote."""
    own = anatomy.blocks(hf_model, stack)
    layers = sorted(layer for place, layer in shelf.kept if place == "resid_post")
    worst = 0.0
    for layer in layers:
        got = {place: shelf.kept[place, layer] for place in STREAM_PLACES if (place, layer) in shelf.kept}
        want = _sum_of_parts(got, own[min(layer, len(own) - 1)], stack)
        worst = max(worst, _relative(want.float(), got["resid_post"].float()))
    return _check("stream", "parts of the residual stream add up within", worst, 1e-4 * loose)


def _sum_of_parts(got: dict[str, Tensor], block: nn.Module, stack: Stack) -> Tensor:
    """Put a block's output together from its input and what its sub-layers wrote."""
    if stack.norm == "parallel":
        return got["resid_pre"] + got["attn_out"] + got["mlp_out"]
    if stack.norm == "post":
        norm = anatomy.at(block, stack.mlp_norm or "")
        if norm is None:
            raise RuntimeError("the anatomy table names a norm that is not there")
        normed: Tensor = norm(got["resid_mid"] + got["mlp_out"])
        return normed
    if stack.cross is not None:
        return got["resid_mid"] + got["mlp_out"]
    return got["resid_pre"] + got["attn_out"] + got["mlp_out"]


def _patched(run: _Run, recorded: tuple[str, _Shelf, Tensor]) -> Check:
    """Replace the middle layer's pattern by itself; the output is then recomputed from pattern and values."""
    part, shelf, before = recorded
    layers = sorted(layer for place, layer in shelf.kept if place == "pattern")
    middle = layers[len(layers) // 2]
    patch = Patch("pattern", middle, shelf.kept["pattern", middle])
    with asking(Request(part=part, places=frozenset(), keeper=shelf, patches={("pattern", middle): patch})):
        again = _output(run.hf_model, run.inputs)
    off = _relative(again, before)
    return _check("patch", "a pattern replaced by itself changes the output by", off, 1e-4 * run.loose)
