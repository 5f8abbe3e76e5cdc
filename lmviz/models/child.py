"""Run another Python process, watched: slow work that can be interrupted and leaves nothing behind in this one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


class ChildFailed(Exception):
    """The process ended with an error; the message is the last line it wrote."""


def run_python(arguments: Sequence[str], *, watch: Callable[[], None], env: Mapping[str, str] | None = None) -> None:
    """Run this interpreter with arguments until it ends; an exception of `watch` stops it.

    Args:
        arguments: What follows the interpreter's name.
        watch: Called five times a second meanwhile.
        env: Variables to set beside the present ones.

    Raises:
        ChildFailed: It did not end well.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, **(env or {})}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
        subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
        ) as process,
    ):
        try:
            _wait(process, watch)
        except BaseException:
            process.kill()
            raise
        if process.returncode != 0:
            said.seek(0)
            raise ChildFailed(_last_line(said.read()))


def _wait(process: "subprocess.Popen[bytes]", watch: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            watch()
        else:
            return


def _last_line(text: str) -> str:
    """Give the last error a process wrote, else the last line that is not a warning."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    others = [line for line in lines if not line.startswith(("WARNING", "[notice]"))]
    return (errors or others or ["no reason given"])[-1]
