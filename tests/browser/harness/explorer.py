"""A page with nothing but the explorer on random attention: what the browser tests of the component drive.

The address says what is drawn: ?layers=&heads=&tokens=&keys=&awkward=1. The server draws any head from its number, so
no state is needed.
"""

import gc
from typing import Any

import numpy as np
import streamlit as st

from lmviz.components.attention import explorer, pipe
from lmviz.figures.attention_payload import (
    ExplorerWords,
    HeadStatistic,
    PipeAddress,
    explorer_payload,
    payload_header,
    pipe_payload,
)
from lmviz.results import AttentionPattern, LayerHeadGrid, TokenTable

AWKWARD = (
    "[CLS]",
    " The",
    "##ing",
    "<b>bold</b>",
    "</script>",
    "<|endoftext|>",
    "中",
    "مرحبا",
    "👩‍👩‍👧",
    "x" * 40,
    "\n",
    "",
)
TITLES = {
    "entropy": ("Entropy", "nats", "How widely a query spreads its attention, on average."),
    "previous_token": ("Previous token", "share", "Mean attention to the token before."),
    "induction": ("Induction", "", "Mean attention to what followed the same token before."),
}


def number(name: str, default: int) -> int:
    return int(st.query_params.get(name, default))


@st.cache_resource(max_entries=4)
def attention(shape: tuple[int, int, int, int], *, causal: bool) -> AttentionPattern:
    layers, heads, size, key_size = shape
    rng = np.random.default_rng(7)
    query, key = np.arange(size)[:, None], np.arange(key_size)[None, :]
    pattern = np.empty(shape, dtype=np.float32)
    for layer in range(layers):
        for head in range(heads):
            reach, width = rng.integers(-1, 6), rng.choice([0.4, 1.5, 6.0, 40.0])
            scores = rng.normal(0, 0.7, (size, key_size)) - np.abs(query - reach - key) / width
            scores[:, 0] += rng.choice([0.0, 3.0])
            scores = np.where(key > query, -np.inf, scores) if causal else scores
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            pattern[layer, head] = weights / weights.sum(axis=1, keepdims=True)
    words = "the quick brown fox jumps over a lazy dog and it sleeps because it was tired".split()
    tokens = tuple(f" {words[i % len(words)]}" for i in range(size))
    if st.query_params.get("awkward"):
        tokens = tuple(AWKWARD[i % len(AWKWARD)] for i in range(size))
    keys = tuple(f" k{i}" for i in range(key_size))
    part = "decoder" if causal else "encoder" if size == key_size else "cross"
    if part == "cross":
        return AttentionPattern(tokens, pattern, keys, table(tokens), table(keys), part)
    return AttentionPattern(tokens=tokens, pattern=pattern, table=table(tokens), part=part)


def table(tokens: tuple[str, ...]) -> TokenTable:
    size = len(tokens)
    return TokenTable(
        text=" ".join(tokens), text_pair=None, ids=tuple(range(size)), tokens=tokens,
        raw=tuple(token.replace(" ", "Ġ") for token in tokens), spans=((0, 0),) * size, words=tuple(range(size)),
        segments=(0,) * size, special=tuple(token.startswith("[") for token in tokens),
    )  # fmt: skip


def statistics(result: AttentionPattern) -> dict[str, HeadStatistic]:
    pattern = np.maximum(result.pattern, 1e-30)
    entropy = -(pattern * np.log(pattern)).sum(axis=-1).mean(axis=-1)
    previous = np.diagonal(result.pattern, offset=-1, axis1=2, axis2=3)
    previous = previous.mean(axis=-1) if previous.shape[-1] else np.full_like(entropy, np.nan)
    values = {"entropy": entropy, "previous_token": previous, "induction": np.full_like(entropy, np.nan)}
    return {
        slug: HeadStatistic(
            *(TITLES[slug][0], TITLES[slug][2]), LayerHeadGrid(values=values[slug], unit=TITLES[slug][1])
        )
        for slug in TITLES
    }


@st.cache_data(max_entries=4)
def packed(shape: tuple[int, int, int, int], *, causal: bool, awkward: bool) -> bytes:
    result = attention(shape, causal=causal)
    offers = ("head", "mean", "max") if result.part == "cross" else ExplorerWords.offers
    words = ExplorerWords(model="random", offers=offers)
    return explorer_payload(result, statistics(result), channel="main", words=words)


def matrix(result: AttentionPattern, view: dict[str, Any]) -> tuple[np.ndarray, str]:
    layers, heads = result.pattern.shape[:2]
    if view["shown"] == "head":
        return result.pattern[view["layer"], view["head"]], f"L{view['layer']}H{view['head']}"
    chosen = view.get("chosen") or [(layer, head) for layer in range(layers) for head in range(heads)]
    stacked = np.stack([result.pattern[layer, head] for layer, head in chosen])
    name = f"{view['shown']} of {len(chosen)} heads"
    return (stacked.max(axis=0) if view["shown"] == "max" else stacked.mean(axis=0)), name


@st.cache_resource
def settled() -> None:
    """Keep what is loaded out of the garbage collection after every run, as the app does."""
    gc.collect()
    gc.freeze()


def told_from_outside(layer: int, head: int) -> None:
    """Another control of the page opens a head: the view changes and its revision rises."""
    st.session_state.view = {"shown": "head", "layer": layer, "head": head}
    st.session_state.revision += 1


@st.fragment
def explored() -> None:
    """Only this runs again when another head is opened."""
    seen = explorer(payload, key="explorer")
    if seen is not None and seen != st.session_state.seen:
        st.session_state.seen = st.session_state.view = seen
    view = st.session_state.view
    values, label = matrix(attention(shape, causal=causal), view)
    address = PipeAddress("main", payload_header(payload)["id"], st.session_state.revision)
    pipe(pipe_payload(values, view, to=address, label=label), key="pipe")
    st.markdown(f"On the server: {label} {values.max():.7f}")


st.set_page_config(page_title="Explorer", layout="wide")
settled()
state = st.session_state
state.setdefault("view", {"shown": "head", "layer": number("layer", 0), "head": number("head", 0)})
state.setdefault("seen", None)
state.setdefault("revision", 0)
st.markdown("Above")
tokens = number("tokens", 64) + state.get("longer", 0)
shape = (number("layers", 12), number("heads", 12), tokens, number("keys", tokens))
causal = bool(st.query_params.get("causal"))
payload = packed(shape, causal=causal, awkward=bool(st.query_params.get("awkward")))
if not state.get("hidden"):
    explored()
st.markdown("Below")
st.button("Longer text", on_click=lambda: state.update(longer=state.get("longer", 0) + 3))
st.button("Open L1H1", on_click=told_from_outside, args=(1, 1))
st.checkbox("Hide", key="hidden")
