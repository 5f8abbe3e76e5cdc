"""Who may write, how much fits, and what it takes: said before the model runs."""

from dataclasses import replace
from typing import Any

import pytest
import transformers

import lmviz
from lmviz.analyses.predictions.generate import Params
from lmviz.capture import budget
from lmviz.capture.generating import write
from lmviz.capture.tokens import encode
from lmviz.errors import InputTooLong, InvalidParameter, NotForThisModel, OverBudget
from lmviz.models.loaded import LoadedModel
from tests.tiny import tiny
from tests.tiny_tokenizers import MAX_POSITIONS, gpt2_tokenizer

TEXT = "The cat sat on the mat."
HOW = Params(TEXT)


class Ran(Exception):
    """Raised when the model runs."""


def never_runs(family: str) -> LoadedModel:
    model = lmviz.wrap(*tiny(family))

    def fall(*_: Any) -> None:
        raise Ran

    model.hf_model.get_input_embeddings().register_forward_hook(fall)
    return model


def ask(model: LoadedModel, text: str = TEXT, *, prefix: tuple[int, ...] = (), **how: Any) -> None:
    write(model, encode(model, text), how=replace(HOW, **how), prefix=prefix)


def test_a_model_without_a_head_is_refused() -> None:
    for family, part in (("gpt2", "transformer"), ("t5", None)):
        hf_model, tokenizer = tiny(family)
        base = hf_model.get_submodule(part) if part else transformers.T5Model(hf_model.config)
        with pytest.raises(NotForThisModel, match=r"no language-model head.* such as smollm2-135m"):
            ask(lmviz.wrap(base, tokenizer))


def test_an_encoder_is_told_what_it_can_do() -> None:
    with pytest.raises(NotForThisModel, match=r"is an encoder.*fill in \[MASK\].*or choose a decoder"):
        ask(lmviz.wrap(*tiny("bert")))


def test_a_model_without_a_cache_is_refused() -> None:
    config = transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=400, eos_token_id=0)
    model = lmviz.wrap(transformers.MambaForCausalLM(config), gpt2_tokenizer())
    with pytest.raises(NotForThisModel, match=r"\(mamba\) has no key-value cache.* Choose a model of another family"):
        ask(model)


def test_settings_that_the_library_refuses_are_said_in_its_words() -> None:
    hf_model, tokenizer = tiny("gpt2")
    hf_model.generation_config.stop_strings = ["."]
    with pytest.raises(NotForThisModel, match="cannot write with its own settings: There are one or more stop strings"):
        ask(lmviz.wrap(hf_model, tokenizer))


@pytest.mark.parametrize("family", ["gpt2", "opt", "llama"])
def test_the_last_position_can_be_read_and_no_other(family: str) -> None:
    model = lmviz.wrap(*tiny(family))
    encoding = encode(model, "the cat " * 200)
    room = MAX_POSITIONS - len(encoding.table) + 1
    *_, last = write(model, encoding, how=replace(HOW, max_new_tokens=room))
    assert len(last.path) == room or last.stop_reason == "end"
    with pytest.raises(InputTooLong, match=r"reads at most 512\. Shorten the text by 1 tokens, or ask for fewer\."):
        write(model, encoding, how=replace(HOW, max_new_tokens=room + 1))


def test_what_does_not_fit_is_refused_before_it_runs() -> None:
    with pytest.raises(InputTooLong, match=r"600 new tokens after 7 are too many; .* Ask for fewer\."):
        ask(never_runs("gpt2"), max_new_tokens=600)
    with pytest.raises(InputTooLong, match=r"513 new tokens after 1 are too many; .* Ask for 1 fewer\."):
        ask(never_runs("bart"), max_new_tokens=513)
    with pytest.raises(InputTooLong, match=r"20 new tokens after 500 are too many"):
        ask(never_runs("gpt2"), prefix=(5,) * 493)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_memory_is_asked_for_before_it_runs(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = never_runs(family)
    monkeypatch.setattr(budget, "_speed", lambda *_: (0.0, 0.0))  # timing it would run it
    monkeypatch.setenv(budget.LIMIT_VARIABLE, "0.001")
    with pytest.raises(OverBudget, match=r"the limit is 0.001 MB\. .*or raise LMVIZ_MEMORY_LIMIT"):
        ask(model)


def test_more_tokens_beams_and_source_take_more() -> None:
    model = lmviz.wrap(*tiny("bart"))
    least = budget.estimate_writing(model, 1, n_new=5, n_source=10)
    for more in (
        budget.estimate_writing(model, 1, n_new=50, n_source=10),
        budget.estimate_writing(model, 1, n_new=5, n_rows=4, n_source=10),
        budget.estimate_writing(model, 1, n_new=5, n_source=100),
    ):
        assert 0 < least.megabytes < more.megabytes
    assert 0 < least.seconds < budget.estimate_writing(model, 1, n_new=50, n_source=10).seconds


def test_the_cache_is_within_the_estimate() -> None:
    for family in ("gpt2", "llama"):
        model = lmviz.wrap(*tiny(family))
        encoding = encode(model, "the cat sat " * 20)
        heads = getattr(model.hf_model.config, "num_key_value_heads", None) or model.n_heads
        cache = 2 * 4 * model.n_layers * heads * 8 * (len(encoding.table) + 100) * 3 / 1e6
        predicted = budget.estimate_writing(model, len(encoding.table), n_new=100, n_rows=3)
        assert cache < predicted.megabytes < 6 * cache


def test_nothing_follows_the_end_of_a_text() -> None:
    model = never_runs("llama")
    with pytest.raises(InvalidParameter, match="ends with this token"):
        ask(model, prefix=(7, model.tokenizer.eos_token_id))
