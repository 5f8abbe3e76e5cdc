"""The home page: what this is, three ways in, the models at hand."""

from functools import partial
from typing import Any

import streamlit as st

from lmviz.ui import controls, examples, frame, selection, warm, ways

CARDS = ("pronoun", "agreement", "repetition")
EMBEDDED = ("minilm", "smollm2-135m")
HEADS = (  # model, what it does, a text to try it on
    ("minilm-mlm", "Fill in a word", "The doctor told the [MASK] to rest."),
    ("minilm-sentiment", "Positive or negative", "The film was not good, but the music was."),
    ("minilm-pos", "Parts of speech", "The old man saw the boats in Paris yesterday."),
    ("minilm-ner", "Names", "just bought a new iphone from apple in london"),
    ("smollm2-135m", "Write on", "The most important thing about language is"),
)


def page() -> None:
    """Draw the page."""
    frame.title("See where a language model looks")
    st.container(width=760).markdown(
        "lmviz opens BERT- and GPT-style models on any sentence you type: every head of every layer, "
        "with the exact number behind each colour. "
        "It runs on this machine alone, takes your own models too, and checks its numbers on each model it loads."
    )
    st.space("small")
    st.header("Start with a sentence", anchor=False)
    for column, name in zip(st.columns(len(CARDS), gap="medium"), CARDS, strict=True):
        with column.container(border=True, height="stretch"):
            _card(examples.example(name))
    st.space("small")
    st.header("Or see what models predict", anchor=False)
    with st.container(horizontal=True, gap="small"):
        for model, label, text in HEADS:
            change = partial(_try, model, text)
            ways.button(label, ways.PREDICTIONS, change=change, key=f"try_{model}", help=f"“{text}” on {model}.")
    st.space("small")
    st.header("Models at hand", anchor=False)
    warm.load(EMBEDDED)
    _models()
    st.space("small")
    _what_is_here()


_PAGES = (  # file, name and question, icon, what is there
    (
        ways.ATTENTION,
        "**Attention** · Where does each head look?",
        "grid_view",
        (
            "All heads at a glance, sorted by what they do; one head as arcs and matrix; mean, maximum, rollout and "
            "flow; queries and keys behind a score; figures and tables to take away."
        ),
    ),
    (
        ways.PREDICTIONS,
        "**Predictions** · What does the model predict?",
        "edit_note",
        (
            "Words for a mask, the next token, surprisal, text with its alternatives, labels, tags, answers; change a "
            "word with a click and see what it changes."
        ),
    ),
    (
        ways.COMPARE,
        "**Compare** · Where do two models, or two texts, differ?",
        "compare",
        (
            "A, B and B − A on one scale, even between models with different tokenizers: expected tokens, surprisal, "
            "attention, layers, labels; and thousands of texts from a file, sorted by disagreement."
        ),
    ),
    (
        ways.ATTRIBUTION,
        "**Attribution** · Which words does the answer rest on?",
        "format_ink_highlighter",
        (
            "Every known method on one answer, word by word or token by token; and tests that say when not to trust "
            "the picture: what is left over, another baseline, words taken away, a model with shuffled weights."
        ),
    ),
    (
        ways.BIAS,
        "**Bias** · Does the model prefer a stereotype?",
        "balance",
        (
            "Published benchmarks and your own pairs, in every published way of scoring, with intervals; where in the "
            "model a preference sits, and what changes when it is taken out."
        ),
    ),
    (
        ways.PROBING,
        "**Probing** · What does each layer know?",
        "layers",
        (
            "Probes on every layer with controls and random weights, on treebanks or labels of your own; heads as "
            "parsers; minimal pairs of grammar; how alike layers are, and what changes when a direction is removed."
        ),
    ),
    (
        "pages/methods.py",
        "**Methods** · What stands behind each number?",
        "menu_book",
        "The paper, the invariants and the caution of every method.",
    ),
)


def _what_is_here() -> None:
    """Lead to every page."""
    st.header("What is here", anchor=False)
    for file, label, icon, what in _PAGES:
        st.page_link(file, label=label, icon=f":material/{icon}:")
        st.caption(what)


def _try(model: str, text: str) -> None:
    """Look at a text that shows what a model is for."""
    selection.agree()
    selection.change(model=model, text=text, text_pair="", target_text="", task="")


def _card(item: examples.Example) -> None:
    st.caption(item.title)
    st.markdown(f"**{frame.plain(item.question)}**")
    st.markdown(f"“{frame.plain(item.text)}”")
    st.space("stretch")
    with st.container(horizontal=True, gap="small"):
        for model, label in zip(EMBEDDED, ("On BERT", "On GPT-style"), strict=True):
            ways.button(
                label,
                ways.ATTENTION,
                change=partial(controls.open_example, item.id, model),
                key=f"open_{item.id}_{model}",
                type="primary" if model == EMBEDDED[0] else "secondary",
                help=f"Opens the attention page with {model}.",
            )


def _is_settled() -> bool:
    """Say whether there is nothing to wait for: every model is checked, failed, or not asked for."""
    return not any(warm.is_under_way(name) for name in EMBEDDED)


def _models() -> None:
    """Show the two models; comes again every second while one is on its way."""
    was_settled = _is_settled()
    draw = st.fragment(_cards, run_every=None if was_settled else 1.0)
    draw(was_settled=was_settled)


def _cards(*, was_settled: bool) -> None:
    from lmviz.models.catalog import CATALOG

    if was_settled != _is_settled():
        st.rerun()  # the whole page once more, which ends the coming again or begins it
    for column, name in zip(st.columns(len(EMBEDDED), gap="medium"), EMBEDDED, strict=True):
        with column.container(border=True, height="stretch"):
            _model(CATALOG[name])


def _model(entry: Any) -> None:
    st.markdown(f"**{frame.plain(entry.title)}**")
    st.caption(f"{entry.id} · {entry.family} · {entry.size} · {entry.licence}")
    if entry.note:
        st.caption(frame.plain(entry.note, longest=400))
    checks, failed = warm.checks(entry.id), warm.failure(entry.id)
    if checks is not None:
        frame.badge(checks)
    elif failed:
        st.caption(f":orange[{frame.plain(failed, longest=400)}]")
        st.button("Try again", key=f"fetch_{entry.id}", on_click=warm.fetch, args=(entry.id,))
    elif warm.is_under_way(entry.id):
        st.badge("Loading and checking …", color="gray")
    else:
        st.caption("Not on this machine yet; fetching it needs a network connection, once.")
        st.button("Fetch it", key=f"fetch_{entry.id}", on_click=warm.fetch, args=(entry.id,))
