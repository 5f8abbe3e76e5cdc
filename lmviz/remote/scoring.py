"""How unexpected is each token to a model on a server? Only servers that repeat the prompt with its numbers tell."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from lmviz.capture.texts import check_text
from lmviz.capture.words import word_numbers
from lmviz.errors import InvalidParameter, NotForThisModel, RemoteRefused
from lmviz.remote import client
from lmviz.remote.model import Progress, RemoteModel, ignore
from lmviz.remote.next_token import no_log_probabilities, signed
from lmviz.remote.wire import Answer, Piece, Told
from lmviz.results import TokenScores, TokenTable

_SENTENCE = "The cat sat on the mat"
_ALIKE = 0.2  # nats; most candidates of one distribution are closer than this, few of two different ones are
_NO_SUCH_FIELD = (400, 422, 501)  # what servers answer to `echo` when they know it and cannot do it


class Asked(Protocol):
    """What is asked: the surprisal of a text."""

    @property
    def text(self) -> str:
        """The text to score."""

    @property
    def within_word(self) -> str:
        """Of encoders only; the default here."""

    @property
    def target_text(self) -> str | None:
        """Nothing: servers have decoders."""


def surprisal(model: RemoteModel, params: Asked, *, on_progress: Progress = ignore) -> TokenScores:
    """Give each token's surprisal, -log p, in nats, as the server computed it.

    The text is sent with `echo`, which makes a server repeat the prompt with its log-probabilities; one more token
    is written, because not every server writes none, and dropped.

    Args:
        model: A model on a server, asked by completions.
        params: The text.
        on_progress: Told before the request.

    Returns:
        One number for each token; NaN for the first, unless the server puts a token before it.

    Raises:
        NotForThisModel: The server does not tell the numbers of a prompt.
        InvalidParameter: A parameter that servers do not take.
        RemoteUnavailable: The server cannot be reached, is too slow, or is in trouble.
        RemoteRefused: It turns the request down.
    """
    if params.target_text is not None or params.within_word != "l2r":
        raise InvalidParameter("A model on a server reads one text from left to right. Give nothing but text.")
    check_text(params.text, "The text")
    on_progress(0.0, f"Waiting for {model.host}")
    reason = _lacking(model)
    if reason:
        raise _cannot(model, reason)
    answer = _echoed(model, params.text)
    pieces = [place.piece for place in _of_prompt(answer)]
    if not pieces:
        raise no_log_probabilities(model)
    table = _table(params.text, pieces)
    scores = -np.array([piece.log_probability for piece in pieces], dtype=np.float32)
    has_first = bool(np.isnan(scores[0]))
    return TokenScores(
        tokens=table.tokens,
        scores=scores,
        target="",
        residue=0.0,
        unit="nats",
        table=table,
        note="The first token has nothing before it and is not scored." if has_first else "",
        provenance=signed(model, answer),
    )


def can_score(model: RemoteModel) -> bool:
    """Say whether a server tells the numbers of a prompt; it is asked once, about a sentence of ours.

    Raises:
        RemoteUnavailable: The server cannot be reached, is too slow, or is in trouble.
        RemoteRefused: It turns every request down.
    """
    return not _lacking(model)


@lru_cache(maxsize=64)
def _lacking(model: RemoteModel) -> str:
    """Say why a server cannot score a text; empty where it can.

    Some servers repeat the prompt but put under each token what they expect after it, so what is told of the last
    token of the sentence is compared with what the server expects after the others.
    """
    if model.is_chat:
        return "the chat protocol tells the numbers of replies alone"
    try:
        answer = _echoed(model, _SENTENCE)
    except RemoteRefused as error:
        if error.status in _NO_SUCH_FIELD:
            return f"it answers {error.status} to echo"
        raise
    if not answer.text.startswith(_SENTENCE) or len(answer.places) < 2:
        return "it does not repeat the prompt"
    told = _of_prompt(answer)
    start = _table(_SENTENCE, [place.piece for place in told]).spans[-1][0]
    alone = client.ask(model, _SENTENCE[:start], n_new=1, n_best=_n_best(model), temperature=0)
    expected = {piece.key: piece.log_probability for piece in (alone.places[0].best if alone.places else ())}
    best = [piece for piece in told[-1].best if piece.content is not None]
    n_alike = sum(abs(expected.get(piece.key, math.inf) - piece.log_probability) < _ALIKE for piece in best)
    return "it puts its numbers under the wrong tokens" if 2 * n_alike < len(best) else ""


def _n_best(model: RemoteModel) -> int:
    return min(5, model.candidates)


def _echoed(model: RemoteModel, text: str) -> Answer:
    return client.ask(model, text, n_new=1, n_best=_n_best(model), echo=True, temperature=0)


def _cannot(model: RemoteModel, reason: str) -> NotForThisModel:
    return NotForThisModel(
        f"The server of {model.id} gives no log-probabilities of a text that is already there: {reason}. "
        "Choose a server with echo, such as vLLM, or a model on this machine, such as smollm2-135m."
    )


def _of_prompt(answer: Answer) -> tuple[Told, ...]:
    """Give the tokens of the prompt, without the one that was written."""
    n_written = 1 if answer.finish == "length" else 0
    n_prompt = answer.n_prompt or len(answer.places) - n_written
    return answer.places[:n_prompt]


def _table(text: str, pieces: Sequence[Piece]) -> TokenTable:
    """Find each token in the text after the one before it; what is not found there the server put in by itself."""
    data, here = text.encode(), 0
    spans, is_found = [], []
    for piece in pieces:
        found = data.find(piece.content, here) if piece.content else -1
        start = here if found < 0 else found
        here = start if found < 0 else found + len(piece.content or b"")
        spans.append((_n_characters(data[:start]), _n_characters(data[:here])))
        is_found.append(found >= 0)
    words = word_numbers(text)
    return TokenTable(
        text=text,
        text_pair=None,
        ids=tuple(piece.token_id for piece in pieces),
        tokens=tuple(piece.text for piece in pieces),
        raw=tuple(piece.text for piece in pieces),
        spans=tuple(spans),
        words=tuple(next((n for n in words[start:end] if n >= 0), -1) for start, end in spans),
        segments=(0,) * len(pieces),
        special=tuple(not found and piece.content is not None for found, piece in zip(is_found, pieces, strict=True)),
    )


def _n_characters(data: bytes) -> int:
    """Count whole characters; one that is cut off at the end does not count."""
    return len(data.decode("utf-8", errors="ignore"))
