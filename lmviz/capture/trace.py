"""One forward pass and the activations that were asked for, as NumPy arrays on the host."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.intervene_rows import check_applied, row_edits
from lmviz.capture.intervene_standing import standing
from lmviz.capture.texts import check_text
from lmviz.capture.tokens import Encoding, check_length, make_table
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.models import anatomy
from lmviz.models.attention import NAME
from lmviz.models.context import ATTENTION_PLACES, PLACES, STREAM_PLACES, Request, asking
from lmviz.models.loaded import LoadedModel
from lmviz.results import TokenTable

_INTERFACE_ONLY = frozenset({"query", "key", "added", "attended_value"})
_LONGEST_GENERATED = 40  # tokens of decoder input when the decoder's text is not given


@dataclass(frozen=True, eq=False)
class Trace:
    """What one pass left behind; every array has the layer first, in the order of `layers`.

    pattern, added: (layer, head, query, key) · query, key: (layer, head, position, dimension), rotated where the
    model rotates and repeated to the query heads · moved_norm: (layer, head, key) · attended_value: (layer, head,
    position, dimension), what a head has gathered, before W_O · resid_pre, resid_mid, resid_post, attn_out, mlp_out:
    (layer, position, width) · logits: (position, vocabulary).
    """

    part: str
    layers: tuple[int, ...]
    table: TokenTable  # of the queries
    key_table: TokenTable  # another one in cross attention
    arrays: Mapping[str, np.ndarray]
    scales: np.ndarray  # (layer,): what q·k is multiplied by
    softcap: float | None
    has_sinks: bool  # rows of the pattern sum to less than one by design
    logits: np.ndarray | None

    def __getitem__(self, place: str) -> np.ndarray:
        return self.arrays[place]


@dataclass(frozen=True, eq=False)
class Reading:
    """What the model reads for one input: the forward pass's inputs, and the tokens of queries and keys of a part."""

    inputs: dict[str, Tensor]
    table: TokenTable
    key_table: TokenTable


class _Arrays:
    """Takes recorded tensors into arrays of their final size, so that no second copy is ever held."""

    def __init__(self, layers: tuple[int, ...]) -> None:
        self._row = {layer: row for row, layer in enumerate(layers)}
        self.arrays: dict[str, np.ndarray] = {}

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        row = self._row.get(layer)
        if row is None:
            return
        if place not in self.arrays:
            self.arrays[place] = np.empty((len(self._row), *value.shape[1:]), dtype=np.float32)
        torch.from_numpy(self.arrays[place])[row].copy_(value[0])


def trace(
    model: LoadedModel,
    encoding: Encoding,
    places: Iterable[str],
    *,
    part: str | None = None,
    layers: Iterable[int] | None = None,
    logits: bool = False,
    decoder_text: str | None = None,
) -> Trace:
    """Run the model once and keep what is asked for; peak memory is what is returned plus one layer.

    Args:
        model: Any loaded model; it is not changed.
        encoding: What `encode` gave.
        places: Names from `PLACES`.
        part: "encoder", "decoder" or "cross"; None for the first there is.
        layers: Which layers to keep; None for all.
        logits: Whether to run the head as well.
        decoder_text: What the decoder of an encoder-decoder reads; None: what it would write itself.

    Returns:
        Arrays in float32.

    Raises:
        InvalidParameter: A place or layer that does not exist.
        NotForThisModel: A part or place that this model does not have.
        InputTooLong: The decoder's text is longer than the decoder reads.
        OverBudget: It would take more memory than a single job may.
    """
    chosen = model.part_named(part)
    wanted = checked_places(model, frozenset(places), part=chosen)
    rows = chosen_layers(model, chosen, layers=layers)
    has_decoder = chosen != "encoder" or logits
    own = reading(model, encoding, part=chosen, has_decoder=has_decoder, decoder_text=decoder_text)
    n_tokens, n_keys = len(own.table), len(own.key_table)
    budget.check(model, n_tokens, places=wanted, part=chosen, logits=logits, n_keys=n_keys)
    shelf = _Arrays(rows)
    edits = row_edits([((n_tokens, n_keys), standing(model))], entry=0)
    request = Request(part=chosen, places=wanted, keeper=shelf, layers=frozenset(rows), patches=edits)
    with torch.no_grad(), asking(request):
        output = forward(model, own.inputs, part=chosen, logits=logits, places=wanted)
    check_applied(edits)
    _keep_returned_attentions(model, output, request, (n_tokens, n_keys))
    first = head_logits(output) if logits else None
    return Trace(
        part=chosen,
        layers=rows,
        table=own.table,
        key_table=own.key_table,
        arrays=shelf.arrays,
        scales=np.array([request.scales.get(layer, np.nan) for layer in rows], dtype=np.float32),
        softcap=request.softcap,
        has_sinks=request.has_sinks,
        logits=None if first is None else first[0].float().cpu().numpy(),
    )


def reading(
    model: LoadedModel, encoding: Encoding, *, part: str, has_decoder: bool, decoder_text: str | None
) -> Reading:
    """Put together what the model reads; `has_decoder` says whether the decoder of an encoder-decoder runs."""
    inputs, table = encoding.inputs(), encoding.table
    if model.kind != "encoder-decoder" or not has_decoder:
        return Reading(inputs, table, table)
    ids = decoder_input(model, encoding, text=decoder_text)
    inputs["decoder_input_ids"] = ids
    if part == "encoder":
        return Reading(inputs, table, table)
    own = _decoder_table(model, ids, decoder_text)
    return Reading(inputs, own, own if part == "decoder" else table)


def head_logits(output: Any) -> torch.Tensor:
    """Give the logits of a model's head; one that also judges the next sentence calls them otherwise."""
    found = output.get("logits")
    value: torch.Tensor = output["prediction_logits"] if found is None else found
    return value


def checked_places(model: LoadedModel, places: frozenset[str], *, part: str) -> frozenset[str]:
    """Give the places back if this part of the model has them.

    Raises:
        InvalidParameter: There is no such place.
        NotForThisModel: The model does not show it.
    """
    unknown = places - PLACES
    if unknown:
        raise InvalidParameter(f"No place named {sorted(unknown)[0]!r}. There are: {', '.join(sorted(PLACES))}.")
    family = model.hf_model.config.model_type
    if places & _INTERFACE_ONLY and not model.has_interface:
        raise NotForThisModel(
            f"{model.id} ({family}) does not show its queries and keys: its attention does not go through the "
            "library's attention interface. Choose a model of another family, such as minilm."
        )
    if places & STREAM_PLACES and not model.has_stream(part):
        raise NotForThisModel(f"Where {family} keeps its {part} residual stream is not known to lmviz.")
    if "moved_norm" in places and model.anatomy.stack(part) is None:
        raise NotForThisModel(f"Where {family} keeps its output projection is not known to lmviz.")
    return places


def chosen_layers(model: LoadedModel, part: str, *, layers: Iterable[int] | None) -> tuple[int, ...]:
    """Give the layers in order, or all there are.

    Raises:
        InvalidParameter: There is no such layer.
    """
    n_layers = model.layers_of(part)
    chosen = tuple(range(n_layers)) if layers is None else tuple(sorted(set(layers)))
    wrong = [layer for layer in chosen if not 0 <= layer < n_layers]
    if wrong:
        raise InvalidParameter(f"{model.id} has layers 0 to {n_layers - 1}; there is no layer {wrong[0]}.")
    return chosen


def forward(model: LoadedModel, inputs: dict[str, Tensor], *, part: str, logits: bool, places: frozenset[str]) -> Any:
    """Run as little of the model as the question needs: no head without logits, no decoder for the encoder alone."""
    kwargs: dict[str, Any] = {}
    runner = model.hf_model if logits else anatomy.base_of(model.hf_model)
    if model.kind == "encoder-decoder" and part == "encoder" and not logits:
        runner = model.hf_model.get_encoder()
    if _accepts(type(runner), "use_cache"):
        kwargs["use_cache"] = False
    if places & ATTENTION_PLACES and needs_returned_attentions(model):
        kwargs["output_attentions"] = True
    known = {name: value for name, value in inputs.items() if _accepts(type(runner), name)}
    return runner(**known, **kwargs)


def _accepts(kind: Any, name: str) -> bool:
    """Say whether a model class's forward takes an argument of that name."""
    parameters = signature(kind.forward).parameters
    return name in parameters


def needs_returned_attentions(model: LoadedModel) -> bool:
    """Say whether the pattern can only be had from what the model returns: no interface and no anatomy."""
    return model.uses != NAME and model.anatomy.pattern_at is None


def _keep_returned_attentions(model: LoadedModel, output: Any, request: Request, expected: tuple[int, int]) -> None:
    if not needs_returned_attentions(model) or "pattern" not in request.places:
        return
    name = {"cross": "cross_attentions", "decoder": "decoder_attentions", "encoder": "encoder_attentions"}[request.part]
    returned = getattr(output, name, None) or getattr(output, "attentions", None)
    if not returned:
        raise NotForThisModel(f"{model.id} ({model.hf_model.config.model_type}) gives no attention patterns.")
    if returned[0].shape[-2:] != expected:
        raise NotForThisModel(
            f"The attention of {model.hf_model.config.model_type} is not a matrix of {expected[0]} queries by "
            f"{expected[1]} keys, which is what lmviz shows. Choose a model of another family, such as minilm."
        )
    for layer, pattern in enumerate(returned):
        if request.keeps("pattern", layer):
            request.keeper.keep("pattern", layer, pattern)


def decoder_input(model: LoadedModel, encoding: Encoding, *, text: str | None) -> Tensor:
    """Give what the decoder reads: its start token and the text, or what it writes itself (greedily).

    Returns:
        Token ids (1, position).

    Raises:
        EmptyInput: The text is nothing but space.
        InputTooLong: It is longer than the decoder reads.
    """
    if text is None:
        if not hasattr(model.hf_model, "generate") or not model.hf_model.can_generate():
            raise InvalidParameter(f"{model.id} cannot write by itself. Type the decoder's text.")
        with torch.no_grad():
            written: Tensor = model.hf_model.generate(
                **encoding.inputs(), max_new_tokens=_LONGEST_GENERATED, do_sample=False, num_beams=1
            )
        return written[:, :-1] if written.shape[1] > 1 and written[0, -1] == model.tokenizer.eos_token_id else written
    check_text(text, "The decoder's text")
    ids = model.tokenizer(text_target=text, add_special_tokens=False, verbose=False)["input_ids"]
    start = model.hf_model.config.decoder_start_token_id
    start = model.tokenizer.pad_token_id if start is None else start
    check_length(model, len(ids) + 1)
    return torch.tensor([[start, *ids]], device=model.device)


def _decoder_table(model: LoadedModel, ids: Tensor, text: str | None) -> TokenTable:
    listed = [int(i) for i in ids[0]]
    shown = text if text is not None else model.tokenizer.decode(listed, skip_special_tokens=True)
    return make_table(model, listed, texts=(shown, None))
