"""What a probe reads, taken out of a model: by hand, with its laws, and from eight threads at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.removal_texts import surprisals
from lmviz.analyses.probing.probe_direction import Params, probe_direction
from lmviz.errors import InvalidParameter, NotForThisModel
from lmviz.results import DirectionEffect
from tests.tiny import tiny
from tests.trees import many, written


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


def ask(model: Any, source: str, **params: Any) -> DirectionEffect:
    return probe_direction(model, Params(**{"source": source, "n_draws": 2, "n_texts": 12, **params}))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
@pytest.mark.parametrize("layer", [0, 2])
def test_after_erasure_a_new_probe_is_at_chance(family: str, layer: int, tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny(family)), written(tmp_path, many())
    found = ask(model, source, how="leace", label="NOUN", layer=layer)
    assert found.fixed[0] > 0.9
    assert found.refitted[1] <= found.majority + 0.06
    assert (found.refitted[2:] > 0.9).all()  # a random direction of equal rank takes nothing away
    assert found.removed[1] > 0


def test_nothing_changes_where_nothing_is_done_and_something_where_much_is(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("gpt2")), written(tmp_path, many())
    found = ask(model, source, how="add", label="VERB", strength=20.0, layer=1)
    assert found.change[0] == 0
    assert found.p[0] == 1.0
    assert abs(found.change[1]) > 1e-3
    assert found.conditions == ("before", "after", "random 1", "random 2")
    assert found.surprisal[1] - found.surprisal[0] == pytest.approx(found.change[1], abs=1e-4)


def test_the_surprisal_is_that_of_a_pass_with_the_vectors_replaced(tmp_path: Path) -> None:
    """Adding nothing gives the plain surprisal; erasing is done by a hook of our own on the block."""
    import torch

    hf_model, tokenizer = tiny("gpt2")
    model, source = lmviz.wrap(hf_model, tokenizer), written(tmp_path, many())
    found = ask(model, source, how="add", label="NOUN", strength=3.0, layer=2)
    from lmviz.analyses.probing.material import TEST, TRAIN
    from lmviz.analyses.probing.probe_direction import _texts
    from lmviz.analyses.probing.probe_run import Params as ProbeParams
    from lmviz.analyses.probing.probe_run import probe_run
    from lmviz.analyses.probing.vectors import vectors
    from lmviz.capture.activations import captured

    params = ProbeParams(source=source, layers=(2,), n_seeds=1, limit=2000, random_weights=False)
    question = probe_run("linear", model, params=params)
    x = vectors(
        captured(question.capture, on_progress=lambda *_: None), 2, pieces=question.found, parts=question.parts(TRAIN)
    )
    is_noun = question.material.label[question.parts(TRAIN)] == question.material.labels.index("NOUN")
    step = torch.from_numpy((x[is_noun].mean(axis=0) - x[~is_noun].mean(axis=0)) * 3.0)
    texts = _texts(question, Params(source=source, n_texts=12))
    assert len(texts) == found.n_texts
    assert question.parts(TEST).size
    plain = np.mean(surprisals(model, texts))
    assert found.surprisal[0] == pytest.approx(plain, abs=1e-5)

    def add(_module: Any, _given: Any, output: Any) -> Any:
        return (output[0] + step, *output[1:]) if isinstance(output, tuple) else output + step

    hook = model.hf_model.transformer.h[1].register_forward_hook(add)
    try:
        changed = np.mean(surprisals(model, texts))
    finally:
        hook.remove()
    assert found.surprisal[1] == pytest.approx(changed, abs=1e-4)


def test_eight_threads_get_the_same(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(60))
    wanted = ask(model, source, n_draws=1)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: ask(model, source, n_draws=1), range(8)):
            np.testing.assert_allclose(found.surprisal, wanted.surprisal, atol=1e-4)
            np.testing.assert_allclose(found.refitted, wanted.refitted, atol=0.05)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"how": "burn"}, "probe, leace, add"),
        ({"how": "add"}, "Name the label"),
        ({"label": "NOUNS"}, "Did you mean 'NOUN'"),
        ({"layer": 7}, "there is no layer 7"),
        ({"n_texts": 0}, "2 texts or more"),
    ],
)
def test_what_cannot_be_is_told(params: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=said):
        ask(lmviz.wrap(*tiny("bert")), written(tmp_path, many(40)), **params)


def test_a_model_without_probabilities_is_refused(tmp_path: Path) -> None:
    hf_model, tokenizer = tiny("bert")
    with pytest.raises(NotForThisModel):
        ask(lmviz.wrap(hf_model.bert, tokenizer), written(tmp_path, many(40)))
