"""What the person is looking at, kept in the session and in the link, so that every view can be sent on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from lmviz.ui import examples
from lmviz.ui import view as views
from lmviz.ui.choices import CHOICES
from lmviz.ui.view import View

LONGEST_IN_LINK = 2000  # characters of text; a longer link breaks in mail programs and logs
DEFAULT_TEXT = "The cat sat on the mat because it was tired."

_STATE = "_selection"
_LINK = "_link"
_TOUCHED = "_touched"
_NOTES = "_notes"
_REVISION = "_revision"
_ASKED = "_asked"


@dataclass(frozen=True)
class Selection:
    """Model, text and view. Empty `part` means the first kind of attention the model has, empty `task` its first task.

    `position` is the token looked at outside the attention page, -1 for none. `model_b` and `text_b` are what is
    compared with, empty where it is the same; `compared` says in what, `head_pair` which heads ("L5H1:L29H3"), and
    `unit` which word of both, -1 for none. `explained` is what is explained: `answer` rather than `contrast`, empty for
    the model's own first choice and for nothing, or a whole `continuation`; by `methods` from `baselines`, both
    separated by "|" and empty for the usual ones, for each `level`. On the bias page, `lab` is what is asked of
    `benchmark`, with `variant` and `categories`, separated by "|", empty for the default and for all, and `limit`
    rows, -1 for all. On the probing page, `knows` is what is looked at, `probed` the task, `probe` what is fitted,
    and `shape` how layers are compared or measured.
    """

    model: str = "minilm"
    text: str = DEFAULT_TEXT
    text_pair: str = ""
    target_text: str = ""
    part: str = ""
    what: str = "attention"
    dtype: str = "float32"
    device: str = "auto"
    task: str = ""
    position: int = -1
    model_b: str = ""
    text_b: str = ""
    compared: str = ""
    head_pair: str = ""
    unit: int = -1
    explained: str = "answer"
    answer: str = ""
    contrast: str = ""
    continuation: str = ""
    methods: str = ""
    baselines: str = ""
    level: str = "word"
    lab: str = "scores"
    benchmark: str = "crows-pairs"
    source: str = "shipped"
    variant: str = ""
    categories: str = ""
    limit: int = -1
    knows: str = "probes"
    probed: str = "upos"
    probe: str = "linear"
    shape: str = "cka"
    view: View = field(default_factory=View)

    @property
    def texts(self) -> dict[str, str]:
        """The texts as they are asked for in analyses: those that are there."""
        given = {"text": self.text, "text_pair": self.text_pair, "target_text": self.target_text}
        return {name: text for name, text in given.items() if name == "text" or text.strip()}

    @property
    def all_texts(self) -> tuple[str, str, str]:
        """The texts, empty ones included."""
        return self.text, self.text_pair, self.target_text

    @property
    def fits_link(self) -> bool:
        """Say whether the texts are short enough for the link to carry them."""
        return self.n_characters <= LONGEST_IN_LINK

    @property
    def n_characters(self) -> int:
        """Count the characters of all texts."""
        return sum(map(len, (*self.all_texts, self.text_b)))


_TEXTS = {"text": "text", "pair": "text_pair", "target": "target_text", "text_b": "text_b"}
_LEFT_OUT = "characters"  # in a link: how long the texts are that it does not carry
_PLACES = ("position", "unit", "limit")
_FREE = ("model_b", "variant", "categories", "methods", "baselines")  # what they name is looked up where it is used
_EXACT = ("answer", "contrast", "continuation")  # any text, the blanks at its ends included
_PAIR = "head_pair"
_PAIRED = re.compile(r"(L\d{1,4}(H\d{1,4})?|mean):(L\d{1,4}(H\d{1,4})?|mean)")
_OWN = ("model", *_TEXTS, _LEFT_OUT, *_PLACES, *_FREE, *_EXACT, _PAIR, *CHOICES)


def to_url(selection: Selection) -> dict[str, str]:
    """Write a selection as the words of a link: model and text always, the rest where it is not the default."""
    words = {"model": selection.model}
    if selection.fits_link:
        words["text"] = selection.text
        words |= {word: getattr(selection, name) for word, name in _TEXTS.items() if getattr(selection, name)}
    else:
        words[_LEFT_OUT] = str(selection.n_characters)
    for name in CHOICES:
        if getattr(selection, name) != getattr(Selection, name):
            words[name] = getattr(selection, name)
    words |= {name: str(getattr(selection, name)) for name in _PLACES if getattr(selection, name) >= 0}
    words |= {name: getattr(selection, name) for name in (*_FREE, *_EXACT, _PAIR) if getattr(selection, name)}
    return words | views.to_url(selection.view)


def from_url(words: Mapping[str, str], *, start: Selection) -> tuple[Selection, tuple[str, ...]]:
    """Read a link.

    Args:
        words: The query of the address.
        start: What is looked at now; its texts stay where the link carries none.

    Returns:
        The selection and one sentence for each word that made no sense.
    """
    changes: dict[str, Any] = {"model": words["model"].strip()} if words.get("model", "").strip() else {}
    notes: list[str] = []
    if "text" in words:
        changes |= {name: words.get(word, "") for word, name in _TEXTS.items()}
    for name, known in CHOICES.items():
        value = words.get(name, getattr(Selection, name))
        changes[name] = value if value in known else getattr(Selection, name)
        if name in words and value not in known:
            notes.append(_strange(name, value))
    for name in _PLACES:
        place = words.get(name, "-1")
        changes[name] = int(place) if place.isdecimal() and len(place) < 7 else -1
        if name in words and changes[name] < 0:
            notes.append(_strange(name, place))
    changes |= {name: words.get(name, "").strip() for name in _FREE}
    changes |= {name: words.get(name, "") for name in _EXACT}
    pair = words.get(_PAIR, "")
    changes[_PAIR] = pair if _PAIRED.fullmatch(pair) else ""
    if pair != changes[_PAIR]:
        notes.append(_strange(_PAIR, pair))
    changes["view"], strange = views.from_url(words)
    notes += [_strange(word, words[word]) for word in strange]
    left_out = "" if "text" in words else words.get(_LEFT_OUT, "")
    if left_out.isdecimal() and left_out != str(start.n_characters):  # made with a text that is not here
        changes["view"] = replace(changes["view"], locked=())
        notes.append(
            f"The link does not carry its text of {int(left_out[:12]):,} characters: put it in to see the same. "
            "Tokens that were locked in it are free here."
        )
    return replace(start, **changes), tuple(notes)


def _strange(word: str, value: str) -> str:
    return f"The link says {word} = {value[:40]!r}, which means nothing here; the default is used."


def current() -> Selection:
    """Give what this visitor is looking at."""
    if _STATE not in st.session_state:
        st.session_state[_STATE] = Selection(view=examples.first_view(Selection.model, DEFAULT_TEXT))
    selection: Selection = st.session_state[_STATE]
    return selection


def _read(selection: Selection) -> tuple[Any, ...]:
    return selection.model, selection.part, selection.texts


def _sides(selection: Selection) -> tuple[Any, ...]:
    return selection.model, selection.model_b, selection.all_texts, selection.text_b


def _asked_for(selection: Selection) -> tuple[str, ...]:
    return tuple(getattr(selection, name) for name in _EXACT)


def changed(before: Selection, after: Selection) -> Selection:
    """Drop from the view what belonged to another text, part or model.

    Locked tokens are free after any of them; chosen heads stay with the model and part, a filter by sentence as long
    as there is a second one.
    """
    view = after.view
    is_other_model = _read(after)[:2] != _read(before)[:2]
    if _read(after) != _read(before):
        view = replace(view, locked=(), chosen=None if is_other_model else view.chosen)
        after = replace(after, position=-1)
    if is_other_model and _asked_for(after) == _asked_for(before):
        after = replace(after, answer="", contrast="", continuation="")  # tokens and labels of another model
    if _sides(after) != _sides(before):
        after = replace(after, unit=-1, head_pair="" if _sides(after)[:2] != _sides(before)[:2] else after.head_pair)
    if not after.text_pair.strip():
        view = replace(view, filter="all")
    return replace(after, view=view)


def change(**changes: Any) -> None:
    """Look at something else; called by widgets."""
    before = current()
    after = replace(before, **changes)
    fitting = after if "view" in changes else changed(before, after)
    if (fitting.view, *_read(fitting)) != (before.view, *_read(before)):
        st.session_state[_REVISION] = revision() + 1
    st.session_state[_STATE] = fitting
    st.session_state[_TOUCHED] = True


def show(view: View) -> None:
    """Change the view from the server's side, so that the picture has to follow."""
    st.session_state[_STATE] = replace(current(), view=view)
    st.session_state[_REVISION] = revision() + 1


def follow(view: View) -> None:
    """Take over a view that the picture itself reported."""
    st.session_state[_STATE] = replace(current(), view=view)


def revision() -> int:
    """Count how often the view was changed from the server's side."""
    return int(st.session_state.get(_REVISION, 0))


def notes() -> tuple[str, ...]:
    """Give what was strange about the link that was opened last."""
    return tuple(st.session_state.get(_NOTES, ()))


def read_link() -> None:
    """Adopt the link when the browser changed it: opened, edited, or went back or forward.

    A link that we wrote ourselves, or one that a widget's change has just overtaken, is left alone.
    """
    words = {name: st.query_params[name] for name in (*_OWN, *views.URL_NAMES) if name in st.query_params}
    touched = st.session_state.pop(_TOUCHED, False)
    if words and words != st.session_state.get(_LINK) and not touched:
        selection, strange = from_url(words, start=current())
        st.session_state[_NOTES] = strange
        st.session_state[_LINK] = words
        asked = dict(st.session_state.get(_ASKED, {}))
        for name in ("model", "model_b"):
            if getattr(selection, name) != getattr(current(), name):
                asked[name] = getattr(selection, name)
        st.session_state[_ASKED] = asked
        st.session_state[_STATE] = selection
        st.session_state[_REVISION] = revision() + 1
    elif touched:
        st.session_state[_NOTES] = ()


def write_link() -> None:
    """Bring the link up to date; what is not ours in it stays."""
    words = to_url(current())
    if words == st.session_state.get(_LINK) and all(st.query_params.get(name) == words[name] for name in words):
        return
    foreign = {name: st.query_params[name] for name in st.query_params if name not in (*_OWN, *views.URL_NAMES)}
    st.query_params.from_dict({**foreign, **words})
    st.session_state[_LINK] = words


def asked_by_link(name: str, side: str = "model") -> bool:
    """Say whether it was a link, not the person, that asked for this model and nobody has agreed yet."""
    return bool(st.session_state.get(_ASKED, {}).get(side) == name)


def agree(side: str = "model") -> None:
    """Let the model that the link named, on this side, be loaded: "model" or "model_b"."""
    st.session_state[_ASKED] = {name: model for name, model in st.session_state.get(_ASKED, {}).items() if name != side}


def keep_widget(key: str, value: Any) -> None:
    """Show a value in the widget of that key; leaves it alone when it shows it already, so that typing goes on."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
