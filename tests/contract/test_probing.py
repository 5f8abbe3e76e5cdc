"""What holds for every analysis of a data set by layers and heads, whatever it computes."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.errors import LmvizError, NotForThisModel
from lmviz.models.loaded import LoadedModel
from lmviz.results import Result
from tests.contract.test_analyses import AWKWARD, Fell, arrays, same, state
from tests.tiny import tiny
from tests.trees import ROW, conllu, many, written

QUICK: dict[str, dict[str, Any]] = {
    "linear-probe": {"n_seeds": 2, "layers": (1, 2)},
    "mlp-probe": {"n_seeds": 1, "layers": (1,), "random_weights": False},
    "mdl-probe": {"n_seeds": 1, "layers": (1,)},
    "v-information": {"layers": (1,)},
    "structural-probe": {"layers": (1,), "rank": 8, "n_rounds": 1, "random_weights": False},
    "edge-probe": {"task": "upos", "width": 8, "n_rounds": 2, "cumulative": False},
    "probe-direction": {"n_draws": 1, "n_texts": 6},
    "attention-parser": {"min_words": 1},
    "layer-similarity": {},
    "layer-geometry": {"n_halves": 3},
}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    **dict.fromkeys(
        ("linear-probe", "mlp-probe", "mdl-probe", "v-information", "probe-direction", "edge-probe"),
        ({"task": "none"}, "There is no task 'none'"),
    ),
    "structural-probe": ({"rank": 0}, "1 or more"),
    "attention-parser": ({"min_words": 0}, "1 word or more"),
    "layer-similarity": ({"measure": "none"}, "cka or rsa"),
    "layer-geometry": ({"measure": "none"}, "intrinsic_dimension"),
}
every = pytest.mark.parametrize("slug", QUICK)
every_pair = pytest.mark.parametrize(("slug", "family"), [(slug, name) for slug in QUICK for name in ("bert", "gpt2")])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


def made(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


model_of = cache(made)


def ask(slug: str, family: str, file: str, **more: Any) -> Result:
    return lmviz.run(slug, model_of(family), **{"source": file, **QUICK[slug], **more})


def test_every_analysis_of_a_data_set_is_here() -> None:
    by_rows = {slug for slug, known in ANALYSES.items() if known.group == "probing"} - {"blimp"}
    assert set(QUICK) == by_rows


@every_pair
def test_an_answer_is_whole(slug: str, family: str, tmp_path: Path) -> None:
    """Same question, same answer; finite or with a note; frozen; pickled, JSON and a frame; signed; its checks pass."""
    source = written(tmp_path, many(60))
    first = ask(slug, family, source)
    same(first, ask(slug, family, source))
    for name, value in arrays(first).items():
        assert np.isfinite(value).all() or getattr(first, "note", ""), name
        assert not value.flags.writeable, name
        assert value.dtype in (np.float32, np.int64), name
    same(first, pickle.loads(pickle.dumps(first)))
    plain = json.loads(json.dumps(first.to_dict(), allow_nan=False))
    assert plain["type"] == type(first).__name__
    frame = first.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame)
    signed = first.provenance
    assert (signed["analysis"], signed["title"]) == (slug, ANALYSES[slug].title)
    assert signed["model"] == model_of(family).entry.id
    assert set(signed["versions"]) == {"lmviz", "torch", "transformers", "numpy"}
    assert {item.name for item in fields(ANALYSES[slug].params)} <= set(signed["parameters"])
    assert signed["data"]
    checks = ANALYSES[slug].check(first)
    assert checks
    assert [check for check in checks if not check.passed] == []


@every
def test_eight_threads_at_once_answer_as_one_does(slug: str, tmp_path: Path) -> None:
    sources = [written(tmp_path, many(40 + 4 * number), f"{number}.conllu") for number in range(4)]
    alone = [ask(slug, "bert", source) for source in sources]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda source: ask(slug, "bert", source), sources * 2))
    for one, other in zip(alone * 2, together, strict=True):
        same(one, other)
    numbers = {result.to_frame().to_json() for result in alone}
    assert len(numbers) == 4, "answers that are all alike would not show a leak"


@every
def test_the_model_is_as_before_after_success_and_after_an_exception(slug: str, tmp_path: Path) -> None:
    model, source = made("bert"), written(tmp_path, many(40))
    before, values = state(model.hf_model), [p.clone() for p in model.hf_model.parameters()]

    def fall(*_: Any) -> None:
        raise Fell

    leaves = [module for module in model.hf_model.modules() if not list(module.children())]
    handles = [module.register_forward_hook(fall) for module in leaves[len(leaves) // 4 :]]
    with pytest.raises(Fell):
        lmviz.run(slug, model, source=source, **QUICK[slug])
    for handle in handles:
        handle.remove()
    assert state(model.hf_model) == before
    lmviz.run(slug, model, source=source, **QUICK[slug])
    assert state(model.hf_model) == before
    for old, new in zip(values, model.hf_model.parameters(), strict=True):
        assert torch.equal(old, new)


@every
def test_awkward_words_work(slug: str, tmp_path: Path) -> None:
    rows: list[list[ROW]] = [
        [(text.replace(" ", "_"), "x", "X", "", 2, "dep"), ("sat", "sit", "VERB", "", 0, "root")] for text in AWKWARD
    ]
    source = written(tmp_path, conllu(*rows) + "\n" + many(60))
    for family in ("bert", "gpt2"):
        result = ask(slug, family, source)
        for name, value in arrays(result).items():
            assert np.isfinite(value).all() or getattr(result, "note", ""), name


@every
def test_broken_sentences_are_left_out_and_the_rest_is_kept(slug: str, tmp_path: Path) -> None:
    source = tmp_path / "broken.conllu"
    source.write_bytes(b"1\tonly\tthree\n\n# text = \xff\n\n" + many(60).encode())
    assert len(ask(slug, "bert", str(source)).to_frame())


@every
@pytest.mark.parametrize("content", ["", "\n\n", "nonsense\n"])
def test_a_source_without_sentences_gets_one_sentence(slug: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(LmvizError) as told:
        ask(slug, "bert", written(tmp_path, content))
    assert str(told.value).endswith(".")


@every
def test_wrong_input_gets_a_remedy(slug: str, tmp_path: Path) -> None:
    source = written(tmp_path, many(40))
    change, remedy = WRONG[slug]
    for wrong, said in (
        (change, remedy),
        ({"source": "/no/such.conllu"}, "[Nn]o file|no such|There is no"),
        ({"source": 5}, "takes source as str"),
        ({"sourec": "a"}, "Did you mean 'source'"),
    ):
        with pytest.raises(LmvizError, match=said):
            ask(slug, "bert", source, **wrong)


@every
def test_a_stopped_job_stops(slug: str, tmp_path: Path) -> None:
    def stop(fraction: float, message: str = "") -> None:
        raise lmviz.LmvizError(f"Stopped at {fraction}.")

    with pytest.raises(LmvizError, match="Stopped"):
        lmviz.run(slug, model_of("bert"), source=written(tmp_path, many(40)), on_progress=stop, **QUICK[slug])


@every
def test_an_encoder_decoder_is_refused_or_read(slug: str, tmp_path: Path) -> None:
    model, source = made("t5"), written(tmp_path, many(40))
    if slug == "attention-parser":  # its encoder is read
        assert len(lmviz.run(slug, model, source=source, **QUICK[slug]).to_frame())
        return
    with pytest.raises(NotForThisModel):
        lmviz.run(slug, model, source=source, **QUICK[slug])
