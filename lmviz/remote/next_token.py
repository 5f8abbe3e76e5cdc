"""What does a model on a server expect next? The most probable tokens, as many as the server tells."""

import math
from typing import Any, Protocol

import numpy as np

from lmviz.capture.texts import check_text
from lmviz.errors import InvalidParameter, RemoteRefused
from lmviz.remote import client, wire
from lmviz.remote.model import Progress, RemoteModel, ignore
from lmviz.results import TokenDistributions


class Asked(Protocol):
    """What is asked: a text, and how many candidates."""

    @property
    def text(self) -> str:
        """The text to go on from."""

    @property
    def text_pair(self) -> str | None:
        """Nothing: servers go on from one text."""

    @property
    def target_text(self) -> str | None:
        """Nothing: servers go on from one text."""

    @property
    def positions(self) -> tuple[int, ...] | None:
        """Nothing: servers answer at the end."""

    @property
    def top_k(self) -> int:
        """The candidates to list."""


def token_distributions(model: RemoteModel, params: Asked, *, on_progress: Progress = ignore) -> TokenDistributions:
    """List the most probable next tokens after a text; of a chat, the first ones of the reply.

    A server tells no more than some log-probabilities, so what the other tokens have is unknown: `entropy` is the
    least it can be with those that are listed. How the text is split is not told either: it stands as one piece.

    Args:
        model: A model on a server.
        params: The text, and how many candidates; no more come than the server gives.
        on_progress: Told before the request.

    Returns:
        Candidates at the end of the text, best first; ids are -1 where the server tells none.

    Raises:
        InvalidParameter: A parameter that servers do not take.
        RemoteUnavailable: The server cannot be reached, is too slow, or is in trouble.
        RemoteRefused: It turns the request down, or gives no log-probabilities.
    """
    check_text(params.text, "The text")
    _check(params)
    n_best = min(params.top_k, model.candidates)
    on_progress(0.0, f"Waiting for {model.host}")
    answer = client.ask(model, params.text, n_new=1, n_best=n_best, temperature=0)
    best = _first(model, answer)[: params.top_k]
    return TokenDistributions(
        tokens=(params.text,),
        positions=(0,),
        candidates=(tuple(piece.text for piece in best),),
        candidate_ids=np.array([[piece.token_id for piece in best]], dtype=np.int64),
        probabilities=np.exp([[piece.log_probability for piece in best]]).astype(np.float32),
        entropy=np.array([wire.least_entropy(best)], dtype=np.float32),
        note=_note(model, len(best), params.top_k),
        provenance={**signed(model, answer), "entropy": "lower bound"},
    )


def signed(model: RemoteModel, answer: wire.Answer) -> dict[str, Any]:
    """Add to a model's origin how the server itself calls it."""
    return {**model.origin(), **({"served_model": answer.served_model} if answer.served_model else {})}


def _check(params: Asked) -> None:
    for name in ("text_pair", "target_text", "positions"):
        if getattr(params, name) is not None:
            raise InvalidParameter(f"A model on a server answers at the end of one text. Leave out {name}.")
    if params.top_k < 1:
        raise InvalidParameter(f"top_k is {params.top_k}; ask for at least 1 candidate.")


def _first(model: RemoteModel, answer: wire.Answer) -> tuple[wire.Piece, ...]:
    """Give the candidates of the first place, or say why there are none."""
    place = answer.places[0] if answer.places else None
    if place is not None and place.best:
        return tuple(piece for piece in place.best if not math.isnan(piece.log_probability))
    if (place is not None and not place.is_whole) or "\ufffd" in answer.text:
        raise RemoteRefused(
            f"After this text {model.id} expects a part of a character, for which its server gives no "
            "log-probabilities. Change the end of the text."
        )
    if not answer.text and answer.finish == "stop":
        raise RemoteRefused(f"After this text {model.id} ends at once, and its server tells no more. Change the text.")
    raise no_log_probabilities(model)


def no_log_probabilities(model: RemoteModel) -> RemoteRefused:
    """Say that a server answered without the numbers that all of this is about."""
    return RemoteRefused(
        f"{model.host} answers without log-probabilities. Switch them on there, or choose a server that gives them, "
        "such as llama.cpp's or vLLM."
    )


def _note(model: RemoteModel, n_told: int, n_asked: int) -> str:
    sentences = ["The entropy is a lower bound: the server tells no probabilities but these."]
    if n_told < n_asked:
        sentences.append(f"The server gives {n_told} candidates, not {n_asked}.")
    if model.is_chat:
        sentences.append("The text was sent as a message of a chat: these are the first tokens of the reply.")
    return " ".join(sentences)
