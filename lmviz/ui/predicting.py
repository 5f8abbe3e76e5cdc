"""What the parts of the predictions page share: the strip of tokens, bars of candidates, the line of facts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmviz.components.tokens import EDITS, StripEdits, StripEvent, StripLook, strip_tokens, token_strip
from lmviz.figures.wording import visible
from lmviz.remote import is_remote
from lmviz.results import Result, TokenTable
from lmviz.ui import exports, frame, selection, ways
from lmviz.ui.predictions import Answer, Row

_EXPLAINED = ("fill-mask", "next-token", "classify", "tags", "answer")
Clicked = tuple[StripEvent, TokenTable] | None
Section = Callable[[Any], Clicked]


def strip(
    model: Any,
    table: TokenTable,
    *,
    values: Sequence[float] | np.ndarray | None = None,
    labels: Sequence[str] | None = None,
    look: StripLook,
) -> Clicked:
    """Draw the tokens to click and change; give what was clicked."""
    position = selection.current().position
    mask = model.tokenizer.mask_token if model.kind == "encoder" else None
    event = token_strip(
        strip_tokens(table, values=values, labels=labels),
        key="strip",
        selected=position if 0 <= position < len(table) else None,
        look=look,
        edits=StripEdits(EDITS, mask),
    )
    return None if event is None else (event, table)


def facts(answer: Answer, *more: str) -> None:
    """Show the checks and the time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        frame.badge(answer.checks)
        st.caption(" · ".join((*more, frame.seconds(answer.seconds))), width="content")


def bars(rows: Sequence[Row], *, what: str, has_ids: bool = True, is_share: bool = True) -> None:
    """Draw candidates as a table of bars; after a change of the text, with what they were before."""
    columns: dict[str, Any] = {
        **({"rank": _ranks(rows)} if has_ids else {}),
        what: [named(row.name) for row in rows],
        "probability": [row.probability for row in rows],
    }
    is_changed = any(row.before is not None for row in rows)
    if is_changed:
        columns["before"] = [row.before for row in rows]
        columns["change"] = [None if row.before is None else row.probability - row.before for row in rows]
    if has_ids:
        columns["token id"] = [row.id for row in rows]
    share = st.column_config.ProgressColumn("probability", min_value=0.0, max_value=1.0, format="%.4f")
    number = st.column_config.NumberColumn("value", format="%.4f")
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        height="content",
        column_config={
            "probability": share if is_share else number,
            "before": st.column_config.NumberColumn(format="%.4f", help="Before the text was changed."),
            "change": st.column_config.NumberColumn(format="%+.4f"),
            "rank": st.column_config.NumberColumn(format="%d", width="small"),
            "token id": st.column_config.NumberColumn(format="%d", width="small"),
        },
    )


def _ranks(rows: Sequence[Row]) -> list[int | None]:
    """Count the candidates, which come best first; one that was only among them before a change has no rank now."""
    return [None if np.isnan(row.probability) else rank for rank, row in enumerate(rows, start=1)]


def named(token: str) -> str:
    """Write a token so that a leading space and what cannot be seen are visible."""
    shown = visible(token)
    return f"·{shown[1:]}" if shown.startswith(" ") else shown


def below(answer: Answer, *, name: str) -> None:
    """Lead to what the answer rests on, offer the numbers as files, and say where the method comes from."""
    if name in _EXPLAINED and not is_remote(selection.current().model):
        st.page_link(ways.ATTRIBUTION, label="Which words does this rest on?", icon=":material/format_ink_highlighter:")
    files_and_method(answer.result, name=name)


def files_and_method(result: Result, *, name: str) -> None:
    """Offer a result as files, and say where its method comes from."""
    from lmviz.analyses import ANALYSES

    with st.expander("Export", type="compact"), st.container(horizontal=True):
        exports.buttons(result, name=name)
    with st.expander("Method, reference, caution", type="compact"):
        frame.method(ANALYSES[str(result.provenance["analysis"])])


def figure(value: float) -> str:
    """Write a number with three significant digits."""
    return f"{value:.3g}"
