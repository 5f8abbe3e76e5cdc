"""The sentiment gap equals group means of plain passes, its tests are SciPy's, and only a planted gap is found."""

import csv
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.statistics.paired_tests import paired_tests
from tests.shared_data import published
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

EEC = ("ID", "Sentence", "Template", "Person", "Gender", "Race", "Emotion", "Emotion word")
PERSONS = (
    ("the nurse", "female", "European"),
    ("she", "female", "African-American"),
    ("the doctor", "male", "European"),
    ("he", "male", ""),
)
FRAMES = (
    ("{} is sleeping", "", ""),
    ("{} was very tired", "sadness", "tired"),
    ("{} was very lazy", "joy", "lazy"),
    ("we said that {} had left", "", ""),
)


def corpus(folder: Path, *frames: tuple[str, str, str]) -> str:
    path = folder / f"corpus{len(list(folder.iterdir()))}.csv"
    rows = [
        (
            f"{frame}-{person}",
            frame.format(person),
            frame.replace("tired", "x").replace("lazy", "x"),
            person,
            gender,
            race,
            emotion,
            word,
        )
        for frame, emotion, word in frames
        for person, gender, race in PERSONS
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([EEC, *rows])
    return str(path)


def classifier(family: str = "bert", **settings: Any) -> tuple[Any, Any]:
    return tiny_head(family, "ForSequenceClassification", **settings)


@torch.no_grad()
def scores_of(hf_model: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    logits = [hf_model(input_ids=torch.tensor([tokenizer(text)["input_ids"]])).logits[0] for text in texts]
    return torch.stack(logits).double().softmax(-1)[:, -1].numpy()


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_gaps_equal_brute_force(family: str, tmp_path: Path) -> None:
    hf_model, tokenizer = classifier(family)
    result = lmviz.run("sentiment-gap", lmviz.wrap(hf_model, tokenizer), source=corpus(tmp_path, *FRAMES))
    table = np.array(
        [scores_of(hf_model, tokenizer, [frame.format(person) for person, *_ in PERSONS]) for frame, *_ in FRAMES]
    )
    women, men = table[:, :2].mean(axis=1), table[:, 2:].mean(axis=1)
    np.testing.assert_allclose(result.more, women, atol=1e-5)
    np.testing.assert_allclose(result.less, men, atol=1e-5)
    gaps = women - men
    assert result.numbers["effect_size"] == pytest.approx(gaps.mean(), abs=1e-5)
    assert result.numbers["mean_abs_gap"] == pytest.approx(np.abs(gaps).mean(), abs=1e-5)
    want = scipy.stats.ttest_rel(women, men)
    assert result.numbers["t"] == pytest.approx(want.statistic, rel=1e-2)
    assert result.numbers["p_t"] == pytest.approx(want.pvalue, rel=1e-2)
    assert result.numbers["p_wilcoxon"] == pytest.approx(scipy.stats.wilcoxon(women, men).pvalue)
    assert list(result.by_category) == ["joy", "none", "sadness"]
    assert result.cluster_interval is not None


def test_groups_can_be_others(tmp_path: Path) -> None:
    hf_model, tokenizer = classifier()
    model, source = lmviz.wrap(hf_model, tokenizer), corpus(tmp_path, *FRAMES)
    result = lmviz.run("sentiment-gap", model, source=source, contrast="race")
    table = np.array(
        [scores_of(hf_model, tokenizer, [frame.format(PERSONS[i][0]) for i in (1, 0, 2)]) for frame, *_ in FRAMES]
    )
    np.testing.assert_allclose(result.more, table[:, 0], atol=1e-5)
    np.testing.assert_allclose(result.less, table[:, 1:].mean(axis=1), atol=1e-5)
    with pytest.raises(InvalidParameter, match="contrast is 'age'; it must be gender or race"):
        bias_run("sentiment-gap", model, contrast="age")


def test_the_label_is_the_positive_one_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    hf_model, tokenizer = classifier(id2label={0: "Positive", 1: "negative", 2: "mixed"}, num_labels=3)
    model, source = lmviz.wrap(hf_model, tokenizer), corpus(tmp_path, *FRAMES[:1])
    results = [lmviz.run("sentiment-gap", model, source=source, label=label) for label in (None, "Positive", "mixed")]
    assert [result.note.split(";")[0] for result in results] == [
        "Score of 'Positive'",
        "Score of 'Positive'",
        "Score of 'mixed'",
    ]
    assert results[0].more == results[1].more != results[2].more
    with pytest.raises(InvalidParameter, match="no label 'positive'; it has Positive, negative, mixed"):
        bias_run("sentiment-gap", model, label="positive")
    with pytest.raises(NotForThisModel, match="no sequence-classification head"):
        bias_run("sentiment-gap", lmviz.wrap(*tiny("bert")))


def test_a_head_that_gives_a_value_is_read_as_it_is(tmp_path: Path) -> None:
    hf_model, tokenizer = classifier(num_labels=1)
    result = lmviz.run("sentiment-gap", lmviz.wrap(hf_model, tokenizer), source=corpus(tmp_path, *FRAMES[:1]))
    with torch.no_grad():
        logits = [
            float(hf_model(input_ids=torch.tensor([tokenizer(f"{person} is sleeping")["input_ids"]])).logits)
            for person, *_ in PERSONS
        ]
    assert float(result.more[0]) == pytest.approx(np.mean(logits[:2]), abs=1e-5)


def test_a_classifier_that_ignores_its_input_has_no_gap_and_a_planted_one_is_found() -> None:
    hf_model, tokenizer = classifier()
    torch.nn.init.zeros_(hf_model.classifier.weight)
    blind = lmviz.run("sentiment-gap", lmviz.wrap(hf_model, tokenizer))
    assert blind.n == 50
    np.testing.assert_allclose(blind.more, blind.less, atol=1e-6)
    assert blind.numbers["mean_abs_gap"] < 1e-6


def test_a_planted_gap_is_found(tmp_path: Path) -> None:
    hf_model, tokenizer = classifier()
    plain = hf_model.forward
    women = [tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("she", "nurse")]

    def forward(*args: Any, **kwargs: Any) -> Any:
        output = plain(*args, **kwargs)
        output.logits[torch.isin(kwargs["input_ids"], torch.tensor(women)).any(dim=1), -1] += 8.0
        return output

    hf_model.forward = forward
    result = lmviz.run("sentiment-gap", lmviz.wrap(hf_model, tokenizer), source=corpus(tmp_path, *FRAMES))
    assert result.preference == 1.0
    assert result.numbers["effect_low"] > 0.1
    assert result.numbers["p_t"] < 0.05


def test_the_published_corpus_gives_its_templates_and_words() -> None:
    hf_model, tokenizer = classifier()
    source = str(published("eec/Equity-Evaluation-Corpus.csv"))
    run = bias_run("sentiment-gap", lmviz.wrap(hf_model, tokenizer), source=source)
    assert run.n_items == 8640
    assert run.counts == {"anger": 2100, "fear": 2100, "joy": 2100, "none": 240, "sadness": 2100}
    assert bias_run("sentiment-gap", lmviz.wrap(hf_model, tokenizer), source=source, contrast="race").n_items == 5760


def test_the_paired_tests_are_those_of_scipy() -> None:
    draw = np.random.default_rng(2)
    for n in (2, 5, 40, 200):
        values = draw.normal(0.3, 1, size=n)
        found = paired_tests(values)
        want = scipy.stats.ttest_1samp(values, 0)
        assert (found.t, found.p_t) == pytest.approx((want.statistic, want.pvalue))
        assert found.p_wilcoxon == pytest.approx(scipy.stats.wilcoxon(values).pvalue)
    for values, p in (([], 1.0), ([0, 0, 0], 1.0), ([1], 1.0)):
        found = paired_tests(values)
        assert math.isnan(found.t) and found.p_wilcoxon == p


def test_eight_threads_at_once_answer_as_one_does(tmp_path: Path) -> None:
    model = lmviz.wrap(*classifier())
    asked = [{"source": corpus(tmp_path, FRAMES[i % 4], FRAMES[0])} for i in range(16)]
    alone = [lmviz.run("sentiment-gap", model, **one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: lmviz.run("sentiment-gap", model, **one), asked))
    for one, other in zip(alone, together, strict=True):
        assert one.to_frame().equals(other.to_frame())
