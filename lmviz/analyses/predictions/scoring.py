"""The log-probability of every token of many texts: pseudo-log-likelihoods of encoders, next tokens of decoders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.base import Progress, ignore
from lmviz.analyses.predictions.abilities import require
from lmviz.errors import InvalidParameter, LmvizError, NotForThisModel
from lmviz.results import TokenTable

if TYPE_CHECKING:
    from lmviz.capture.batches import Copy
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel

WITHIN_WORD = ("l2r", "original", "whole_word")
Answer = Float32[np.ndarray, " asked"]
Hiding = tuple[tuple[int, ...], tuple[int, ...]]  # positions that are asked about, positions that are masked for it


@dataclass(frozen=True, eq=False)
class ScoredText:
    """A text's tokens and the log-probability of each, in nats; NaN where a token is not scored.

    Special tokens and masks are not scored, nor is the first token of a decoder that has no token to begin with.
    """

    table: TokenTable
    log_probabilities: Float32[np.ndarray, " position"]

    @property
    def total(self) -> float:
        """The sum over the scored tokens: the (pseudo-)log-likelihood of the text."""
        return float(np.nansum(self.log_probabilities, dtype=np.float64))


def score_texts(
    model: "LoadedModel", texts: Sequence[str], *, within_word: str = "l2r", on_progress: Progress = ignore
) -> tuple[ScoredText, ...]:
    """Score many texts in few passes.

    Args:
        model: A model with a language-model head; not an encoder-decoder.
        texts: Any number, of any lengths.
        within_word: What else is masked when an encoder is asked about a piece of a word, see `hidings`.
        on_progress: Told after every batch; it may raise to stop.

    Returns:
        One for each text, in their order.

    Raises:
        NotForThisModel: The model gives no probabilities of tokens, or writes one text for another.
        InvalidParameter: No such variant.
        LmvizError: A text cannot be read; the sentence says which.
    """
    check(model, within_word)  # before many texts are read
    encodings = [_encoded(model, text, number) for number, text in enumerate(texts, start=1)]
    found = dict(score_encodings(model, encodings, within_word=within_word, on_progress=on_progress))
    return tuple(found[number] for number in range(len(encodings)))


def score_encodings(
    model: "LoadedModel", encodings: Sequence["Encoding"], *, within_word: str = "l2r", on_progress: Progress = ignore
) -> Iterator[tuple[int, ScoredText]]:
    """Score texts that are encoded already, and give each, with its number, as soon as it is done: short ones first."""
    from lmviz.capture.batches import log_probabilities, n_read

    check(model, within_word)
    if not encodings:
        return
    plans = [_plan(model, encoding, within_word) for encoding in encodings]
    order = sorted(range(len(encodings)), key=lambda number: len(encodings[number].table))
    longest = max(n_read(model, encoding) for encoding in encodings)
    batches = log_probabilities(model, (copy for number in order for copy in plans[number]), longest=longest)
    answers = _one_by_one(batches, sum(map(len, plans)), on_progress)
    for number in order:
        table = encodings[number].table
        scores = np.full(len(table), np.nan, dtype=np.float32)
        for copy in plans[number]:
            scores[list(copy.asked)] = next(answers)
        yield number, ScoredText(table, scores)
    next(answers, None)  # the last batch is told as well


def hidings(words: Sequence[int], scored: Sequence[int], *, within_word: str) -> Iterator[Hiding]:
    """Say what is masked for which token.

    "original" masks the token alone (Salazar et al., 2020); a word's other pieces then give it away. "l2r" also masks
    the pieces of the same word that come later, "whole_word" all of them (Kauf & Ivanova, 2023); the latter asks about
    the pieces of a word at once.

    Args:
        words: The number of the word each position belongs to; negative for a position that is a word by itself.
        scored: The positions that are asked about.
        within_word: One of `WITHIN_WORD`.

    Returns:
        Positions that are asked about, and those that are masked for it.
    """
    pieces: dict[int, list[int]] = {}
    wanted = frozenset(scored)
    for position, word in enumerate(words):
        pieces.setdefault(word if word >= 0 else -1 - position, []).append(position)
    for together in pieces.values():
        asked = [position for position in together if position in wanted]
        if within_word == "whole_word" and asked:
            yield tuple(asked), tuple(together)
            continue
        for position in asked:
            later = [other for other in together if other > position and within_word == "l2r"]
            yield (position,), (position, *later)


def check(model: "LoadedModel", within_word: str) -> None:
    """Refuse a model that cannot score, or a variant that does not exist."""
    require(model, "surprisal")
    if model.kind == "encoder-decoder":
        raise NotForThisModel(
            f"{model.id} scores one text given another, not texts by themselves. Choose an encoder or a decoder, "
            "such as minilm-mlm or smollm2-135m."
        )
    if within_word not in WITHIN_WORD:
        raise InvalidParameter(f"within_word is {within_word!r}; it must be one of {', '.join(WITHIN_WORD)}.")


def _encoded(model: "LoadedModel", text: str, number: int) -> "Encoding":
    """Encode one of several texts; an error says which."""
    from lmviz.capture.tokens import encode

    try:
        return encode(model, text)
    except LmvizError as error:
        raise type(error)(f"Text {number:,} of those given: {error}") from error


def _plan(model: "LoadedModel", encoding: "Encoding", within_word: str) -> list["Copy"]:
    """List the copies of a text that have to run; a decoder scores all of a text in one."""
    from lmviz.capture.batches import Copy, n_read, tokenizer_words

    table, is_encoder = encoding.table, model.kind == "encoder"
    first = 0 if is_encoder or n_read(model, encoding) > len(table) else 1  # a decoder needs something to go by
    mask = model.tokenizer.mask_token_id if is_encoder else None
    scored = [place for place in range(first, len(table)) if not table.special[place] and table.ids[place] != mask]
    if not is_encoder:
        return [Copy(encoding, asked=tuple(scored))] if scored else []
    words = tokenizer_words(model, encoding)
    return [
        Copy(encoding, asked=asked, masked=masked) for asked, masked in hidings(words, scored, within_word=within_word)
    ]


def _one_by_one(batches: Iterator[list[Answer]], n_copies: int, on_progress: Progress) -> Iterator[Answer]:
    """Give the answers of all batches in turn, and tell after each batch how many there are."""
    n_done = 0
    for batch in batches:
        yield from batch
        n_done += len(batch)
        on_progress(n_done / n_copies, f"{n_done:,} of {n_copies:,} passes")
