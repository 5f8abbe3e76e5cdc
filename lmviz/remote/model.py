"""A model on a server: what it is called, where it is, how it is asked. Its key is never shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit

from lmviz.errors import InvalidParameter

PREFIX = "remote:"
Protocol = Literal["completions", "chat"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a sentence; an exception it raises stops the work."""


def ignore(share: float, sentence: str) -> None:
    """Take progress and do nothing with it."""


class Secret:
    """A key that is shown nowhere: not when it is printed, logged or compared, and a pickle leaves it behind."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the key itself, for the request that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(…)" if self._value else "Secret()"

    def __reduce__(self) -> tuple[type["Secret"], tuple[()]]:
        return (Secret, ())


@dataclass(frozen=True)
class RemoteModel:
    """A model behind a server that speaks the OpenAI completions or chat protocol, with log-probabilities.

    `model` is its name there, empty for the first one that the server lists. `timeout` is in seconds, for each wait.
    `candidates` are the most alternatives per token that the server gives.
    """

    name: str
    base_url: str
    model: str = ""
    protocol: str = "completions"
    timeout: float = 60.0
    candidates: int = 20
    key: Secret = field(default=Secret(), repr=False, compare=False)

    kind: ClassVar[str] = "decoder"

    def __post_init__(self) -> None:
        _check_url(self.base_url, self.name)
        if self.protocol not in PROTOCOLS:
            raise InvalidParameter(
                f"The protocol of server '{self.name}' is '{self.protocol}'; it is {' or '.join(PROTOCOLS)}."
            )
        if not 0 < self.timeout <= 3600:
            raise InvalidParameter(
                f"The timeout of server '{self.name}' is {self.timeout:g} seconds; choose above 0 and up to 3600."
            )
        if not 1 <= self.candidates <= 1000:
            raise InvalidParameter(
                f"The candidates of server '{self.name}' are {self.candidates}; choose from 1 to 1000."
            )

    @property
    def id(self) -> str:
        """The name a person knows the model by."""
        return f"{PREFIX}{self.name}"

    @property
    def host(self) -> str:
        """The server that texts are sent to, with its port where the address has one."""
        return urlsplit(self.base_url).netloc

    @property
    def is_chat(self) -> bool:
        """Say whether it answers messages, instead of going on with the text itself."""
        return self.protocol == "chat"

    def origin(self) -> dict[str, Any]:
        """Say where its numbers come from, for the provenance of a result."""
        named = {"model": self.id, "source": "remote", "server": self.base_url, "protocol": self.protocol}
        return {**named, "served_model": self.model} if self.model else named


def only_predicts(name: str) -> str:
    """Say that a model on a server has no inside to look at."""
    return f"{name} runs on a server and only predicts. Choose a model on this machine, such as smollm2-135m."


def _check_url(url: str, name: str) -> None:
    """Refuse an address that is none, or that would carry a secret into what is shown; never repeats it.

    Raises:
        InvalidParameter: With what it must look like.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidParameter(f"The url of server '{name}' is no web address; it looks like http://127.0.0.1:8080/v1.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InvalidParameter(
            f"The url of server '{name}' holds a password or a query, which would be shown. Put the secret into key."
        )
