"""A run that can be stopped and gone on with: each scored row is a line of a file that only grows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmviz.analyses.bias.items import Item, ItemScore
from lmviz.analyses.bias.running import BenchmarkRun
from lmviz.errors import CorruptedFile, InvalidParameter

_DECIDES = ("analysis", "variant", "model", "revision", "dtype", "parameters", "data")


def resumed(run: BenchmarkRun, path: Path) -> Iterator[tuple[ItemScore, ...]]:
    """Give a run's batches: rows that the file has first, then the others, each written down as it comes.

    The first line of the file says what was asked. A last line that was cut off, as by a power failure, is taken away.

    Args:
        run: The benchmark on its model.
        path: A file of an earlier run of the same, or one that is not there yet.

    Yields:
        Scored rows.

    Raises:
        InvalidParameter: The file is of another run, or cannot be read or written.
        CorruptedFile: A line of it is damaged.
    """
    header = json.loads(json.dumps({name: run.signature[name] for name in _DECIDES}))
    try:
        done = _read(path, header) if path.exists() and path.stat().st_size else ()
        with path.open("ab") as file:
            if not done and not file.tell():
                file.write(_line(header))
            for batch in run.batches(done):
                if batch is not done:  # those are written already
                    file.writelines(_line(asdict(score)) for score in batch)
                    file.flush()
                yield batch
    except OSError as error:
        raise InvalidParameter(
            f"'{path}' cannot be used to go on from: {error.strerror}. Name a file in a folder you may write to."
        ) from None


def _line(value: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(value, ensure_ascii=True)}\n".encode()


def _read(path: Path, header: Mapping[str, Any]) -> tuple[ItemScore, ...]:
    """Read what was scored; take a line away that has no end."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines()
    found = _parsed(path, lines[0] if lines else content, number=1)
    if not lines or not isinstance(found, dict) or not set(_DECIDES) <= set(found):
        raise InvalidParameter(f"'{path}' is no file of an earlier run. Name another file, or one that is not there.")
    different = [name for name in _DECIDES if found[name] != header[name]]
    if different:
        raise InvalidParameter(
            f"'{path}' is of another run: {_told(different[0], found, header)}. "
            "Name another file, or ask the same again."
        )
    scores = tuple(_score(path, line, number) for number, line in enumerate(lines[1:], start=2))
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return scores


def _told(name: str, found: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """Say what differs, in few words."""
    if name in ("parameters", "data"):
        return f"its {name} are others"
    return f"its {name} is {str(found[name])[:60]} and not {str(header[name])[:60]}"


def _parsed(path: Path, line: bytes, number: int) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(line)
    if number == 1:
        return None
    raise _damaged(path, number)


def _score(path: Path, line: bytes, number: int) -> ItemScore:
    found = _parsed(path, line, number)
    try:
        fields = found["item"].items()
        item: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields}
        return ItemScore(Item(**item), tuple(map(float, found["scores"])), str(found["problem"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise _damaged(path, number) from None


def _damaged(path: Path, number: int) -> CorruptedFile:
    return CorruptedFile(f"Line {number} of '{path}' is damaged. Delete it to score that row again, or start anew.")
