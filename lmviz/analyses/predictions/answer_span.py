"""Where in a text is the answer to a question? What a question-answering head says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.token_distributions import largest
from lmviz.errors import InvalidParameter
from lmviz.results import AnswerSpan, AnswerSpans, Check, TokenTable

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

Shares = Float[np.ndarray, " position"]


@dataclass(frozen=True)
class Params:
    """The text that holds the answer, the question, how many answers are given and how long they may be."""

    text: str
    question: str
    top_k: int = 5
    max_answer_tokens: int = 30


def answer_span(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> AnswerSpans:
    """Say how probable it is that the answer begins and ends at each token, and list the best answers.

    The model reads the question, then the text. Its two scores of each token become shares of one over the tokens of
    the text alone; a stretch has the product of the share of its beginning and that of its end (Devlin et al., 2019).

    Args:
        model: A model with a question-answering head.
        params: The text and the question.
        on_progress: Told when the model has run.

    Returns:
        Shares by position, and the best stretches of at most `max_answer_tokens` tokens.

    Raises:
        NotForThisModel: The model has no such head.
        InvalidParameter: No answer, or one of no tokens, is asked for.
    """
    from lmviz.capture.heads import head_outputs

    require(model, "answer-span")
    for name in ("top_k", "max_answer_tokens"):
        if getattr(params, name) < 1:
            raise InvalidParameter(f"{name} is {getattr(params, name)}; ask for at least 1.")
    encoding = _read(model, params)
    said = head_outputs(model, encoding, "start_logits", "end_logits")
    on_progress(0.9, "The model has run")
    table = encoding.table
    allowed = np.array([segment == 1 for segment in table.segments]) & ~np.array(table.special)
    start, end = (_shares(said[name], allowed) for name in ("start_logits", "end_logits"))
    return AnswerSpans(
        tokens=table.tokens,
        start=start.astype(np.float32),
        end=end.astype(np.float32),
        spans=_best((start, end), table, params),
        no_answer=_no_answer(model, table, (said["start_logits"], said["end_logits"], allowed)),
        table=table,
    )


def _read(model: "LoadedModel", params: Params) -> "Encoding":
    """Encode question and text; an empty one is called by its name."""
    from lmviz.capture.texts import check_text
    from lmviz.capture.tokens import encode

    check_text(params.text, "The text")
    check_text(params.question, "The question")
    return encode(model, params.question, params.text)


def _shares(logits: np.ndarray, allowed: np.ndarray) -> Shares:
    """Share one among the allowed positions; zero elsewhere, and everywhere where none is allowed."""
    scores = np.where(allowed, logits.astype(np.float64), -np.inf)
    if not allowed.any():
        return np.zeros(len(scores))
    weights = np.exp(scores - scores.max())
    shares: Shares = weights / weights.sum()
    return shares


def _best(shares: tuple[Shares, Shares], table: TokenTable, params: Params) -> tuple[AnswerSpan, ...]:
    """List the stretches with the largest product of both shares."""
    start, end = shares
    n_tokens = len(start)
    lengths = range(min(params.max_answer_tokens, n_tokens))
    products = np.stack([np.pad(start[: n_tokens - more] * end[more:], (0, more)) for more in lengths])  # (more, first)
    flat = products.reshape(1, -1)
    places = largest(flat, min(params.top_k, flat.shape[1]))[0]
    found = [(int(place) % n_tokens, int(place) // n_tokens, float(flat[0, place])) for place in places]
    return tuple(
        AnswerSpan(first, first + more, _text(table, first, first + more), probability)
        for first, more, probability in found
        if probability > 0
    )


def _text(table: TokenTable, first: int, last: int) -> str:
    """Give the characters from one token of the second text to another."""
    return (table.text_pair or "")[table.spans[first][0] : table.spans[last][1]].strip()


def _no_answer(model: "LoadedModel", table: TokenTable, said: Sequence[np.ndarray]) -> float:
    """Give the share of [CLS] as beginning and end at once, when it competes with the tokens of the text."""
    cls, (start, end, allowed) = model.tokenizer.cls_token_id, said
    if cls is None or cls not in table.ids:
        return float("nan")
    place = table.ids.index(cls)
    competing = allowed | (np.arange(len(allowed)) == place)
    return float(_shares(start, competing)[place] * _shares(end, competing)[place])


def shares_sum_to_one(result: AnswerSpans) -> Check | None:
    """Compare the sums of both shares with one; says nothing where the text has no tokens that may be an answer."""
    if not result.start.any():
        return None
    off = max(abs(float(shares.sum(dtype=np.float64)) - 1) for shares in (result.start, result.end))
    return Check(
        slug="shares",
        sentence=f"beginnings and ends sum to 1 within {off:.0e}",
        passed=off <= 1e-5,
        value=off,
        limit=1e-5,
        meaning="An answer begins and ends once; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="answer-span",
    title="Answer span",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=answer_span,
    reference="https://arxiv.org/abs/1606.05250",
    caution="The shares are among the tokens of the text: they sum to one even where the text holds no answer.",
    checks=(shares_sum_to_one,),
)
