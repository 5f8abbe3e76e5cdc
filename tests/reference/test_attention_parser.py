"""Heads as parsers: as plain attention matrices say, with planted heads found, and chosen on dev alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import lmviz
from lmviz.datasets.conllu import TaggedSentence, open_conllu
from lmviz.errors import InvalidParameter
from lmviz.results import HeadParsing
from tests.handmade import WORDS, handmade
from tests.tiny import tiny
from tests.trees import ROW, conllu, many, written


def ask(model: object, **params: object) -> HeadParsing:
    found = lmviz.run("attention-parser", model, **{"min_words": 1, "random_weights": False, **params})  # type: ignore[arg-type]
    assert isinstance(found, HeadParsing)
    return found


def halves(folder: Path) -> tuple[str, str]:
    """Write two files without a sentence in common."""
    blocks = many(60).strip().split("\n\n")
    parts = ("\n\n".join(part) + "\n\n" for part in (blocks[:30], blocks[30:]))
    return tuple(written(folder, part, f"{name}.conllu") for part, name in zip(parts, "ab", strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_accuracies_are_those_of_the_librarys_own_attentions(family: str, tmp_path: Path) -> None:
    hf_model, tokenizer = tiny(family)
    source, test = halves(tmp_path)
    found = ask(lmviz.wrap(hf_model, tokenizer), source=source, test_source=test)
    eager = tiny(family)[0]
    hits: dict[str, list[np.ndarray]] = {}
    for sentence in open_conllu(Path(test)):
        assert isinstance(sentence, TaggedSentence)
        given = tokenizer(sentence.text, return_tensors="pt", return_offsets_mapping=True)
        offsets = given.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            attentions = eager(**given, output_attentions=True).attentions
        pieces = [
            [at for at, (a, b) in enumerate(offsets) if a < word.span[1] and b > word.span[0]]
            for word in sentence.words
        ]
        pattern = torch.stack([one[0] for one in attentions]).numpy()  # (layer, head, query, key)
        n = len(pieces)
        words = np.zeros((*pattern.shape[:2], n, n))
        for i in range(n):
            for j in range(n):
                if i != j:
                    words[:, :, i, j] = pattern[:, :, pieces[i]][..., pieces[j]].sum(axis=-1).mean(axis=-1)
        for i, word in enumerate(sentence.words):
            if word.head >= 0:
                right = words[:, :, i].argmax(axis=-1) == word.head
                has_any = words[:, :, i].max(axis=-1) > 0
                hits.setdefault(word.relation, []).append(right & has_any)
    assert len(found.relations) > 3
    for relation in found.relations[1:]:
        own = hits[relation]
        grid = found.grid(relation, "dependent to head")
        np.testing.assert_allclose(grid, np.mean(own, axis=0), atol=0.04)  # ties may go either way


def previous(n_sentences: int, *, is_shuffled: bool = False) -> str:
    """Write sentences whose words hang on the word before them, or on any other."""
    generator = np.random.default_rng(0)
    sentences = []
    for _ in range(n_sentences):
        words = generator.permutation(WORDS[1:])[:6]
        rows: list[ROW] = []
        for place, word in enumerate(words):
            head = place
            if is_shuffled and place:
                head = int(generator.choice([other for other in range(1, 7) if other != place + 1]))
            rows.append((str(word), str(word), "NOUN", "", head, "chain" if place else "root"))
        sentences.append(rows)
    return conllu(*sentences)


def test_a_head_that_looks_back_parses_chains_and_is_chosen(tmp_path: Path) -> None:
    model = lmviz.wrap(*handmade())
    found = ask(model, source=written(tmp_path, previous(60)))
    row = found.relations.index("chain")
    assert (found.layer[row], found.head[row]) == (0, 0)
    assert found.accuracy[row] == 1.0
    assert (found.offset[row], found.offset_accuracy[row]) == (-1, 1.0)
    assert not found.is_significant[row]  # the fixed distance does as well


def test_shuffled_trees_are_parsed_by_no_head(tmp_path: Path) -> None:
    found = ask(lmviz.wrap(*handmade()), source=written(tmp_path, previous(120, is_shuffled=True)))
    row = found.relations.index("chain")
    assert abs(found.accuracy[row] - 0.2) < 0.1  # one of five other words
    assert not found.is_significant[row]


def test_heads_are_chosen_on_dev_alone(tmp_path: Path) -> None:
    model, (dev, test) = lmviz.wrap(*tiny("bert")), halves(tmp_path)
    first = ask(model, source=dev, test_source=test)
    content = Path(test).read_text(encoding="utf-8")
    turned = content.replace("nsubj", "x").replace("det", "nsubj").replace("	x	", "	det	")
    other = written(tmp_path, turned, "b.conllu")
    second = ask(model, source=dev, test_source=other)
    for relation in set(first.relations) & set(second.relations):
        one, two = first.relations.index(relation), second.relations.index(relation)
        assert (first.layer[one], first.head[one]) == (second.layer[two], second.head[two])


def test_random_weights_stand_beside_and_eight_threads_agree(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(30))
    wanted = ask(model, source=source, random_weights=True)
    assert np.isfinite(wanted.random_accuracy).all()
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: ask(model, source=source, random_weights=True), range(8)):
            np.testing.assert_allclose(found.accuracy, wanted.accuracy, atol=1e-6)
            np.testing.assert_allclose(found.random_accuracy, wanted.random_accuracy, atol=1e-6)


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    for params, said in (({"min_words": 0}, "1 word or more"), ({"source": "/none"}, "file")):
        with pytest.raises(InvalidParameter, match=said):
            ask(model, **{"source": written(tmp_path, many(10)), **params})
