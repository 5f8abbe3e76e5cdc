"""What servers write, in the one form the rest of lmviz reads.

Two forms of log-probabilities are about: a list of parallel lists (OpenAI's completions, vLLM, llama-cpp-python) and
a list of entries with bytes (OpenAI's chat, and llama.cpp's server for both protocols, which adds token ids).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_BYTES = re.compile(r"bytes:((?:\\x[0-9a-fA-F]{2})+)")
UNKNOWN_ID = -1


@dataclass(frozen=True)
class Piece:
    r"""A token as a server tells it, with its log-probability in nats; NaN where that is not known.

    `content` are its bytes, None where the server hides them behind a replacement character; `text` is what a person
    reads, stray bytes as '\xe4'; `token_id` is -1 where the server gives none.
    """

    content: bytes | None
    text: str
    log_probability: float
    token_id: int = UNKNOWN_ID

    @property
    def key(self) -> tuple[bytes, str]:
        """What makes it the same token as another."""
        return self.content or b"", self.text


@dataclass(frozen=True)
class Told:
    """What is told of one place: the token there, and the most probable ones, best first.

    `is_whole` says that the entry is one token; of several that only together are a character llama.cpp gives the
    number of the last alone.
    """

    piece: Piece
    best: tuple[Piece, ...]
    is_whole: bool = True


@dataclass(frozen=True)
class Answer:
    """A whole answer, or a part of one that is streamed; `finish` is empty while it goes on."""

    text: str
    places: tuple[Told, ...]
    finish: str
    n_prompt: int | None = None
    served_model: str = ""  # as the server names it


def answer(data: Any) -> Answer:
    """Read an answer of either protocol, whole or a part of a stream.

    Raises:
        LookupError, TypeError, ValueError, AttributeError: It is in another form.
    """
    usage = data.get("usage") or {}
    n_prompt, served_model = usage.get("prompt_tokens"), str(data.get("model") or "")
    if not data["choices"]:  # the part of a stream that only counts
        return Answer("", (), "", n_prompt, served_model)
    choice = data["choices"][0]
    message = choice.get("message") or choice.get("delta") or {}
    text = choice.get("text") or message.get("content") or ""
    return Answer(
        str(text), places(choice.get("logprobs")), str(choice.get("finish_reason") or ""), n_prompt, served_model
    )


def places(logprobs: Any) -> tuple[Told, ...]:
    """Read the log-probabilities of either form; none where there are none."""
    if not logprobs:
        return ()
    if logprobs.get("content") is not None:
        return tuple(_entry(entry) for entry in logprobs["content"])
    tokens = logprobs.get("tokens") or ()
    numbers = logprobs.get("token_logprobs") or [None] * len(tokens)
    tops = logprobs.get("top_logprobs") or [None] * len(tokens)
    return tuple(_parallel(*row) for row in zip(tokens, numbers, tops, strict=True))


def _parallel(token: str, number: float | None, top: Mapping[str, float] | None) -> Told:
    best = _sorted(_spelt(name, value) for name, value in (top or {}).items())
    return Told(_spelt(token, number), best)


def _spelt(token: str, number: float | None) -> Piece:
    r"""Make a piece from a token that is spelt as text; half characters are spelt 'bytes:\xe4' by some."""
    match = _BYTES.fullmatch(token)
    if match is not None:
        content = bytes(int(byte, 16) for byte in match[1].split("\\x")[1:])
        return Piece(content, readable(content), _number(number))
    if not token or "\ufffd" in token:
        return Piece(None, "\ufffd", _number(number))
    return Piece(token.encode(), token, _number(number))


def _entry(entry: Mapping[str, Any]) -> Told:
    chosen = _piece(entry)
    best = _sorted(_piece(other) for other in entry.get("top_logprobs") or ())
    if chosen.token_id == UNKNOWN_ID:
        return Told(chosen, best)
    twin = next((other for other in best if other.token_id == chosen.token_id), None)
    is_whole = twin.content == chosen.content if twin is not None else chosen.text.isascii()  # in doubt, no number
    if is_whole:
        return Told(chosen, best)
    return Told(Piece(chosen.content, chosen.text, math.nan), (), is_whole=False)


def _piece(entry: Mapping[str, Any]) -> Piece:
    token, number = str(entry["token"]), entry.get("logprob")
    if entry.get("bytes") is None:
        return _spelt(token, number)
    content = bytes(entry["bytes"])
    return Piece(content, readable(content), _number(number), int(entry.get("id", UNKNOWN_ID)))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _sorted(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    return tuple(sorted(pieces, key=lambda piece: -piece.log_probability))


def readable(content: bytes) -> str:
    r"""Give the text of a token; bytes that are no whole character as '\xe4'."""
    return content.decode("utf-8", errors="backslashreplace")


def least_entropy(best: Iterable[Piece]) -> float:
    """Give the least entropy, in nats, that a distribution with these most probable tokens can have.

    The tokens that are not listed share what is left, and none is more probable than the least probable listed one:
    each of them adds at least its probability times the surprisal of that one.
    """
    listed = [piece.log_probability for piece in best if not math.isnan(piece.log_probability)]
    if not listed:
        return math.nan
    known = -sum(math.exp(value) * value for value in listed if value > -math.inf)
    left = max(0.0, 1.0 - sum(map(math.exp, listed)))
    largest = min(math.exp(min(listed)), left)
    return known - (left * math.log(largest) if largest > 0 else 0.0)
