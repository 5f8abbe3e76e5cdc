"""How unexpected is each token to a model on a server? Only servers that repeat the prompt with its numbers tell."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lmviz.capture.texts import check_text
from lmviz.capture.words import word_numbers
from lmviz.errors import InvalidParameter, NotForThisModel, RemoteRefused
from lmviz.remote import client
from lmviz.remote.model import Progress, RemoteModel, ignore
from lmviz.remote.next_token import signed
from lmviz.remote.wire import Answer, Piece
from lmviz.results import TokenScores, TokenTable

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
    if model.is_chat:
        raise _cannot(model, "the chat protocol tells the numbers of replies alone")
    on_progress(0.0, f"Waiting for {model.host}")
    answer = _echoed(model, params.text)
    pieces = _of_prompt(answer)
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
    """Say whether a server tells the numbers of a prompt, by asking it about two letters.

    Raises:
        RemoteUnavailable: The server cannot be reached, is too slow, or is in trouble.
        RemoteRefused: It turns every request down.
    """
    if model.is_chat:
        return False
    try:
        _echoed(model, "a b")
    except NotForThisModel:
        return False
    return True


def _echoed(model: RemoteModel, text: str) -> Answer:
    try:
        answer = client.ask(model, text, n_new=1, n_best=1, echo=True, temperature=0)
    except RemoteRefused as error:
        if error.status in _NO_SUCH_FIELD:
            raise _cannot(model, f"it answers {error.status} to echo") from None
        raise
    if not answer.text.startswith(text) or len(answer.places) < 2:
        raise _cannot(model, "it does not repeat the prompt")
    return answer


def _cannot(model: RemoteModel, reason: str) -> NotForThisModel:
    return NotForThisModel(
        f"The server of {model.id} gives no log-probabilities of a text that is already there: {reason}. "
        "Choose a server with echo, such as vLLM, or a model on this machine, such as smollm2-135m."
    )


def _of_prompt(answer: Answer) -> tuple[Piece, ...]:
    """Give the tokens of the prompt, without the one that was written."""
    n_written = 1 if answer.finish == "length" else 0
    n_prompt = answer.n_prompt or len(answer.places) - n_written
    return tuple(place.piece for place in answer.places[:n_prompt])


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
