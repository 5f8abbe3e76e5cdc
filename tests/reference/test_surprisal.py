"""Surprisal equals one plain forward pass per token, whatever is batched, padded or left out of the head."""

from functools import wraps
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM

import lmviz
from lmviz.analyses.predictions.scoring import WITHIN_WORD, score_encodings, score_texts
from lmviz.analyses.predictions.surprisal import ANALYSIS
from lmviz.capture import batches
from lmviz.capture.narrow import cut
from lmviz.capture.tokens import encode
from lmviz.errors import Cancelled, EmptyInput, InputTooLong, InvalidParameter, NotForThisModel
from lmviz.results import TokenScores
from tests.tiny import DECODERS, ENCODER_DECODERS, ENCODERS, tiny

TEXT = "The nurses said sleeping pandas don't fly."
TEXTS = tuple(
    " ".join(("the cat sat on the mat and sleeping dogs ran over it in the evening " * 3).split()[: 1 + (7 * n) % 37])
    for n in range(32)
)


def ask(model: Any, text: str, **given: Any) -> TokenScores:
    result = lmviz.run("surprisal", model, text=text, **given)
    assert isinstance(result, TokenScores)
    assert all(check.passed for check in ANALYSIS.check(result))
    return result


@torch.no_grad()
def by_masking(hf_model: Any, tokenizer: Any, text: str, within_word: str) -> np.ndarray:
    """One plain pass per token, with what the variant hides replaced by the mask."""
    given = tokenizer(text, return_tensors="pt")
    words, ids = given.word_ids(0), given["input_ids"][0]
    found = np.full(len(ids), np.nan)
    for position, word in enumerate(words):
        if word is None:
            continue
        hidden = {
            "original": lambda other, here=position: other == here,
            "l2r": lambda other, here=position, word=word: words[other] == word and other >= here,
            "whole_word": lambda other, word=word: words[other] == word,
        }[within_word]
        masked = given["input_ids"].clone()
        masked[0, [other for other in range(len(ids)) if hidden(other)]] = tokenizer.mask_token_id
        logits = hf_model(**{**given, "input_ids": masked}).logits[0, position]
        found[position] = -float(logits.double().log_softmax(-1)[ids[position]])
    return found


@pytest.mark.parametrize("within_word", WITHIN_WORD)
@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoders_equals_one_mask_at_a_time(family: str, within_word: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = ask(lmviz.wrap(hf_model, tokenizer), TEXT, within_word=within_word)
    want = by_masking(hf_model, tokenizer, TEXT, within_word)
    np.testing.assert_allclose(result.scores, want, atol=2e-5, rtol=0)
    assert result.unit == "nats"
    assert "Special tokens" in result.note
    assert np.ptp(want[np.isfinite(want)]) > 0.5, "numbers that are all alike would agree with anything"


def test_the_variants_differ_where_a_word_has_pieces_and_only_there() -> None:
    hf_model, tokenizer = tiny("bert")
    model = lmviz.wrap(hf_model, tokenizer)
    scores = {name: ask(model, TEXT, within_word=name).scores for name in WITHIN_WORD}
    words = tokenizer(TEXT).word_ids(0)
    several = np.array([word is not None and words.count(word) > 1 for word in words])
    assert several.any()
    assert not several[1:-1].all()
    last = [word is not None and word not in words[place + 1 :] for place, word in enumerate(words)]
    for name in ("l2r", "whole_word"):
        off = np.abs(scores[name] - scores["original"])
        assert np.nanmax(off[several]) > 0.01
        assert np.nanmax(off[~several]) < 1e-5
    np.testing.assert_allclose(scores["l2r"][last], scores["original"][last], atol=1e-5)


@torch.no_grad()
def after_all_before(hf_model: Any, ids: list[int]) -> np.ndarray:
    """Surprisal of each token but the first in a plain pass over exactly these tokens."""
    logits = hf_model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -logits[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy()


@pytest.mark.parametrize("family", DECODERS)
def test_a_decoders_is_that_of_the_next_token_after_the_beginning_of_a_text(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    result = ask(lmviz.wrap(hf_model, tokenizer), TEXT)
    ids, start = tokenizer(TEXT)["input_ids"], tokenizer.bos_token_id
    has_own = ids[0] == start
    want = after_all_before(hf_model, ids if has_own else [start, *ids])
    scored = np.flatnonzero(np.isfinite(result.scores))
    first = 1 if has_own else 0
    last = len(ids) - (ids[-1] in tokenizer.all_special_ids)
    np.testing.assert_array_equal(scored, np.arange(first, last))
    np.testing.assert_allclose(result.scores[scored], want[scored - first], atol=2e-5, rtol=0)
    assert (f"comes after {tokenizer.bos_token}, which is not shown" in result.note) != has_own


def test_without_a_token_to_begin_with_the_first_is_not_scored() -> None:
    hf_model, tokenizer = tiny("gpt2")
    tokenizer.bos_token = None
    result = ask(lmviz.wrap(hf_model, tokenizer), TEXT)
    assert np.isnan(result.scores[0])
    assert "no token to begin a text with" in result.note
    want = after_all_before(hf_model, tokenizer(TEXT)["input_ids"])
    np.testing.assert_allclose(result.scores[1:], want, atol=2e-5, rtol=0)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_an_encoder_decoders_sums_to_the_librarys_loss(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    target = "the dog sat on the log"
    result = ask(lmviz.wrap(hf_model, tokenizer), TEXT, target_text=target)
    labels = tokenizer(target, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = hf_model(input_ids=tokenizer(TEXT, return_tensors="pt")["input_ids"], labels=labels).loss
    assert np.isnan(result.scores[0])
    assert float(np.nanmean(result.scores)) == pytest.approx(float(loss), abs=1e-5)
    assert len(result.tokens) == labels.shape[1] + 1


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_a_batch_of_thirty_two_with_padding_gives_what_one_alone_gives(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    model = lmviz.wrap(hf_model, tokenizer)
    together = score_texts(model, TEXTS)
    assert len({len(scored.table) for scored in together}) > 8, "texts of one length would need no padding"
    for text, scored in zip(TEXTS, together, strict=True):
        alone = ask(model, text)
        assert scored.table == alone.table
        np.testing.assert_allclose(-scored.log_probabilities, alone.scores, atol=1e-4, rtol=0)
        assert scored.total == pytest.approx(-float(np.nansum(alone.scores, dtype=np.float64)), abs=1e-3)


@pytest.mark.parametrize("family", ["bert", "gpt2", "opt"])
@pytest.mark.parametrize(("n_tokens", "n_logits"), [(1, 1), (64, 2**20), (4096, 5000)])
def test_the_size_of_a_batch_does_not_matter(
    family: str, n_tokens: int, n_logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lmviz.wrap(*tiny(family))
    want = score_texts(model, TEXTS[:8])
    monkeypatch.setattr(batches, "_N_TOKENS", n_tokens)
    monkeypatch.setattr(batches, "_N_LOGITS", n_logits)
    for one, other in zip(score_texts(model, TEXTS[:8]), want, strict=True):
        np.testing.assert_allclose(one.log_probabilities, other.log_probabilities, atol=2e-5)


class Mixing(BertForMaskedLM):
    """A head that looks at all positions at once, so that it cannot run on a few."""

    @wraps(BertForMaskedLM.forward)
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits - 3 * output.logits.mean(dim=1, keepdim=True)
        return output


def test_a_head_that_mixes_positions_is_found_out_and_runs_everywhere() -> None:
    hf_model, tokenizer = tiny("bert")
    mixing = Mixing(hf_model.config).eval()
    mixing.load_state_dict(hf_model.state_dict())
    model = lmviz.wrap(mixing, tokenizer)
    assert cut(model) is None
    want = by_masking(mixing, tokenizer, TEXT, "l2r")
    np.testing.assert_allclose(ask(model, TEXT).scores, want, atol=2e-5, rtol=0)
    assert np.nanmax(np.abs(want - by_masking(hf_model, tokenizer, TEXT, "l2r"))) > 0.01


@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
def test_every_family_runs_its_head_on_the_asked_rows_alone(family: str) -> None:
    hf_model, tokenizer = tiny(family)
    model, rows = lmviz.wrap(hf_model, tokenizer), []
    assert cut(model) is not None
    model.hf_model.get_output_embeddings().register_forward_hook(lambda _m, given, _o: rows.append(given[0].shape[:2]))
    result = ask(model, TEXT)
    assert rows == [(1, int(np.isfinite(result.scores).sum()))]


def test_where_a_block_normalises_after_attending_its_last_half_runs_on_few_rows_too() -> None:
    model, rows = lmviz.wrap(*tiny("bert")), []
    assert cut(model) == "bert.encoder.layer.1.attention.output.LayerNorm"
    for block in model.hf_model.get_submodule("bert.encoder.layer").children():
        mlp = block.get_submodule("output.dense")
        mlp.register_forward_hook(lambda _m, given, _o: rows.append(given[0].shape[:2]))
    result = ask(model, TEXT)
    n_scored, n_tokens = int(np.isfinite(result.scores).sum()), len(result.tokens)
    assert rows == [(n_scored, n_tokens), (1, n_scored)]


def test_masks_in_the_text_are_not_scored() -> None:
    result = ask(lmviz.wrap(*tiny("bert")), "the [MASK] sat")
    assert [bool(missing) for missing in np.isnan(result.scores)] == [True, False, True, False, True]
    assert "[MASK] stands for no token" in result.note


def test_texts_come_as_they_are_done_and_stop_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lmviz.wrap(*tiny("bert"))
    monkeypatch.setattr(batches, "_N_TOKENS", 64)
    told: list[float] = []
    encodings = [encode(model, text) for text in TEXTS]
    numbers = [
        number for number, _ in score_encodings(model, encodings, on_progress=lambda share, _="": told.append(share))
    ]
    assert sorted(numbers) == list(range(len(TEXTS)))
    lengths = [len(encodings[number].table) for number in numbers]
    assert lengths == sorted(lengths)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 8
    passes: list[int] = []
    model.hf_model.get_input_embeddings().register_forward_hook(lambda *_: passes.append(1))

    def stop(fraction: float, message: str = "") -> None:
        raise Cancelled(f"Stopped: {message}.")

    with pytest.raises(Cancelled, match=r"Stopped: \d+ of [\d,]+ passes"):
        score_texts(model, TEXTS, on_progress=stop)
    assert len(passes) == 1


def test_nothing_to_score_is_nothing_to_run() -> None:
    assert score_texts(lmviz.wrap(*tiny("bert")), ()) == ()
    only = ask(lmviz.wrap(*tiny("gpt2")), "<|endoftext|>")
    assert np.isnan(only.scores).all()


def test_what_cannot_be_is_refused() -> None:
    model = lmviz.wrap(*tiny("bert"))
    with pytest.raises(InvalidParameter, match="within_word is 'all'; it must be one of l2r, original, whole_word"):
        lmviz.run("surprisal", model, text=TEXT, within_word="all")
    with pytest.raises(EmptyInput, match="Text 2 of those given: The text is empty"):
        score_texts(model, ("a cat", " "))
    with pytest.raises(NotForThisModel, match="scores one text given another"):
        score_texts(lmviz.wrap(*tiny("t5")), (TEXT,))
    with pytest.raises(NotForThisModel, match=r"Only an encoder-decoder.*Leave target_text out"):
        lmviz.run("surprisal", model, text=TEXT, target_text="a")
    gpt2 = lmviz.wrap(*tiny("gpt2"))
    text = "a" * 512
    n_tokens = len(gpt2.tokenizer(text)["input_ids"])
    fits = text + "a" * 2000
    while len(gpt2.tokenizer(fits)["input_ids"]) > 512:
        fits = fits[:-1]
    assert n_tokens <= len(gpt2.tokenizer(fits)["input_ids"]) == 512
    with pytest.raises(InputTooLong, match="513 tokens long"):
        lmviz.run("surprisal", gpt2, text=fits)
    with pytest.raises(NotForThisModel, match="no language-model head"):
        lmviz.run("surprisal", lmviz.wrap(tiny("bert")[0].get_submodule("bert"), tiny("bert")[1]), text=TEXT)
