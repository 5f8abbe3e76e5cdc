"""B − A: zero for the same, the negative the other way round, and what is summed is summed by hand."""

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy, spearmanr

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.compare.compare import Side, compare
from lmviz.analyses.compare.joining import difference
from lmviz.capture.tokens import token_string
from lmviz.errors import InvalidParameter, LmvizError, NoMaskToken, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import (
    AttentionPattern,
    Difference,
    LabelProbabilities,
    LayerHeadGrid,
    LayerPositionGrid,
    TokenDistributions,
    TokenMatrix,
    TokenScores,
)
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

TEXT = "The cat's sleeping on the mat, and the dog sat."
OTHER = "The dog's sleeping on a mat, and then the cat sat down."
MASKED = "The [MASK] sat on the [MASK], she said."
GRIDS = ("attention-pattern", "value-weighted-attention", "head-statistics")
MATRICES = ("attention-rollout", "attention-flow")
SLUGS = (*GRIDS, *MATRICES, "surprisal", "token-distributions")
SAME_SHAPE = ("bert", "roberta", "gpt2", "llama", "albert")


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


def sides(slug: str, a: str, b: str, *, texts: tuple[str, str] = (TEXT, TEXT)) -> tuple[Side, Side]:
    """Give two sides; where an encoder fills in masks there are some."""
    if slug == "token-distributions" and any(model_of(family).kind == "encoder" for family in (a, b)):
        mask = next(model_of(family).tokenizer.mask_token for family in (a, b) if model_of(family).kind == "encoder")
        texts = (MASKED.replace("[MASK]", mask), MASKED.replace("[MASK]", mask))
    return Side(model_of(a), {"text": texts[0]}), Side(model_of(b), {"text": texts[1]})


def compared(slug: str, a: str, b: str, *, texts: tuple[str, str] = (TEXT, TEXT), **more: Any) -> Difference:
    left, right = sides(slug, a, b, texts=texts)
    return compare(left, right, analysis=ANALYSES[slug], **more)


def swapped(name: str) -> str:
    """Give the name that a number has when A and B change places."""
    pairs = {"_ab": "_ba", "_ba": "_ab", "_a": "_b", "_b": "_a"}
    return next((name.removesuffix(end) + other for end, other in pairs.items() if name.endswith(end)), name)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("family", SAME_SHAPE)
def test_a_against_a_is_zero_everywhere(slug: str, family: str) -> None:
    result = compared(slug, family, family)
    is_defined = ~np.isnan(getattr(result.a, result.compared))
    assert is_defined.any()
    assert (result.delta[is_defined] == 0).all()
    assert np.isnan(result.delta[~is_defined]).all()
    for name in ("mean_absolute", "largest_absolute", "js", "kl_ab", "kl_ba", "total_variation"):
        assert result.numbers.get(name, 0.0) == 0.0
    for name in ("rank_correlation", "top_k_overlap"):
        assert result.numbers.get(name, 1.0) == pytest.approx(1)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    ("a", "b", "texts"),
    [
        ("bert", "gpt2", (TEXT, TEXT)),
        ("llama", "bert", (TEXT, TEXT)),
        ("roberta", "gpt2", (TEXT, TEXT)),
        ("bert", "albert", (TEXT, OTHER)),
        ("gpt2", "gpt2", (TEXT, OTHER)),
    ],
)
def test_a_against_b_is_the_negative_of_b_against_a(slug: str, a: str, b: str, texts: tuple[str, str]) -> None:
    there, back = compared(slug, a, b, texts=texts), compared(slug, b, a, texts=texts[::-1])
    np.testing.assert_array_equal(there.delta, -back.delta)
    assert (there.delta != 0).any()
    assert {swapped(name) for name in there.numbers} == set(back.numbers)
    for name, value in there.numbers.items():
        assert value == back.numbers[swapped(name)] or math.isnan(value), name
    for name, values in there.per_unit.items():
        np.testing.assert_array_equal(values, back.per_unit[swapped(name)], err_msg=name)
    for check in ANALYSES["compare"].check(there):
        assert check.passed, check.sentence


@pytest.mark.parametrize("slug", SLUGS)
def test_both_sides_are_what_the_analysis_itself_gives(slug: str) -> None:
    """With one tokenizer nothing is merged: A and B are the results themselves."""
    result = compared(slug, "gpt2", "gpt2", texts=(TEXT, TEXT))
    alone = lmviz.run(slug, model_of("gpt2"), text=TEXT)
    if isinstance(alone, TokenDistributions):
        assert isinstance(result.a, TokenDistributions)
        np.testing.assert_allclose(result.a.entropy, alone.entropy, atol=1e-5)
        np.testing.assert_allclose(result.a.probabilities, alone.probabilities, atol=1e-6)
        return
    np.testing.assert_array_equal(getattr(result.a, result.compared), getattr(alone, result.compared))
    assert getattr(result.a, "table", None) == getattr(alone, "table", None)
    assert result.a.provenance["analysis"] == slug


def test_attention_of_pieces_is_summed_over_to_and_averaged_over_from() -> None:
    result = compared("attention-pattern", "bert", "gpt2")
    assert result.alignment is not None
    assert isinstance(result.a, AttentionPattern)
    alone = {family: lmviz.run("attention-pattern", model_of(family), text=TEXT) for family in ("bert", "gpt2")}
    for side, family, units in ((result.a, "bert", result.alignment.a), (result.b, "gpt2", result.alignment.b)):
        pattern: np.ndarray = getattr(alone[family], "pattern").astype(np.float64)  # noqa: B009
        found: np.ndarray = getattr(side, "pattern")  # noqa: B009
        for query, from_ in enumerate(units):
            for key, to in enumerate(units):
                if not from_ or not to:
                    assert np.isnan(found[..., query, key]).all()
                    continue
                want = sum(pattern[:, :, i, j] for i in from_ for j in to) / len(from_)
                np.testing.assert_allclose(found[:, :, query, key], want, atol=1e-6)
    assert max(len(unit) for unit in result.alignment.a) > 2
    assert result.alignment.special == (True, *[False] * (len(result.alignment) - 2), True)


@pytest.mark.parametrize(("a", "b"), [("bert", "roberta"), ("bert", "gpt2"), ("albert", "llama")])
def test_rows_still_sum_to_one_on_each_side(a: str, b: str) -> None:
    result = compared("attention-pattern", a, b)
    assert result.alignment is not None
    for side, units in ((result.a, result.alignment.a), (result.b, result.alignment.b)):
        assert isinstance(side, AttentionPattern)
        rows = np.nansum(side.pattern, axis=-1)[..., [unit for unit, own in enumerate(units) if own]]
        np.testing.assert_allclose(rows, 1, atol=1e-5)
    assert 0 <= result.numbers["js"] <= math.log(2)
    outside = result.numbers["outside_a"]
    if (a, b) == ("bert", "roberta"):
        assert outside == pytest.approx(0, abs=1e-6)  # [CLS] and [SEP] go with <s> and </s>
    else:
        assert outside > 0.01


def test_shares_of_a_row_are_compared_on_the_common_keys() -> None:
    result = compared("attention-rollout", "bert", "gpt2")
    assert result.alignment is not None
    assert isinstance(result.a, TokenMatrix)
    assert isinstance(result.b, TokenMatrix)
    common, query = list(result.alignment.common), result.alignment.common[3]
    p, q = (side.values[query, common].astype(np.float64) for side in (result.a, result.b))
    middle = (p / p.sum() + q / q.sum()) / 2
    assert result.per_unit["js"][query] == pytest.approx((entropy(p, middle) + entropy(q, middle)) / 2, abs=1e-6)
    outside = result.per_unit["outside_a"][query]
    assert outside == pytest.approx(1 - p.sum(), abs=1e-5)
    assert np.isnan(result.per_unit["js"][0])  # [CLS] asks on one side only


def test_a_words_surprisal_is_the_sum_over_its_pieces() -> None:
    result = compared("surprisal", "bert", "gpt2")
    assert result.alignment is not None
    for family, side, units in (("bert", result.a, result.alignment.a), ("gpt2", result.b, result.alignment.b)):
        alone = lmviz.run("surprisal", model_of(family), text=TEXT)
        assert isinstance(alone, TokenScores)
        assert isinstance(side, TokenScores)
        for unit, positions in enumerate(units):
            want = sum(float(alone.scores[p]) for p in positions) if positions else float("nan")
            assert side.scores[unit] == pytest.approx(want, abs=1e-4, nan_ok=True)
    assert result.per_unit["mean_absolute"][1] == pytest.approx(abs(result.delta[1]))
    assert "one side only" in result.note


# Distributions


def test_one_vocabulary_gives_the_numbers_of_scipy() -> None:
    """Two models with one tokenizer: everything from their own logits."""
    hf_model, tokenizer = tiny("gpt2")
    with torch.no_grad():
        hf_model.get_input_embeddings().weight.add_(0.1)
        hf_model.get_submodule("transformer.ln_f").weight.mul_(0.7)
    other = lmviz.wrap(hf_model, tokenizer)
    a, b = Side(model_of("gpt2"), {"text": TEXT, "top_k": 7}), Side(other, {"text": TEXT})
    result = compare(a, b, analysis=ANALYSES["token-distributions"])
    ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        p, q = (side.model.hf_model(input_ids=ids).logits[0].double().softmax(-1).numpy() for side in (a, b))
    want = {
        "kl_ab": [entropy(x, y) for x, y in zip(p, q, strict=True)],
        "kl_ba": [entropy(y, x) for x, y in zip(p, q, strict=True)],
        "total_variation": np.abs(p - q).sum(1) / 2,
        "rank_correlation": [spearmanr(x, y).statistic for x, y in zip(p, q, strict=True)],
        "top_k_overlap": [
            len(set(np.argsort(-x)[:7]) & set(np.argsort(-y)[:7])) / 7 for x, y in zip(p, q, strict=True)
        ],
        "outside_a": np.zeros(len(p)),
    }
    for name, values in want.items():
        np.testing.assert_allclose(result.per_unit[name], values, atol=1e-4, err_msg=name)
        assert result.numbers[name] == pytest.approx(np.mean(values), abs=1e-4)
    assert isinstance(result.a, TokenDistributions)
    rows = np.arange(len(p))[:, np.newaxis]
    np.testing.assert_allclose(result.a.probabilities, p[rows, result.a.candidate_ids], atol=1e-6)
    np.testing.assert_allclose(result.delta, (q - p)[rows, result.a.candidate_ids], atol=1e-6)
    assert set(result.a.candidate_ids[3]) == set(np.argsort(-(p + q)[3])[:7])


def test_two_vocabularies_are_compared_on_the_strings_both_have() -> None:
    """Brute force over both vocabularies: the strings of a person, capitals aside, as BERT sees none."""
    result = compared("token-distributions", "bert", "gpt2")
    bert, gpt2 = model_of("bert"), model_of("gpt2")
    assert result.alignment is not None
    assert isinstance(result.a, TokenDistributions)
    assert isinstance(result.b, TokenDistributions)
    read = {}
    for model in (bert, gpt2):
        ids = torch.tensor([model.tokenizer(MASKED)["input_ids"]])
        with torch.no_grad():
            read[model.id] = model.hf_model(input_ids=ids).logits[0].double().softmax(-1).numpy()
    unit = result.a.positions[0]
    place_a, place_b = result.alignment.a[unit][0], result.alignment.b[unit][0] - 1  # the mask; before it is read
    assert bert.tokenizer.convert_ids_to_tokens(bert.tokenizer(MASKED)["input_ids"])[place_a] == "[MASK]"

    def string(model: LoadedModel, token: int) -> str:
        raw = token_string(model.tokenizer, token)
        if raw in model.tokenizer.all_special_tokens:
            return raw
        if model is bert:
            raw = raw[2:] if raw.startswith("##") and len(raw) > 2 else f" {raw}"
        is_word = raw[1:2].isalnum()
        return (raw if is_word or not raw[1:].strip() or raw[0] != " " else raw[1:]).lower()

    chances: list[dict[str, float]] = [{}, {}]
    for model, place, own in ((bert, place_a, chances[0]), (gpt2, place_b, chances[1])):
        for token, p in enumerate(read[model.id][place]):
            own[string(model, token)] = own.get(string(model, token), 0.0) + float(p)
    shared = sorted(set(chances[0]) & set(chances[1]))
    p, q = (np.array([own[name] for name in shared]) for own in chances)
    assert result.numbers["n_shared"] == len(shared) > 50
    assert result.per_unit["outside_a"][unit] == pytest.approx(1 - p.sum(), abs=1e-5)
    assert result.per_unit["outside_b"][unit] == pytest.approx(1 - q.sum(), abs=1e-5)
    assert result.per_unit["kl_ab"][unit] == pytest.approx(entropy(p, q), abs=1e-4)
    assert result.per_unit["rank_correlation"][unit] == pytest.approx(spearmanr(p, q).statistic, abs=1e-5)
    for side, own in ((result.a, chances[0]), (result.b, chances[1])):
        for candidate, chance in zip(side.candidates[0], side.probabilities[0], strict=True):
            assert chance == pytest.approx(own[candidate], abs=1e-6)
    assert result.a.candidates == result.b.candidates
    assert "Capitals" in result.note


def test_decoders_are_compared_after_each_common_word_and_at_the_end() -> None:
    result = compared("token-distributions", "gpt2", "gpt2", texts=("the cat said he", "the cat said she"))
    assert isinstance(result.a, TokenDistributions)
    assert result.alignment is not None
    texts = [result.alignment.texts[unit] for unit in result.a.positions]
    assert texts == [result.alignment.texts[unit] for unit in result.alignment.common]
    assert texts[-1].strip() == "he/she"  # replaced, and the end of both
    assert result.a.positions[-1] == len(result.alignment) - 1
    np.testing.assert_allclose(result.delta[:-1], 0, atol=1e-6)  # nothing differs before the last word
    assert np.abs(result.delta[-1]).max() > 1e-3


def test_positions_limit_the_choice_or_are_paired_as_given() -> None:
    analysis, model = ANALYSES["token-distributions"], model_of("gpt2")
    every = compare(Side(model, {"text": TEXT}), Side(model, {"text": OTHER}), analysis=analysis)
    assert every.alignment is not None
    unit = every.alignment.common[2]
    place = every.alignment.a[unit][-1]
    one = compare(Side(model, {"text": TEXT, "positions": (place,)}), Side(model, {"text": OTHER}), analysis=analysis)
    assert isinstance(one.a, TokenDistributions)
    assert one.a.positions == (unit,)
    assert one.per_unit["js"][unit] == every.per_unit["js"][unit]
    free = lmviz.run(
        "compare", model, analysis="token-distributions", text=TEXT, text_b=OTHER, positions=(0, 1), positions_b=(3, 0)
    )
    assert isinstance(free, Difference)
    assert isinstance(free.b, TokenDistributions)
    alone = lmviz.run("token-distributions", model, text=OTHER, positions=(3, 0), top_k=400)
    assert isinstance(alone, TokenDistributions)
    known = dict(zip(alone.candidate_ids[0].tolist(), alone.probabilities[0].tolist(), strict=True))
    for i, chance in zip(free.b.candidate_ids[0].tolist(), free.b.probabilities[0].tolist(), strict=True):
        assert known[i] == pytest.approx(chance, abs=1e-6)


def test_masks_are_written_as_each_model_writes_them() -> None:
    result = compared("token-distributions", "bert", "roberta")
    assert result.numbers["n_places"] == 2
    assert result.b.provenance["parameters"]["text"] == MASKED.replace("[MASK]", "<mask>")
    assert result.note.startswith("Capitals")


def test_a_mask_without_a_partner_is_told() -> None:
    left, right = (
        Side(model_of("bert"), {"text": MASKED}),
        Side(model_of("bert"), {"text": "The [MASK] left, she said."}),
    )
    assert "1 masks have no partner" in compare(left, right, analysis=ANALYSES["token-distributions"]).note
    first = "[MASK] sat on the [MASK]."
    sides_ = Side(model_of("bert"), {"text": first}), Side(model_of("gpt2"), {"text": first})
    assert "1 masks have no partner" in compare(*sides_, analysis=ANALYSES["token-distributions"]).note


# Grids of different sizes


def shorter(family: str) -> LoadedModel:
    """Make a copy of a tiny model without its last layer."""
    hf_model, tokenizer = tiny(family)
    config = type(hf_model.config)(**{**hf_model.config.to_dict(), "num_hidden_layers": 1, "n_layer": 1})
    copy = type(hf_model)(config)
    weights = hf_model.state_dict()
    copy.load_state_dict({name: weights[name] for name in copy.state_dict()})
    copy.train(mode=False)
    return lmviz.wrap(copy, tokenizer)


def test_a_truncated_copy_is_compared_by_pairs_of_layers() -> None:
    whole, short = Side(model_of("gpt2"), {"text": TEXT}), Side(shorter("gpt2"), {"text": TEXT})
    with pytest.raises(
        InvalidParameter, match=r"2 layers of 4 heads and B has 1 of 4.*head_pairs.*'L1H0:L0H0'.*Rollout"
    ):
        compare(whole, short, analysis=ANALYSES["attention-pattern"])
    pairs = ("L0H1:L0H1", "L0:L0", "L1H2:L0H2")
    result = compare(whole, short, analysis=ANALYSES["attention-pattern"], head_pairs=pairs)
    assert result.head_pairs == pairs
    assert result.delta.shape[:2] == (1, 3)
    np.testing.assert_allclose(result.delta[0, :2], 0, atol=1e-6)  # the first layer is the same
    assert np.abs(result.delta[0, 2]).max() > 0.01
    own = lmviz.run("attention-pattern", model_of("gpt2"), text=TEXT)
    assert isinstance(own, AttentionPattern)
    assert isinstance(result.a, AttentionPattern)
    np.testing.assert_array_equal(result.a.pattern[0, 0], own.pattern[0, 1])
    np.testing.assert_allclose(result.a.pattern[0, 1], own.pattern[0].mean(0), atol=1e-6)
    expected = compare(whole, short, analysis=ANALYSES["token-distributions"])
    assert expected.numbers["js"] > 0.001
    assert expected.numbers["outside_a"] == expected.numbers["outside_b"] == 0.0
    grid = compare(whole, short, analysis=ANALYSES["head-statistics"], head_pairs=("mean:mean",))
    assert grid.delta.shape == (1, 1)


def test_a_random_copy_is_compared_head_by_head() -> None:
    hf_model, tokenizer = tiny("gpt2")
    torch.manual_seed(1)
    random = lmviz.wrap(type(hf_model)(hf_model.config), tokenizer)
    a, b = Side(model_of("gpt2"), {"text": TEXT}), Side(random, {"text": TEXT})
    for slug in (*GRIDS, "surprisal", "token-distributions"):
        there, back = (compare(*pair, analysis=ANALYSES[slug]) for pair in ((a, b), (b, a)))
        np.testing.assert_array_equal(there.delta, -back.delta)
        assert there.numbers.get("js", there.numbers.get("mean_absolute", 0.0)) > 0.01
        assert there.alignment is None or there.alignment.unit == "token"


def test_cross_attention_has_units_of_both_texts() -> None:
    given = {"text": "the cat's sleeping", "target_text": "the dog sat", "part": "cross"}
    t5, bart = Side(model_of("t5"), given), Side(model_of("bart"), given)
    result = compare(t5, bart, analysis=ANALYSES["attention-pattern"])
    assert isinstance(result.a, AttentionPattern)
    assert result.alignment is not None
    assert result.key_alignment is not None
    assert result.a.tokens == result.alignment.texts
    assert result.a.key_tokens == result.key_alignment.texts
    assert result.delta.shape == (2, 4, len(result.alignment), len(result.key_alignment))
    np.testing.assert_allclose(np.nansum(result.a.pattern, axis=-1), 1, atol=1e-5)
    within = Side(model_of("bart"), {**given, "part": "decoder"})
    with pytest.raises(InvalidParameter, match="Cross attention goes with cross attention"):
        compare(t5, within, analysis=ANALYSES["attention-pattern"])


def test_layers_are_paired_where_there_are_no_heads() -> None:
    rng = np.random.default_rng(0)
    table = getattr(lmviz.run("surprisal", model_of("gpt2"), text="the cat sat"), "table")  # noqa: B009
    a, b = (
        LayerPositionGrid(
            tokens=table.tokens, values=rng.random((n, len(table))).astype(np.float32), unit="", table=table
        )
        for n in (3, 2)
    )
    with pytest.raises(InvalidParameter, match=r"A has 3 layers and B has 2.*'L2:L1'"):
        difference(a, b)
    from lmviz.analyses.compare.common import Asked

    found = difference(a, b, asked=Asked(head_pairs=("L2:L1", "mean:L0")))
    np.testing.assert_array_equal(found.delta[0], b.values[1] - a.values[2])
    np.testing.assert_allclose(found.delta[1], b.values[0] - a.values.mean(0), atol=1e-6)
    with pytest.raises(InvalidParameter, match="L0H1 names a head"):
        difference(a, b, asked=Asked(head_pairs=("L0H1:L0",)))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ((), "head_pairs is empty"),
        (("L0H0",), "'L0H0' is no pair of heads"),
        (("L0H0:H1",), "is no pair of heads.*'L5H1:L29H3'"),
        (("L9H0:L0H0",), "There is no L9H0: there are layers 0 to 1 and heads 0 to 3"),
        (("L0H9:L0H0",), "There is no L0H9"),
        (("mean:L0H7",), "There is no L0H7"),
    ],
)
def test_pairs_that_are_not_there_are_refused(pairs: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        compared("attention-pattern", "gpt2", "llama", head_pairs=pairs)


# Labels


def test_labels_are_compared_where_they_are_the_same() -> None:
    a, b = (lmviz.wrap(*tiny_head(family, "ForSequenceClassification")) for family in ("bert", "gpt2"))
    result = compare(Side(a, {"text": TEXT}), Side(b, {"text": TEXT}), analysis=ANALYSES["classify"])
    assert isinstance(result.a, LabelProbabilities)
    assert isinstance(result.b, LabelProbabilities)
    np.testing.assert_array_equal(result.delta, result.b.probabilities - result.a.probabilities)
    assert result.numbers["kl_ab"] == pytest.approx(entropy(result.a.probabilities, result.b.probabilities), abs=1e-5)
    assert result.alignment is None
    one = result.a
    other = replace(one, labels=one.labels[::-1], probabilities=one.probabilities[::-1], logits=one.logits[::-1])
    assert (difference(one, other).delta == 0).all()
    value = replace(one, kind="value", probabilities=np.full(len(one.labels), np.nan, dtype=np.float32))
    assert difference(value, replace(value, logits=value.logits + 1)).compared == "logits"
    with pytest.raises(InvalidParameter, match="Choose two models with the same labels"):
        difference(one, replace(one, labels=("x", *one.labels[1:])))


# By name


def test_by_name_the_parameters_of_the_analysis_go_through() -> None:
    model = model_of("bert")
    result = lmviz.run("compare", model, analysis="head-statistics", text=TEXT, text_b=OTHER, statistic="self")
    assert isinstance(result, Difference)
    assert isinstance(result.a, LayerHeadGrid)
    for side, text in ((result.a, TEXT), (result.b, OTHER)):
        alone = lmviz.run("head-statistics", model, text=text, statistic="self")
        np.testing.assert_array_equal(getattr(side, "values"), getattr(alone, "values"))  # noqa: B009
    assert result.provenance["parameters"]["parameters"] == '{"statistic": "self"}'
    again = lmviz.run("compare", model, **result.provenance["parameters"])
    assert isinstance(again, Difference)
    np.testing.assert_array_equal(result.delta, again.delta)
    names = ("self", "first_token")
    other = lmviz.run("compare", model, analysis="head-statistics", text=TEXT, statistic=names[0], statistic_b=names[1])
    assert isinstance(other, Difference)
    want = [
        getattr(lmviz.run("head-statistics", model, text=TEXT, statistic=name), "values")  # noqa: B009
        for name in names
    ]
    assert isinstance(other.a, LayerHeadGrid)
    np.testing.assert_array_equal(other.delta, want[1] - want[0])


def test_each_side_has_its_second_text() -> None:
    result = lmviz.run(
        "compare",
        model_of("bert"),
        analysis="attention-pattern",
        text="the cat",
        text_pair="the dog",
        text_pair_b="a dog",
    )
    assert isinstance(result, Difference)
    assert result.tokens_a == ("[CLS]", "the", "cat", "[SEP]", "the", "dog", "[SEP]")
    assert result.tokens_b == ("[CLS]", "the", "cat", "[SEP]", "a", "dog", "[SEP]")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"analysis": "attention-patern"},
            "no analysis 'attention-patern' to compare. Did you mean 'attention-pattern'",
        ),
        ({"analysis": "compare"}, "no analysis 'compare' to compare"),
        ({"analysis": 5}, "compare takes analysis as str"),
        ({"statistik": "self"}, r"no parameter 'statistik'. Did you mean 'statistic'.*takes text.*statistic \(str"),
        ({"text_B": "a"}, "no parameter 'text_B'. Did you mean 'text_b'"),
        ({"statistic": 5}, "head-statistics takes statistic as str"),
        ({"statistic": "selfish"}, "no head statistic 'selfish'"),
        ({"statistic": {1, 2}}, "takes texts, numbers and lists of them for head-statistics"),
        ({"parameters": "[1]"}, "parameters is .*write a JSON object"),
        ({"parameters": '{"statistik": 1}'}, "no parameter 'statistik'"),
        ({"text_b": None}, "nothing to compare .* with. Name model_b, or text_b"),
        ({"model_b": "minillm"}, "Did you mean 'minilm'"),
        ({"model_b": model_of}, "compare takes model_b as str or None"),
        ({"analysis": "attention-pattern", "text_b": "zzz"}, "no word in common"),
        ({"analysis": "query-key"}, "query-key needs layer, head"),
        ({"analysis": "query-key", "layer": 0, "head": 0, "query": 1}, "QueryKeyProducts cannot be compared"),
        ({"analysis": "surprisal", "head_pairs": ("L0H0:L0H0",)}, "Leave head_pairs out"),
        ({"analysis": "token-distributions", "head_pairs": ("L0H0:L0H0",)}, "no heads to pair"),
    ],
)
def test_what_cannot_be_is_refused_with_the_right_names(given: dict[str, Any], message: str) -> None:
    question = {"analysis": "head-statistics", "text": TEXT, "text_b": OTHER, **given}
    with pytest.raises(LmvizError, match=message):
        lmviz.run("compare", model_of("gpt2"), **question)


@pytest.mark.parametrize(
    ("a", "b", "given", "error", "message"),
    [
        ("bert", "bert", {"text": TEXT}, NoMaskToken, "Put"),
        ("gpt2", "gpt2", {"text": TEXT, "positions": (99,)}, InvalidParameter, "Position 99 of A has no partner"),
        ("gpt2", "gpt2", {"text": TEXT, "top_k": 0}, InvalidParameter, "at least 1"),
        ("gpt2", "bert", {"text": f"[MASK] {TEXT}"}, InvalidParameter, "No position of A has a partner"),
    ],
)
def test_places_that_cannot_be_compared_are_refused(
    a: str, b: str, given: dict[str, Any], error: type[LmvizError], message: str
) -> None:
    second = {"text": given["text"]}
    with pytest.raises(error, match=message):
        compare(Side(model_of(a), given), Side(model_of(b), second), analysis=ANALYSES["token-distributions"])


def test_a_model_without_a_head_has_no_distributions() -> None:
    hf_model, tokenizer = tiny("bert")
    bare = Side(lmviz.wrap(hf_model.get_submodule("bert"), tokenizer), {"text": MASKED})
    with pytest.raises(NotForThisModel, match="no language-model head"):
        compare(Side(model_of("bert"), {"text": MASKED}), bare, analysis=ANALYSES["token-distributions"])


def test_the_checks_see_what_is_wrong() -> None:
    good = compared("attention-rollout", "bert", "gpt2")
    assert good.alignment is not None
    twice = replace(good.alignment, a=((0, 1), *good.alignment.a[1:]))
    units, _ = ANALYSES["compare"].check(replace(good, alignment=twice))
    assert not units.passed
    _, parts = ANALYSES["compare"].check(replace(good, delta=good.delta + 0.1))
    assert not parts.passed
    _, parts = ANALYSES["compare"].check(replace(good, delta=np.zeros_like(good.delta)))
    assert not parts.passed


# The embedded models


@pytest.mark.parametrize("slug", ["attention-rollout", "attention-pattern"])
def test_minilm_and_smollm_are_aligned_word_by_word(slug: str) -> None:
    text = "The nurse's unbelievability said that she was tired."
    a, b = (Side(lmviz.load(name), {"text": text}) for name in ("minilm", "smollm2-135m"))
    pairs = ("L5H1:L29H3", "mean:mean") if slug == "attention-pattern" else None
    result = compare(a, b, analysis=ANALYSES[slug], head_pairs=pairs)
    assert result.alignment is not None
    assert result.alignment.unit == "word"
    words = ["The", "nurse's", "unbelievability", "said", "that", "she", "was", "tired", "."]
    assert [result.alignment.texts[unit] for unit in result.alignment.common] == words
    assert all(check.passed for check in ANALYSES["compare"].check(result))
    for side, units in ((result.a, result.alignment.a), (result.b, result.alignment.b)):
        rows = np.nansum(getattr(side, result.compared), axis=-1)[..., [n for n, own in enumerate(units) if own]]
        np.testing.assert_allclose(rows, 1, atol=1e-4)
    assert 0 < result.numbers["js"] < math.log(2)
    assert result.provenance["model_b"] == "smollm2-135m"
