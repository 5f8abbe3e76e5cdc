"""Which servers are configured: one rule for the app, the command line and Python.

A table `[remote.NAME]` of a secrets file, with `url` and, where needed, `key`, `model`, `protocol`, `timeout` and
`candidates`; and environment variables such as LMVIZ_REMOTE_<NAME>_URL, which go before the files, one by one. The
files are those where Streamlit looks for secrets: `.streamlit/secrets.toml` in the folder the program was started in,
and, behind it, in the home folder.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmviz.errors import InvalidParameter, UnknownModel, did_you_mean
from lmviz.remote.model import PREFIX, RemoteModel, Secret

_FILE = Path(".streamlit") / "secrets.toml"
_WORDS = ("url", "key", "model", "protocol")
_NUMBERS = {"timeout": float, "candidates": int}
_VARIABLE = re.compile(rf"LMVIZ_REMOTE_([A-Z0-9_]+)_({'|'.join((*_WORDS, *_NUMBERS)).upper()})")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")

Table = dict[str, Any]


def is_remote(name: str) -> bool:
    """Say whether a model's name means one on a server, as in remote:lab."""
    return name.strip().startswith(PREFIX)


def names() -> tuple[str, ...]:
    """Give the names of the configured servers, without the prefix.

    Raises:
        InvalidParameter: A secrets file cannot be read.
    """
    return tuple(sorted(_tables()))


def remote_models() -> dict[str, RemoteModel]:
    """Give the configured servers by name.

    Raises:
        InvalidParameter: A setting makes no sense; the sentence names it, and never shows a key.
    """
    return {name: _made(name, table) for name, table in sorted(_tables().items())}


def remote_model(name: str) -> RemoteModel:
    """Give one configured server.

    Args:
        name: As in LMVIZ_REMOTE_<NAME>_URL, with or without "remote:" before it; case does not matter.

    Raises:
        UnknownModel: No server of that name is configured.
        InvalidParameter: A setting makes no sense.
    """
    tables = _tables()
    wanted = _normal(name.strip().removeprefix(PREFIX))
    if wanted not in tables:
        how = "" if tables else " None is: set LMVIZ_REMOTE_<NAME>_URL, or [remote.NAME] in .streamlit/secrets.toml."
        close = did_you_mean(f"{PREFIX}{wanted}", [f"{PREFIX}{known}" for known in tables])
        raise UnknownModel(f"No server named '{wanted[:80]}' is configured.{how}{close}")
    return _made(wanted, tables[wanted])


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def _tables() -> dict[str, Table]:
    """Gather what is set for each server: the home's file, over it the folder's, over both the environment."""
    found: dict[str, Table] = {}
    for folder in dict.fromkeys((Path.home(), Path.cwd())):
        for name, table in _of_file(folder / _FILE).items():
            found.setdefault(name, {}).update(table)
    for variable, value in os.environ.items():
        match = _VARIABLE.fullmatch(variable)
        if match is not None and value:
            found.setdefault(_normal(match[1]), {})[match[2].lower()] = value
    return found


def _of_file(path: Path) -> dict[str, Table]:
    """Read the servers of a secrets file; everything else in it is left alone."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidParameter(f"{path} cannot be read ({error.strerror}). Let this user read it.") from None
    except ValueError:
        raise InvalidParameter(f"{path} is not valid TOML, so no server is known from it. Correct it.") from None
    tables = read.get("remote", {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise InvalidParameter(f"{path} says something in [remote] itself; servers are tables such as [remote.lab].")
    return {_normal(name): dict(table) for name, table in tables.items()}


def _made(name: str, table: Table) -> RemoteModel:
    """Turn what was set into a model, or say what is wrong with it."""
    if _NAME.fullmatch(name) is None:
        raise InvalidParameter(
            f"A server is named '{name[:40]}'; names are up to 40 letters, digits and underscores of plain ASCII."
        )
    unknown = [word for word in table if word not in (*_WORDS, *_NUMBERS)]
    if unknown:
        known = ", ".join((*_WORDS, *_NUMBERS))
        raise InvalidParameter(f"Server '{name}' has a setting '{unknown[0][:40]}'; there are {known}.")
    if not table.get("url"):
        raise InvalidParameter(f"Server '{name}' has no url. Set LMVIZ_REMOTE_{name.upper()}_URL, or url in its table.")
    wrong = [word for word in _WORDS if not isinstance(table.get(word, ""), str)]
    if wrong:
        raise InvalidParameter(f"The {wrong[0]} of server '{name}' is no text. Put it in quotation marks.")
    numbers = {word: _number(name, word, table[word]) for word in _NUMBERS if word in table}
    words = {word: table[word].strip() for word in ("model", "protocol") if word in table}
    return RemoteModel(name, table["url"].strip().rstrip("/"), key=_key(name, table), **words, **numbers)


def _key(name: str, table: Table) -> Secret:
    """Take the key; one that no header can carry is refused here, where nothing repeats it."""
    key = table.get("key", "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidParameter(f"The key of server '{name}' has signs that no key has. Copy it again.")
    return Secret(key)


def _number(name: str, word: str, value: Any) -> Any:
    """Read a number from a file or from the environment."""
    try:
        return _NUMBERS[word](value)
    except (TypeError, ValueError):
        raise InvalidParameter(f"The {word} of server '{name}' is not a number. Correct it.") from None
