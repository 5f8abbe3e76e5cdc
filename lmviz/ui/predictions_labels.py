"""Predictions of heads: does B follow A, which label, which tags, where is the answer."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from lmviz.analyses.predictions.tags import Tag, entities, word_tags
from lmviz.components.tokens import StripLook
from lmviz.errors import LmvizError
from lmviz.results import AnswerSpans, LabelProbabilities, TokenDistributions
from lmviz.ui import frame, predictions, selection
from lmviz.ui.predicting import Clicked, bars, below, facts, figure, named, strip
from lmviz.ui.predictions import Answer


def next_sentence(model: Any) -> Clicked:
    """Judge whether the second sentence follows the first."""
    given = predictions.texts(selection.current())
    if "text_pair" not in given:
        return _second(model, "Type what may follow in “Second sentence” at the left, or try one:", _FOLLOWING)
    return _labels(model, predictions.ask(model, "next-sentence", **given), "next-sentence")


_FOLLOWING = ("It was very hungry.", "The stock market fell by two per cent.")
_QUESTIONS = ("Who is it about?", "Where does it happen?")


def _second(model: Any, sentence: str, offered: tuple[str, ...]) -> Clicked:
    """Ask for the second text where there is none."""
    from lmviz.capture.tokens import encode

    st.info(sentence)
    with st.container(horizontal=True):
        for text in offered:
            st.button(text, key=f"second_{text}", on_click=_take_second, args=(text,))
    return strip(model, encode(model, selection.current().text).table, look=StripLook("The first text."))


def _take_second(text: str) -> None:
    selection.change(text_pair=text)


def classify(model: Any) -> Clicked:
    """Show the probabilities of the labels of the whole text."""
    given = predictions.texts(selection.current())
    return _labels(model, predictions.ask(model, "classify", **given), "classify")


def _labels(model: Any, answer: Answer, slug: str) -> Clicked:
    result: LabelProbabilities = answer.result
    rows = predictions.label_rows(result)
    given = predictions.original_texts()
    if given is not None:
        with suppress(LmvizError):
            rows = predictions.against(rows, predictions.label_rows(predictions.ask(model, slug, **given).result))
    st.markdown(f"**{frame.plain(rows[0].name)}**: {figure(rows[0].probability)}")
    clicked = strip(model, predictions.table_of(result), look=StripLook("Click a word to replace, mask or delete it."))
    facts(answer, f"{len(predictions.table_of(result))} tokens")
    bars(rows, what="label", has_ids=False, is_share=result.kind != "value")
    if result.note:
        frame.hint(result.note)
    below(answer, name=slug)
    return clicked


def tag_tokens(model: Any) -> Clicked:
    """Draw the tags over the text."""
    answer = predictions.ask(model, "tag-tokens", text=selection.current().text)
    result: TokenDistributions = answer.result
    table = predictions.table_of(result)
    tags = word_tags(result)
    names = list(entities(tags)) if _is_bio(result) else []
    first = {position: row for row, position in enumerate(result.positions)}
    labels = [result.candidates[first[place]][0] if place in first else "" for place in range(len(table))]
    shown = ["" if label == "O" else label for label in labels]
    if _is_bio(result):
        st.markdown(_found(names, table.text))
    else:
        st.markdown(f"{len(tags)} words, {len({tag.label for tag in tags})} different tags")
    clicked = strip(
        model,
        table,
        values=[1 - float(result.probabilities[first[p]][0]) if p in first else np.nan for p in range(len(table))],
        labels=shown,
        look=StripLook(
            "Each word with its tag; the darker, the less sure. Click one to see the other tags it might have.",
            quantity="chance of another label",
            maximum=1.0,
        ),
    )
    facts(answer, f"{len(table)} tokens")
    _other_labels(result)
    _tag_table(names or tags, table.text)
    below(answer, name="tags")
    return clicked


def _other_labels(result: TokenDistributions) -> None:
    """Show the labels that the selected token might have."""
    position = selection.current().position
    if position in result.positions:
        token = frame.plain(named(result.tokens[position]))
        st.caption(f"Labels of “{token}”, position {position}")
        rows = predictions.rows_of(result, result.positions.index(position))
        bars(rows[: predictions.CANDIDATES], what="label", has_ids=False)


def _tag_table(tags: Sequence[Tag], text: str) -> None:
    st.dataframe(
        {
            "words": [text[tag.start : tag.end] for tag in tags],
            "label": [tag.label for tag in tags],
            "probability": [tag.probability for tag in tags],
        },
        hide_index=True,
        height="content" if len(tags) < 15 else 400,
        column_config={"probability": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.4f")},
    )


def _is_bio(result: TokenDistributions) -> bool:
    return any(label.startswith(("B-", "I-")) for row in result.candidates for label in row)


def _found(names: Sequence[Tag], text: str) -> str:
    if not names:
        return "No name was found."
    said = ", ".join(f"**{frame.plain(text[tag.start : tag.end])}** ({frame.plain(tag.label)})" for tag in names[:6])
    return f"{len(names)} found: {said}" if len(names) > 1 else f"Found: {said}"


def answer_span(model: Any) -> Clicked:
    """Show where the answer to a question may stand."""
    chosen = selection.current()
    if not chosen.text_pair.strip():
        return _second(model, "Type a question in “Second sentence” at the left, or try one:", _QUESTIONS)
    answer = predictions.ask(model, "answer-span", text=chosen.text, question=chosen.text_pair)
    result: AnswerSpans = answer.result
    table = predictions.table_of(result)
    if result.spans:
        best = result.spans[0]
        st.markdown(f"**{frame.plain(best.text)}**: {figure(best.probability)}")
    clicked = strip(
        model,
        table,
        values=np.maximum(result.start, result.end).tolist(),
        look=StripLook(
            "The question, then the text; the darker, the more likely the answer begins or ends there.",
            quantity="probability that the answer begins or ends here",
            maximum=1.0,
        ),
    )
    facts(answer, f"{len(table)} tokens", f"no answer: {figure(result.no_answer)}")
    st.dataframe(
        {"answer": [span.text for span in result.spans], "probability": [span.probability for span in result.spans]},
        hide_index=True,
        height="content",
        column_config={"probability": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.4f")},
    )
    st.line_chart(
        {"start": result.start.tolist(), "end": result.end.tolist()},
        x_label="position",
        y_label="probability",
        height=240,
    )
    below(answer, name="answer")
    return clicked
