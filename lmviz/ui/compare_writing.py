"""How both models go on with a text, and how much each is surprised by what the other writes."""

from dataclasses import replace

import numpy as np
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.components.tokens import StripLook
from lmviz.engine.local import gate
from lmviz.results import ContinuationTree, Difference
from lmviz.ui import compare_parts, comparing, exports, frame, memory
from lmviz.ui.compare_parts import DELTA
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure


def writing(pair: Pairing) -> None:
    """Let both go on by their most probable tokens, and score each continuation with both models."""
    n_new = int(st.number_input("New tokens", 1, 200, 30, key="compare_new", width=130))
    trees = [_written(pair, which, n_new) for which in (0, 1)]
    st.markdown(_first_fork(trees[0].value.text, trees[1].value.text))
    for which, tree in enumerate(trees):
        name, other = ("A", "B") if which == 0 else ("B", "A")
        st.subheader(f"{name} writes", anchor=False)
        st.markdown(f"{frame.plain(pair.texts[which], longest=600)} **{frame.plain(tree.value.text, longest=2000)}**")
        if pair.a is not pair.b:
            _scored(pair, which, tree.value, names=(name, other))
        with st.expander(f"Export what {name} writes", type="compact"), st.container(horizontal=True):
            exports.buttons(tree.value, name=f"continuation-{name.lower()}")
    st.caption(f"{sum(len(tree.value.chosen) for tree in trees)} tokens · "
               f"{frame.seconds(sum(tree.seconds for tree in trees))}")  # fmt: skip
    frame.hint("Both take the most probable token at each step. A continuation is one of many.")


def _written(pair: Pairing, which: int, n_new: int) -> memory.Timed[ContinuationTree]:
    model, text = (pair.a, pair.b)[which], pair.texts[which]

    def make() -> memory.Timed[ContinuationTree]:
        with gate(model.device).entered():
            return memory.timed(lambda: ANALYSES["generate"].answer(model, {"text": text, "max_new_tokens": n_new}))

    return memory.result(("written", model.id, pair.chosen.dtype, pair.chosen.device, text, n_new), make)


def _first_fork(a: str, b: str) -> str:
    """Say up to where both write the same."""
    if a == b:
        return "Both write the same."
    same = next((n for n, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b)))
    shared = a[:same].strip()
    if not shared:
        return "They part at the first word."
    return f"Both begin with “{frame.plain(shared, longest=120)}”, then they part."


def _scored(pair: Pairing, which: int, tree: ContinuationTree, *, names: tuple[str, str]) -> None:
    """Draw by how much more B is surprised by each word of a continuation than A."""
    text = pair.texts[which] + tree.text
    if not tree.text.strip():
        return
    own = replace(pair, chosen=replace(pair.chosen, text=text, text_b=""))
    answer = comparing.ask(own, "surprisal")
    result: Difference = answer.result
    alignment = result.alignment
    if alignment is None:
        raise TypeError("Surprisal is compared along an alignment.")
    n_old = len(pair.texts[which].split())
    sums = {name: float(np.nansum(side.scores)) for name, side in (("A", result.a), ("B", result.b))}  # type: ignore[attr-defined]
    compare_parts.strip(
        compare_parts.units(result, result.delta),
        key=f"compare_writing_{names[0]}",
        look=StripLook(
            "Orange where B is more surprised, blue where A is.",
            quantity=f"difference of surprisal, {DELTA}",
            unit="nats",
            scale="signed",
        ),
    )
    st.caption(
        f"Prompt of {n_old} words and continuation: A {figure(sums['A'])} nats, B {figure(sums['B'])} nats. "
        "Orange: B is more surprised, blue: A is."
    )
