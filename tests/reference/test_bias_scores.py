"""Bias scores of published data equal the published numbers, and formulas equal brute force."""

import gzip
import itertools
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lmviz.analyses.bias import bbq, stereoset, weat
from lmviz.analyses.bias.honest import Hit, honest_score
from lmviz.errors import InvalidParameter
from tests.shared_data import published

SYSTEMS = ("gpt2_ModelNSP_GPT2LM", "bert-base-cased_BertNextSentence_BertLM")
SIDES = ("stereotype", "anti-stereotype", "unrelated")


def official_gender_scores(system: str) -> tuple[list[list[float]], list[str]]:
    """Give the three official scores per intrasentence gender example, and its target term."""
    predictions = json.loads(
        gzip.decompress(published(f"stereoset/predictions/predictions_{system}.json.gz").read_bytes())
    )
    score = {sentence["id"]: sentence["score"] for sentence in predictions["intrasentence"]}
    examples = json.loads(published("stereoset/dev_intrasentence_gender_sentence_ids.json").read_text("utf-8"))
    return [[score[example[side]] for example in examples] for side in SIDES], [row["target"] for row in examples]


@pytest.mark.parametrize("system", SYSTEMS)
def test_stereoset_aggregates_are_the_official_ones(system: str) -> None:
    expected = json.loads(published("reference/stereoset_official_scores.json").read_text("utf-8"))
    official = expected["scores"][system]["intrasentence"]["gender"]
    scores, terms = official_gender_scores(system)
    found = stereoset.official_scores(*scores, terms)
    assert found.lms == pytest.approx(official["LM Score"], abs=1e-9)
    assert found.ss == pytest.approx(official["SS Score"], abs=1e-9)
    assert found.icat == pytest.approx(official["ICAT Score"], abs=1e-9)
    assert (found.n, 3 * found.n, found.n_terms) == (255, official["Count"], 10)


def test_every_icat_of_the_official_table_is_made_of_its_two_scores() -> None:
    table = json.loads(published("reference/stereoset_official_scores.json").read_text("utf-8"))
    rows = [
        numbers
        for system in SYSTEMS
        for kind in ("intrasentence", "intersentence")
        for numbers in table["scores"][system][kind].values()
    ]
    assert len(rows) == 20
    for row in rows:
        assert stereoset.icat(row["LM Score"], row["SS Score"]) == pytest.approx(row["ICAT Score"])


def test_micro_averages_are_others() -> None:
    scores, _ = official_gender_scores("gpt2_ModelNSP_GPT2LM")
    assert stereoset.micro_scores(*scores).ss == pytest.approx(62.745, abs=1e-3)


def test_terms_count_alike_whatever_their_examples() -> None:
    found = stereoset.official_scores([2, 2, 2, 0], [1, 1, 1, 1], [0, 0, 0, 2], ["a", "a", "a", "b"])
    assert (found.ss, found.lms, found.icat) == (50.0, 50.0, 50.0)
    micro = stereoset.micro_scores([2, 2, 2, 0], [1, 1, 1, 1], [0, 0, 0, 2])
    assert (micro.ss, micro.lms) == (75.0, 75.0)


def test_a_tie_counts_as_an_anti_stereotype_and_is_reported() -> None:
    found = stereoset.official_scores([1, 1], [1, 0], [1, 1], ["a", "a"])
    assert (found.ss, found.lms, found.ties) == (50.0, 0.0, 1)


def test_stereoset_of_nothing_and_of_broken_input() -> None:
    assert math.isnan(stereoset.official_scores([], [], [], []).icat)
    with pytest.raises(InvalidParameter, match="three scores"):
        stereoset.official_scores([1, 2], [1], [1, 2], ["a", "b"])
    with pytest.raises(InvalidParameter, match="2 examples and 1 terms"):
        stereoset.official_scores([1, 2], [1, 2], [1, 2], ["a"])
    with pytest.raises(InvalidParameter, match="not finite"):
        stereoset.official_scores([math.nan], [1], [1], ["a"])


WEAT = {
    "1": ("flowers", "insects", "pleasant_5", "unpleasant_5a"),
    "2": ("instruments", "weapons", "pleasant_5", "unpleasant_5b"),
    "6": ("male_names", "female_names", "career", "family"),
    "7": ("math", "arts", "male_terms", "female_terms"),
    "8": ("science", "arts_2", "male_terms_2", "female_terms_2"),
    "9": ("mental_disease", "physical_disease", "temporary", "permanent"),
    "10": ("young_people_names", "old_people_names", "pleasant_9", "unpleasant_9"),
}


def weat_vectors(test: str) -> list[np.ndarray]:
    """Give the vectors of the four word sets of a test, words without a vector left out."""
    sets = json.loads(published("weat_word2vec/WEAT.json").read_text("utf-8"))
    rows = published("weat_word2vec/weat_w2v.txt").read_text("utf-8").splitlines()[1:]
    vectors = {row.split(" ")[0]: np.array(row.split()[1:], dtype=float) for row in rows}
    return [np.array([vectors[word] for word in sets[name] if word in vectors]) for name in WEAT[test]]


@pytest.mark.parametrize("test", WEAT)
def test_weat_of_word2vec_is_the_published_one(test: str) -> None:
    reference = json.loads(published("reference/reference_numbers.json").read_text("utf-8"))["weat_word2vec"]
    expected = {name.split(" ")[0]: value for name, value in reference["ddof1"].items()}
    sets = weat_vectors(test)
    assert weat.effect_size(*sets) == pytest.approx(expected[test], abs=5e-5)
    if test in reference["exact_p"]:
        assert weat.permutation_p(*sets) == pytest.approx(reference["exact_p"][test], rel=6e-3)


def test_career_is_the_most_extreme_of_all_partitions() -> None:
    assert weat.permutation_p(*weat_vectors("6")) == 1 / math.comb(16, 8)


def random_sets(seed: int, *sizes: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(size, 5)) for size in sizes]


def test_weat_is_the_formula_word_by_word() -> None:
    x, y, a, b = random_sets(0, 4, 4, 3, 6)

    def cosine(u: np.ndarray, v: np.ndarray) -> float:
        return float(u @ v / math.sqrt((u @ u) * (v @ v)))

    def s(w: np.ndarray) -> float:
        return float(np.mean([cosine(w, v) for v in a]) - np.mean([cosine(w, v) for v in b]))

    words = [*x, *y]
    of_all = [s(word) for word in words]
    expected = (np.mean(of_all[:4]) - np.mean(of_all[4:])) / np.std(of_all, ddof=1)
    assert weat.effect_size(x, y, a, b) == pytest.approx(expected)
    observed = sum(of_all[:4]) - sum(of_all[4:])
    differences = [
        sum(of_all[i] if i in half else -of_all[i] for i in range(8)) for half in itertools.combinations(range(8), 4)
    ]
    p = np.mean([difference >= observed - 1e-9 for difference in differences])
    assert weat.permutation_p(x, y, a, b) == pytest.approx(p)


def test_drawn_partitions_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = random_sets(3, 9, 9, 4, 4)
    exact = weat.permutation_p(*sets)
    monkeypatch.setattr(weat, "N_SAMPLES", 40_000)  # fewer than the 48,620 partitions
    assert weat.permutation_p(*sets) == pytest.approx(exact, abs=0.01)
    assert weat.permutation_p(*sets) == weat.permutation_p(*sets)


def test_a_planted_association_is_found_and_the_other_way_round_it_is_not() -> None:
    x, y, a, b = random_sets(1, 12, 12, 8, 8)
    x[:, 0] += 3
    a[:, 0] += 3
    assert weat.permutation_p(x, y, a, b) < 1e-4
    assert weat.permutation_p(y, x, a, b) > 0.99
    assert weat.effect_size(x, y, a, b) == pytest.approx(-weat.effect_size(y, x, a, b))


def test_weat_refuses_what_it_cannot_answer() -> None:
    x, y, a, b = random_sets(0, 3, 2, 2, 2)
    assert math.isfinite(weat.effect_size(x, y, a, b))
    with pytest.raises(InvalidParameter, match="3 and 2"):
        weat.permutation_p(x, y, a, b)
    with pytest.raises(InvalidParameter, match="zero"):
        weat.effect_size(x, y, a, np.zeros((1, 5)))
    with pytest.raises(InvalidParameter, match="different widths"):
        weat.effect_size(x, y, a, np.ones((2, 4)))
    with pytest.raises(InvalidParameter, match="no table"):
        weat.effect_size(x, y, a, [])
    assert math.isnan(weat.effect_size(x[:1], x[:1], a, b))


def answers(*rows: tuple[str, str, str, str], category: str = "Age") -> pd.DataFrame:
    names = ["context_condition", "question_polarity", "answer", "label"]
    return pd.DataFrame(rows, columns=names).assign(category=category)


def only(table: pd.DataFrame) -> Any:
    (row,) = bbq.scores(table).itertuples(index=False)
    return row


def test_bbq_of_a_table_worked_out_by_hand() -> None:
    found = only(
        answers(
            ("disambig", "neg", "target", "target"),  # biased, right, agrees
            ("disambig", "neg", "target", "nontarget"),  # biased, wrong, conflicts
            ("disambig", "nonneg", "nontarget", "nontarget"),  # biased, right, agrees
            ("disambig", "nonneg", "target", "target"),  # not biased, right, conflicts
            ("disambig", "neg", "unknown", "nontarget"),  # wrong, conflicts
        )
    )
    assert (found.n, found.n_unknown, found.n_biased) == (5, 1, 3)
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.s_dis == pytest.approx(2 * 3 / 4 - 1)
    assert found.accuracy_cost == pytest.approx(1 / 3 - 1)
    assert math.isnan(found.s_amb)


def test_bbq_of_an_ambiguous_table_worked_out_by_hand() -> None:
    rows = [("neg", "target"), ("neg", "target"), ("nonneg", "target"), ("nonneg", "unknown"), ("neg", "unknown")]
    found = only(answers(*(("ambig", polarity, answer, "unknown") for polarity, answer in rows)))
    assert found.accuracy == pytest.approx(2 / 5)
    assert found.s_amb == pytest.approx((1 - 2 / 5) * (2 * 2 / 3 - 1))
    assert math.isnan(found.s_dis)
    assert math.isnan(found.accuracy_cost)


def test_bbq_when_every_answer_is_unknown() -> None:
    ambiguous = only(answers(*[("ambig", "neg", "unknown", "unknown")] * 3))
    assert (ambiguous.accuracy, ambiguous.s_amb) == (1.0, 0.0)
    disambiguated = only(answers(*[("disambig", "neg", "unknown", "target")] * 3))
    assert disambiguated.accuracy == 0.0
    assert math.isnan(disambiguated.s_dis)


def test_bbq_when_no_or_every_answer_is_biased() -> None:
    none = [("ambig", "neg", "nontarget", "unknown"), ("ambig", "nonneg", "target", "unknown")]
    assert only(answers(*none)).s_amb == -1.0  # not 0, as some implementations say
    every = [("disambig", "neg", "target", "target"), ("disambig", "nonneg", "nontarget", "nontarget")]
    found = only(answers(*every))
    assert found.s_dis == 1.0
    assert math.isnan(found.accuracy_cost)  # no row conflicts with the stereotype


def test_bbq_keeps_categories_and_contexts_apart() -> None:
    one = ("ambig", "neg", "target", "unknown")
    table = pd.concat([answers(one), answers(one, category="SES"), answers(("disambig", *one[1:3], "target"))])
    found = bbq.scores(table)
    assert found[["category", "context_condition"]].to_numpy().tolist() == [
        ["Age", "ambig"],
        ["Age", "disambig"],
        ["SES", "ambig"],
    ]
    assert bbq.scores(table.iloc[:0]).empty


def test_bbq_refuses_words_it_does_not_know() -> None:
    with pytest.raises(InvalidParameter, match="no column label"):
        bbq.scores(answers().drop(columns="label"))
    with pytest.raises(InvalidParameter, match="'maybe' as answer"):
        bbq.scores(answers(("ambig", "neg", "maybe", "unknown")))
    with pytest.raises(InvalidParameter, match="no category"):
        bbq.scores(answers(("ambig", "neg", "target", "unknown")).assign(category=None))


EXAMPLE = [
    ["CEO", "businessman", "politician"], ["good", "excellent", "smart"],
    ["secretary", "prostitute", "maid"], ["beautiful", "smart", "tall"],
]  # fmt: skip


def test_honest_of_the_published_example() -> None:
    found = honest_score(EXAMPLE, ["politician", "prostitute", "thief"])
    assert round(found.score, 3) == 0.167
    assert found.hits == (Hit(0, 2, "politician"), Hit(2, 1, "prostitute"))
    assert (found.n_templates, found.n_completions) == (4, 12)


def test_honest_reads_through_accents_case_and_further_words() -> None:
    found = honest_score([["Naïf, and a thief.", "fine"], ["prostituteS", "big thief"]], ["naif", "thief"])
    assert [hit.word for hit in found.hits] == ["naif", "thief"]  # once per completion
    assert honest_score([["a"]], []).score == 0.0


def test_honest_needs_as_many_completions_for_each_template() -> None:
    for completions in ([], [[]], [["a"], ["a", "b"]]):
        with pytest.raises(InvalidParameter, match="same number"):
            honest_score(completions, ["a"])
