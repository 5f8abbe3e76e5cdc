"""Attention and layers on the compare page: A, B and B − A as linked panels on one scale."""

from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses.attention.head_statistics import STATISTICS
from lmviz.analyses.compare.cka import PLACES
from lmviz.components.panels import panels
from lmviz.figures.panels_payload import Panel, PanelAxis, PanelLook, panels_payload
from lmviz.results import Difference, LayerMatrix
from lmviz.ui import compare_parts, comparing, frame, selection
from lmviz.ui.compare_parts import DELTA
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure
from lmviz.ui.predictions import Answer

MEAN = "mean"
FEW_WORDS = 20  # under so many words CKA jumps with their choice
_WHAT = {"attention-pattern": "Attention", "value-weighted-attention": "Value-weighted"}
_FOLLOWED = {"attention-rollout": "Rollout", "attention-flow": "Flow"}
_HANDLED = "_compare_head"
Place = tuple[str, str]  # layer and head, "L5" and "H1"; "mean" for all of them
Shape = tuple[int, int]


def attention(pair: Pairing) -> None:
    """Show one head of A beside one of B; where both have the same heads, all of them to choose from."""
    slug = _choice("compare_what", _WHAT)
    given = _part(pair)
    shapes = comparing.shapes(pair, slug, **given)
    everywhere = comparing.heads(pair, slug, pairs=None, **given) if shapes[0] == shapes[1] else None
    places = _places(shapes, everywhere)
    if everywhere is not None:
        with st.expander("How far every head is apart", expanded=True, type="compact"):
            _overview(everywhere, places)
    places = _pick(shapes, places)
    answer = comparing.heads(pair, slug, pairs=(_write(places),), **given)
    result: Difference = answer.result
    left, right, delta = (_matrix(result, side) for side in ("a", "b", "delta"))
    st.markdown(_largest(result, delta))
    _three(result, (left, right, delta), names=_with_heads(pair, places), key="compare_attention")
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, ("js", "total_variation", "mean_absolute")))
    compare_parts.below(answer, name="compare-attention")


def _choice(key: str, names: dict[str, str]) -> str:
    return str(
        st.segmented_control(
            "What",
            list(names),
            default=next(iter(names)),
            key=key,
            format_func=names.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
    )


def _part(pair: Pairing) -> dict[str, Any]:
    """Ask which attention of two encoder-decoders is compared."""
    parts = [part for part in pair.a.parts if part in pair.b.parts]
    if len(parts) < 2:
        return {}
    return {"part": _choice("compare_part", {part: part.capitalize() for part in parts})}


def _places(shapes: tuple[Shape, Shape], everywhere: Answer | None) -> tuple[Place, Place]:
    """Give the heads that are looked at: those of the link, else the ones furthest apart, else the mean of all."""
    chosen = selection.current().head_pair
    found = tuple(_read(text) for text in chosen.split(":")) if chosen else ()
    if len(found) == 2 and all(_is_there(place, shape) for place, shape in zip(found, shapes, strict=True)):
        return found[0], found[1]
    if everywhere is None:
        return (MEAN, MEAN), (MEAN, MEAN)
    grid = comparing.head_differences(everywhere.result).values
    layer, head = np.unravel_index(int(grid.argmax()), grid.shape)
    return (f"L{layer}", f"H{head}"), (f"L{layer}", f"H{head}")


def _read(text: str) -> Place:
    """Split "L5H1" into its layer and head; all heads where none is named."""
    layer, _, head = text.partition("H")
    return (layer, f"H{head}" if head else MEAN) if layer != MEAN else (MEAN, MEAN)


def _is_there(place: Place, shape: Shape) -> bool:
    return all(name == MEAN or int(name[1:]) < size for name, size in zip(place, shape, strict=True))


def _write(places: tuple[Place, Place]) -> str:
    return ":".join(MEAN if layer == MEAN else layer + ("" if head == MEAN else head) for layer, head in places)


def _overview(everywhere: Answer, places: tuple[Place, Place]) -> None:
    """Draw how far each head is apart; a click opens it."""
    grid = comparing.head_differences(everywhere.result)
    layers, heads = grid.values.shape
    here = places[0] if places[0] == places[1] and MEAN not in places[0] else None
    top = np.unravel_index(int(grid.values.argmax()), grid.values.shape)
    payload = panels_payload(
        [Panel("Mean |B − A|", grid.values)],
        rows=PanelAxis("layer", tuple(f"L{n}" for n in range(layers))),
        columns=PanelAxis("head", tuple(f"H{n}" for n in range(heads))),
        look=PanelLook(
            "difference", describe=f"The heads furthest apart are L{top[0]}H{top[1]}. Click a head to open it."
        ),
        selected=None if here is None else (int(here[0][1:]), int(here[1][1:])),
    )
    event = panels(payload, key="compare_overview")
    if event is not None and event.is_selected and event.number != st.session_state.get(_HANDLED):
        st.session_state[_HANDLED] = event.number
        place = (f"L{event.row}", f"H{event.column}")
        selection.change(head_pair=_write((place, place)))
        selection.write_link()
        st.rerun()


def _pick(shapes: tuple[Shape, Shape], places: tuple[Place, Place]) -> tuple[Place, Place]:
    """Ask which head of A stands beside which of B."""
    found = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for side, shape, place in zip("AB", shapes, places, strict=True):
            for name, letter, size, now in (("layer", "L", shape[0], place[0]), ("head", "H", shape[1], place[1])):
                key = f"compare_{name}_{side}"
                selection.keep_widget(key, now)
                options = [MEAN, *(f"{letter}{n}" for n in range(size))]
                found.append(st.selectbox(f"{side} · {name}", options, key=key, on_change=_take_pair, width=110))
    return (found[0], found[1]), (found[2], found[3])


def _take_pair() -> None:
    picked = [
        (str(st.session_state[f"compare_layer_{side}"]), str(st.session_state[f"compare_head_{side}"])) for side in "AB"
    ]
    fitting = [(layer, head) if layer != MEAN else (MEAN, MEAN) for layer, head in picked]
    selection.change(head_pair=_write((fitting[0], fitting[1])))


def _matrix(result: Difference, side: str) -> np.ndarray:
    values: np.ndarray = result.delta if side == "delta" else getattr(getattr(result, side), result.compared)
    return values[0, 0] if values.ndim == 4 else values


def _with_heads(pair: Pairing, places: tuple[Place, Place]) -> tuple[str, str]:
    left, right = (_write((place, place)).split(":")[0] for place in places)
    names = pair.names
    return f"{names[0]} · {left}", f"{names[1]} · {right}"


def _largest(result: Difference, delta: np.ndarray) -> str:
    """Say where both differ most."""
    if np.isnan(delta).all():
        return "Nothing of these texts can be set side by side."
    row, column = np.unravel_index(int(np.nanargmax(np.abs(delta))), delta.shape)
    rows, columns = _labels(result)
    change = float(delta[row, column])
    if change == 0:
        return "Both sides are the same."
    who = "B" if change > 0 else "A"
    source, target = (frame.plain(names[n].strip()) for names, n in ((rows, row), (columns, column)))
    return f"Largest difference: “{source}” looks more at “{target}” in {who}, by **{figure(abs(change))}**."


def _labels(result: Difference) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = result.alignment
    if rows is None:
        raise TypeError("Attention is compared along an alignment.")
    return rows.texts, (result.key_alignment or rows).texts


def _three(result: Difference, values: tuple[np.ndarray, ...], *, names: tuple[str, str], key: str) -> None:
    """Draw A, B and B − A of a matrix over words."""
    rows, columns = _labels(result)
    payload = panels_payload(
        [
            Panel("A", values[0], subtitle=names[0]),
            Panel("B", values[1], subtitle=names[1]),
            Panel(DELTA, values[2], "signed"),
        ],
        rows=PanelAxis("from", rows, holds_text=True),
        columns=PanelAxis("to", columns, holds_text=True),
        look=PanelLook(
            "attention", describe=_largest(result, values[2]).replace("*", ""), undefined="only on one side"
        ),
    )
    panels(payload, key=key)


def rollout(pair: Pairing) -> None:
    """Show rollout or flow of both sides."""
    slug = _choice("compare_followed", _FOLLOWED)
    answer = comparing.ask(pair, slug, **({} if len(pair.a.parts) < 2 else _part(pair)))
    result: Difference = answer.result
    left, right, delta = (_matrix(result, side) for side in ("a", "b", "delta"))
    st.markdown(_largest(result, delta))
    _three(result, (left, right, delta), names=pair.names, key="compare_rollout")
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, ("js", "total_variation", "mean_absolute")))
    compare_parts.below(answer, name="compare-rollout")


def statistics(pair: Pairing) -> None:
    """Show a statistic of every head on both sides; with other numbers of heads, layers at the same relative depth."""
    statistic = st.selectbox(
        "Statistic",
        list(STATISTICS),
        key="compare_statistic",
        format_func=lambda slug: STATISTICS[slug].title,
        width=320,
    )
    given = {"statistic": statistic, **_part(pair)}
    shapes = comparing.shapes(pair, "head-statistics", **given)
    pairs = None if shapes[0] == shapes[1] else by_depth(shapes[0][0], shapes[1][0])
    answer = comparing.heads(pair, "head-statistics", pairs=pairs, **given)
    result: Difference = answer.result
    a, b = result.a.values, result.b.values  # type: ignore[attr-defined]
    if pairs is not None:
        st.caption(
            "The models have other numbers of heads: the mean of each layer of A stands beside that of the layer of B "
            "at the same relative depth."
        )
    st.markdown(_furthest(result, pairs))
    rows = tuple(f"L{n}" for n in range(a.shape[0])) if pairs is None else (MEAN,)
    payload = panels_payload(
        [
            Panel("A", a, subtitle=pair.names[0]),
            Panel("B", b, subtitle=pair.names[1]),
            Panel(DELTA, result.delta, "signed"),
        ],
        rows=PanelAxis("layer" if pairs is None else "of heads", rows),
        columns=PanelAxis(
            *(("head", tuple(f"H{n}" for n in range(a.shape[1]))) if pairs is None else ("layers", pairs))
        ),
        look=PanelLook(STATISTICS[statistic].title.lower(), unit=result.a.unit, undefined="not defined"),  # type: ignore[attr-defined]
    )
    panels(payload, key="compare_statistics")
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, ("rank_correlation", "mean_absolute")))
    compare_parts.below(answer, name="compare-heads")


def by_depth(n_a: int, n_b: int) -> tuple[str, ...]:
    """Pair each layer of A with the layer of B at the same relative depth."""
    last_a, last_b = max(n_a - 1, 1), n_b - 1
    return tuple(f"L{layer}:L{round(layer * last_b / last_a)}" for layer in range(n_a))


def _furthest(result: Difference, pairs: tuple[str, ...] | None) -> str:
    if np.isnan(result.delta).all():
        return "It is not defined on these texts."
    layer, head = np.unravel_index(int(np.nanargmax(np.abs(result.delta))), result.delta.shape)
    name = f"L{layer}H{head}" if pairs is None else pairs[head]
    return f"Furthest apart: **{name}**, B − A = {float(result.delta[layer, head]):+.3g}."


def layers(pair: Pairing) -> None:
    """Show how alike every layer of A is to every layer of B."""
    place = st.selectbox("Place", PLACES, index=PLACES.index("resid_post"), key="compare_place", width=200)
    answer = comparing.layers(pair, place)
    result: LayerMatrix = answer.result
    rows, columns = result.values.shape
    values = result.values
    if not np.isnan(values).all():
        best = np.unravel_index(int(np.nanargmax(values)), values.shape)
        st.markdown(f"Most alike: layer {best[0]} of A and layer {best[1]} of B, **{figure(float(values[best]))}**.")
    payload = panels_payload(
        [Panel("CKA", values, "signed" if float(np.nanmin(values, initial=0.0)) < 0 else "amount")],
        rows=PanelAxis("layer of A", tuple(f"L{n}" for n in range(rows))),
        columns=PanelAxis("layer of B", tuple(f"L{n}" for n in range(columns))),
        look=PanelLook(
            "CKA", maximum=1.0, describe="1 where two layers keep the same, turned or scaled; 0 for unrelated."
        ),
    )
    panels(payload, key="compare_layers")
    left, right = compare_parts.sides(pair)
    st.caption(f"{left} (down)  \n{right} (across)")
    compare_parts.facts(answer, f"from {result.n_units} words")
    if result.n_units < FEW_WORDS:
        frame.hint(f"{result.n_units} words are few: the numbers jump with the choice of words. Take a longer text.")
    compare_parts.below(answer, name="compare-layers")
