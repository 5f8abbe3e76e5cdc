"""How much words attend to words, of many sentences in few passes; no pattern over tokens is kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.intervene_rows import check_applied, row_edits
from lmviz.capture.intervene_standing import standing
from lmviz.capture.padding import padded, segments_of, tensor
from lmviz.capture.tokens import Encoding, encode
from lmviz.capture.trace import checked_places, forward, needs_returned_attentions
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.models.context import Request, asking
from lmviz.models.loaded import LoadedModel

_PLACES = frozenset({"pattern"})
_N_TOKENS = 2048  # of one batch, padding included: more makes no pass faster
Span = tuple[int, int]
WordPattern = Float32[np.ndarray, "layer head word word"]


@dataclass(frozen=True, eq=False)
class WordReading:
    """A sentence as the model reads it, the tokens that each word is made of, and the megabytes its pass takes."""

    encoding: Encoding
    pieces: tuple[tuple[int, ...], ...]
    megabytes: float

    def __len__(self) -> int:
        return len(self.encoding.table)


def word_reading(model: LoadedModel, text: str, spans: Sequence[Span]) -> WordReading:
    """Find the tokens of each word: those that share a character with it, special ones apart.

    Words whose characters share a token share it, whole: "do" and "n't" where "don" is one.

    Args:
        model: The model that will read it.
        text: The sentence.
        spans: Which characters each word is.

    Raises:
        InvalidParameter: A word has no token, or no characters.
        InputTooLong: More tokens than the model reads.
        OverBudget: It would take more memory than a single job may.
        NotForThisModel: The model does not show its attention.
    """
    checked_places(model, _PLACES, part=model.part_named(None))
    encoding = encode(model, text)
    megabytes = budget.check(model, len(encoding.table), places=_PLACES).megabytes
    pieces = tuple(_overlapping(encoding, span) for span in spans)
    missing = next((span for span, own in zip(spans, pieces, strict=True) if not own), None)
    if missing is not None:
        raise InvalidParameter(
            f"{model.id} has no token for the word {text[slice(*missing)][:40]!r}. Leave the sentence out."
        )
    return WordReading(encoding, pieces, megabytes)


def _overlapping(encoding: Encoding, span: Span) -> tuple[int, ...]:
    table = encoding.table
    own = enumerate(zip(table.spans, table.special, strict=True))
    return tuple(
        at for at, ((start, end), is_special) in own if not is_special and max(start, span[0]) < min(end, span[1])
    )


def word_patterns(model: LoadedModel, readings: Iterable[WordReading]) -> Iterator[list[WordPattern]]:
    """Give the attention from word to word (Clark et al., 2019), batch by batch.

    A word is attended to by the sum over its tokens, and attends by the mean over its tokens. Attention to special
    tokens is dropped and rows are not normalised again, so they sum to one at most, unless words share tokens. Patterns
    over tokens live for one layer of one batch. Sentences are taken in the order in which they come; least is padded
    when they come sorted by length. The numbers are the same in every batch, up to rounding.

    Args:
        model: Any model that shows its attention; of an encoder-decoder the encoder is read.
        readings: What `word_reading` gave for this model.

    Yields:
        For each batch one array per sentence, (layer, head, word that attends, word that is attended to).

    Raises:
        NotForThisModel: The model gives no attention patterns.
    """
    for batch in _batches(readings, budget.limit_megabytes() / 2):
        yield _read(model, batch)


def _batches(readings: Iterable[WordReading], allowed: float) -> Iterator[list[WordReading]]:
    """Cut a stream of sentences into batches within so many megabytes; a single one may always."""
    batch: list[WordReading] = []
    for one in readings:
        longest = max(one, *batch, key=len) if batch else one
        size = len(batch) + 1
        if batch and (size * len(longest) > _N_TOKENS or size * longest.megabytes > allowed):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


class _Reduced:
    """Turns each layer's pattern over tokens into one over words as it comes."""

    def __init__(self, model: LoadedModel, batch: Sequence[WordReading], *, n_layers: int) -> None:
        n_words, n_positions = max(len(one.pieces) for one in batch), max(len(one) for one in batch)
        members = np.zeros((len(batch), n_words, n_positions), dtype=np.float32)
        for row, one in enumerate(batch):
            for word, own in enumerate(one.pieces):
                members[row, word, list(own)] = 1.0
        self._members = tensor(model, members)[:, None]  # (sentence, 1, word, position)
        self._shares = self._members / self._members.sum(dim=-1, keepdim=True).clamp(min=1.0)
        self._n_layers = n_layers
        self.values = np.empty((len(batch), n_layers, 0, n_words, n_words), dtype=np.float32)

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        """Take the pattern (sentence, head, position, position) of a layer."""
        if place not in _PLACES:
            return
        if not self.values.shape[2]:
            n_sentences, _, _, n_words, _ = self.values.shape
            self.values = np.empty((n_sentences, self._n_layers, value.shape[1], n_words, n_words), dtype=np.float32)
        attended = value.to(self._members) @ self._members.transpose(-1, -2)  # (sentence, head, position, word)
        self.values[:, layer] = (self._shares @ attended).cpu().numpy()


def _read(model: LoadedModel, batch: Sequence[WordReading]) -> list[WordPattern]:
    """Run one batch."""
    part = model.part_named(None)
    ids = [np.array(one.encoding.table.ids, dtype=np.int64) for one in batch]
    inputs = padded(model, ids, segments=[segments_of(one.encoding) for one in batch])
    reduced = _Reduced(model, batch, n_layers=model.layers_of(part))
    edits = row_edits([((len(one), len(one)), standing(model)) for one in batch], entry=0)
    request = Request(part=part, places=_PLACES, keeper=reduced, patches=edits, batch=len(batch))
    with torch.no_grad(), asking(request):
        output = forward(model, inputs, part=part, logits=False, places=_PLACES)
        check_applied(edits)
        if needs_returned_attentions(model):
            for layer, pattern in enumerate(output.attentions or ()):
                reduced.keep("pattern", layer, pattern)
    if not reduced.values.shape[2]:
        raise NotForThisModel(
            f"{model.id} ({model.hf_model.config.model_type}) gives no attention patterns. Choose a model of another "
            "family, such as minilm."
        )
    n_words = [len(one.pieces) for one in batch]
    return [own[:, :, :count, :count] for own, count in zip(reduced.values, n_words, strict=True)]
