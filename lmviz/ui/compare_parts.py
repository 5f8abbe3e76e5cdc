"""What the sections of the compare page share: strips of words, bars side by side, numbers, exports."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from lmviz.components.tokens import StripLook, StripToken, token_strip
from lmviz.results import Difference, Result
from lmviz.ui import exports, frame, selection
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure, named
from lmviz.ui.predictions import Answer

DELTA = "B − A"
Numbers = Sequence[float] | np.ndarray
_HANDLED = "_compare_strip"
NUMBERS: Mapping[str, tuple[str, str]] = {  # name -> how it is called, in what
    "js": ("Jensen–Shannon divergence", "nats, at most 0.693"),
    "kl_ab": ("KL(A‖B)", "nats"),
    "kl_ba": ("KL(B‖A)", "nats"),
    "total_variation": ("Total variation", "0 to 1"),
    "rank_correlation": ("Rank correlation", "Spearman's ρ"),
    "top_k_overlap": ("Overlap of the first candidates", "0 to 1"),
    "outside_a": ("A's share on what B does not have", "0 to 1"),
    "outside_b": ("B's share on what A does not have", "0 to 1"),
    "mean_absolute": ("Mean of |B − A|", ""),
    "largest_absolute": ("Largest |B − A|", ""),
    "n_shared": ("Strings both can say", ""),
    "n_places": ("Places compared", ""),
    "js_start": ("Jensen–Shannon divergence of the beginning", "nats"),
    "js_end": ("Jensen–Shannon divergence of the end", "nats"),
    "total_variation_start": ("Total variation of the beginning", "0 to 1"),
    "total_variation_end": ("Total variation of the end", "0 to 1"),
}


def units(result: Difference, values: Any, *, notes: Sequence[str] | None = None) -> tuple[StripToken, ...]:
    """Give the common units as a strip takes them, coloured by one value each."""
    alignment = result.alignment
    if alignment is None:
        raise TypeError("Words are compared along an alignment.")
    is_token = alignment.unit == "token"
    rows = zip(alignment.texts, alignment.special, np.asarray(values, dtype=np.float64), strict=True)
    return tuple(
        StripToken(
            text=text if is_token or is_special else f" {text}",
            raw=text,
            id=-1,
            special=is_special,
            segment=0,
            word=number,
            value=None if np.isnan(value) else float(value),
            note=notes[number] if notes else "",
        )
        for number, (text, is_special, value) in enumerate(rows)
    )


def strip(tokens: Sequence[StripToken], *, key: str, look: StripLook) -> None:
    """Draw words to click; a click selects the unit in every strip of the page."""
    unit = selection.current().unit
    event = token_strip(tokens, key=key, selected=unit if 0 <= unit < len(tokens) else None, look=look)
    handled = st.session_state.setdefault(_HANDLED, {})
    if event is not None and event.number != handled.get(key):
        handled[key] = event.number
        if event.position != unit:
            selection.change(unit=event.position)
            selection.write_link()
            st.rerun()


def sides(pair: Pairing) -> tuple[str, str]:
    """Write what A and B are, for the line above a picture."""
    left, right = pair.names
    return f"**A** · {frame.plain(left, longest=80)}", f"**B** · {frame.plain(right, longest=80)}"


def side_by_side(names: Sequence[str], sides: tuple[Numbers, Numbers], *, what: str, top: float = 1.0) -> None:
    """Draw A, B and B − A of the same things as a table of bars on one scale."""
    bar = {
        side: st.column_config.ProgressColumn(side, min_value=0.0, max_value=top, format="%.4f") for side in ("A", "B")
    }
    left, right = (np.asarray(values, dtype=np.float64) for values in sides)
    st.dataframe(
        {what: [named(name) for name in names], "A": left, "B": right, DELTA: right - left},
        hide_index=True,
        height="content" if len(names) <= 15 else 460,
        column_config={**bar, DELTA: st.column_config.NumberColumn(format="%+.4f")},
    )


def facts(answer: Answer, *more: str) -> None:
    """Show the checks, a few facts and the time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        frame.badge(answer.checks)
        st.caption(" · ".join((*(part for part in more if part), frame.seconds(answer.seconds))), width="content")


def key_numbers(numbers: Mapping[str, float], names: Sequence[str]) -> str:
    """Write a few of the numbers on a line."""
    return " · ".join(
        f"{NUMBERS[name][0]} {figure(numbers[name])}"
        for name in names
        if name in numbers and not np.isnan(numbers[name])
    )


def below(answer: Answer, *, name: str, numbers: Mapping[str, float] | None = None) -> None:
    """Offer all numbers, the table, files, and where the method comes from."""
    result: Result = answer.result
    given = numbers if numbers is not None else getattr(result, "numbers", {})
    if getattr(result, "note", ""):
        frame.hint(result.note)  # type: ignore[attr-defined]
    if given:
        with st.expander("All numbers", type="compact"):
            st.dataframe(
                {
                    "number": [NUMBERS.get(key, (key, ""))[0] for key in given],
                    "value": list(given.values()),
                    "in": [NUMBERS.get(key, (key, ""))[1] for key in given],
                },
                hide_index=True,
                height="content",
                column_config={"value": st.column_config.NumberColumn(format="%.6g")},
            )
    with st.expander("Export", type="compact"), st.container(horizontal=True):
        exports.buttons(result, name=name)
    with st.expander("Method, reference, caution", type="compact"):
        _methods(result)


def _methods(result: Result) -> None:
    """Show the compared method and the comparison itself."""
    from lmviz.analyses import ANALYSES

    slugs = [str(result.provenance["analysis"]), str(result.provenance.get("parameters", {}).get("analysis", ""))]
    for slug in dict.fromkeys(slugs):
        if slug in ANALYSES:
            frame.method(ANALYSES[slug])
