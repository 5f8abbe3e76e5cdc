"""One random pattern drawn in two ways on one page: lmviz's explorer, and BertViz's model view.

Started by benchmarks/page.py. The address says how many tokens; a button starts each of the two.
"""

import gc
import re
import time
from pathlib import Path

import bertviz
import mpld3
import numpy as np
import streamlit as st
import torch
from xstatic.pkg import jquery

from lmviz.analyses.attention.head_statistics import STATISTICS, all_statistics
from lmviz.components.attention import explorer, pipe
from lmviz.figures.attention_payload import (
    ExplorerWords,
    HeadStatistic,
    PipeAddress,
    explorer_payload,
    payload_header,
    pipe_payload,
)
from lmviz.results import AttentionPattern, TokenTable


def random_attention(n_tokens: int, seed: int) -> AttentionPattern:
    """Make 12 layers of 12 heads of random rows that sum to one."""
    rng = np.random.default_rng(seed)
    weights = np.exp(2 * rng.standard_normal((12, 12, n_tokens, n_tokens), dtype=np.float32))
    pattern = weights / weights.sum(-1, keepdims=True)
    words, zeros = tuple(f"word{i}" for i in range(n_tokens)), (0,) * n_tokens
    numbers = tuple(range(n_tokens))
    table = TokenTable("", None, numbers, words, words, ((0, 0),) * n_tokens, numbers, zeros, (False,) * n_tokens)
    return AttentionPattern(tokens=words, pattern=pattern, table=table)


def ours(result: AttentionPattern) -> None:
    """Draw all heads and the first one in full precision."""
    if result.table is None:
        return
    grids = all_statistics(result.pattern, result.table)
    statistics = {
        slug: HeadStatistic(STATISTICS[slug].title, STATISTICS[slug].explain, grid) for slug, grid in grids.items()
    }
    payload = explorer_payload(result, statistics, channel="bench", words=ExplorerWords(model="random"))
    explorer(payload, key="explorer")
    view = {"shown": "head", "layer": 0, "head": 0}
    address = PipeAddress("bench", str(payload_header(payload)["id"]), 0)
    pipe(pipe_payload(result.pattern[0, 0], view, to=address, label="L0H0"), key="pipe")


def theirs(result: AttentionPattern) -> str:
    """Give BertViz's model view as it ships; only its three scripts come from packages instead of the network."""
    attention = [torch.from_numpy(layer.copy())[None] for layer in result.pattern]
    html: str = bertviz.model_view(attention, list(result.tokens), html_action="return").data
    scripts = (
        Path(jquery.BASE_DIR, "jquery.min.js").read_text(encoding="utf-8"),
        Path(mpld3.__file__).with_name("js").joinpath("d3.v5.min.js").read_text(encoding="utf-8"),
        "window.requirejs=window.require=(_,f)=>f(window.jQuery,window.d3);window.require.config=()=>{};",
    )
    local = "".join(f"<script>{script}</script>" for script in scripts)
    return re.sub(r'<script src="https://cdnjs[^"]*require[^"]*"></script>', lambda _: local, html, count=1)


st.set_page_config(page_title="Pictures", layout="wide")
state = st.session_state
if "frozen" not in state:
    gc.collect()
    gc.freeze()
    state.frozen = True
n_tokens = int(st.query_params.get("tokens", 64))
state.turn = state.get("turn", 0) + 1
is_ours, is_bertviz = st.button("Ours"), st.button("BertViz")
kind = "ours" if is_ours else "bertviz" if is_bertviz else ""
if kind:
    result = random_attention(n_tokens, state.turn)
    start = time.time()
    if kind == "ours":
        ours(result)
    else:
        st.iframe(theirs(result), height=900)
    st.html(f'<i id="started" data-kind="{kind}" data-at="{start * 1000:.1f}"></i>')
