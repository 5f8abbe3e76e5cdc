"""Heads with labels on the compare page: one label for the text, one for each word, or where the answer stands."""

import numpy as np
import streamlit as st

from lmviz.components.tokens import StripLook
from lmviz.results import AnswerSpans, Difference, LabelProbabilities, TokenDistributions
from lmviz.ui import compare_parts, comparing, frame, selection
from lmviz.ui.comparing import Pairing
from lmviz.ui.predicting import figure

_APART = ("total_variation", "js")


def labels(pair: Pairing) -> None:
    """Show the probabilities of the labels on both sides."""
    slug = selection.current().compared
    answer = comparing.ask(pair, slug if slug in ("classify", "next-sentence") else "classify")
    result: Difference = answer.result
    a, b = result.a, result.b
    if not isinstance(a, LabelProbabilities) or not isinstance(b, LabelProbabilities):
        raise TypeError("Labels have probabilities.")
    values = [getattr(side, result.compared) for side in (a, b)]
    best = [int(np.argmax(side)) for side in values]
    said = [f"**{frame.plain(a.labels[k])}** ({figure(float(side[k]))})" for k, side in zip(best, values, strict=True)]
    st.markdown(f"A says {said[0]}, B says {said[1]}.")
    left, right = compare_parts.sides(pair)
    st.caption(f"{left}  \n{right}")
    top = 1.0 if a.kind != "value" else float(np.abs(np.concatenate(values)).max()) or 1.0
    compare_parts.side_by_side(a.labels, (values[0], values[1]), what="label", top=top)
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, _APART))
    compare_parts.below(answer, name="compare-labels")


def tags(pair: Pairing) -> None:
    """Show the tags of both sides under the words, and where they differ."""
    answer = comparing.ask(pair, "tag-tokens")
    result: Difference = answer.result
    a, b = result.a, result.b
    if not isinstance(a, TokenDistributions) or not isinstance(b, TokenDistributions):
        raise TypeError("Tags are distributions over labels.")
    apart = result.per_unit["total_variation"]
    best = [_best(side) for side in (a, b)]
    both = [unit for unit, value in enumerate(apart) if not np.isnan(value)]
    n_other = sum(best[0][unit] != best[1][unit] for unit in both)
    st.markdown(f"**{n_other} of {len(both)}** words have another tag in B.")
    notes = [f"A: {left or 'none'}, B: {right or 'none'}" for left, right in zip(*best, strict=True)]
    compare_parts.strip(
        compare_parts.units(result, apart, notes=notes),
        key="compare_tags",
        look=StripLook(
            "The darker a word, the further apart both are. Click one to see its labels.",
            quantity="total variation of the labels",
            maximum=1.0,
        ),
    )
    unit = selection.current().unit if selection.current().unit in both else _furthest(apart)
    words = result.alignment.texts if result.alignment else ()
    left, right = compare_parts.sides(pair)
    st.caption(f"Labels of “{frame.plain(words[unit])}”  \n{left}  \n{right}")
    order = np.argsort(-np.nan_to_num(a.probabilities[unit] + b.probabilities[unit]), kind="stable")[:10]
    names = [a.candidates[unit][k] for k in order]
    compare_parts.side_by_side(names, (a.probabilities[unit][order], b.probabilities[unit][order]), what="label")
    compare_parts.facts(answer, compare_parts.key_numbers(result.numbers, _APART))
    compare_parts.below(answer, name="compare-tags")


def _best(side: TokenDistributions) -> list[str]:
    """Give the best label of each unit; empty where there is none."""
    is_there = ~np.isnan(side.probabilities).any(axis=1)
    best = np.nan_to_num(side.probabilities).argmax(axis=1)
    return [
        side.candidates[unit][int(k)] if there else ""
        for unit, (k, there) in enumerate(zip(best, is_there, strict=True))
    ]


def _furthest(apart: np.ndarray) -> int:
    return int(np.nanargmax(apart))


def answers(pair: Pairing) -> None:
    """Show where both sides see the answer to a question."""
    question = selection.current().text_pair
    if not question.strip():
        st.info("Type a question in “Second sentence” at the left.")
        return
    answer = comparing.ask(pair, "answer-span", question=question)
    result: Difference = answer.result
    a, b = result.a, result.b
    if not isinstance(a, AnswerSpans) or not isinstance(b, AnswerSpans):
        raise TypeError("Answers are stretches of a text.")
    said = [f"**{frame.plain(side.spans[0].text)}** ({figure(side.spans[0].probability)})" if side.spans else "nothing"
            for side in (a, b)]  # fmt: skip
    st.markdown(f"A answers {said[0]}, B answers {said[1]}.")
    left, right = compare_parts.sides(pair)
    for title, values, key, is_signed in (
        (left, np.maximum(a.start, a.end), "a", False),
        (right, np.maximum(b.start, b.end), "b", False),
        (f"**{compare_parts.DELTA}** of where it begins", result.delta, "delta", True),
    ):
        st.caption(title)
        look = StripLook(
            "The darker, the more likely the answer begins or ends there." if not is_signed else "Orange: B more.",
            quantity="probability",
            scale="signed" if is_signed else "amount",
            maximum=1.0,
        )
        compare_parts.strip(compare_parts.units(result, values), key=f"compare_answer_{key}", look=look)
    numbers = compare_parts.key_numbers(result.numbers, ("total_variation_start", "total_variation_end"))
    compare_parts.facts(answer, numbers)
    compare_parts.below(answer, name="compare-answers")
