"""Predictions of tokens on the compare page: what both expect, and what surprises whom."""

import numpy as np
import streamlit as st

from lmviz.components.tokens import StripLook
from lmviz.results import Difference, TokenDistributions, TokenScores
from lmviz.ui import compare_parts, comparing, frame, selection
from lmviz.ui.compare_parts import DELTA
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure, named
from lmviz.ui.predictions import CANDIDATES

_KEY = ("js", "total_variation", "rank_correlation", "top_k_overlap")


def expected(pair: Pairing) -> None:
    """Show what both sides expect at each place, and how far apart they are there."""
    answer = comparing.ask(pair, "token-distributions", top_k=CANDIDATES)
    result: Difference = answer.result
    a, b = _distributions(result)
    places = list(a.positions)
    place = _place(places, result)
    unit, words = places[place], result.alignment.texts if result.alignment else ()
    st.markdown(_sentence(pair, a, b, place))
    compare_parts.strip(
        compare_parts.units(result, result.per_unit["js"], notes=_at_each(a, b, len(words))),
        key="compare_expected",
        look=StripLook(
            "The darker a word, the further apart both are there. Click one to see their candidates.",
            quantity="divergence",
            unit="nats",
            maximum=float(np.log(2)),
        ),
    )
    here = {name: float(values[unit]) for name, values in result.per_unit.items()}
    compare_parts.facts(answer, f"at “{frame.plain(words[unit])}”", compare_parts.key_numbers(here, _KEY))
    left, right = compare_parts.sides(pair)
    st.caption(f"{left}  \n{right}")
    rows = np.argsort(-(a.probabilities[place] + b.probabilities[place]), kind="stable")
    names = [a.candidates[place][row] for row in rows]
    compare_parts.side_by_side(names, (a.probabilities[place][rows], b.probabilities[place][rows]), what="candidate")
    outside = [f"{side}: {figure(here[f'outside_{side.lower()}'])}" for side in ("A", "B")]
    st.caption(
        "Only what both can say in one token is compared; the probability each gives to what the other cannot say: "
        + ", ".join(outside)
        + "."
    )
    compare_parts.below(answer, name="compare-tokens")


def _distributions(result: Difference) -> tuple[TokenDistributions, TokenDistributions]:
    if not isinstance(result.a, TokenDistributions) or not isinstance(result.b, TokenDistributions):
        raise TypeError("Expected tokens are distributions.")
    return result.a, result.b


def _place(places: list[int], result: Difference) -> int:
    """Give which of the compared places is looked at: the one clicked, else that where both are furthest apart."""
    unit = selection.current().unit
    return places.index(unit) if unit in places else int(np.nanargmax(result.per_unit["js"][places]))


def _at_each(a: TokenDistributions, b: TokenDistributions, n_units: int) -> list[str]:
    """Say for each unit what both expect there."""
    notes = [""] * n_units
    for row, unit in enumerate(a.positions):
        best = [side.candidates[row][int(side.probabilities[row].argmax())] for side in (a, b)]
        notes[unit] = f"A expects {named(best[0])}, B expects {named(best[1])}"
    return notes


def _sentence(pair: Pairing, a: TokenDistributions, b: TokenDistributions, place: int) -> str:
    said = []
    for side in (a, b):
        best = int(side.probabilities[place].argmax())
        said.append(
            f"**{frame.plain(named(side.candidates[place][best]))}** ({figure(float(side.probabilities[place][best]))})"
        )
    if not all(model.kind == "encoder" for model in (pair.a, pair.b)):
        return f"A expects {said[0]}, B expects {said[1]}."
    return f"A fills in {said[0]}, B fills in {said[1]}."


def surprisal(pair: Pairing) -> None:
    """Show how surprising each word is to both sides, and the difference."""
    answer = comparing.ask(pair, "surprisal")
    result: Difference = answer.result
    if not isinstance(result.a, TokenScores) or not isinstance(result.b, TokenScores) or result.alignment is None:
        raise TypeError("Surprisal is one number per token.")
    a, b = result.a.scores, result.b.scores
    st.markdown(_most(result))
    top = float(np.nanmax(np.abs(np.concatenate([a, b])), initial=0.0)) or 1.0
    left, right = compare_parts.sides(pair)
    for title, values, key, is_signed in (
        (left, a, "a", False),
        (right, b, "b", False),
        (f"**{DELTA}** · orange: B is more surprised, blue: A is", result.delta, "delta", True),
    ):
        st.caption(title)
        look = StripLook(
            "The darker, the more surprising."
            if not is_signed
            else "Orange where B is more surprised, blue where A is.",
            quantity="surprisal" if not is_signed else "difference of surprisal",
            unit="nats",
            scale="signed" if is_signed else "amount",
            maximum=top,
        )
        compare_parts.strip(compare_parts.units(result, values), key=f"compare_surprisal_{key}", look=look)
    sums = [figure(float(np.nansum(values))) for values in (a, b)]
    numbers = compare_parts.key_numbers(result.numbers, ("rank_correlation", "mean_absolute"))
    compare_parts.facts(answer, f"sum A {sums[0]} nats, B {sums[1]} nats", numbers)
    if pair.a.kind != pair.b.kind:
        frame.hint(
            "An encoder reads the words on both sides of a mask, a decoder only those before: an encoder is less "
            "surprised for that reason alone."
        )
    _table(result, a, b)
    compare_parts.below(answer, name="compare-surprisal")


def _most(result: Difference) -> str:
    """Say where both differ most."""
    if np.isnan(result.delta).all():
        return "No word of these texts is scored on both sides."
    place = int(np.nanargmax(np.abs(result.delta)))
    word = result.alignment.texts[place] if result.alignment else ""
    change = float(result.delta[place])
    if change == 0:
        return "Both sides are equally surprised by every word."
    who = "B" if change > 0 else "A"
    return f"Largest difference: **{frame.plain(word)}** surprises {who} more, by {figure(abs(change))} nats."


def _table(result: Difference, a: np.ndarray, b: np.ndarray) -> None:
    known = np.flatnonzero(~np.isnan(a) | ~np.isnan(b))
    words = result.alignment.texts if result.alignment else ()
    top = max(1.0, float(np.nanmax(np.concatenate([a[known], b[known]]), initial=0.0)))
    with st.expander("Table", type="compact"):
        compare_parts.side_by_side([words[unit] for unit in known], (a[known], b[known]), what="word", top=top)
