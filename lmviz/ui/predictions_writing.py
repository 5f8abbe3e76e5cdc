"""Generation, token by token: the main continuation, what might have stood there instead, and a click to go there."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.analyses.predictions import generate as writing
from lmviz.components.tokens import StripLook, StripToken, token_strip
from lmviz.remote import RemoteModel
from lmviz.results import ContinuationTree
from lmviz.ui import frame, memory, selection, ways
from lmviz.ui.predicting import Clicked, below, facts, figure, named
from lmviz.ui.predictions import Answer

_KEPT = "_continuations"  # tree, what it belongs to, the node its shown end is at, seconds
_ASKED = "_continuation_asked"  # the node to write on from
_NEW = -1
WAYS = {"greedy": "Most probable", "sample": "Draw", "beams": "Beams"}


def generate(model: Any) -> Clicked:
    """Continue the text."""
    params = _asked(model)
    kept = _kept()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Write", key="write", on_click=_ask_for, args=(_NEW,), type="primary", help="Same seed, same text.")
        can_go_on = kept is not None and _goes_on(kept[0], kept[1]) and not _is_chat(model)
        end = kept[1] if kept is not None else _NEW
        st.button("Go on", key="go_on", on_click=_ask_for, args=(end,), disabled=not can_go_on, help="From the end.")
        st.button("Stop", key="stop", help="Keeps what is written so far.")  # any click ends the run that writes
    place = st.empty()
    asked = st.session_state.pop(_ASKED, None)
    if asked == _NEW:
        _grow(writing.stream(model, params), place, is_reply=_is_chat(model))
    elif asked is not None and kept is not None:
        _grow(writing.stream_from(model, kept[0], node=asked, params=params), place, is_reply=_is_chat(model))
    if asked is not None:
        st.rerun()  # the buttons above were drawn before there was anything to go on from
    if kept is None:
        place.caption("Press Write: the text is continued here, token by token.")
        return None
    _show(model, kept[0], tip=kept[1], place=place)
    return None


def _ask_for(node: int) -> None:
    """Ask for a continuation, once; -1 for a new one."""
    st.session_state[_ASKED] = node


def _is_chat(model: Any) -> bool:
    return isinstance(model, RemoteModel) and model.is_chat


def _asked(model: Any) -> writing.Params:
    """Ask how the text is continued."""
    ways = [way for way in WAYS if way != "beams" or not isinstance(model, RemoteModel)]
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        way = st.segmented_control(
            "Each token", ways, default="greedy", key="way", format_func=WAYS.__getitem__, required=True
        )
        n_new = st.number_input("New tokens", 1, 500, 30, key="n_new", width=110)
        n_branches = st.number_input(
            "Alternatives", 0, 20, 5, key="n_branches", width=110, help="How many other tokens are kept at each step."
        )
        params = writing.Params(selection.current().text, max_new_tokens=int(n_new), n_branches=int(n_branches) + 1)
        if way == "sample":
            temperature = st.number_input("Temperature", 0.05, 5.0, 1.0, 0.05, key="temperature", width=120)
            top_k = st.number_input("Top k", 0, 1000, 0, key="top_k", width=100, help="0: from all tokens.")
            top_p = st.number_input("Top p", 0.05, 1.0, 1.0, 0.05, key="top_p", width=100, help="1: from all tokens.")
            seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", width=120)
            params = replace(
                params,
                temperature=float(temperature),
                top_k=int(top_k) or None,
                top_p=None if top_p >= 1 else float(top_p),
                seed=int(seed),
            )
        elif way == "beams":
            params = replace(params, n_beams=int(st.number_input("Beams", 2, 10, 4, key="n_beams", width=100)))
    return params


def _belongs() -> tuple[str, ...]:
    chosen = selection.current()
    return (chosen.model, chosen.dtype, chosen.device, chosen.text)


def _kept() -> tuple[ContinuationTree, int, float] | None:
    """Give the tree of this text and model, with the node its shown end is at and the seconds it took."""
    kept = st.session_state.get(_KEPT)
    return None if kept is None or kept[0] != _belongs() else kept[1:]


def _keep(tree: ContinuationTree, tip: int, seconds: float) -> None:
    st.session_state[_KEPT] = (_belongs(), tree, tip, seconds)


def _goes_on(tree: ContinuationTree, tip: int) -> bool:
    return not (tree.stop_reason == "end" and tree.chosen and tip == tree.chosen[-1])


def _grow(trees: Iterator[ContinuationTree], place: Any, *, is_reply: bool) -> None:
    """Draw the text as it grows; what is there is kept after each token, so that a click on Stop loses nothing."""
    clock = memory.Clock()
    for tree in trees:
        if tree.chosen:
            _keep(tree, tree.chosen[-1], clock.seconds)
        place.markdown(f"{_read(tree.text, is_reply=is_reply)} ▌")


def _read(written: str, *, is_reply: bool) -> str:
    """Write the text, and in bold what was written after it, or what was replied to it."""
    gap = "\n\n" if is_reply else " "
    return f"{frame.plain(selection.current().text, longest=2000)}{gap}**{frame.plain(written, longest=4000)}**"


def _show(model: Any, tree: ContinuationTree, *, tip: int, place: Any) -> None:
    """Draw the continuation as tokens to click, and the other tokens of the one that is clicked."""
    path = tree.path(tip)
    shown = "".join(tree.tokens[node] for node in path)
    log_p = float(np.log(tree.probability[list(path)].astype(np.float64)).sum())
    place.markdown(_read(shown, is_reply=_is_chat(model)))
    event = token_strip(_tokens(model, tree, path), key="continuation", selected=_selected(path), look=_LOOK)
    result = Answer(tree, ANALYSES["generate"].check(tree), _kept()[2])  # type: ignore[index]
    said = "log-probability unknown" if np.isnan(log_p) else f"log-probability {figure(log_p)} nats"
    facts(result, f"{len(path)} tokens", said, *filter(None, [_ENDS.get(tree.stop_reason)]))
    if tree.note:
        frame.hint(tree.note)
    if event is not None:
        st.session_state["continuation_position"] = event.position
    _offer_attention(model, tree, path)
    _alternatives(model, tree, path)
    below(result, name="continuations")


def _offer_attention(model: Any, tree: ContinuationTree, path: tuple[int, ...]) -> None:
    """Lead from what an encoder-decoder wrote to where it looked in its source while writing."""
    if getattr(model, "kind", "") != "encoder-decoder":
        return
    special = set(model.tokenizer.all_special_ids)
    text = "".join(tree.tokens[node] for node in path if int(tree.token_ids[node]) not in special).strip()
    if text:
        ways.button(
            "See where it looked while writing",
            ways.ATTENTION,
            change=partial(selection.change, target_text=text, part="cross"),
            key="cross_attention",
            help="Opens the cross attention of this text on the attention page.",
        )


_LOOK = StripLook(
    "The darker a token, the more it surprised the model. Click one for what else.", quantity="surprisal", unit="nats"
)
_ENDS = {"end": "the model ended the text", "rule": "ended by the model's own rules"}


def _selected(path: tuple[int, ...]) -> int | None:
    position = st.session_state.get("continuation_position")
    return position if isinstance(position, int) and position < len(path) else None


def _tokens(model: Any, tree: ContinuationTree, path: tuple[int, ...]) -> tuple[StripToken, ...]:
    raw, special = _vocabulary(model, tree, path)
    return tuple(
        StripToken(
            text=tree.tokens[node],
            raw=name,
            id=int(tree.token_ids[node]),
            special=int(tree.token_ids[node]) in special,
            segment=0,
            word=place,
            value=_surprisal(float(tree.probability[node])),
            note=_chance(tree, node),
        )
        for place, (node, name) in enumerate(zip(path, raw, strict=True))
    )


def _vocabulary(model: Any, tree: ContinuationTree, path: tuple[int, ...]) -> tuple[list[str], set[int]]:
    """Give the tokens as the vocabulary spells them, and the special ids; of a server, the tokens as they came."""
    if isinstance(model, RemoteModel):
        return [tree.tokens[node] for node in path], set()
    raw = model.tokenizer.convert_ids_to_tokens([int(tree.token_ids[node]) for node in path])
    return [str(name) for name in raw], set(model.tokenizer.all_special_ids)


def _surprisal(probability: float) -> float | None:
    return None if np.isnan(probability) else -float(np.log(max(probability, 1e-45)))


def _chance(tree: ContinuationTree, node: int) -> str:
    probability = float(tree.probability[node])
    if np.isnan(probability):
        return "probability unknown"
    return f"probability {figure(probability)}, rank {int(tree.rank[node]) + 1}"


def _alternatives(model: Any, tree: ContinuationTree, path: tuple[int, ...]) -> None:
    """List what might have stood at the clicked place; a button goes on from there."""
    position = _selected(path)
    if position is None:
        st.caption("Click a token above to see what else might have stood there, and to go on from that.")
        return
    here = path[position]
    if np.isnan(tree.probability[here]):
        st.caption("The server gives no number for this character, and none for what might have stood there.")
        return
    siblings = sorted(np.flatnonzero(tree.parent == tree.parent[here]), key=lambda node: -tree.probability[node])
    at_least = "at least " if isinstance(model, RemoteModel) else ""
    entropy = f"entropy {at_least}{figure(float(tree.entropy[here]))} nats"
    st.caption(f"Instead of “{frame.plain(named(tree.tokens[here]))}”; {entropy}")
    for node in map(int, siblings):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.progress(float(tree.probability[node]), text=_named(tree, node, is_here=node == here), width=360)
            has_more = bool((tree.parent == node).any())
            if node != here and (has_more or not _is_chat(model)):
                label = "Show" if has_more else "Go on from here"
                st.button(label, key=f"branch_{node}", on_click=_branch, args=(node, has_more), type="tertiary")


def _named(tree: ContinuationTree, node: int, *, is_here: bool) -> str:
    name = frame.plain(named(tree.tokens[node]))
    return f"{'**' + name + '**' if is_here else name} · {figure(float(tree.probability[node]))}"


def _branch(node: int, has_more: bool) -> None:
    """Show another branch to its end, or ask for it to be written."""
    kept = _kept()
    if kept is None:
        return
    tree, _, seconds = kept
    if not has_more:
        st.session_state[_ASKED] = node
        _keep(tree, node, seconds)
        return
    tip = node
    while (children := np.flatnonzero(tree.parent == tip)).size:
        best = max(map(int, children), key=lambda child: ((tree.parent == child).any(), tree.is_chosen[child]))
        tip = best
    _keep(tree, tip, seconds)
