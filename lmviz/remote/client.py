"""The one place that talks to a server; whatever goes wrong there ends in one sentence without the key."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lmviz.errors import LmvizError, RemoteRefused, RemoteUnavailable
from lmviz.remote import wire
from lmviz.remote.model import RemoteModel
from lmviz.remote.wire import Answer

_PATHS = {"completions": "/completions", "chat": "/chat/completions"}
_UNSENT = (
    "Authorization",
    "OpenAI-Organization",
    "OpenAI-Project",
    *(
        f"X-Stainless-{name}"
        for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
    ),
)
_LONGEST_QUOTE = 200  # characters of what a server says


def ask(model: RemoteModel, text: str, *, n_new: int, n_best: int, **options: Any) -> Answer:
    """Send a text and give the whole answer.

    Args:
        model: Who is asked.
        text: The text to go on from, or the message of a chat.
        n_new: Tokens to write at most.
        n_best: Alternatives to give for each.
        **options: More fields of the request, such as temperature.

    Raises:
        RemoteUnavailable: The server cannot be reached, is too slow, or is in trouble.
        RemoteRefused: It turns the request down.
    """
    body = _body(model, text, n_new=n_new, n_best=n_best, options=options)
    with _opened(model) as client:
        got = client.post(_PATHS[model.protocol], cast_to=object, body=body, options=_headers(model))
        return _read(model, got)


def stream(model: RemoteModel, text: str, *, n_new: int, n_best: int, **options: Any) -> Iterator[Answer]:
    """Send a text and give the answer part by part; whoever stops asking ends it on the server as well.

    Arguments and errors are those of `ask`.
    """
    options = {**options, "stream": True}
    body = _body(model, text, n_new=n_new, n_best=n_best, options=options)
    with _opened(model) as client:
        parts = client.post(
            _PATHS[model.protocol],
            cast_to=object,
            body=body,
            options=_headers(model),
            stream=True,
            stream_cls=_library().Stream[object],
        )
        has_begun = False
        with parts:
            for part in parts:
                has_begun = True
                yield _read(model, part)
        if not has_begun:
            raise _no_answer(model)


def served_model(model: RemoteModel) -> str:
    """Give the name of the model on the server: the configured one, else the first that the server lists."""
    if model.model:
        return model.model
    with _opened(model) as client:
        listed: Any = client.get("/models", cast_to=object, options=_headers(model))
        try:
            return str(listed["data"][0]["id"])
        except (LookupError, TypeError):
            raise RemoteRefused(
                f"{model.host} does not say which models it has. Name one in the settings of '{model.name}'."
            ) from None


def _body(model: RemoteModel, text: str, *, n_new: int, n_best: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Write a request in the model's protocol."""
    named = {"model": served_model(model), "max_tokens": n_new, **options}
    if model.is_chat:
        return {**named, "messages": [{"role": "user", "content": text}], "logprobs": True, "top_logprobs": n_best}
    return {**named, "prompt": text, "logprobs": n_best}


def _headers(model: RemoteModel) -> Any:
    """Send the configured key or none; what the environment holds for other servers, and what counts clients, stays."""
    foreign = [line.partition(":")[0].strip() for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()]
    unsent = dict.fromkeys([*filter(None, foreign), *_UNSENT], _library().Omit())
    key = {"Authorization": f"Bearer {model.key.reveal()}"} if model.key else {}
    return {"headers": {**unsent, "User-Agent": "lmviz", **key}}


def _library() -> Any:
    """Give the package that speaks the protocol.

    Raises:
        RemoteUnavailable: It is not installed.
    """
    try:
        import openai
    except ImportError:
        raise RemoteUnavailable(
            "Models on servers need a package that is missing here. Run `pip install 'lmviz[openai]'`."
        ) from None
    return openai


@contextmanager
def _opened(model: RemoteModel) -> Iterator[Any]:
    """Open a connection, and turn every way in which it can fail into a sentence."""
    openai = _library()
    with openai.DefaultHttpxClient(follow_redirects=False, timeout=model.timeout) as transport:
        client = openai.OpenAI(
            api_key="unused",  # the header is written by _headers
            base_url=model.base_url,
            timeout=model.timeout,
            max_retries=0,
            http_client=transport,
        )
        try:
            yield client
        except openai.APITimeoutError:
            raise _too_slow(model) from None
        except openai.APIConnectionError:
            raise RemoteUnavailable(
                f"{model.host} cannot be reached. Start the server, or correct the url of '{model.name}'."
            ) from None
        except openai.APIStatusError as error:
            raise _of_status(model, error) from None
        except openai.APIError as error:  # told in the middle of a stream
            raise RemoteUnavailable(f"{model.host} broke off{_quoted(model, error)}. Try again.") from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise _no_answer(model) from None


def _read(model: RemoteModel, data: Any) -> Answer:
    try:
        return wire.answer(data)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise _no_answer(model) from None


def _no_answer(model: RemoteModel) -> RemoteUnavailable:
    return RemoteUnavailable(
        f"{model.host} answers, but not in the OpenAI {model.protocol} protocol. "
        f"Correct the url of '{model.name}', which usually ends in /v1, or its protocol."
    )


def _too_slow(model: RemoteModel) -> RemoteUnavailable:
    return RemoteUnavailable(
        f"{model.host} did not answer within {model.timeout:g} s. "
        f"Try again, or give '{model.name}' a longer timeout in its settings."
    )


def _of_status(model: RemoteModel, error: Any) -> LmvizError:
    """Put an HTTP status into a sentence."""
    status = int(error.status_code)
    sentences: dict[int, Callable[[], str]] = {
        401: lambda: _wrong_key(model),
        403: lambda: _wrong_key(model),
        404: lambda: (
            f"{model.host} has no such page{f' or no model “{model.model}”' if model.model else ''}. "
            f"Correct url (it usually ends in /v1), model or protocol of '{model.name}' in the settings."
        ),
        408: lambda: str(_too_slow(model)),
        429: lambda: f"{model.host} takes no more requests for now. Try again{_after(error)}.",
    }
    if status in sentences:
        sentence = sentences[status]()
    elif status < 400:
        sentence = (
            f"{model.host} sends on to another address, which is not followed. Correct the url of '{model.name}'."
        )
    elif status < 500:
        sentence = f"{model.host} refuses the request ({status}){_quoted(model, error)}. Change the text or settings."
    else:
        sentence = f"{model.host} has a fault of its own ({status}){_quoted(model, error)}. Try again in a moment."
        return RemoteUnavailable(sentence)
    refused = RemoteRefused(sentence)
    refused.status = status
    return refused


def _wrong_key(model: RemoteModel) -> str:
    if not model.key:
        return f"{model.host} asks for a key, and '{model.name}' has none. Put one into its settings."
    return f"{model.host} does not take the key of '{model.name}'. Correct it in the settings."


def _after(error: Any) -> str:
    """Say when to come again, where the server says it."""
    told = str(error.response.headers.get("retry-after", ""))
    return f" in {told} s" if told.isdecimal() and len(told) < 6 else " later"


def _quoted(model: RemoteModel, error: Any) -> str:
    """Quote what a server says, shortened, on one line and without the key should it repeat it."""
    body = error.body if isinstance(error.body, Mapping) else {}
    told = body.get("message") or ""
    if not isinstance(told, str) or not told.strip():
        return ""
    line = " ".join(told.split()).rstrip(".")
    if model.key:
        line = line.replace(model.key.reveal(), "…")
    return f": “{line[:_LONGEST_QUOTE]}”"
