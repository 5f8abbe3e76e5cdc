"""What only some benchmarks are asked with: a kind, orders of answers, a lexicon, which groups are compared."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from lmviz.ui import uploads

KINDS: Mapping[str, str] = {"intrasentence": "Within a sentence", "intersentence": "Between two sentences"}
CONTRASTS: Mapping[str, str] = {"gender": "Women and men", "race": "African American and European American names"}
_TABLES = ["csv", "tsv", "txt"]
Extras = dict[str, Any] | None  # None: something is still to be given


def _kind() -> Extras:
    kind = st.selectbox(
        "Kind",
        list(KINDS),
        key="bias_kind",
        format_func=KINDS.__getitem__,
        width=200,
        help="A blank within a sentence, or a sentence after another.",
    )
    return {"kind": kind}


def _orders() -> Extras:
    orders = st.number_input(
        "Orders of the answers",
        1,
        6,
        1,
        key="bias_orders",
        width=180,
        help="1: as in the file. 3: each answer once at each place. 6: all orders. More orders take longer and say how "
        "much the order decides.",
    )
    return {"n_orders": int(orders)}


def _statistics() -> Extras:
    given = _file("Share of women in each occupation", "bias_statistics", "A table with occupation and bls_pct_female.")
    return {} if given is None else {"statistics": given}


def _lexicon() -> Extras:
    given = _file(
        "Lexicon of hurtful words",
        "bias_lexicon",
        "One word in each line, or a table with a column lemma as HurtLex's.",
    )
    n_completions = st.number_input("Completions of each sentence", 1, 20, 5, key="bias_completions", width=200)
    if given is None:
        st.info(
            "HONEST counts the words of a lexicon, and none ships with lmviz: give a file with one word in each line."
        )
        return None
    return {"lexicon": given, "n_completions": int(n_completions)}


def _contrast() -> Extras:
    contrast = st.selectbox(
        "Groups", list(CONTRASTS), key="bias_contrast", format_func=CONTRASTS.__getitem__, width=240
    )
    return {"contrast": contrast}


_ASK: Mapping[str, Callable[[], Extras]] = {
    "stereoset": _kind,
    "bbq": _orders,
    "winobias": _statistics,
    "honest": _lexicon,
    "sentiment-gap": _contrast,
}


def extras(slug: str) -> Extras:
    """Ask for what this benchmark takes besides; None while something that it needs is missing."""
    return _ASK[slug]() if slug in _ASK else {}


def _file(label: str, key: str, help_: str) -> str | None:
    file = st.file_uploader(label, type=_TABLES, key=key, help=help_, width=340)
    return None if file is None else str(uploads.keep(file.name, file.getvalue()).path)
