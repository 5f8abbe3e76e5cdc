"""Forward passes with something replaced: many runs in few passes, each with its own interventions.

An intervention is data that the permanent hooks and the attention function read from the context: the model is never
changed, and passes beside it in other threads see nothing of it.

    clean = trace(model, encode(model, "The nurse said that"), ("resid_pre",))
    text = encode(model, "The doctor said that")
    patched = run(model, Run(text, (PatchStream(3, "resid_pre", clean["resid_pre"][0, 2], (2,)),), logits_at=(3,)))

Work that runs its passes elsewhere, such as a benchmark, is done under interventions:

    with intervening(model, (ProjectOut(3, direction),)):
        scores = score_texts(model, texts)
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from lmviz.capture.intervene_kinds import (
    AblateHead,
    AddDirection,
    Intervention,
    KnockOut,
    PatchHead,
    PatchPattern,
    PatchStream,
    ProjectOut,
)
from lmviz.capture.intervene_passes import Question, Row, Run, batches, check_fits
from lmviz.capture.intervene_rows import check_applied, row_edits, window
from lmviz.capture.intervene_standing import held, standing
from lmviz.capture.narrow import asked_logits, cut
from lmviz.capture.padding import padded, segments_of, tensor
from lmviz.capture.trace import Trace, checked_places, chosen_layers, forward, head_logits, needs_returned_attentions
from lmviz.errors import NotForThisModel
from lmviz.models.context import Request, asking
from lmviz.models.loaded import LoadedModel

__all__ = [
    "AblateHead",
    "AddDirection",
    "Intervention",
    "KnockOut",
    "PatchHead",
    "PatchPattern",
    "PatchStream",
    "ProjectOut",
    "Run",
    "intervening",
    "run",
    "run_batch",
    "under",
]
_Batch = TypeVar("_Batch")


def run(
    model: LoadedModel,
    asked: Run,
    *,
    places: Iterable[str] = (),
    layers: Iterable[int] | None = None,
    part: str | None = None,
) -> Trace:
    """Run the model once with something replaced; with nothing asked for it is a plain pass.

    As `run_batch` for one run.
    """
    return next(run_batch(model, (asked,), places=places, layers=layers, part=part))


def run_batch(
    model: LoadedModel,
    runs: Iterable[Run],
    *,
    places: Iterable[str] = (),
    layers: Iterable[int] | None = None,
    part: str | None = None,
) -> Iterator[Trace]:
    """Run many inputs, each with its own interventions, several of them in one forward pass.

    The answers are those of one pass for each run, up to rounding. Where all runs of a pass replace the whole input of
    a layer (`PatchStream` at "resid_pre" without positions), earlier layers do not run, so that a sweep over layers is
    quick when it is given in their order.

    Args:
        model: A model whose attention goes through the library's interface, where heads are concerned.
        runs: As many as there are; they are taken when their turn comes.
        places: What to keep, by the names of `trace`; it is kept as it is after the interventions.
        layers: Which layers to keep; None for all.
        part: Where the interventions are and what is kept: "encoder", "decoder" or "cross"; None for the first.

    Returns:
        What each run left behind, in their order; its `logits` hold the asked-for positions only.

    Raises:
        InvalidParameter: A layer, head, position, place or shape that does not exist.
        NotForThisModel: A place or part that this model does not have, or logits it does not give.
        OverBudget: A run would take more memory than a single job may.
    """
    chosen = model.part_named(part)
    kept = checked_places(model, frozenset(places), part=chosen)
    if "pattern" in kept and needs_returned_attentions(model):
        raise NotForThisModel(f"The patterns of {model.id} can only be looked at, by trace, not beside interventions.")
    question = Question(model, chosen, kept, chosen_layers(model, chosen, layers=layers))
    for batch in batches(question, runs):
        yield from _answers(question, batch)


def intervening(model: LoadedModel, interventions: Iterable[Intervention]) -> AbstractContextManager[None]:
    """Let interventions stand: every pass of the model in this thread has them while the body runs.

    Whatever scores, traces or labels texts then does so with something replaced, many texts in one padded pass too.

    Args:
        model: An encoder or a decoder; other models are not concerned.
        interventions: Alike for every text, so `positions` should be None where texts differ in length.

    Returns:
        A context manager. Do not yield from within it: the context of a generator is its caller's; see `under`.

    Raises:
        InvalidParameter: A layer or place that does not exist; heads and shapes are checked in the first pass.
        NotForThisModel: The model has two stacks, or what is to be replaced cannot be.
    """
    if model.kind == "encoder-decoder":
        raise NotForThisModel(f"{model.id} has an encoder and a decoder. Give the interventions with each run instead.")
    chosen = tuple(interventions)
    question = Question(model, model.part_named(None), frozenset(), ())
    for one in chosen:
        check_fits(question, one)
    return held(model, chosen)


def under(model: LoadedModel, interventions: Iterable[Intervention], *, batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Take the next batch of some work under interventions, and hand it on without them.

    Args:
        model: As for `intervening`.
        interventions: As for `intervening`.
        batches: The work; what it does before its first batch is done under the interventions too.

    Yields:
        Its batches.

    Raises:
        LmvizError: As `intervening`.
    """
    chosen = tuple(interventions)
    while True:
        with intervening(model, chosen):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


class _Shelf:
    """Takes recorded tensors into arrays, (layer, row, ...)."""

    def __init__(self, layers: Sequence[int]) -> None:
        self._index = {layer: index for index, layer in enumerate(layers)}
        self._arrays: dict[str, np.ndarray] = {}

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        if place not in self._arrays:
            self._arrays[place] = np.empty((len(self._index), *value.shape), dtype=np.float32)
        torch.from_numpy(self._arrays[place])[self._index[layer]].copy_(value)

    def row(self, number: int, extent: tuple[int, int]) -> dict[str, np.ndarray]:
        """Give what one run left, without padding."""
        return {place: array[:, number][(slice(None), *window(place, extent))] for place, array in self._arrays.items()}


def _answers(question: Question, batch: Sequence[Row]) -> Iterator[Trace]:
    """Run one pass."""
    entry = min(row.entry for row in batch)
    always = standing(question.model)
    edits = row_edits([(row.extent, (*always, *row.run.interventions)) for row in batch], entry=entry)
    shelf = _Shelf(question.layers)
    request = Request(
        part=question.part,
        places=question.places,
        keeper=shelf,
        layers=frozenset(question.layers),
        patches=edits,
        batch=len(batch),
        entry=entry,
    )
    if _is_narrow(question.model, batch):
        cut(question.model, has_whole_stream=True)  # is found by trial passes, in which nothing must be replaced
    is_plain = not edits and not question.places
    with torch.no_grad(), nullcontext() if is_plain else asking(request):
        logits = _logits(question, batch)
    check_applied(edits)
    for number, row in enumerate(batch):
        yield Trace(
            part=question.part,
            layers=question.layers,
            table=row.reading.table,
            key_table=row.reading.key_table,
            arrays=shelf.row(number, row.extent),
            scales=np.array([request.scales.get(layer, np.nan) for layer in question.layers], dtype=np.float32),
            softcap=request.softcap,
            has_sinks=request.has_sinks,
            logits=logits[number],
        )


def _logits(question: Question, batch: Sequence[Row]) -> list[np.ndarray | None]:
    """Run the model on a batch, with its head at the asked-for positions."""
    model, asked = question.model, [row.run.logits_at for row in batch]
    inputs = _inputs(model, batch)
    if all(positions == () for positions in asked):
        forward(model, inputs, part=question.part, logits=False, places=question.places)
        return [None] * len(batch)
    if _is_narrow(model, batch):
        return _narrow_logits(model, inputs, [positions or () for positions in asked])
    output = forward(model, inputs, part=question.part, logits=True, places=question.places)
    if "logits" not in output and "prediction_logits" not in output:
        raise NotForThisModel(f"{model.id} gives no logits. Choose a model with a head.")
    logits = head_logits(output).float().cpu().numpy()  # (row, position, vocabulary), or (row, label)
    return [_own_logits(own, row) for own, row in zip(logits, batch, strict=True)]


def _is_narrow(model: LoadedModel, batch: Sequence[Row]) -> bool:
    """Say whether the head over the vocabulary is to run, and only at some positions."""
    has_vocabulary = model.kind != "encoder-decoder" and model.hf_model.get_output_embeddings() is not None
    asked = [row.run.logits_at for row in batch]
    return has_vocabulary and None not in asked and any(asked)


def _narrow_logits(
    model: LoadedModel, inputs: dict[str, Tensor], asked: Sequence[tuple[int, ...]]
) -> list[np.ndarray | None]:
    counts = [len(positions) for positions in asked]
    rows, columns = np.repeat(np.arange(len(asked)), counts), np.array([at for own in asked for at in own])
    places = (tensor(model, rows), tensor(model, columns))
    logits = asked_logits(model, inputs, places=places, has_whole_stream=True).float().cpu().numpy()
    return [own if len(own) else None for own in np.split(logits, np.cumsum(counts)[:-1])]


def _own_logits(own: np.ndarray, row: Row) -> np.ndarray | None:
    positions = row.run.logits_at
    if positions == ():
        return None
    if own.ndim == 1 or positions is None:
        return own if own.ndim == 1 else own[: row.n_logits]
    chosen: np.ndarray = own[list(positions)]
    return chosen


def _inputs(model: LoadedModel, batch: Sequence[Row]) -> dict[str, Tensor]:
    """Put the inputs of a pass under each other."""
    encodings = [row.run.encoding for row in batch]
    ids = [np.array(encoding.table.ids, dtype=np.int64) for encoding in encodings]
    inputs = padded(model, ids, segments=[segments_of(encoding) for encoding in encodings])
    written = [row.reading.inputs.get("decoder_input_ids") for row in batch]
    decoder = [ids[0].cpu().numpy() for ids in written if ids is not None]
    if decoder:
        inputs["decoder_input_ids"] = padded(model, decoder, segments=[None] * len(decoder))["input_ids"]
    return inputs
