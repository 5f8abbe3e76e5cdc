"""What the README says is true: its commands, its example, its settings and its files."""

import re
import shlex
from pathlib import Path

import pytest

from lmviz import cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    """Give every command of the README, split into words."""
    lines = (line for block in blocks("sh") for line in block.splitlines())
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_two_commands_are_enough_to_start() -> None:
    assert [words for words in commands() if words[0] != "lmviz"] == [["make", "run"], ["make", "test"]]


def test_every_make_command_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    mentioned = {a or b for a, b in re.findall(r"^make ([a-z]+)|`make ([a-z]+)", README, flags=re.MULTILINE)}
    assert {"run", "test", "check", "install"} <= mentioned
    assert mentioned <= targets


@pytest.mark.parametrize("words", [words for words in commands() if words[0] == "lmviz"], ids=" ".join)
def test_every_command_is_understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    understood = cli.read(words[1:])
    assert callable(understood.command)
    assert capsys.readouterr().err == ""


def test_the_example_runs() -> None:
    (example,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["result"].pattern.shape[:2] == (6, 12)  # type: ignore[attr-defined]


def test_settings_are_all_there_and_all_real() -> None:
    sources = [ROOT / "app.py", *(path for top in ("lmviz", "pages") for path in (ROOT / top).rglob("*.py"))]
    found = {name for path in sources for name in re.findall(r"LMVIZ_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"LMVIZ_[A-Z_]+", README)) == found


def test_every_file_it_points_at_is_there() -> None:
    pointed = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert pointed
    assert [link for link in pointed if not (ROOT / link).is_file()] == []


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120
