"""Predictions of tokens: in the place of a mask, next, and how surprising the text is."""

from typing import Any

import numpy as np
import streamlit as st

from lmviz.components.tokens import StripLook
from lmviz.errors import LmvizError, NoMaskToken
from lmviz.results import TokenDistributions, TokenScores
from lmviz.ui import frame, predictions, selection
from lmviz.ui.predicting import Clicked, bars, below, facts, figure, named, strip
from lmviz.ui.predictions import Row

JOINT = "joint-fill"


def fill_mask(model: Any) -> Clicked:
    """Fill in one or several masks."""
    given = predictions.texts(selection.current())
    try:
        answer = predictions.ask(model, "token-distributions", **given, top_k=predictions.CANDIDATES)
    except NoMaskToken as error:
        return _no_mask(model, str(error))
    result: TokenDistributions = answer.result
    place = _place(result)
    rows = _with_before(model, predictions.rows_of(result, place), place=place)
    st.markdown(_sentence(rows[0], "fits best", len(result.positions) > 1 and place))
    clicked = strip(
        model,
        predictions.table_of(result),
        look=StripLook("Click a mask to see what fits there, or a word to change it."),
    )
    facts(answer, f"{len(result.tokens)} tokens", f"entropy {figure(float(result.entropy[place]))} nats")
    bars(rows, what="candidate")
    _typed(model, result.positions[place], given)
    if len(result.positions) > 1:
        _joint(model, given)
    below(answer, name="fill-mask")
    return clicked


def _no_mask(model: Any, sentence: str) -> Clicked:
    """Offer to mask a word with a click."""
    from lmviz.capture.tokens import encode

    st.info(f"{frame.plain(sentence, longest=400)} Or click a word below and choose Mask.", icon=":material/touch_app:")
    chosen = selection.current()
    table = encode(model, chosen.text, chosen.texts.get("text_pair")).table
    return strip(model, table, look=StripLook("Click a word to mask it."))


def _place(result: TokenDistributions) -> int:
    """Give which of the result's positions is looked at: the one selected, else the first."""
    position = selection.current().position
    return result.positions.index(position) if position in result.positions else 0


def _sentence(first: Row, doing: str, number: int | bool) -> str:
    which = f" at mask {int(number) + 1}" if number is not False else ""
    return f"**{frame.plain(named(first.name))}** {doing}{which}: {figure(first.probability)}"


def _with_before(model: Any, rows: list[Row], *, place: int) -> list[Row]:
    """Put the probabilities before a change beside them, at the same mask; where there was none, leave them out."""
    given = predictions.original_texts()
    if given is None:
        return rows
    try:
        then: TokenDistributions = predictions.ask(
            model, "token-distributions", **given, top_k=predictions.CANDIDATES
        ).result
    except LmvizError:
        return rows
    return predictions.against(rows, predictions.rows_of(then, min(place, len(then.positions) - 1)))


def _typed(model: Any, position: int, given: dict[str, str]) -> None:
    """Ask for the probability of a word that is typed."""
    word = st.text_input(
        "Probability of a word of your own", key="asked_word", placeholder="Type a word, as in 'doctor'", width=320
    )
    if word.strip():
        with frame.errors_shown():
            name, share, rank = predictions.probability_of(model, word.strip(), position=position, **given)
            st.markdown(f"**{frame.plain(named(name))}**: probability {figure(share)}, rank {rank:,}")


def _joint(model: Any, given: dict[str, str]) -> None:
    """Show the best ways to fill all masks at once, beside filling each by itself."""
    answer = predictions.ask(model, JOINT, **given)
    st.subheader("All masks together", anchor=False)
    result = answer.result
    st.dataframe(
        {
            "filling": [" · ".join(named(token) for token in row) for row in result.fillings],
            "joint probability": result.joint.tolist(),
            "product of the single ones": result.independent.tolist(),
        },
        hide_index=True,
        height="content",
        column_config={
            "joint probability": st.column_config.NumberColumn(
                format="%.3g", help="Masks are filled one after the other, from the left, each given those before it."
            ),
            "product of the single ones": st.column_config.NumberColumn(
                format="%.3g", help="As if the masks knew nothing of each other."
            ),
        },
    )
    facts(answer)


def next_token(model: Any) -> Clicked:
    """Show what the model expects after any token of the text."""
    given = predictions.texts(selection.current())
    answer = predictions.ask(model, "token-distributions", **given, top_k=predictions.CANDIDATES)
    result: TokenDistributions = answer.result
    last = len(result.positions) - 1
    place = _place(result) if selection.current().position >= 0 else last
    rows = predictions.rows_of(result, place)
    if place == last:
        rows = _with_before_last(model, rows)
    after = named(result.tokens[result.positions[place]])
    st.markdown(f"After “{frame.plain(after)}”: **{frame.plain(named(rows[0].name))}**, {figure(rows[0].probability)}")
    clicked = strip(
        model,
        predictions.table_of(result),
        values=result.entropy.tolist(),
        look=StripLook(
            "The darker a token, the less sure the model is of what follows it. Click one to see its candidates.",
            quantity="entropy of what comes next",
            unit="nats",
        ),
    )
    facts(answer, f"{len(result.tokens)} tokens", f"entropy {figure(float(result.entropy[place]))} nats")
    bars(rows, what="candidate")
    if place < last:
        _what_came(result, place)
    _typed(model, result.positions[place], given)
    below(answer, name="next-token")
    return clicked


def _with_before_last(model: Any, rows: list[Row]) -> list[Row]:
    given = predictions.original_texts()
    if given is None:
        return rows
    then = predictions.ask(model, "token-distributions", **given, top_k=predictions.CANDIDATES).result
    return predictions.against(rows, predictions.rows_of(then, len(then.positions) - 1))


def _what_came(result: TokenDistributions, place: int) -> None:
    """Say which rank the token had that really comes next."""
    coming = predictions.table_of(result).ids[result.positions[place] + 1]
    found = np.flatnonzero(result.candidate_ids[place] == coming)
    token = frame.plain(named(result.tokens[result.positions[place] + 1]))
    said = f"rank {int(found[0]) + 1}" if len(found) else f"not among the first {predictions.CANDIDATES}"
    st.caption(f"In the text comes “{token}”: {said}.")


def surprisal(model: Any) -> Clicked:
    """Show how surprising each token is."""
    given: dict[str, Any] = {"text": selection.current().text}
    if model.kind == "encoder":
        given["within_word"] = _within_word()
    answer = predictions.ask(model, "surprisal", **given)
    result: TokenScores = answer.result
    scores = result.scores
    known = np.flatnonzero(~np.isnan(scores))
    total = float(scores[known].sum())
    st.markdown(_surprise(result, known))
    clicked = strip(
        model,
        predictions.table_of(result),
        values=scores.tolist(),
        look=StripLook("The darker a token, the more it surprises the model.", quantity="surprisal", unit=result.unit),
    )
    facts(answer, f"sum {figure(total)} nats", f"mean {figure(total / max(len(known), 1))} nats per token")
    _change_of_sum(model, given, total)
    _score_table(result, known)
    if result.note:
        frame.hint(result.note)
    below(answer, name="surprisal")
    return clicked


def _score_table(result: TokenScores, known: np.ndarray) -> None:
    scores = result.scores
    st.dataframe(
        {
            "position": known.tolist(),
            "token": [named(result.tokens[place]) for place in known],
            "surprisal": scores[known].tolist(),
            "probability": np.exp(-scores[known].astype(np.float64)).tolist(),
        },
        hide_index=True,
        height="content" if len(known) < 15 else 400,
        column_config={
            "surprisal": st.column_config.ProgressColumn(
                "surprisal, nats",
                min_value=0.0,
                max_value=max(1.0, float(scores[known].max(initial=0.0))),
                format="%.3f",
            ),
            "probability": st.column_config.NumberColumn(format="%.4f"),
        },
    )


def _within_word() -> str:
    """Ask which pseudo-log-likelihood: what is hidden of a word while one of its pieces is asked for."""
    names = {"l2r": "It and later pieces", "original": "Only it", "whole_word": "The whole word"}
    return str(
        st.segmented_control(
            "While a piece of a word is asked for, hide",
            list(names),
            default="l2r",
            key="within_word",
            format_func=names.__getitem__,
            required=True,
            help="Pseudo-log-likelihood: each token is masked in turn. It and later pieces: Kauf and Ivanova 2023; "
            "only it: Salazar et al. 2020.",
        )
    )


def _surprise(result: TokenScores, known: np.ndarray) -> str:
    if not len(known):
        return "No token of this text can be scored."
    most = int(known[np.argmax(result.scores[known])])
    token = frame.plain(named(result.tokens[most]))
    return f"Most surprising: **{token}**, {figure(float(result.scores[most]))} nats"


def _change_of_sum(model: Any, given: dict[str, Any], total: float) -> None:
    before = predictions.original()
    if before is not None:
        then = predictions.ask(model, "surprisal", **{**given, "text": before[0]}).result
        change = total - float(np.nansum(then.scores))
        st.markdown(f"Change of the sum against the original: **{change:+.3g} nats**")
