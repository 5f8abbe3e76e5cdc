"""HONEST counts what a plain model says, pairs groups frame by frame, and finds the words that are planted."""

import csv
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run, resume
from lmviz.analyses.bias.honest import honest_score
from lmviz.capture.tokens import token_string
from lmviz.errors import InvalidParameter
from lmviz.results.completions import CompletionScores
from tests.pair_brute_force import log_softmax
from tests.planting import with_bias
from tests.shared_data import published
from tests.tiny import tiny

WORDS = "cat\nbanana\nlazy\nthe\n"
SENTENCES = (
    ("the nurse said that the [M] sat", "the nurse", "singular", "women", "one"),
    ("the doctor said that the [M] sat", "the doctor", "singular", "men", "one"),
    ("she sat on a [M]", "she", "singular", "women", "two"),
    ("he sat on a [M]", "he", "singular", "men", "two"),
    ("it sat on a [M]", "it", "singular", "men", "two"),
    ("they said [M]", "they", "plural", "women", "two"),
)


def sentences(folder: Path, *rows: tuple[str, ...]) -> str:
    path = folder / f"sentences{len(list(folder.iterdir()))}.tsv"
    header = ("template_masked", "identity", "number", "category", "type")
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([header, *rows])
    return str(path)


@pytest.fixture
def words(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("lexicon") / "words.txt"
    path.write_text(WORDS, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_encoders_fillings_are_its_most_probable_ones(family: str, tmp_path: Path, words: str) -> None:
    hf_model, tokenizer = tiny(family)
    asked = {"source": sentences(tmp_path, *SENTENCES), "lexicon": words, "n_completions": 40}
    result = lmviz.run("honest", lmviz.wrap(hf_model, tokenizer), **asked)
    assert isinstance(result, CompletionScores)
    completions = []
    for own, chances, (text, *_) in zip(result.sentences, result.probabilities, SENTENCES, strict=True):
        ids = tokenizer(text.replace("[M]", tokenizer.mask_token))["input_ids"]
        table = log_softmax(hf_model, ids)[ids.index(tokenizer.mask_token_id)].exp()
        best = table.topk(40)
        np.testing.assert_allclose(chances, best.values, atol=1e-5)
        assert list(own.completions) == [token_string(tokenizer, int(i)).strip() for i in best.indices]
        completions.append(own.completions)
    found = honest_score(completions, WORDS.split())
    assert found.score > 0.02, "nothing would be found everywhere"
    assert result.numbers["honest"] == pytest.approx(found.score)
    assert [(hit.template, hit.word) for hit in found.hits] == [
        (place, word) for place, own in enumerate(result.sentences) for word in own.matched if word
    ]
    frame = result.to_frame()
    assert len(frame) == 6 * 40 and list(frame.loc[frame["matched"] != "", "matched"]) == [h.word for h in found.hits]


def test_groups_are_paired_by_what_is_left_without_the_person(tmp_path: Path, words: str) -> None:
    model = lmviz.wrap(*tiny("bert"))
    source = sentences(tmp_path, *SENTENCES)
    result = lmviz.run("honest", model, source=source, lexicon=words, n_completions=40)
    share = [float(np.mean([bool(word) for word in own.matched])) for own in result.sentences]
    assert result.n == 2, "the last sentence has no partner"
    assert result.texts[1] == ("she sat on a [M]", "he sat on a [M]")
    np.testing.assert_allclose(result.more, [share[0], share[2]], atol=1e-6)
    np.testing.assert_allclose(result.less, [share[1], (share[3] + share[4]) / 2], atol=1e-6)
    assert result.numbers["honest_women"] == pytest.approx(np.mean([share[0], share[2], share[5]]))
    assert result.numbers["honest_men"] == pytest.approx(np.mean([share[1], share[3], share[4]]))
    assert list(result.by_category) == ["one", "two"]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_decoders_completion_is_what_the_library_writes(family: str, tmp_path: Path, words: str) -> None:
    hf_model, tokenizer = tiny(family)
    asked = {"source": sentences(tmp_path, *SENTENCES[:2]), "lexicon": words, "variant": "greedy", "n_tokens": 4}
    result = lmviz.run("honest", lmviz.wrap(hf_model, tokenizer), **asked)
    for own, chances, (text, *_) in zip(result.sentences, result.probabilities, SENTENCES, strict=False):
        ids = tokenizer(text.partition(" [M]")[0], return_tensors="pt")["input_ids"]
        whole = hf_model.generate(ids, max_new_tokens=4, do_sample=False)[0]
        assert own.completions == (tokenizer.decode(whole[ids.shape[1] :], skip_special_tokens=True).strip(),)
        table = log_softmax(hf_model, whole.tolist())
        steps = range(ids.shape[1], len(whole))
        want = math.exp(sum(float(table[place - 1, whole[place]]) for place in steps))
        np.testing.assert_allclose(chances, [want], rtol=1e-4)


def test_drawn_completions_follow_the_seed_and_go_on_where_they_were(tmp_path: Path, words: str) -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    asked = {"source": sentences(tmp_path, *SENTENCES), "lexicon": words, "n_completions": 3}
    one, same, other = (lmviz.run("honest", model, **asked, seed=seed) for seed in (0, 0, 7))
    assert one.sentences == same.sentences != other.sentences
    assert len(set(one.sentences[0].completions)) > 1
    file = tmp_path / "run.jsonl"
    resume("honest", model, file=file, **asked)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:3]), encoding="utf-8")
    assert resume("honest", model, file=file, **asked).sentences == one.sentences


def test_a_planted_word_is_always_found_and_a_blind_model_tells_no_groups_apart(tmp_path: Path, words: str) -> None:
    source = sentences(tmp_path, *SENTENCES)
    planted = lmviz.run(
        "honest", with_bias("gpt2", {" banana": 60.0}, is_blind=False), source=source, lexicon=words, variant="greedy"
    )
    assert planted.numbers["honest"] == 1.0
    blind = lmviz.run("honest", with_bias("bert", {"cat": 2.0, "he": 1.0}, is_blind=True), source=source, lexicon=words)
    assert blind.ties == blind.n == 2
    assert blind.numbers["honest_women"] == blind.numbers["honest_men"] > 0


def test_lexicons_in_tables_are_read_and_their_other_levels_are_not(tmp_path: Path) -> None:
    source = sentences(tmp_path, *SENTENCES[:2])
    table = tmp_path / "lexicon.tsv"
    table.write_text("id\tlemma\tlevel\n1\tcat\tconservative\n2\tthe\tinclusive\n", encoding="utf-8")
    blind = with_bias("bert", {"cat": 2.0, "the": 1.0}, is_blind=True)
    result = lmviz.run("honest", blind, source=source, lexicon=str(table), n_completions=2)
    assert result.sentences[0].completions == ("cat", "the")
    assert result.sentences[0].matched == ("cat", "")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    with pytest.raises(InvalidParameter, match="There is no word in"):
        lmviz.run("honest", blind, source=source, lexicon=str(empty))
    with pytest.raises(InvalidParameter, match="Name a file as `lexicon`"):
        bias_run("honest", blind)
    with pytest.raises(InvalidParameter, match="n_completions is 0; choose 1 to 100"):
        bias_run("honest", blind, lexicon=str(table), n_completions=0)


def test_the_published_sentences_pair_up(words: str) -> None:
    source = str(published("honest/binary/en_template.tsv"))
    result = lmviz.run("honest", with_bias("bert", {"cat": 1.0}, is_blind=True), source=source, lexicon=words)
    assert (len(result.sentences), result.skipped) == (810, 0)
    assert result.n > 25
    assert set(result.numbers) >= {"honest", "honest_female", "honest_male"}


@pytest.mark.parametrize("family", ["bert", "llama"])
def test_eight_threads_at_once_answer_as_one_does(family: str, tmp_path: Path, words: str) -> None:
    model = lmviz.wrap(*tiny(family))
    asked = [
        {"source": sentences(tmp_path, SENTENCES[i % 6], SENTENCES[0]), "lexicon": words, "n_completions": 2}
        for i in range(16)
    ]
    alone = [lmviz.run("honest", model, **one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: lmviz.run("honest", model, **one), asked))
    for one, other in zip(alone, together, strict=True):
        assert one.to_frame().equals(other.to_frame())
