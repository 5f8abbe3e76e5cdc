"""How unexpected is each token? Minus the logarithm of the probability that the model gave it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from lmviz.analyses.attention.selecting import check_source, check_target
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions import scoring
from lmviz.analyses.predictions.abilities import require
from lmviz.analyses.predictions.token_distributions import log_softmax
from lmviz.remote import scoring as remote_scoring
from lmviz.results import Check, TokenScores, TokenTable

if TYPE_CHECKING:
    from lmviz.capture.tokens import Encoding
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, and what an encoder does not see when it is asked about a piece of a word.

    `within_word` is "l2r", "original" or "whole_word"; decoders see what comes before in any case. `target_text` is
    what an encoder-decoder writes for the text (None: what it would write itself).
    """

    text: str
    within_word: str = "l2r"
    target_text: str | None = None


def surprisal(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenScores:
    """Give each token's surprisal, -log p, in nats.

    Of a decoder, p is what it gave the token after all that stands before it; where the tokenizer has a token for the
    beginning of a text, that stands in front. Of an encoder, p is what it gives the token when a mask hides it and,
    unless told otherwise, the later pieces of its word (pseudo-log-likelihood: Salazar et al., 2020; Kauf & Ivanova,
    2023). Of an encoder-decoder, p is what it gave the token of the target text.

    Args:
        model: A model with a language-model head.
        params: The text, and the variant.
        on_progress: Told after every batch of passes.

    Returns:
        One number for each token; NaN for special tokens and wherever `note` says.

    Raises:
        NotForThisModel: The model gives no probabilities of tokens.
        InvalidParameter: No such variant.
    """
    from lmviz.capture.tokens import encode

    require(model, "surprisal")
    if params.target_text is not None:
        check_target(model)
    if model.kind == "encoder-decoder":
        encoding = encode(model, params.text)
        table, scores = _of_target(model, encoding, params)
        on_progress(0.9, "The model has run")
        return _result(table, scores, _note(model, None, table))
    scoring.check(model, params.within_word)
    encoding = encode(model, params.text)
    given = scoring.score_encodings(model, [encoding], within_word=params.within_word, on_progress=on_progress)
    scored = dict(given)[0]
    return _result(scored.table, scored.log_probabilities, _note(model, encoding, scored.table))


def _result(table: TokenTable, log_probabilities: Float32[np.ndarray, " position"], note: str) -> TokenScores:
    return TokenScores(
        tokens=table.tokens, scores=-log_probabilities, target="", residue=0.0, unit="nats", table=table, note=note
    )


def _of_target(
    model: "LoadedModel", encoding: "Encoding", params: Params
) -> tuple[TokenTable, Float32[np.ndarray, " position"]]:
    """Score what the decoder of an encoder-decoder reads, but for the token it starts with and special ones."""
    from lmviz.capture.trace import trace

    check_source(model, encoding)
    seen = trace(model, encoding, (), part="decoder", logits=True, decoder_text=params.target_text)
    table = seen.table
    scores = np.full(len(table), np.nan, dtype=np.float32)
    if seen.logits is not None and len(table) > 1:
        log_probabilities = log_softmax(seen.logits[:-1])
        scores[1:] = log_probabilities[np.arange(len(table) - 1), list(table.ids[1:])]
    return table, np.where(np.array(table.special), np.float32(np.nan), scores)


def _note(model: "LoadedModel", encoding: "Encoding | None", table: TokenTable) -> str:
    """Say which tokens have no surprisal and what the first one is conditioned on."""
    from lmviz.capture.batches import n_read

    sentences = ["Special tokens are not scored."] if any(table.special) else []
    if model.kind == "encoder" and model.tokenizer.mask_token_id in table.ids:
        sentences.append(f"{model.tokenizer.mask_token} stands for no token and is not scored.")
    if encoding is None and not table.special[0]:
        sentences.append("The decoder starts with the first token, which is not scored.")
    if encoding is not None and model.kind == "decoder":
        if n_read(model, encoding) > len(table):
            sentences.append(f"The first token comes after {model.tokenizer.bos_token}, which is not shown.")
        elif not table.special[0]:
            sentences.append(f"{model.id} has no token to begin a text with, so the first token is not scored.")
    return " ".join(sentences)


def none_below_zero(result: TokenScores) -> Check:
    """Compare the smallest surprisal with zero, that of a certain token."""
    below = float(max(0.0, -np.nanmin(result.scores, initial=0.0)))
    return Check(
        slug="certain",
        sentence=f"surprisal falls below 0 by {below:.0e}",
        passed=below <= 1e-5,
        value=below,
        limit=1e-5,
        meaning="A probability cannot exceed 1, so a surprisal cannot be negative; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="surprisal",
    title="Surprisal",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=surprisal,
    reference="https://arxiv.org/abs/2305.10588",
    caution="An encoder's is a pseudo-surprisal: it sees both sides, so its sum is no log-probability of the text.",
    checks=(none_below_zero,),
    remote=remote_scoring.surprisal,
)
