"""Sentences that show something, one click away."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from lmviz.assets import assets
from lmviz.ui.view import View, from_json


@dataclass(frozen=True)
class Example:
    """A sentence, the question it answers, and per model the view that answers it."""

    id: str
    title: str
    question: str
    text: str
    text_pair: str = ""
    target_text: str = ""
    views: tuple[tuple[str, View], ...] = ()

    def view(self, model: str) -> View:
        """Give the view to open on that model; the default one where none was chosen."""
        return dict(self.views).get(model, View())


@cache
def examples() -> tuple[Example, ...]:
    """Give the sentences in the order in which they are offered."""
    rows: list[dict[str, Any]] = json.loads((assets() / "examples.json").read_text(encoding="utf-8"))
    return tuple(_example(row) for row in rows)


def _example(row: dict[str, Any]) -> Example:
    views = tuple((model, from_json(view)) for model, view in row.pop("views", {}).items())
    return Example(**row, views=views)


def example(name: str) -> Example:
    """Give the example of that id."""
    return {item.id: item for item in examples()}[name]


def matching(texts: tuple[str, str, str]) -> str | None:
    """Give the id of the example that has exactly these texts, if there is one."""
    return next((item.id for item in examples() if (item.text, item.text_pair, item.target_text) == texts), None)


def first_view(model: str, text: str) -> View:
    """Give the view to open a text with: that of the example with this very text, else the default one."""
    return next((item.view(model) for item in examples() if (item.text, item.text_pair) == (text, "")), View())
