"""The compare page: what is compared with what, in what, and the difference."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from lmviz.errors import LmvizError
from lmviz.ui import (
    compare_attribution,
    compare_heads,
    compare_labels,
    compare_rows,
    compare_tokens,
    compare_writing,
    comparing,
    controls,
    frame,
    selection,
)
from lmviz.ui.comparing import Pairing

SAME = ""  # model B is model A
SECTIONS: Mapping[str, Callable[[Pairing], None]] = {
    "token-distributions": compare_tokens.expected,
    "surprisal": compare_tokens.surprisal,
    "generate": compare_writing.writing,
    "classify": compare_labels.labels,
    "next-sentence": compare_labels.labels,
    "tag-tokens": compare_labels.tags,
    "answer-span": compare_labels.answers,
    "attention-pattern": compare_heads.attention,
    "attention-rollout": compare_heads.rollout,
    "head-statistics": compare_heads.statistics,
    "cka": compare_heads.layers,
    "attribution": compare_attribution.attribution,
    "rows": compare_rows.rows,
}
EXAMPLES = (  # label, what is looked at
    (
        "Two models, one mask",
        {"model": "minilm-mlm", "model_b": "smollm2-135m", "text": "The doctor told the [MASK] to rest.", "text_b": ""},
    ),
    (
        "One word changed",
        {
            "model": "minilm-mlm",
            "model_b": SAME,
            "text": "The nurse said that [MASK] was tired.",
            "text_b": "The mechanic said that [MASK] was tired.",
        },
    ),
    (
        "What surprises whom",
        {
            "model": "smollm2-135m",
            "model_b": "minilm-mlm",
            "text": "The keys to the cabinet is on the table.",
            "text_b": "",
            "compared": "surprisal",
        },
    ),
)


def page() -> None:
    """Draw the page."""
    frame.title("Where do two models, or two texts, differ?")
    selection.write_link()
    a_column, b_column = st.columns(2, gap="medium")
    with a_column.container(border=True, height="stretch"):
        _first()
    with b_column.container(border=True, height="stretch"):
        _second()
    with frame.errors_shown():
        pair = _pair()
        if pair is not None:
            _compare(pair)


def _first() -> None:
    """Say what A is: the model and the text of the sidebar."""
    chosen = selection.current()
    titles = controls.titles()
    st.markdown(f"**A** · {frame.plain(titles.get(chosen.model, chosen.model))}")
    st.caption("Model and text from the left.")
    st.markdown(f"“{frame.plain(chosen.text, longest=300)}”" if chosen.text.strip() else "No text yet.")
    st.button("Swap A and B", key="swap", on_click=_swap, icon=":material/swap_horiz:", type="tertiary")


def _swap() -> None:
    """Let A and B change places."""
    chosen = selection.current()
    selection.agree()
    selection.agree("model_b")
    has_own = bool(chosen.text_b.strip())
    selection.change(
        model=chosen.model_b or chosen.model,
        model_b=chosen.model if chosen.model_b else SAME,
        text=chosen.text_b if has_own else chosen.text,
        text_b=chosen.text if has_own else "",
        head_pair=":".join(reversed(chosen.head_pair.split(":"))),
    )


def _second() -> None:
    """Ask what A is compared with: another model, another text, or both."""
    chosen = selection.current()
    controls.ask_model_b("**B** · model", alone="The same model", help_="")
    selection.keep_widget("text_b", chosen.text_b)
    st.text_area(
        "**B** · text",
        key="text_b",
        height=68,
        placeholder="The same text",
        on_change=controls.take("text_b"),
        help="Leave it empty to compare two models on one text.",
    )


def _pair() -> Pairing | None:
    """Load both models; None where there is nothing to compare yet."""
    chosen = selection.current()
    if not chosen.model_b and (not chosen.text_b.strip() or chosen.text_b == chosen.text) and chosen.compared != "rows":
        _nothing_yet()
        return None
    a = controls.model()
    b = controls.model_b() if chosen.model_b and chosen.model_b != chosen.model else a
    return comparing.pairing(a, b)


def _nothing_yet() -> None:
    st.info("Choose a second model or type a second text under B, or start with one of these:")
    with st.container(horizontal=True):
        for number, (label, changes) in enumerate(EXAMPLES):
            st.button(label, key=f"compare_example_{number}", on_click=_take, args=(changes,))
        st.button("Many texts from a file", key="compare_many", on_click=_take, args=({"compared": "rows"},))


def _take(changes: Mapping[str, Any]) -> None:
    selection.agree()
    selection.agree("model_b")
    selection.change(**changes)


def _compare(pair: Pairing) -> None:
    reasons = comparing.reasons(pair)
    can = [slug for slug, reason in reasons.items() if not reason]
    asked = selection.current().compared
    slug = asked if asked in can else _at_first(pair, can)
    if asked and asked != slug:
        frame.hint(reasons[asked])
    selection.keep_widget("compared", slug)
    st.segmented_control(
        "In what",
        can,
        key="compared",
        format_func=comparing.TITLES.__getitem__,
        on_change=controls.take("compared"),
        label_visibility="collapsed",
        required=True,
    )
    try:
        SECTIONS[slug](pair)
    except LmvizError as error:
        frame.sentence(str(error))
    selection.write_link()
    _cannot({slug: reason for slug, reason in reasons.items() if reason})


def _at_first(pair: Pairing, can: Sequence[str]) -> str:
    """Give what is looked at unless something else is asked for; without a mask an encoder fills in nothing."""
    texts = zip((pair.a, pair.b), pair.texts, strict=True)
    lacks_mask = any(
        model.kind == "encoder" and (model.tokenizer.mask_token or "") not in text for model, text in texts
    )
    wanted = [slug for slug in can if not (lacks_mask and slug == "token-distributions")]
    return (wanted or can)[0]


def _cannot(missing: Mapping[str, str]) -> None:
    """Say in what these two cannot be compared, and why."""
    if missing:
        with st.expander(f"What these two cannot be compared in ({len(missing)})", type="compact"):
            for slug, reason in missing.items():
                st.markdown(f"**{comparing.TITLES[slug]}**: {frame.plain(reason, longest=400)}")
