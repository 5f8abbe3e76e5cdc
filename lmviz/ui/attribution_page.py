"""The attribution page: what is explained, by which methods, the words it rests on, and whether to believe it."""

from functools import partial
from typing import Any

import streamlit as st

from lmviz.analyses.attribution.baselines import BASELINES
from lmviz.analyses.attribution.coalitions import DELETE
from lmviz.analyses.attribution.methods import METHODS
from lmviz.analyses.predictions.abilities import no_language_model
from lmviz.errors import LmvizError, NoMaskToken, NotForThisModel
from lmviz.ui import (
    attribution_asked,
    attribution_layers,
    attribution_rows,
    attribution_target,
    attribution_trust,
    attribution_written,
    controls,
    frame,
    selection,
)
from lmviz.ui.attribution_asked import Asked
from lmviz.ui.choices import LEVELS
from lmviz.ui.selection import Selection

KINDS = {"answer": "One answer", "layers": "Layer by layer", "written": "A text it writes"}
EXAMPLES: dict[str, dict[str, str]] = {  # by what is asked
    "Why “patient”?": {"model": "minilm-mlm", "text": "The doctor told the [MASK] to rest."},
    "Why Paris rather than Rome?": {
        "model": "smollm2-135m",
        "text": "The capital of France is",
        "answer": " Paris",
        "contrast": " Rome",
    },
    "Why positive?": {"model": "minilm-sentiment", "text": "A slow start, but a wonderful film in the end."},
}


def page() -> None:
    """Draw the page."""
    frame.title("Which words does the answer rest on?")
    selection.write_link()
    try:
        _ask(controls.model())
    except (NotForThisModel, NoMaskToken) as error:
        frame.sentence(str(error))
        _examples()
    except LmvizError as error:
        frame.sentence(str(error))
    selection.write_link()


def _examples() -> None:
    """Offer questions that can be answered."""
    st.caption("Or try one of these:")
    with st.container(horizontal=True, gap="small"):
        for label, words in EXAMPLES.items():
            st.button(label, key=f"why_{words['model']}", on_click=_take, kwargs=words, help=f"“{words['text']}”")


def _take(**words: str) -> None:
    selection.agree()
    selection.change(**{"answer": "", "contrast": "", "text_pair": "", "position": -1, **words})


def _ask(model: Any) -> None:
    kind = _kind(model)
    if kind == "written":
        attribution_written.draw(model)
        return
    attribution_target.ask(model)
    asked = attribution_asked.ask(model, selection.current())
    _how(asked, has_methods=kind == "answer")
    if kind == "layers":
        attribution_layers.draw(model)
        return
    attribution_rows.draw(asked)
    attribution_trust.draw(asked)


def _kind(model: Any) -> str:
    """Ask what is explained: one answer, the same from every layer, or a text that the model writes."""
    can_write = model.kind == "decoder" and not no_language_model(model)
    kinds = {name: title for name, title in KINDS.items() if name != "written" or can_write}
    asked = selection.current().explained
    kind = asked if asked in kinds else "answer"
    selection.keep_widget("explained", kind)
    st.segmented_control(
        "What is explained",
        list(kinds),
        key="explained",
        format_func=kinds.__getitem__,
        on_change=controls.take("explained"),
        label_visibility="collapsed",
        required=True,
    )
    if kind != asked:
        frame.hint("This model writes no text; one answer is explained.")
    return kind


def _how(asked: Asked, *, has_methods: bool) -> None:
    """Ask by which methods, from which baselines, and for what."""
    chosen = asked.chosen
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if has_methods:
            _ask_methods(chosen)
        has_mask = asked.model.tokenizer.mask_token_id is not None
        selection.keep_widget("attribution_baselines", list(asked.baselines))
        st.pills(
            "From the baseline",
            [name for name in (*BASELINES, DELETE) if name != "mask" or has_mask],
            key="attribution_baselines",
            selection_mode="multi",
            on_change=partial(_take_several, "attribution_baselines", "baselines"),
            help="What stands where a word is not: padding, nothing at all (zero), the mask, or the mean of all "
            "embeddings; or the word is deleted, by methods that take words away. It is a choice, and another one "
            "gives another picture: choose two and compare.",
        )
        if has_methods:
            _ask_level(chosen)


def _ask_level(chosen: Selection) -> None:
    selection.keep_widget("level", chosen.level)
    st.segmented_control(
        "For each",
        LEVELS,
        key="level",
        on_change=controls.take("level"),
        required=True,
        help="The score of a word is the sum of its pieces'.",
    )


def _ask_methods(chosen: Selection) -> None:
    selection.keep_widget("attribution_methods", list(attribution_asked.methods_of(chosen)))
    st.multiselect(
        "Methods",
        list(METHODS),
        key="attribution_methods",
        format_func=lambda slug: METHODS[slug].title,
        on_change=partial(_take_several, "attribution_methods", "methods"),
        width=520,
    )


def _take_several(key: str, name: str) -> None:
    selection.change(**{name: "|".join(st.session_state[key])})
