"""The log-probability bias score equals its formula, worked out with plain passes; what is planted is found."""

import csv
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.datasets import association_templates
from lmviz.errors import NotForThisModel
from tests.pair_brute_force import log_softmax
from tests.planting import with_bias
from tests.tiny import tiny

HEADER = ("template", "more", "less", "attribute", "category")
ROWS = (
    ("the {target} is a {attribute}", "cat", "dog", "doctor", "one"),
    ("the {target} is a {attribute}", "cat|fox", "dog|pandas", "sleeping banana", "one"),
    ("is the {attribute} of a {target} lazy?", "nurse", "arrow", "keys", "two"),
    ("a {target} said that the {attribute} is on the log", "sleeping cat", "doctor", "table", "two"),
)


def templates(folder: Path, *rows: tuple[str, ...]) -> str:
    path = folder / f"templates{len(list(folder.iterdir()))}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return str(path)


def probability(hf_model: Any, tokenizer: Any, words: tuple[str, ...], *, hidden: tuple[str, ...]) -> float:
    """Give exp(mean log-probability) of the first word of `hidden` in a text, with all words of `hidden` masked.

    `words` are the parts of the text; those that are hidden stand among them by themselves.
    """
    parts = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    ids = [i for part in parts for i in part]
    seen = [
        tokenizer.mask_token_id if word in hidden else i for word, part in zip(words, parts, strict=True) for i in part
    ]
    assert tokenizer(" ".join(words))["input_ids"][1:-1] == ids
    start = sum(len(part) for part in parts[: words.index(hidden[0])])
    target = tokenizer(hidden[0], add_special_tokens=False)["input_ids"]
    table = log_softmax(hf_model, [tokenizer.cls_token_id, *seen, tokenizer.sep_token_id])
    own = [float(table[1 + start + place, i]) for place, i in enumerate(target)]
    return math.exp(sum(own) / len(own))


def bias_of(hf_model: Any, tokenizer: Any, row: tuple[str, ...]) -> list[float]:
    template, *groups, attribute, _category = row
    found = []
    for group in groups:
        chances = []
        for word in group.split("|"):
            parts = tuple(
                part.strip()
                for part in template.replace("{target}", f"|{word}|")
                .replace("{attribute}", f"|{attribute}|")
                .split("|")
            )
            words = tuple(part for part in parts if part)
            chances.append(
                (
                    probability(hf_model, tokenizer, words, hidden=(word,)),
                    probability(hf_model, tokenizer, words, hidden=(word, attribute)),
                )
            )
        beside, prior = np.array(chances).sum(axis=0)
        found.append(math.log(beside / prior))
    return found


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_log_probability_bias_equals_brute_force(family: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("log-probability-bias", lmviz.wrap(hf_model, tokenizer), source=templates(tmp_path, *ROWS))
    want = np.array([bias_of(hf_model, tokenizer, row) for row in ROWS])
    np.testing.assert_allclose(np.stack([result.more, result.less], axis=1), want, atol=1e-4, rtol=0)
    differences = want[:, 0] - want[:, 1]
    assert result.numbers["effect_size"] == pytest.approx(differences.mean(), abs=1e-4)
    assert result.numbers["odds_ratio"] == pytest.approx(math.exp(differences.mean()), rel=1e-4)
    assert np.ptp(want) > 1e-3, "numbers that are all alike would agree with anything"


def test_the_odds_ratio_of_single_words_is_that_of_their_probabilities(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    result = lmviz.run("log-probability-bias", lmviz.wrap(hf_model, tokenizer), source=templates(tmp_path, ROWS[0]))
    parts = ("the", "{}", "is a", "doctor")
    odds = []
    for hidden in (("{}",), ("{}", "doctor")):
        chances = [
            probability(
                hf_model, tokenizer, tuple(word if part == "{}" else part for part in parts),
                hidden=tuple(word if part == "{}" else part for part in hidden),
            )
            for word in ("cat", "dog")
        ]  # fmt: skip
        odds.append(chances[0] / chances[1])
    assert result.numbers["odds_ratio"] == pytest.approx(odds[0] / odds[1], rel=1e-4)


def test_a_model_that_ignores_its_input_has_no_association() -> None:
    blind = with_bias("bert", {"he": 3.0, "woman": 1.0}, is_blind=True)
    result = lmviz.run("log-probability-bias", blind)
    assert result.n == 50
    np.testing.assert_allclose(result.more, 0, atol=1e-5)
    assert result.numbers["odds_ratio"] == pytest.approx(1, abs=1e-5)


def test_a_planted_association_is_found(tmp_path: Path) -> None:
    """A model that answers "cat" wherever it reads "doctor"."""
    hf_model, tokenizer = tiny("bert")
    (cat,), (doctor,) = (tokenizer(word, add_special_tokens=False)["input_ids"] for word in ("cat", "doctor"))
    plain = hf_model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        output = plain(*args, **kwargs)
        is_there = (kwargs["input_ids"] == doctor).any(dim=1)
        output.logits[is_there, :, cat] += 9.0
        return output

    hf_model.forward = forward
    model = lmviz.wrap(hf_model, tokenizer)
    frames = (
        "the {target} is a {attribute}",
        "a {target} said that the {attribute} sat",
        "is the {target} a {attribute}?",
    )
    rows = [(frame, "cat", "dog", "doctor", "planted") for frame in frames]
    rows += [(frame, "cat", "dog", "banana", "not planted") for frame in frames]
    result = lmviz.run("log-probability-bias", model, source=templates(tmp_path, *rows))
    planted, other = result.by_category["planted"], result.by_category["not planted"]
    assert planted.preference == 1.0 and planted.numbers["effect_size"] > 3
    assert abs(other.numbers["effect_size"]) < planted.numbers["effect_size"] / 2


def test_templates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    rows = (
        ("the cat is a {attribute}", "he", "she", "nurse", ""),
        ("{target} is a {attribute}", "he|", "she", "nurse", ""),
        ("{target} is a {attribute}", "he", "he", "nurse", ""),
        ROWS[0],
    )
    result = lmviz.run("log-probability-bias", lmviz.wrap(*tiny("bert")), source=templates(tmp_path, *rows))
    assert (result.n, result.skipped) == (1, 3)
    assert result.provenance["skipped_rows"] == [
        "Line 2: its template has 0 {target} and 1 {attribute} and not one of each.",
        "Line 3: a word of its more is empty.",
        "Line 4: a word is in both of its groups.",
    ]
    with pytest.raises(NotForThisModel):
        bias_run("log-probability-bias", lmviz.wrap(*tiny("gpt2")))


def test_filling_says_where_the_words_stand() -> None:
    for template in ("{target} is a {attribute}.", "A {attribute} was {target}, they said"):
        text, target, attribute = association_templates.fill(template, "my aunt", attribute="nurse")
        assert (text[slice(*target)], text[slice(*attribute)]) == ("my aunt", "nurse")
        assert text == template.replace("{target}", "my aunt").replace("{attribute}", "nurse")


def test_eight_threads_at_once_answer_as_one_does(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    sources = [templates(tmp_path, ROWS[i % 4], ROWS[0]) for i in range(16)]
    alone = [lmviz.run("log-probability-bias", model, source=source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda source: lmviz.run("log-probability-bias", model, source=source), sources))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.more, other.more)
        np.testing.assert_array_equal(one.less, other.less)
