"""What is explained: a score of a model's head, the difference of two, or the log-probability of a continuation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.predictions.abilities import can, no_language_model
from lmviz.analyses.predictions.labels import names_of_labels
from lmviz.analyses.predictions.token_distributions import mask_positions
from lmviz.errors import EmptyInput, InvalidParameter, NotForThisModel, did_you_mean

if TYPE_CHECKING:
    from lmviz.capture.quantities import Quantity
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class TargetParams:
    """The text, and which score is explained.

    `target` is a token, of a head for labels a label, of one for answers "start" or "end"; None: what the model itself
    puts first. With `contrast`, another token or label, it is the difference of the two scores. `position` is where
    the score is read; None: after the last token of a decoder, at the first mask of an encoder, at the first word for
    a head that tags tokens, at the best place for one that finds answers (`text` is the question there and `text_pair`
    the text with the answer).

    With `continuation` it is the log-probability of that whole text after the first, in nats, of a decoder; the blank
    between both belongs to it, as in " Paris.". Its tokens stay whatever is taken away.
    """

    text: str
    text_pair: str | None = None
    target: str | None = None
    contrast: str | None = None
    position: int | None = None
    continuation: str | None = None


@dataclass(frozen=True, eq=False)
class Explained:
    """An input and the quantity that is read from it; `name` says it in words.

    `is_fixed` marks the tokens that stay whatever is taken away: special ones, the mask that asks, and those of a
    continuation, which come after the first `n_text` tokens; None: there is none. `unit` is "logit" or "nat".
    """

    encoding: "Encoding"
    quantity: "Quantity"
    name: str
    is_fixed: np.ndarray
    n_text: int | None = None
    unit: str = "logit"


_given: ContextVar[Explained | None] = ContextVar("lmviz_explained", default=None)


@contextmanager
def instead(target: Explained) -> Iterator[None]:
    """Let attributions that are asked in this thread explain this, whatever their parameters say."""
    token = _given.set(target)
    try:
        yield
    finally:
        _given.reset(token)


def explained(model: "LoadedModel", params: TargetParams) -> Explained:
    """Find out what is to be explained.

    Raises:
        NotForThisModel: The model has no head whose scores could be explained, or continues no text.
        NoMaskToken: An encoder's text has no mask.
        NotOneToken: A target is no single token.
        EmptyInput: There is no text, or the continuation is empty.
        InvalidParameter: A label or position that does not exist, or a target beside a continuation.
    """
    from lmviz.capture.gradients import check_differentiable
    from lmviz.capture.tokens import encode

    given = _given.get()
    if given is not None:
        return given
    check_differentiable(model)
    if params.continuation is not None:
        return _of_continuation(model, params, params.continuation)
    encoding = encode(model, params.text, params.text_pair)
    lacking = no_language_model(model)
    if not lacking:
        quantity, name = _of_tokens(model, encoding, params)
    elif can(model, "classify"):
        quantity, name = _of_labels(model, encoding, params, place=None)
    elif can(model, "tag-tokens"):
        first = next((place for place, word in enumerate(encoding.table.words) if word >= 0), 0)
        place = _checked(params.position, encoding, default=first)
        quantity, name = _of_labels(model, encoding, params, place=place)
    elif can(model, "answer-span"):
        quantity, name = _of_answers(model, encoding, params)
    else:
        raise NotForThisModel(lacking)
    fixed = np.array(encoding.table.special)
    if model.kind == "encoder" and model.tokenizer.mask_token_id is not None:
        fixed |= np.array(encoding.table.ids) == model.tokenizer.mask_token_id
    return Explained(encoding, quantity, name, fixed)


def check_continues(model: "LoadedModel") -> None:
    """Refuse a model that gives no probabilities of what follows a text.

    Raises:
        NotForThisModel: An encoder, or a model without a language-model head.
    """
    if model.kind == "encoder":
        raise NotForThisModel(
            f"{model.id} is an encoder: it continues no text. Explain what it puts in the place of a mask, without a "
            "continuation, or choose a decoder such as smollm2-135m."
        )
    lacking = no_language_model(model)
    if lacking:
        raise NotForThisModel(lacking)


def _of_continuation(model: "LoadedModel", params: TargetParams, continuation: str) -> Explained:
    """Explain the log-probability of what follows the text: the sum over its tokens."""
    from lmviz.capture.given_ids import continued
    from lmviz.capture.quantities import Term

    check_continues(model)
    beside = [name for name in ("text_pair", "target", "contrast", "position") if getattr(params, name) is not None]
    if beside:
        raise InvalidParameter(
            f"A continuation is explained as a whole: leave out {', '.join(beside)}, or leave out continuation."
        )
    if not continuation:
        raise EmptyInput("The continuation is empty. Type what follows the text, such as ' Paris.'")
    encoding, n_text = continued(model, params.text, continuation=continuation)
    ids = encoding.table.ids
    quantity = tuple(Term(ids[place], place - 1, is_log=True) for place in range(n_text, len(ids)))
    fixed = np.array(encoding.table.special)
    fixed[n_text:] = True
    return Explained(encoding, quantity, f"log p({continuation!r})", fixed, n_text, "nat")


def _of_tokens(model: "LoadedModel", encoding: "Encoding", params: TargetParams) -> "tuple[Quantity, str]":
    """Explain the score of a token."""
    from lmviz.capture.readings import place_logits
    from lmviz.capture.tokens import single_token, token_string

    ids = encoding.table.ids
    if params.position is None and model.kind == "encoder":
        place = mask_positions(model, ids)[0]
    else:
        place = _checked(params.position, encoding, default=len(ids) - 1)
    wanted = None if params.target is None else single_token(model, params.target)
    other = None if params.contrast is None else single_token(model, params.contrast)
    if wanted is None:
        wanted = int(place_logits(model, [encoding], places=[place])[0].argmax())
    names = [None if i is None else token_string(model.tokenizer, i) for i in (wanted, other)]
    return _terms((wanted, other), place), _named(names)


def _of_labels(
    model: "LoadedModel", encoding: "Encoding", params: TargetParams, *, place: int | None
) -> "tuple[Quantity, str]":
    """Explain the score of a label, of the whole text or at a position."""
    from lmviz.capture.readings import label_logits

    labels = names_of_labels(model)
    wanted, other = (None if name is None else _label(name, labels) for name in (params.target, params.contrast))
    if wanted is None:
        (logits,) = label_logits(model, [encoding])
        wanted = int((logits if place is None else logits[place]).argmax())
    names = [None if i is None else labels[i] for i in (wanted, other)]
    return _terms((wanted, other), place), _named(names)


def _of_answers(model: "LoadedModel", encoding: "Encoding", params: TargetParams) -> "tuple[Quantity, str]":
    """Explain the score that the answer begins, or ends, at a position."""
    from lmviz.capture.heads import head_outputs
    from lmviz.capture.quantities import Term

    if params.text_pair is None:
        raise InvalidParameter(f"{model.id} finds answers: give the question as text and the text as text_pair.")
    end = "start" if params.target is None else params.target
    if end not in ("start", "end") or params.contrast is not None:
        raise InvalidParameter(f"{model.id} finds answers: target is 'start' or 'end', and there is no contrast.")
    name = f"{end}_logits"
    table = encoding.table
    allowed = [segment == 1 and not special for segment, special in zip(table.segments, table.special, strict=True)]
    scores = np.where(allowed, head_outputs(model, encoding, name)[name], -np.inf)
    place = _checked(params.position, encoding, default=int(scores.argmax()))
    return (Term(place, output=name),), f"{end} at {table.tokens[place].strip()} ({place})"


def _terms(pair: Sequence[int | None], place: int | None) -> "Quantity":
    from lmviz.capture.quantities import Term

    return tuple(
        Term(index, place, weight) for index, weight in zip(pair, (1.0, -1.0), strict=True) if index is not None
    )


def _named(names: Sequence[str | None]) -> str:
    return " − ".join(name for name in names if name is not None)


def _label(name: str, labels: Sequence[str]) -> int:
    if name not in labels:
        raise InvalidParameter(
            f"There is no label '{name[:40]}'.{did_you_mean(name, labels)} There are: {', '.join(labels[:20])}."
        )
    return labels.index(name)


def _checked(position: int | None, encoding: "Encoding", *, default: int) -> int:
    """Give a position that was asked for, or the default."""
    n_tokens = len(encoding.table)
    if position is None:
        return default
    if not -n_tokens <= position < n_tokens:
        raise InvalidParameter(f"There is no position {position}: the text has {n_tokens} tokens, 0 to {n_tokens - 1}.")
    return position % n_tokens
