"""Below the picture of attention, folded: query and key, the table, classic views, export, how to read, method."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pandas as pd
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.components.query_key import query_key
from lmviz.figures import bertviz_views
from lmviz.figures.query_key_payload import query_key_payload
from lmviz.ui import attention, controls, exports, frame, memory, selection
from lmviz.ui.attention import Look
from lmviz.ui.exports import Shown

MOST_ROWS = 2_000_000  # of a table of all numbers; beyond it a spreadsheet or a browser gives up


def below(found: Look, *, shown: Shown) -> None:
    """Draw the folded parts; each is computed only while it is open."""
    parts: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("query", "Query and key: what makes the score", lambda: _query_key(found)),
        ("strongest", "Strongest pairs, as a table", lambda: _table(found, shown)),
        ("export", "Export", lambda: _export(found, shown)),
        ("classic", "Classic BertViz views", lambda: _bertviz(found)),
        ("how", "How to read this", _how_to_read),
        ("method", "Method, reference, caution", lambda: _method(found)),
    )
    for name, title, draw in parts:
        fold = st.expander(title, on_change="rerun", key=f"fold_{name}")
        if fold.open:
            with fold, frame.errors_shown():
                draw()


def _query_key(found: Look) -> None:
    view = selection.current().view
    queries = [index for side, index in view.locked if side == "q"]
    if view.shown != "head":
        frame.hint("Open a single head above: a score belongs to one head.")
        return
    table = found.tables[0]
    words = [index for index in range(len(table)) if not table.special[index]]
    chosen = queries[0] if queries else (words or [0])[-1]
    key = f"query_{found.payload_id}_{chosen}"
    query = st.selectbox(
        "From",
        range(len(table)),
        index=chosen,
        key=key,
        on_change=_lock_query,
        args=(key,),
        format_func=lambda index: f"{index}: {table.tokens[index].strip()}",
        help="This token is locked in the picture too, and the link keeps it.",
    )
    result = attention.query_key(lambda: memory.model(**controls.model_key()), selection.current(), query=query)
    frame.badge(ANALYSES["query-key"].check(result))
    query_key(query_key_payload(result), key="query_key")


def _lock_query(key: str) -> None:
    """Lock the chosen token in the picture, so that the link carries it; locked keys stay."""
    view = selection.current().view
    keys = tuple(lock for lock in view.locked if lock[0] == "k")
    selection.show(replace(view, locked=(("q", int(st.session_state[key])), *keys)))


def _table(found: Look, shown: Shown) -> None:
    columns = exports.strongest_pairs(shown[0], found.tables)
    st.caption(f"The strongest pairs of {frame.plain(shown[1])}; special tokens included.")
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height=280,
        column_config={"value": st.column_config.NumberColumn(format="%.4f")},
    )


def _export(found: Look, shown: Shown) -> None:
    name = attention.file_name(found.result)
    this = f"{name}-{shown[1].replace(' ', '-')}"
    is_small = found.result.pattern.size <= MOST_ROWS
    st.caption("The buttons in the picture save what is seen as SVG, PNG or CSV. Here are the numbers behind it.")
    with st.container(horizontal=True):
        _page_button(found, name)
        _file("This matrix (CSV)", lambda: exports.matrix_csv(found, shown), f"{this}.csv")
        _file("This matrix (JSON)", lambda: exports.matrix_json(found, shown), f"{this}.json")
        if is_small:
            _file("All heads (CSV)", lambda: exports.heads_csv(found), f"{name}.csv")
            _file("All heads (JSON)", lambda: exports.heads_json(found), f"{name}.json")
    if not is_small:
        frame.hint(
            f"All heads are {found.result.pattern.size:,} numbers here, more than a browser should be given as CSV or "
            "JSON: take this matrix, shorten the text, or use "
            f"lmviz run {attention.SLUGS[selection.current().what]} with --out FILE.parquet or FILE.json."
        )


def _file(label: str, data: Callable[[], bytes], file_name: str) -> None:
    kind = "application/json" if file_name.endswith(".json") else "text/csv"
    st.download_button(label, data=data, file_name=file_name, mime=kind, on_click="ignore")


def _page_button(found: Look, name: str) -> None:
    chosen = selection.current()
    st.download_button(
        "Page that stands alone (HTML)",
        data=lambda: exports.page_that_stands_alone(found, chosen).encode(),
        file_name=f"{name}.html",
        mime="text/html",
        on_click="ignore",
        type="primary",
    )


def _bertviz(found: Look) -> None:
    kind = st.segmented_control("View", ["head", "model"], default="head", key="bertviz_view", required=True)
    view: Literal["head", "model"] = "model" if kind == "model" else "head"
    reason = bertviz_views.bertviz_offered(found.result, view=view)
    if reason is not None:
        frame.hint(reason)
        return
    dark = st.context.theme.type == "dark"
    html = memory.result(
        ("bertviz", view, dark, found.payload_id), lambda: bertviz_views.bertviz_html(found.result, view, dark=dark)
    )
    st.iframe(html, height="content", alt=f"BertViz {view} view")


def _how_to_read() -> None:
    st.markdown(
        "**Overview.** Each small square is one head: rows are the tokens that look, columns the tokens they look at; "
        "the darker, the more. Click a square to open the head. The bar under a square is the chosen "
        "statistic; point at the square to read it, or sort the heads by it.\n\n"
        "**Head.** On the left the tokens that look, on the right what they look at; the thicker the arc, the more. "
        "The matrix holds the same numbers, one row for each token that looks. Hover a token, an arc or a cell to "
        "read the number; click to lock it; several locked tokens are added up.\n\n"
        "**Special tokens** such as \\[CLS\\] or the first token of a decoder often take most of the attention: a head "
        "that finds nothing to do rests there. Where a model puts special tokens around the text they are hidden at "
        "first, so that the words can be seen; no number is changed by hiding, and what goes to them is said.\n\n"
        "**Keyboard.** Arrows move between heads, Enter locks, Escape frees; ? lists all keys."
    )


def _method(found: Look) -> None:
    chosen = selection.current()
    frame.method(ANALYSES[attention.SLUGS[chosen.what]])
    if chosen.view.shown in attention.FOLLOWED:
        frame.method(ANALYSES[attention.FOLLOWED[chosen.view.shown]])
    for sentence in found.lacks:
        frame.hint(sentence)
