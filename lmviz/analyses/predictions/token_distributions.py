"""What does the model expect at a position? The most probable tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int64

from lmviz.analyses.attention.selecting import check_source, check_target
from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.predictions.abilities import no_language_model
from lmviz.errors import InvalidParameter, NoMaskToken, NotForThisModel
from lmviz.remote import next_token
from lmviz.results import Check, TokenDistributions

if TYPE_CHECKING:
    from lmviz.capture.trace import Trace
    from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True)
class Params:
    """What is read, how many candidates, and where (None: every position of a decoder, the masks of an encoder)."""

    text: str
    text_pair: str | None = None
    top_k: int = 10
    positions: tuple[int, ...] | None = None
    target_text: str | None = None


def token_distributions(model: "LoadedModel", params: Params, *, on_progress: Progress = ignore) -> TokenDistributions:
    """List the most probable tokens: the next one of a decoder, the masked one of an encoder.

    Probabilities are the softmax of the model's logits over its whole vocabulary, at temperature 1.

    Args:
        model: A model with a language-model head.
        params: The text; a masked one for an encoder.
        on_progress: Told when the model has run.

    Returns:
        Candidates and their probabilities, best first, for each asked-for position.

    Raises:
        NoMaskToken: An encoder's text has no mask.
        NotForThisModel: The model has no language-model head.
        InvalidParameter: No such position, or no such number of candidates.
    """
    from lmviz.capture.tokens import encode
    from lmviz.capture.trace import trace

    missing = no_language_model(model)
    if missing:
        raise NotForThisModel(missing)
    if params.target_text is not None:
        check_target(model)
    if params.top_k < 1:
        raise InvalidParameter(f"top_k is {params.top_k}; ask for at least 1 candidate.")
    encoding = encode(model, params.text, params.text_pair)
    if model.kind == "encoder" and params.positions is None:
        mask_positions(model, encoding.table.ids)  # refuse before the model runs
    part = "decoder" if model.kind == "encoder-decoder" else model.kind
    if model.kind == "encoder-decoder":
        check_source(model, encoding)
    seen = trace(model, encoding, (), part=part, logits=True, decoder_text=params.target_text)
    on_progress(0.9, "The model has run")
    return _best(model, seen, params)


def _best(model: "LoadedModel", seen: "Trace", params: Params) -> TokenDistributions:
    from lmviz.capture.tokens import token_string

    if seen.logits is None:
        raise NotForThisModel(no_language_model(model))
    positions = _positions(model, seen.table.ids, params.positions)
    if params.top_k > seen.logits.shape[1]:
        raise InvalidParameter(f"top_k is {params.top_k}; {model.id} knows {seen.logits.shape[1]} tokens.")
    log_probabilities = log_softmax(seen.logits[list(positions)])
    ids = largest(log_probabilities, params.top_k)
    chances = np.exp(np.take_along_axis(log_probabilities, ids, axis=1))
    names = {int(i): token_string(model.tokenizer, int(i)) for i in np.unique(ids)}
    return TokenDistributions(
        tokens=seen.table.tokens,
        positions=positions,
        candidates=tuple(tuple(names[int(i)] for i in row) for row in ids),
        candidate_ids=ids,
        probabilities=chances.astype(np.float32),
        entropy=-(np.exp(log_probabilities) * log_probabilities).sum(axis=1).astype(np.float32),
        table=seen.table,
    )


def log_softmax(logits: Float32[np.ndarray, "position vocabulary"]) -> Float[np.ndarray, "position vocabulary"]:
    """Turn logits into log-probabilities, in float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def largest(values: Float[np.ndarray, "position vocabulary"], n: int) -> Int64[np.ndarray, "position candidate"]:
    """Give the places of the n largest values of each row, largest first; of equal ones the first comes first."""
    places = np.argpartition(-values, n - 1, axis=1)[:, :n]
    places.sort(axis=1)
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1).astype(np.int64)


def _positions(model: "LoadedModel", ids: tuple[int, ...], asked: tuple[int, ...] | None) -> tuple[int, ...]:
    if asked is None:
        return mask_positions(model, ids) if model.kind == "encoder" else tuple(range(len(ids)))
    if not asked:
        raise InvalidParameter("positions is empty. Name at least one, or leave it out.")
    wrong = [position for position in asked if not 0 <= position < len(ids)]
    if wrong:
        raise InvalidParameter(f"There is no position {wrong[0]}. Choose from 0 to {len(ids) - 1}.")
    return asked


def mask_positions(model: "LoadedModel", ids: tuple[int, ...]) -> tuple[int, ...]:
    """Give the positions of the mask token."""
    found = tuple(position for position, token in enumerate(ids) if token == model.tokenizer.mask_token_id)
    if not found:
        mask = model.tokenizer.mask_token
        if mask is None:
            raise NotForThisModel(f"{model.id} has no mask token. Name the positions it should answer at.")
        raise NoMaskToken(f"Put {mask} where the model should answer, as in 'The nurse said {mask} was tired.'")
    return found


def shares_of_one(result: TokenDistributions) -> Check:
    """Compare the sum over candidates with one, which it may not exceed."""
    over = float(max(0.0, (result.probabilities.sum(axis=1, dtype=np.float64) - 1).max(initial=0.0)))
    return Check(
        slug="shares",
        sentence=f"candidates exceed 1 by {over:.0e}",
        passed=over <= 1e-5,
        value=over,
        limit=1e-5,
        meaning="Probabilities of different tokens cannot add up to more than 1; the recording is wrong.",
    )


ANALYSIS = Analysis(
    slug="token-distributions",
    title="Token distributions",
    group="predictions",
    needs=frozenset({"logits"}),
    params=Params,
    run=token_distributions,
    reference="https://arxiv.org/abs/1810.04805",
    caution="A high probability says what text the model expects, not what is true.",
    checks=(shares_of_one,),
    remote=next_token.token_distributions,
)
