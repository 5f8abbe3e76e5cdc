"""The files that pages give away; each says where its numbers come from."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.figures.export import render
from lmviz.figures.provenance import caption
from lmviz.figures.standalone import explorer_html
from lmviz.results import Result, TokenTable
from lmviz.ui import attention
from lmviz.ui.attention import Look
from lmviz.ui.selection import Selection

Shown = tuple[np.ndarray, str]  # a matrix and what it is called, as in L5H1


def matrix_csv(look: Look, shown: Shown) -> bytes:
    """Write the matrix that is seen, one row per query and key, below a line that says where it comes from."""
    table, key_table = look.tables
    rows, cols = shown[0].shape
    frame = pd.DataFrame(
        {
            "query": np.repeat(np.arange(rows), cols),
            "query_token": np.repeat(np.asarray(table.tokens, dtype=object), cols),
            "key": np.tile(np.arange(cols), rows),
            "key_token": np.tile(np.asarray(key_table.tokens, dtype=object), rows),
            "value": shown[0].ravel(),
        }
    )
    return signed_csv(frame, f"{shown[1]} · {look.words.caption}")


def matrix_json(look: Look, shown: Shown) -> bytes:
    """Write the matrix that is seen with its tokens and provenance; what is no number becomes null."""
    table, key_table = look.tables
    values = shown[0].astype(object)
    values[~np.isfinite(shown[0])] = None
    written = {
        "label": shown[1],
        "part": look.result.part,
        "query_tokens": table.tokens,
        "key_tokens": key_table.tokens,
        "values": values.tolist(),
        "provenance": dict(look.result.provenance),
    }
    return json.dumps(written, default=str).encode()


def heads_csv(look: Look) -> bytes:
    """Write every head, one row per layer, head, query and key."""
    return signed_csv(look.result.to_frame(), look.words.caption)


def result_json(result: Result) -> bytes:
    """Write a whole result."""
    return json.dumps(result.to_dict()).encode()  # escapes only: half a character is no UTF-8


def heads_json(look: Look) -> bytes:
    """Write the whole result."""
    return result_json(look.result)


def buttons(result: Result, *, name: str) -> None:
    """Offer a result as files: its numbers, and its picture. Nothing is made before a button is pressed.

    Args:
        result: Any result that has a figure.
        name: What the files are called, without their endings.
    """
    files: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
        ("csv", "text/csv", lambda: signed_csv(result.to_frame(), caption(result))),
        ("json", "application/json", lambda: result_json(result)),
        ("svg", "image/svg+xml", lambda: render(result, "svg")),
        ("png", "image/png", lambda: render(result, "png")),
        ("html", "text/html", lambda: render(result, "html")),
    )
    for ending, kind, make in files:
        st.download_button(ending.upper(), make, f"{name}.{ending}", kind, on_click="ignore", key=f"{name}.{ending}")


def signed_csv(frame: pd.DataFrame, caption: str) -> bytes:
    """Put one line `# caption` above the header row: `pandas.read_csv(path, skiprows=1)` reads the rest.

    The line has no straight quotation marks: a reader that skips it would look for their other halves.
    """
    line = " ".join(caption.split()).replace('"', "”")
    return f"# {line}\n{frame.to_csv(index=False)}".encode(errors="replace")


def page_that_stands_alone(look_: Look, selection: Selection) -> str:
    """Write the picture with its numbers as one document that needs no server; it opens with what is seen now."""
    seen = selection.view.to_json()
    focused = attention.matrix(look_, selection)
    return explorer_html(look_.result, look_.statistics, view=seen, words=look_.words, focused=focused)


def strongest_pairs(
    values: np.ndarray, tables: tuple[TokenTable, TokenTable], *, count: int = 100
) -> dict[str, list[Any]]:
    """List the largest entries of a matrix as columns of a table."""
    flat = np.nan_to_num(values, nan=-1.0).ravel()
    count = min(count, int((flat > 0).sum()))
    best = np.argpartition(-flat, max(count - 1, 0))[:count] if count else np.array([], dtype=np.int64)
    best = best[np.argsort(-flat[best], kind="stable")]
    rows, cols = np.unravel_index(best, values.shape)
    table, key_table = tables
    return {
        "from": [table.tokens[row] for row in rows],
        "to": [key_table.tokens[col] for col in cols],
        "value": [float(values[row, col]) for row, col in zip(rows, cols, strict=True)],
        "from position": [int(row) for row in rows],
        "to position": [int(col) for col in cols],
    }
