"""Which runs go through the model together, and from which layer on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from lmviz.capture import budget
from lmviz.capture.intervene_kinds import Intervention, OnStream, PatchStream
from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import Reading, checked_places, chosen_layers, reading
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.models.context import STREAM_PLACES
from lmviz.models.loaded import LoadedModel

_N_TOKENS = 2048  # of one pass, padding included: more makes no pass faster
_N_WORTHWHILE = 256  # tokens from which a pass of its own, begun at a later layer, costs less than a longer common one
_FLOAT = 4  # bytes
_SCRATCH = 3  # patterns of one layer that live at once: scores, masked scores, softmax


@dataclass(frozen=True, eq=False)
class Run:
    """One input and what is replaced in it.

    `logits_at` names the positions at which logits are wanted: () for none, None for all. In an encoder-decoder these
    are the decoder's, which reads `decoder_text`, or what it would write itself.
    """

    encoding: Encoding
    interventions: tuple[Intervention, ...] = ()
    logits_at: tuple[int, ...] | None = ()
    decoder_text: str | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """What is the same for all runs."""

    model: LoadedModel
    part: str
    places: frozenset[str]
    layers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Row:
    """A run, what the model reads for it, where it begins and what it takes."""

    run: Run
    reading: Reading
    entry: int
    megabytes: float
    can_be_padded: bool

    @property
    def extent(self) -> tuple[int, int]:
        """Queries and keys."""
        return len(self.reading.table), len(self.reading.key_table)

    @property
    def n_logits(self) -> int:
        """Positions that logits are given for."""
        return _n_logits(self.reading)

    @cached_property
    def length(self) -> int:
        """Positions of the longest thing that is read."""
        return max(*self.extent, self.n_logits, len(self.run.encoding.table))

    @property
    def has_decoder(self) -> bool:
        """Say whether the decoder of an encoder-decoder reads something."""
        return "decoder_input_ids" in self.reading.inputs


def batches(question: Question, runs: Iterable[Run]) -> Iterator[list[Row]]:
    """Check the runs and cut them into passes, those that begin at the same layer together.

    Raises:
        InvalidParameter: A layer, place or position that does not exist.
        NotForThisModel: A place that this model does not have.
        OverBudget: A run would take more memory than a single job may.
    """
    batch: list[Row] = []
    readings: _Readings = {}
    allowed = budget.limit_megabytes() / 2
    for one in runs:
        own = _reading(question, one, readings)
        row = Row(one, own, _entry(question, one), _megabytes(question, one, own), _can_be_padded(question.model))
        if batch and not _fits(batch, row, allowed):
            yield batch
            batch = []
            readings = {_key(one): own}
        batch.append(row)
    if batch:
        yield batch


def _fits(batch: list[Row], row: Row, allowed: float) -> bool:
    """Say whether a pass takes one more run, within so many megabytes."""
    longest = max(item.length for item in batch)
    has_room = (len(batch) + 1) * max(longest, row.length) <= _N_TOKENS and row.can_be_padded
    is_light = sum(item.megabytes for item in batch) + row.megabytes <= allowed
    begins_with_it = row.entry == batch[0].entry or len(batch) * longest < _N_WORTHWHILE
    return has_room and is_light and begins_with_it and row.has_decoder == batch[0].has_decoder


_Readings = dict[tuple[int, str | None, bool], Reading]


def _key(one: Run) -> tuple[int, str | None, bool]:
    return id(one.encoding), one.decoder_text, one.logits_at == ()


def _reading(question: Question, one: Run, known: _Readings) -> Reading:
    """Check a run and put together what is read; what a decoder writes by itself is written once for a pass."""
    for intervention in one.interventions:
        check_fits(question, intervention)
    key, part, text = _key(one), question.part, one.decoder_text
    if key not in known:
        has_decoder = part != "encoder" or one.logits_at != ()
        known[key] = reading(question.model, one.encoding, part=part, has_decoder=has_decoder, decoder_text=text)
    own = known[key]
    n_there = _n_logits(own)
    wrong = [position for position in one.logits_at or () if not 0 <= position < n_there]
    if wrong:
        raise InvalidParameter(f"There is no position {wrong[0]}; positions go from 0 to {n_there - 1}.")
    return own


def _n_logits(own: Reading) -> int:
    """Count the positions that logits are given for."""
    ids = own.inputs.get("decoder_input_ids", own.inputs["input_ids"])
    return int(ids.shape[1])


def _can_be_padded(model: LoadedModel) -> bool:
    """Say whether runs may go together: a decoder that labels a text looks for its last token by the padding."""
    is_labelling = model.kind == "decoder" and model.hf_model.get_output_embeddings() is None
    return not is_labelling or model.hf_model.config.get_text_config().pad_token_id is not None


def _megabytes(question: Question, one: Run, own: Reading) -> float:
    """Say what a run takes, or refuse it."""
    model, part = question.model, question.part
    n_tokens, n_keys = len(own.table), len(own.key_table)
    is_everywhere = one.logits_at is None
    took = budget.check(model, n_tokens, places=question.places, part=part, logits=is_everywhere, n_keys=n_keys)
    has_attention = not all(isinstance(item, OnStream) for item in one.interventions)
    pattern = _SCRATCH * model.heads_of(part) * n_tokens * n_keys * has_attention
    n_scores = len(one.logits_at or ()) * int(model.hf_model.config.get_text_config().vocab_size)
    return took.megabytes + _FLOAT * (pattern + n_scores) / 1e6


def check_fits(question: Question, intervention: Intervention) -> None:
    """Refuse what this part of the model does not have; heads, positions and shapes are checked where they are met.

    Raises:
        InvalidParameter: A layer or place that does not exist.
        NotForThisModel: A place that this model does not have.
    """
    model = question.model
    chosen_layers(model, question.part, layers=(intervention.layer,))
    if isinstance(intervention, OnStream):
        _check_stream(question, intervention.place)
    elif not model.has_interface:
        raise NotForThisModel(
            f"Nothing can be replaced in the attention of {model.id} ({model.hf_model.config.model_type}): it does not "
            "go through the library's attention interface. Choose a model of another family, such as minilm."
        )


def _check_stream(question: Question, place: str) -> None:
    """Refuse a place of the residual stream that is not there."""
    model, part = question.model, question.part
    if place not in STREAM_PLACES:
        there = ", ".join(sorted(STREAM_PLACES))
        raise InvalidParameter(f"{place!r} is no place of the residual stream. There are: {there}.")
    if part == "cross":
        raise NotForThisModel("Cross attention writes to the decoder's residual stream. Choose part 'decoder' for it.")
    checked_places(model, frozenset({place}), part=part)
    stack = model.anatomy.stack(part)
    if place == "resid_mid" and stack is not None and stack.mid is None:
        raise NotForThisModel(
            f"{model.id} ({model.hf_model.config.model_type}) adds attention and MLP at once, so it has no resid_mid. "
            "Choose resid_pre, attn_out or mlp_out."
        )


def _entry(question: Question, one: Run) -> int:
    """Give the last layer whose whole input is replaced, if nothing before it is to be kept; else 0."""
    if not question.model.anatomy.is_known or (question.places and not question.layers):
        return 0
    whole = [item.layer for item in one.interventions if isinstance(item, PatchStream) and item.is_entry]
    first_kept = question.layers[0] if question.places else question.model.layers_of(question.part)
    entry = max(whole, default=0)
    return entry if entry <= first_kept else 0
