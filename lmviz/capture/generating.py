"""Text that a model writes, token by token, with the key-value cache."""

from collections.abc import Iterator
from inspect import signature

import numpy as np
import torch
from torch import Tensor

from lmviz.capture import beams, budget
from lmviz.capture.decoding import Decoding, Path, Session, Step, Written, begin, candidate, survey
from lmviz.capture.tokens import Encoding
from lmviz.errors import InputTooLong, InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel


def write(model: LoadedModel, encoding: Encoding, *, how: Decoding, prefix: Path = ()) -> Iterator[Written]:
    """Let a model continue a text; everything is checked before it runs, and it runs as far as it is asked to.

    The main path follows the library's `generate` with the same arguments and with the model's own settings (a
    repetition penalty, forbidden tokens): token for token without sampling, in distribution with it. What is drawn
    depends on the seed and on the tokens before it alone, so that a text that was stopped goes on as it would have.

    Args:
        model: A decoder, or an encoder-decoder; nothing in it is changed, so that many may write at once.
        encoding: The prompt, or the source of an encoder-decoder.
        how: How tokens are chosen.
        prefix: Tokens after the prompt that are there already; they are read once.

    Returns:
        One entry after each token.

    Raises:
        NotForThisModel: It cannot write.
        InputTooLong: The tokens do not all fit into what the model reads.
        OverBudget: It would take more memory than a single job may.
        InvalidParameter: The prefix ends the text.
    """
    check_can_write(model)
    n_source = len(encoding.table) if model.kind == "encoder-decoder" else 0
    n_prompt = (1 if n_source else len(encoding.table)) + len(prefix)
    _check_room(model, n_prompt, how.max_new_tokens)
    if n_source:
        budget.check(model, n_source, places=(), part="encoder")
    budget.check_writing(model, n_prompt, n_new=how.max_new_tokens, n_rows=how.n_beams, n_source=n_source)
    session = begin(model, encoding, how=how, prefix=prefix)
    if prefix and prefix[-1] in session.end_ids:
        raise InvalidParameter("The text ends with this token. Continue at another one.")
    return beams.search(session, how) if how.n_beams > 1 else _single(session, how)


def check_can_write(model: LoadedModel) -> None:
    """Refuse a model that does not continue texts.

    Raises:
        NotForThisModel: An encoder, or a model without a language-model head or without a cache.
    """
    if model.kind == "encoder":
        mask = model.tokenizer.mask_token
        instead = f"Let it fill in {mask} with token-distributions, or choose" if mask else "Choose"
        raise NotForThisModel(
            f"{model.id} is an encoder: it does not continue a text. {instead} a decoder such as smollm2-135m."
        )
    if not hasattr(model.hf_model, "generate") or not model.hf_model.can_generate():
        raise NotForThisModel(
            f"{model.id} has no language-model head: it gives no probabilities of tokens. "
            "Choose a model that was trained to continue text, such as smollm2-135m."
        )
    if "past_key_values" not in signature(type(model.hf_model).forward).parameters:
        raise NotForThisModel(
            f"{model.id} ({model.hf_model.config.model_type}) has no key-value cache, which lmviz writes with. "
            "Choose a model of another family, such as smollm2-135m."
        )


def _check_room(model: LoadedModel, n_prompt: int, n_new: int) -> None:
    """Refuse what does not fit; the last new token is written and not read."""
    limit = model.max_positions
    over = 0 if limit is None else n_prompt + n_new - 1 - limit
    if over <= 0:
        return
    if model.kind == "encoder-decoder":
        remedy = f"Ask for {over:,} fewer"
    else:
        remedy = f"Shorten the text by {over:,} tokens, or ask for fewer" if over < n_prompt else "Ask for fewer"
    raise InputTooLong(
        f"{n_new:,} new tokens after {n_prompt:,} are too many; {model.id} reads at most {limit:,}. {remedy}."
    )


def _single(session: Session, how: Decoding) -> Iterator[Written]:
    """Take one token after the other, the most probable or one that is drawn."""
    stop_reason = ""
    while not stop_reason:
        logits = session.read()
        before = session.path()
        scores = session.scores(logits)
        token = int(scores[0].argmax()) if how.temperature == 0 else _drawn(scores[0], before, seed=how.seed)
        session.append(scores.new_tensor([token], dtype=torch.long))
        path = (*before, token)
        stop_reason = session.reason(path) if session.are_over(session.ids)[0] else ""
        yield Written(path, (_chosen_first(logits[0], path, how.n_branches),), stop_reason)


def _chosen_first(logits: Tensor, path: Path, n_branches: int) -> Step:
    """Give the token that was chosen, then the most probable others."""
    entropy, best = survey(logits, n_branches)
    chosen = next((item for item in best if item.token_id == path[-1]), None) or candidate(logits, path[-1])
    others = [item for item in best if item.token_id != path[-1]]
    return Step(path[:-1], entropy, (chosen, *others[: n_branches - 1]))


def _drawn(scores: Tensor, before: Path, *, seed: int) -> int:
    """Draw a token from the softmax of the scores, with random numbers that follow from seed and tokens before."""
    state = np.random.SeedSequence([seed, len(before), *before]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    return int(torch.multinomial(scores.float().cpu().softmax(-1), 1, generator=generator))
