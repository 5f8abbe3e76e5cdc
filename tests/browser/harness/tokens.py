"""A page with nothing but a strip of tokens whose edits are carried out: what the browser tests of the strip drive.

The address says what is drawn: ?text=&pair=&family=&values=amount|signed&labels=1&edits=1&size=&awkward=1.
"""

import numpy as np
import streamlit as st

from lmviz.components.tokens import EDITS, StripEdits, StripLook, StripToken, strip_tokens, token_strip
from lmviz.errors import LmvizError
from lmviz.results import TokenTable
from lmviz.ui.edits import edited
from tests.token_tables import model, table_of

AWKWARD = (
    *("<s>", " <b>bold</b>", "</script>", "<|endoftext|>", "\n", "\t", " ", "中文", "字", " مرحبا", "بالعالم"),
    *("👩\u200d👩\u200d👧", "e\u0301", " Donaudampfschifffahrtsgesellschaftskapit", "a,b", '"quoted"', "'", "&amp;"),
    *("\u200b", "\u202egnp", "Ġ", "=1+1", "<img src=x onerror=window.injected=1>", "", "x" * 100),
)
TAGS = ("DET", "NOUN", "VERB", "ADP", "PROPN", "PUNCT")


def handmade(texts: tuple[str, ...]) -> TokenTable:
    """Tokens that stand in their text one after the other."""
    ends = np.cumsum([len(text) for text in texts]).tolist()
    size = len(texts)
    return TokenTable(
        text="".join(texts), text_pair=None, ids=tuple(range(1000, 1000 + size)), tokens=texts,
        raw=tuple(text.replace(" ", "Ġ") for text in texts), spans=tuple(zip([0, *ends[:-1]], ends, strict=True)),
        words=tuple(range(size)), segments=(0,) * size, special=tuple(text == "<s>" for text in texts),
    )  # fmt: skip


def table() -> TokenTable:
    if st.query_params.get("awkward"):
        return handmade(AWKWARD)
    size = int(st.query_params.get("size", 0))
    if size:
        words = "the quick brown fox jumps over a lazy dog and it sleeps because it was tired".split()
        return handmade(tuple(f" {words[index % len(words)]}" for index in range(size)))
    return table_of(st.query_params.get("family", "bert"), st.session_state.text, st.session_state.pair)


def tokens_of(found: TokenTable) -> tuple[StripToken, ...]:
    kind = st.query_params.get("values")
    rng = np.random.default_rng(st.session_state.seed)
    values = None if not kind else rng.uniform(-6 if kind == "signed" else 0, 6, len(found))
    if values is not None:
        values[0] = np.nan
    labels = None
    if st.query_params.get("labels"):
        labels = ["" if word < 0 else TAGS[word % len(TAGS)] for word in found.words]
    return strip_tokens(found, values=values, labels=labels)


state = st.session_state
state.setdefault("text", st.query_params.get("text", "The cat is sitting on the mat."))
state.setdefault("pair", st.query_params.get("pair"))
for name, start in (("seed", 1), ("handled", 0), ("events", 0), ("selected", None), ("trouble", "")):
    state.setdefault(name, start)

st.set_page_config(page_title="Tokens", layout="wide")
st.markdown("Above")
found = table()
shown = tokens_of(found)
mask = model(st.query_params.get("family", "bert")).tokenizer.mask_token
signed = st.query_params.get("values") == "signed"
event = (
    None
    if state.get("hidden")
    else token_strip(
        shown,
        key="strip",
        selected=state.selected,
        look=StripLook(
            describe="The highest surprisal is at “mat”.",
            quantity="surprisal",
            unit="nats",
            scale="signed" if signed else "amount",
            maximum=6.0,
        ),
        edits=StripEdits(EDITS, mask) if st.query_params.get("edits") else StripEdits(),
    )
)
if event is not None and event.number > state.handled:
    state.handled = event.number
    state.events += 1
    state.selected = event.position
    state.said = f"{event.action} {event.position} {event.text!r}"
    if event.action != "select":
        try:
            segment, new = edited(found, event, mask_token=mask)
            state["pair" if segment else "text"] = new
            state.trouble = ""
        except LmvizError as error:
            state.trouble = str(error)
    st.rerun()
st.text(f"Text: {state.text!r} {state.pair!r}")
st.text(f"Event {state.events}: {state.get('said', 'none')}")
st.text(f"Trouble: {state.trouble}")
st.button("Other values", on_click=lambda: state.update(seed=state.seed + 1))
st.button("Same again")
st.button("Other text", on_click=lambda: state.update(text="A dog sat."))
st.text_input("Elsewhere")
st.checkbox("Hide", key="hidden")
