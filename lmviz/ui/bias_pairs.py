"""The pairs behind a preference: behind a warning, sorted, filtered, paged, each to be opened in another page."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from lmviz.results import PairScores, Result
from lmviz.ui import frame, selection, ways
from lmviz.ui.compare_table import PER_PAGE

_SHOWN = "_bias_pairs_shown"
_ORDERS = {
    "more": "First text preferred most",
    "less": "Second text preferred most",
    "file": "In the order of the source",
}


def problems(results: Mapping[str, PairScores]) -> None:
    """List the rows that were left out, with the reasons."""
    for result in results.values():
        left_out(result, n=result.n, skipped=result.skipped)


def left_out(result: Result, *, n: int, skipped: int) -> None:
    """List the rows that were left out of a result, with the reasons; open where no row is left."""
    reasons = list(result.provenance.get("skipped_rows", ()))
    if skipped:
        noun = "row" if skipped == 1 else "rows"
        with st.expander(f":orange[{skipped:,} {noun} left out]", type="compact", expanded=not n):
            st.dataframe({"why": reasons}, hide_index=True, height="content" if len(reasons) <= 10 else 300)


def pairs(results: Mapping[str, PairScores], *, slug: str) -> None:
    """Show the pairs of the first result, once the person has said that they want to read them."""
    name, result = next(iter(results.items()))
    if not result.texts:
        return
    if not st.session_state.get(_SHOWN):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button("Show the pairs", key="bias_pairs_show", on_click=_show)
            st.caption("Content warning: the sentences state stereotypes, and some are hurtful.", width="content")
        return
    other = list(results.values())[1] if len(results) > 1 else None
    table = _chosen(_table(result, other))
    page = _page(len(table))
    rows = table.iloc[page * PER_PAGE : (page + 1) * PER_PAGE]
    if len(results) > 1:
        frame.hint(f"Scores of {name}; the last column is the difference of the other model.")
    event: Any = st.dataframe(
        rows.drop(columns="pair"),
        key=f"bias_pairs_{slug}_{page}_{len(table)}",
        hide_index=True,
        height="content" if len(rows) <= 12 else 460,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            column: st.column_config.NumberColumn(format="%.3f")
            for column in ("score 1", "score 2", "difference", "difference of B")
        },
    )
    picked: list[int] = event.selection.rows
    if not picked or picked[0] >= len(rows):
        st.caption("Click the box at the left of a row to open the pair.")
        return
    row = rows.iloc[picked[0]]
    _open(str(row["first text"]), str(row["second text"]))


def _show() -> None:
    st.session_state[_SHOWN] = True


def _table(result: PairScores, other: PairScores | None) -> pd.DataFrame:
    columns: dict[str, Any] = {"pair": range(result.n)}
    if result.categories:
        columns["category"] = result.categories
    columns["first text"], columns["second text"] = zip(*result.texts, strict=True)
    columns |= {"difference": result.more - result.less, "score 1": result.more, "score 2": result.less}
    if other is not None:
        theirs = dict(zip(other.texts, other.more - other.less, strict=True))
        columns["difference of B"] = [theirs.get(texts) for texts in result.texts]
    return pd.DataFrame(columns)


def _chosen(table: pd.DataFrame) -> pd.DataFrame:
    """Ask what is listed and in which order."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        order = st.selectbox("Order", list(_ORDERS), key="bias_order", format_func=_ORDERS.__getitem__, width=240)
        wanted = st.text_input("Only pairs with", key="bias_filter", placeholder="a word", width=220)
    if wanted.strip():
        texts = table["first text"] + "\n" + table["second text"]
        if "category" in table:
            texts = texts + "\n" + table["category"]
        table = table[texts.str.casefold().str.contains(wanted.casefold(), regex=False)]
    if order == "file":
        return table
    return table.sort_values("difference", ascending=order == "less", kind="stable")


def _page(n_rows: int) -> int:
    n_pages = max(1, -(-n_rows // PER_PAGE))
    if n_pages == 1:
        return 0
    page = st.number_input(f"Page of {n_pages:,}", 1, n_pages, 1, key=f"bias_page_{n_pages}", width=160)
    return int(page) - 1


def _open(first: str, second: str) -> None:
    """Offer the other pages for a pair."""
    st.markdown(f"“{frame.plain(first, longest=300)}”  \n“{frame.plain(second, longest=300)}”")
    with st.container(horizontal=True, gap="small"):
        both = partial(selection.change, text=first, text_b=second, text_pair="", model_b="")
        words, heads = partial(both, compared="surprisal"), partial(both, compared="attention-pattern")
        ways.button("Compare word by word", ways.COMPARE, change=words, key="bias_open_compare")
        ways.button("Compare attention", ways.COMPARE, change=heads, key="bias_open_heads")
        alone = partial(selection.change, text=first)
        ways.button("First text in Attention", ways.ATTENTION, change=alone, key="bias_open_attention")
