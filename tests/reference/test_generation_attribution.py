"""Every row of a written text is the attribution itself, asked of the text up to there."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.attribution.generation import ANALYSIS
from lmviz.analyses.attribution.methods import METHODS
from lmviz.errors import EmptyInput, InputTooLong, InvalidParameter, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import GeneratedScores, TokenScores
from tests.reference.test_attribution import OWN_UNIT
from tests.tiny import DECODERS, tiny
from tests.tiny_heads import tiny_head

TEXT, AFTER = "the cat sat", " on the mat and the dog sat on the mat"
ALONG_LINES = {
    "saliency": {},
    "input-x-gradient": {},
    "integrated-gradients": {"n_steps": 20},
    "gradient-shap": {"n_samples": 20, "seed": 3},
}


@cache
def model_of(name: str) -> LoadedModel:
    return lmviz.load(name) if "-" in name else lmviz.wrap(*tiny(name))


def ask(name: str, **params: Any) -> GeneratedScores:
    found = lmviz.run("generation-attribution", model_of(name), **{"text": TEXT, **params})
    assert isinstance(found, GeneratedScores)
    assert all(check.passed for check in ANALYSIS.check(found))
    return found


def spelling(name: str, result: GeneratedScores, place: int) -> str | None:
    """Spell a token so that the tokenizer takes it for one, if it can be; some put the blank there by themselves."""
    assert result.table is not None
    token, wanted = result.table.tokens[place], [result.table.ids[place]]
    cut = model_of(name).tokenizer
    spellings = (token, token.lstrip())
    return next((own for own in spellings if cut(own, add_special_tokens=False)["input_ids"] == wanted), None)


def alone(name: str, result: GeneratedScores, row: int, **params: Any) -> TokenScores:
    """Ask the attribution of one token, after the text before it."""
    table = result.table
    assert table is not None
    place = result.n_source + row
    text = table.text[: table.spans[place - 1][1]]
    ids = model_of(name).tokenizer(text)["input_ids"]
    assert tuple(ids) == table.ids[:place], "the text up to there is cut in another way"
    is_log = result.provenance["parameters"]["quantity"] == "log-probability"
    asked = {"continuation": table.tokens[place]} if is_log else {"target": spelling(name, result, place)}
    found = lmviz.run(result.method, model_of(name), text=text, **asked, **params)
    assert isinstance(found, TokenScores)
    return found


def compare(name: str, result: GeneratedScores, rows: range, **params: Any) -> None:
    can_be_asked = [row for row in rows if spelling(name, result, result.n_source + row) is not None]
    assert len(can_be_asked) >= 2
    for row in can_be_asked:
        one = alone(name, result, row, **params)
        place = result.n_source + row
        scale = max(1.0, float(np.abs(one.scores).max()))
        np.testing.assert_allclose(result.scores[row, :place], one.scores[:place], atol=1e-5 * scale)
        assert np.isnan(result.scores[row, place:]).all()
        size = max(scale, abs(one.provenance["value"]))
        assert result.values[row] == pytest.approx(one.provenance["value"], abs=1e-5 * size)
        low = one.provenance.get("baseline_value", np.nan)
        assert result.baseline_values[row] == pytest.approx(low, abs=1e-5 * size, nan_ok=True)
        assert result.residues[row] == pytest.approx(one.residue, abs=3e-5 * size, nan_ok=True)


@pytest.mark.parametrize("quantity", ["logit", "log-probability"])
@pytest.mark.parametrize("slug", METHODS)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_every_row_is_the_attribution_itself(family: str, slug: str, quantity: str) -> None:
    params = ALONG_LINES.get(slug, {})
    result = ask(family, continuation=AFTER, method=slug, quantity=quantity, **params)
    assert result.unit == OWN_UNIT.get(slug, {"logit": "logit", "log-probability": "nat"}[quantity])
    assert len(result.scores) == len(result.tokens) - result.n_source > 5
    assert np.nanmax(np.abs(result.scores)) > 1e-3
    compare(family, result, range(0, len(result.scores), 3), **params)


@pytest.mark.parametrize("family", [name for name in DECODERS if name != "opt"])  # whose tokenizer ends every text
def test_what_follows_changes_nothing_in_any_family(family: str) -> None:
    result = ask(family, continuation=AFTER, method="integrated-gradients", n_steps=20, baseline="mean")
    compare(family, result, range(0, len(result.scores), 2), n_steps=20, baseline="mean")


def test_a_real_model_too() -> None:
    text, after = "The capital of France is", " Paris, and it is a city."
    for slug, params in (("input-x-gradient", {}), ("integrated-gradients", {"n_steps": 6})):
        result = ask("smollm2-135m", text=text, continuation=after, method=slug, **params)
        compare("smollm2-135m", result, range(0, len(result.scores), 4), **params)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_it_explains_what_generate_writes(family: str) -> None:
    tree = lmviz.run("generate", model_of(family), text=TEXT, max_new_tokens=9)
    result = ask(family, max_new_tokens=9)
    assert result.table is not None
    written = [int(tree.token_ids[node]) for node in tree.chosen]  # type: ignore[attr-defined]
    assert list(result.table.ids[result.n_source :]) == written
    assert result.table.text == TEXT + tree.text  # type: ignore[attr-defined]
    assert result.generated == result.tokens[result.n_source :]


@pytest.mark.parametrize("slug", ["input-x-gradient", "integrated-gradients"])
def test_little_memory_gives_the_same(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    much = ask("llama", continuation=AFTER * 4, method=slug)
    monkeypatch.setenv("LMVIZ_MEMORY_LIMIT", "3")
    little = ask("llama", continuation=AFTER * 4, method=slug)
    np.testing.assert_allclose(little.scores, much.scores, atol=1e-5)
    assert not np.array_equal(little.scores, much.scores), "the batches were the same"


def test_the_table_has_a_row_for_every_pair() -> None:
    result = ask("gpt2", max_new_tokens=3)
    frame = result.to_frame()
    assert list(frame.columns) == ["generated", "position", "generated_token", "position_token", "score"]
    assert len(frame) == result.scores.size
    assert frame["score"].notna().sum() == sum(result.n_source + row for row in range(len(result.scores)))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"method": "attention"}, InvalidParameter, "There is no attribution"),
        ({"quantity": "odds"}, InvalidParameter, "Choose logit or log-probability"),
        ({"max_new_tokens": 0}, InvalidParameter, "ask for 1 to"),
        ({"continuation": ""}, EmptyInput, "Type what follows"),
        ({"text": " "}, EmptyInput, "Type a sentence"),
        ({"text": "the cat " * 250, "max_new_tokens": 50}, InputTooLong, "Shorten the text by"),
        ({"method": "integrated-gradients", "baseline": "x"}, InvalidParameter, "Choose from"),
        ({"method": "integrated-gradients", "n_steps": 0}, InvalidParameter, "ask for 1 to"),
        ({"method": "gradient-shap", "seed": -1}, InvalidParameter, "The seed is -1"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(params: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ask("gpt2", **params)


def test_models_that_continue_no_text_are_told() -> None:
    for model, message in (
        (model_of("bert"), "choose a decoder such as smollm2-135m"),
        (model_of("t5"), "is an encoder-decoder"),
        (lmviz.wrap(*tiny_head("gpt2", "ForSequenceClassification")), "has no language-model head"),
    ):
        with pytest.raises(NotForThisModel, match=message):
            lmviz.run("generation-attribution", model, text=TEXT)
