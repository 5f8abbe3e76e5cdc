"""What the predictions page asks a model, remembered; and the text as it was before it was changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lmviz.analyses import ANALYSES
from lmviz.capture.tokens import single_token
from lmviz.errors import LmvizError
from lmviz.remote import RemoteModel
from lmviz.results import Check, LabelProbabilities, Result, TokenDistributions, TokenTable
from lmviz.ui import memory, selection
from lmviz.ui.selection import Selection

_ORIGINAL = "_original_texts"
CANDIDATES = 10
Texts = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Answer:
    """What an analysis said, how long it took, and whether its laws hold."""

    result: Any
    checks: tuple[Check, ...]
    seconds: float


def ask(model: Any, slug: str, **given: Any) -> Answer:
    """Run an analysis, or remember its answer.

    Raises:
        LmvizError: The model or the text does not allow it.
    """
    chosen = selection.current()
    name = repr(model) if isinstance(model, RemoteModel) else chosen.model  # the settings of a server may change
    key = ("ask", slug, name, chosen.dtype, chosen.device, repr(sorted(given.items())))
    return memory.result(key, lambda: _ask(model, slug, given))


def _ask(model: Any, slug: str, given: Mapping[str, Any]) -> Answer:
    analysis = ANALYSES[slug]
    timed = memory.timed(lambda: analysis.answer(model, given))
    return Answer(timed.value, analysis.check(timed.value), timed.seconds)


def texts(chosen: Selection) -> dict[str, str]:
    """Give text and second text as the analyses take them."""
    return {name: text for name, text in chosen.texts.items() if name != "target_text"}


def change_text(segment: int, text: str) -> None:
    """Put another text in place of the first or second one, and remember what it was before the first change."""
    chosen = selection.current()
    if original() is None:
        st.session_state[_ORIGINAL] = (chosen.model, chosen.text, chosen.text_pair, "")
    changes = {"text_pair": text} if segment else {"text": text}
    selection.change(**changes)
    now = selection.current()
    kept = st.session_state[_ORIGINAL]
    st.session_state[_ORIGINAL] = (*kept[:3], repr((now.text, now.text_pair)))


def original() -> Texts | None:
    """Give the texts before they were changed here; None when they were typed, picked, or are the same again."""
    kept = st.session_state.get(_ORIGINAL)
    if kept is None:
        return None
    now = selection.current()
    is_ours = kept[3] in ("", repr((now.text, now.text_pair)))
    if kept[0] != now.model or not is_ours or (kept[1], kept[2]) == (now.text, now.text_pair):
        forget_original()
        return None
    return kept[1], kept[2]


def original_texts() -> dict[str, str] | None:
    """Give the texts before they were changed as the analyses take them; None where nothing was changed."""
    before = original()
    if before is None:
        return None
    text, text_pair = before
    return {"text": text, "text_pair": text_pair} if text_pair.strip() else {"text": text}


def forget_original() -> None:
    """Take the text as it is now for the original."""
    st.session_state.pop(_ORIGINAL, None)


def undo() -> None:
    """Go back to the text as it was."""
    before = original()
    if before is not None:
        forget_original()
        selection.change(text=before[0], text_pair=before[1])


@dataclass(frozen=True)
class Row:
    """A candidate or label with its probability now and, after a change of the text, before."""

    name: str
    probability: float
    id: int | None = None
    before: float | None = None


def rows_of(result: TokenDistributions, place: int) -> list[Row]:
    """Give the candidates of one of the result's positions."""
    shares, ids = result.probabilities[place], result.candidate_ids[place]
    named = zip(result.candidates[place], shares, ids, strict=True)
    return [Row(name, float(share), int(number)) for name, share, number in named]


def label_rows(result: LabelProbabilities) -> list[Row]:
    """Give the labels, most probable first; of a head that gives values, the values."""
    numbers = result.logits if result.kind == "value" else result.probabilities
    named = sorted(zip(result.labels, numbers, strict=True), key=lambda pair: -pair[1])
    return [Row(name, float(number)) for name, number in named]


def against(rows: list[Row], before: list[Row]) -> list[Row]:
    """Put the numbers before a change beside those now; what was not among them then stays without."""
    known = {(row.id, row.name): row.probability for row in before}
    now = {(row.id, row.name) for row in rows}
    joined = [Row(row.name, row.probability, row.id, known.get((row.id, row.name))) for row in rows]
    gone = [Row(row.name, float("nan"), row.id, row.probability) for row in before if (row.id, row.name) not in now]
    return [*joined, *gone]


def probability_of(model: Any, word: str, *, position: int, **given: Any) -> tuple[str, float, int]:
    """Give a word's probability at a position and its rank from 1; the word must be one token.

    Raises:
        NotOneToken: It is several tokens, or none.
    """
    wanted = _one_token(model, word)
    n_known = model.hf_model.get_output_embeddings().weight.shape[0]
    result = ask(model, "token-distributions", **given, positions=(position,), top_k=n_known).result
    rank = int((result.candidate_ids[0] == wanted).argmax())
    return result.candidates[0][rank], float(result.probabilities[0, rank]), rank + 1


def _one_token(model: Any, word: str) -> int:
    """Take a word as it is typed, or with the space before it that a decoder's words carry."""
    try:
        return single_token(model, word)
    except LmvizError:
        if model.kind != "encoder" and not word.startswith(" "):
            try:
                return single_token(model, f" {word}")
            except LmvizError:
                pass
        raise


def table_of(result: Result) -> TokenTable:
    """Give the tokens of a result that has them."""
    table: TokenTable | None = getattr(result, "table", None)
    if table is None:
        raise TypeError(f"A {type(result).__name__} of a text has its tokens.")
    return table
