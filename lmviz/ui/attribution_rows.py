"""The picture of the attribution page: the quantity and its value, and the words in the colours of each method."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses.attribution.coalitions import DELETE
from lmviz.analyses.attribution.methods import UNSIGNED
from lmviz.components.tokens import StripEvent, StripLook, StripToken, token_strip
from lmviz.engine.tasks import Task
from lmviz.results import TokenScores
from lmviz.ui import attribution_asked, attribution_run, compare_table, exports, frame, selection
from lmviz.ui.attribution_asked import Asked, Failed, Row
from lmviz.ui.attribution_views import bars, scored, table
from lmviz.ui.attribution_words import groups
from lmviz.ui.predicting import figure, named
from lmviz.ui.predictions import Answer

_SHOWN = {"words": "Words", "bars": "Bars", "table": "Table"}
_HANDLED = "_why_event"
_SMALL, _LARGE = 0.01, 0.1  # of the difference: what may be left, and what is too much


def draw(asked: Asked) -> None:
    """Draw what there is, and find what is missing: what is quick at once, the rest on a click."""
    task = attribution_run.begun(asked)
    is_running = task is not None and task.state.is_running
    st.fragment(partial(_drawn, asked, task, was_running=is_running), run_every=1.0 if is_running else None)()
    if not is_running:
        attribution_run.offer(asked)  # outside the fragment: a click is to begin the coming again
        _below(attribution_asked.there(asked, asked.rows))


def _drawn(asked: Asked, task: Task | None, *, was_running: bool) -> None:
    if was_running and task is not None and not task.state.is_running:
        st.rerun()  # the whole page once more, which ends the coming again
    answers = attribution_asked.there(asked, asked.rows)
    _quantity(asked, answers)
    if task is not None:
        attribution_run.progress(task, key="why_stop")
    shown = _shown() if answers else "words"
    scores = attribution_asked.scores_of(answers)
    if shown == "words":
        _strips(asked, answers, is_running=was_running)
    elif scores:
        (bars if shown == "bars" else table)(asked, scores)
    _failures(answers)


def _quantity(asked: Asked, answers: Mapping[Row, Any]) -> None:
    """Say what is explained, and its value here and from each baseline."""
    scores = attribution_asked.scores_of(answers)
    facts = next((result.provenance for result in scores.values()), None)
    value = "" if facts is None else f": **{figure(float(facts['value']))}**"
    empty = {
        row.baseline: float(result.provenance["baseline_value"])
        for row, result in scores.items()
        if "baseline_value" in result.provenance
    }
    said = ", ".join(f"{figure(number)} {_from(baseline)}" for baseline, number in empty.items())
    st.markdown(f"{_name(asked)}{value}{f'; with all words gone, {said}' if said else ''}")


def _from(baseline: str) -> str:
    return "where they are deleted" if baseline == DELETE else f"from {baseline}"


def _name(asked: Asked) -> str:
    """Name what is explained: a logit, a difference of two, or the log-probability of a continuation in nats."""
    found = asked.explained
    if found.n_text is not None:
        return f"Log-probability of “{frame.plain(named(asked.target.continuation or ''))}” in nats"
    place, noun = found.quantity[0].place, "Logit difference" if len(found.quantity) > 1 else "Logit"
    where = "" if place is None else f" at “{frame.plain(named(found.encoding.table.tokens[place]))}” ({place})"
    return f"{noun} of **{frame.plain(' − '.join(named(part) for part in found.name.split(' − ')))}**{where}"


def _shown() -> str:
    return str(
        st.segmented_control(
            "Shown as",
            list(_SHOWN),
            default="words",
            key="why_shown",
            format_func=_SHOWN.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
    )


def _strips(asked: Asked, answers: Mapping[Row, Answer | Failed], *, is_running: bool) -> None:
    """Draw one strip of words for each row; a click on one asks about the answer there."""
    for row in asked.rows:
        answer = answers.get(row)
        if not isinstance(answer, Answer):
            if answer is None:  # its place, so that nothing moves when it comes
                st.markdown(f"**{frame.plain(row.title)}**")
                st.caption("On its way." if is_running else f"Takes {_about(asked, row)}: press Explain below.")
            continue
        result: TokenScores = answer.result
        _heading(row, answer)
        tokens, values = scored(asked, result)
        is_signed = row.slug not in UNSIGNED
        event = token_strip(
            tokens,
            key=f"why_{row.slug}_{row.baseline}",
            selected=_selected(asked),
            look=StripLook(_finding(row, tokens, values), quantity="score", unit=result.unit,
                           scale="signed" if is_signed else "amount"),
        )  # fmt: skip
        _follow(asked, event)
    if answers:
        st.caption(
            "Orange speaks for the answer, blue against it; each row has a scale of its own. Special tokens and the "
            "mask that asks are left as they are. Click a word of a decoder to explain what comes after it."
        )


def _about(asked: Asked, row: Row) -> str:
    return f"about {compare_table.duration(asked.seconds(row))}"


def _heading(row: Row, answer: Answer) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{frame.plain(row.title)}**", width="content")
        left_over(answer.result)
        failed = [check for check in answer.checks if not check.passed]
        if failed:
            frame.badge(answer.checks)
        steps = answer.result.provenance.get("steps")
        said = () if steps is None else (f"{int(steps)} steps",)
        st.caption(" · ".join((*said, frame.seconds(answer.seconds))), width="content")


def left_over(result: TokenScores) -> None:
    """Show which share of the difference a method leaves over, where it claims to explain all of it."""
    facts = result.provenance
    if np.isnan(result.residue) or "baseline_value" not in facts:
        return
    difference = abs(float(facts["value"]) - float(facts["baseline_value"]))
    share = abs(result.residue) / difference if difference else float(result.residue != 0)
    colour = "green" if share <= _SMALL else "orange" if share <= _LARGE else "red"
    st.badge(
        f"residue {100 * share:.2g} %",
        color=colour,  # type: ignore[arg-type]
        help=f"{figure(result.residue)} of {figure(difference)} {result.unit} are not explained by the words. Up to "
        "1 % is little; over 10 % do not read the picture.",
    )


def _selected(asked: Asked) -> int | None:
    """Give which of the shown is the token, or word, where the answer is read."""
    place = asked.explained.quantity[0].place
    if place is None or asked.chosen.level == "token":
        return place
    return next(at for at, own in enumerate(groups(asked.explained.encoding.table)) if place in own)


def _finding(row: Row, tokens: Sequence[StripToken], values: np.ndarray) -> str:
    """Say which word has the largest score."""
    if not values.size:
        return row.title
    most = int(np.abs(values).argmax())
    return f"{row.title}: “{tokens[most].text.strip()}” has the largest score, {figure(float(values[most]))}."


def _follow(asked: Asked, event: StripEvent | None) -> None:
    """Explain the answer at the token that was clicked, once."""
    if event is None or event.number == st.session_state.get(_HANDLED):
        return
    st.session_state[_HANDLED] = event.number
    place = event.position
    if asked.chosen.level == "word":
        place = groups(asked.explained.encoding.table)[place][-1]
    selection.change(position=place, answer="", contrast="")
    selection.write_link()
    st.rerun(scope="app")


def _failures(answers: Mapping[Row, Answer | Failed]) -> None:
    for row, answer in answers.items():
        if isinstance(answer, Failed):
            frame.hint(f"{row.title}: {answer.sentence}")


def _below(answers: Mapping[Row, Answer | Failed]) -> None:
    """Offer the numbers and pictures as files, and say where the methods come from."""
    from lmviz.analyses import ANALYSES

    scores = attribution_asked.scores_of(answers)
    if not scores:
        return
    with st.expander("Export", type="compact"):
        for row, result in scores.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(row.title, width=220)
                exports.buttons(result, name="-".join(filter(None, (row.slug, row.baseline))))
    with st.expander("Method, reference, caution", type="compact"):
        for slug in dict.fromkeys(row.slug for row in scores):
            frame.method(ANALYSES[slug])
        for note in dict.fromkeys(result.note for result in scores.values() if result.note):
            frame.hint(note)
