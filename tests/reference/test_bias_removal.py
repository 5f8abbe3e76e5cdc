"""A preference that rides on one direction goes when that is erased, and stays under a random one."""

import csv
import json
import pickle
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run
from lmviz.analyses.bias.erasure.probes import told_interval
from lmviz.analyses.bias.removal import METHODS, Params, RemovalRun, removal_run
from lmviz.analyses.bias.removal_concept import ConceptPair, concept, vectors
from lmviz.datasets.stereoset import KINDS
from lmviz.engine.jobs import Job
from lmviz.engine.local import Gate
from lmviz.errors import Cancelled, InvalidParameter, NotForThisModel, UnknownAnalysis
from lmviz.models.loaded import LoadedModel
from lmviz.results import ConceptRemoval
from lmviz.statistics import wilson
from tests.tiny import tiny

LIKED = ("cat", "nurse", "keys", "banana", "mat", "time", "fruit", "model")
OTHERS = ("dog", "doctor", "table", "arrow", "log", "fox", "cabinet", "capital")
FRAMES = {"the {} sat on the mat": " sat", "a {} is on the log": " is", "the lazy {} said that": " said"}
WAYS = {"gpt2": "shared-tokens", "llama": "shared-tokens", "bert": "aul"}
OUTPUTS = ("attn.c_proj", "mlp.c_proj", "self_attn.o_proj", "mlp.down_proj", "attention.output.dense", "output.dense")


def direction() -> torch.Tensor:
    """Give a direction that no norm takes away: of length one and mean zero."""
    drawn = torch.randn(32, generator=torch.Generator().manual_seed(5))
    centred = drawn - drawn.mean()
    return centred / centred.norm()


@torch.no_grad()
def planted(family: str, *, is_bare: bool = True) -> LoadedModel:
    """Give a model that likes some words, by one direction of their embeddings that its head reads.

    Where it is bare its blocks add nothing, so that the direction is the only trace of which word it is.
    """
    hf_model, tokenizer = tiny(family)
    head, embedding, u = hf_model.get_output_embeddings(), hf_model.get_input_embeddings().weight, direction()
    head.weight = nn.Parameter(head.weight.detach().clone())
    both = ids(tokenizer, (*LIKED, *OTHERS))
    embedding[both] = embedding[both].mean(dim=0) + 0.1 * embedding[both]  # words that differ in little else
    embedding -= torch.outer(embedding @ u, u)
    for words, sign in ((LIKED, 1), (OTHERS, -1)):
        embedding[ids(tokenizer, words)] += sign * 3 * u
    read = hf_model.cls.predictions.transform.dense.weight @ u if family == "bert" else u
    answers = LIKED if family == "bert" else tuple(word.strip() for word in FRAMES.values())
    head.weight[ids(tokenizer, answers)] += 2 * read
    for name, module in hf_model.named_modules():
        if is_bare and name.endswith(OUTPUTS):
            for parameter in module.parameters():
                parameter.zero_()
    return lmviz.wrap(hf_model, tokenizer)


def ids(tokenizer: Any, words: tuple[str, ...]) -> list[int]:
    return sorted({i for word in words for i in tokenizer(f"the {word}", add_special_tokens=False)["input_ids"][1:]})


def written(folder: Path, name: str, rows: Iterable[tuple[str, ...]]) -> str:
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("more", "less", "category", "cluster"))
        table.writerows(rows)
    return str(path)


def source(folder: Path) -> str:
    """Write each liked word against three others, in each frame."""
    turned = [(one, OTHERS[(place + shift) % 8]) for place, one in enumerate(LIKED) for shift in range(3)]
    rows = [(frame.format(one), frame.format(other), frame, "") for frame, (one, other) in product(FRAMES, turned)]
    return written(folder, "pairs.csv", rows)


def words(folder: Path) -> str:
    """Write what the concept is: no word of one pair is in another."""
    frames = ("the {}", "a {}", "the quick {}")
    rows = [
        (frame.format(one), frame.format(other), "", one)
        for frame, (one, other) in product(frames, zip(LIKED, OTHERS, strict=True))
    ]
    return written(folder, "words.csv", rows)


def asked(family: str, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "benchmark": "minimal-pairs", "source": source(folder), "variant": WAYS[family], "pairs": words(folder),
        "layer": 0, "n_draws": 3, **more,
    }  # fmt: skip


def ask(model: LoadedModel, **params: Any) -> ConceptRemoval:
    result = lmviz.run("bias-removal", model, **params)
    assert isinstance(result, ConceptRemoval)
    return result


@pytest.mark.parametrize("method", ["leace", "inlp", "direction"])
@pytest.mark.parametrize("family", WAYS)
def test_a_planted_preference_goes_with_its_direction_and_stays_without_another(
    family: str, method: str, tmp_path: Path
) -> None:
    result = ask(planted(family), **asked(family, tmp_path, method=method))
    assert result.conditions == ("before", "after", "random 1", "random 2", "random 3")
    before, after, *controls = result.effect
    assert result.preference[0] > 0.9 and before > 0.05
    assert abs(after) < 0.15 * before
    assert result.low[1] < 0.75 and result.preference[1] < 0.8
    assert min(controls) > 0.6 * before
    assert result.preference[2:].min() > 0.85
    assert result.difference_high[1] < 0 and result.p_difference[1] < 0.001 and result.p_preference[1] < 0.001
    np.testing.assert_allclose(result.difference[1:], result.effect[1:] - before, atol=1e-4)
    assert result.linear_probe[0] > 0.95
    assert result.linear_probe[1] < 0.8 and result.linear_probe[2:].min() > 0.9
    assert result.removed[0] == 0 and result.removed[1] > 0.4 > result.removed[2:].max()


def test_before_is_what_the_benchmark_says_and_after_is_what_plain_hooks_say(tmp_path: Path) -> None:
    model = planted("gpt2")
    params = asked("gpt2", tmp_path, method="direction", n_draws=1)
    result = ask(model, **params)
    alone = lmviz.run("minimal-pairs", model, source=params["source"], variant=params["variant"])
    np.testing.assert_array_equal(result.scores[0].more, alone.more)
    train = vectors(model, concept(params["pairs"]).train, layer=0)
    differences = train.first - train.second
    u = np.linalg.svd(differences)[2][0]
    u, center = (torch.from_numpy(a).float() for a in (u, train.both.mean(axis=0)))

    def hook(_module: Any, _args: Any, output: Any) -> Any:
        stream = output[0] if isinstance(output, tuple) else output
        changed = stream - ((stream - center) @ u)[..., None] * u
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = model.hf_model.transformer.h[0].register_forward_hook(hook)
    hooked = lmviz.run("minimal-pairs", model, source=params["source"], variant=params["variant"])
    handle.remove()
    np.testing.assert_allclose(result.scores[1].more, hooked.more, atol=2e-4)
    np.testing.assert_allclose(result.scores[1].less, hooked.less, atol=2e-4)
    assert np.abs(alone.more - hooked.more).max() > 0.01


def state(model: LoadedModel) -> tuple[Any, ...]:
    weights = {name: value.clone() for name, value in model.hf_model.state_dict().items()}
    hooks = [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks), module.training)
        for name, module in model.hf_model.named_modules()
    ]
    return weights, hooks


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_as_before_also_when_it_was_stopped(method: str, tmp_path: Path) -> None:
    model = planted("bert")
    params = asked("bert", tmp_path, method=method, heads=("L1H0", "L1H2"), n_draws=1, limit=20)
    weights, hooks = state(model)
    ask(model, **params)

    def stop(fraction: float, message: str = "") -> None:
        if fraction > 0.5:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled) as stopped:
        lmviz.run("bias-removal", model, **params, on_progress=stop)
    assert isinstance(stopped.value.so_far, ConceptRemoval)
    assert stopped.value.so_far.conditions in (("before", "after"), ("before",))
    after, hooks_after = state(model)
    assert hooks_after == hooks
    assert all(torch.equal(value, after[name]) for name, value in weights.items())


def test_eight_threads_at_once_answer_as_one_does(tmp_path: Path) -> None:
    model = planted("gpt2", is_bare=False)
    shared = asked("gpt2", tmp_path, n_draws=1, limit=12)
    each = [{**shared, "method": method, "heads": ("L0H1",), "seed": seed} for seed in (0, 1) for method in METHODS]
    each += [{**shared, "layer": 1, "method": method} for method in ("leace", "steering")]
    alone = [ask(model, **params) for params in each]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(lambda params: ask(model, **params), each))
    for one, other in zip(alone, together, strict=True):
        for name in ("effect", "surprisal", "linear_probe", "mlp_probe", "removed"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        np.testing.assert_array_equal(one.scores[1].more, other.scores[1].more)
    assert len({float(result.effect[1]) for result in alone}) == len(each)


def test_heads_and_steering_have_controls_of_their_own(tmp_path: Path) -> None:
    model = planted("gpt2", is_bare=False)
    heads = ask(model, **asked("gpt2", tmp_path, method="head-ablation", heads=("L1H0", "l1h3"), layer=None, n_draws=2))
    assert (heads.rank, heads.layer) == (2, 1)
    assert heads.removed[1] > 0 and np.isfinite(heads.effect).all()
    weak, strong = (
        ask(model, **asked("gpt2", tmp_path, method="steering", strength=strength, n_draws=1))
        for strength in (0.01, 4.0)
    )
    assert strong.surprisal[1] - strong.surprisal[0] > 10 * abs(weak.surprisal[1] - weak.surprisal[0])
    assert strong.linear_probe[1] > 0.95  # a step that all vectors take tells no two of them apart less
    np.testing.assert_allclose(strong.removed[1], strong.removed[2], rtol=1e-3)  # the control's step is as long


def test_a_job_can_be_watched_and_stopped_and_its_part_summed_up(tmp_path: Path) -> None:
    run = removal_run(planted("gpt2"), Params(**asked("gpt2", tmp_path, n_draws=2)))
    items = [item for batch in run.batches() for item in batch]
    assert len(items) == run.n_items == 1 + 4 * (2 + 72)
    whole = run.result(items)
    assert whole.conditions == run.conditions
    assert run.result(()).conditions == ("before",) and np.isnan(run.result(()).preference[0])
    part = run.result(items[: len(items) // 2])
    assert part.conditions == ("before", "after")
    assert part.effect[0] == whole.effect[0]
    assert np.isfinite(part.difference[1])
    job = Job(run.batches(), run.n_items, gate=Gate(1), name="removal")
    assert job.wait(120).outcome == "done"
    np.testing.assert_array_equal(run.result(job.items).effect, whole.effect)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_a_run_that_was_stopped_goes_on(share: float, tmp_path: Path) -> None:
    run = removal_run(planted("gpt2"), Params(**asked("gpt2", tmp_path, n_draws=2)))
    items = [item for batch in run.batches() for item in batch]
    done = tuple(items[: int(share * len(items))])
    first, *rest = run.batches(done)
    assert first == done
    again = [item for batch in rest for item in batch]
    assert len(again) == len(items) - len(done)
    whole, resumed = run.result(items), run.result([*done, *again])
    pd.testing.assert_frame_equal(resumed.to_frame(), whole.to_frame(), rtol=1e-4)


def test_controls_drawn_as_the_vectors_spread_take_away_more(tmp_path: Path) -> None:
    model = planted("gpt2")
    isotropic, spread = (
        ask(model, **asked("gpt2", tmp_path, control=control, n_draws=8)) for control in ("isotropic", "spread")
    )
    assert spread.removed[1] == isotropic.removed[1] and spread.effect[1] == isotropic.effect[1]
    assert spread.removed[2:].mean() > 2 * isotropic.removed[2:].mean()
    steps = ask(model, **asked("gpt2", tmp_path, method="steering", control="spread", n_draws=2))
    np.testing.assert_allclose(steps.removed[2:], steps.removed[1], rtol=1e-3)  # steps are of one length


def test_probes_have_intervals_over_words(tmp_path: Path) -> None:
    result = ask(planted("bert"), **asked("bert", tmp_path, n_draws=2))
    for name in ("linear", "mlp"):
        low, share, high = (getattr(result, f"{name}_{end}") for end in ("low", "probe", "high"))
        assert (low <= share).all() and (share <= high).all() and (high - low > 0.05).all()
    few = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], dtype=np.float64).repeat(50, axis=0).ravel()
    low, high = told_interval(few, np.tile([0, 1, 2, 3], 100))
    assert (low, high) == pytest.approx(wilson(5, 8), abs=0.2) and high - low > 0.6  # of four words, not 400 vectors
    assert told_interval(np.ones(100), np.tile([0, 1, 2, 3], 25)) == wilson(4, 4)
    assert told_interval(np.zeros(8), np.arange(8)) == wilson(0, 8)


def test_rows_are_chosen_as_the_benchmark_has_them() -> None:
    model = planted("bert", is_bare=False)
    few = ask(model, categories=("gender",), limit=6, n_draws=1)
    assert set(few.scores[1].by_category) <= {"gender"} and few.scores[0].n > 0
    model = planted("gpt2", is_bare=False)
    kinds = [ask(model, benchmark="stereoset", kind=kind, limit=4, n_draws=1).scores[0] for kind in KINDS]
    assert kinds[0].texts != kinds[1].texts
    with pytest.raises(InvalidParameter):
        ask(model, kind=KINDS[0])


def test_the_result_is_plain_and_signed(tmp_path: Path) -> None:
    result = ask(planted("llama"), **asked("llama", tmp_path, n_draws=1))
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["conditions"] == ["before", "after", "random 1"]
    assert pickle.loads(pickle.dumps(result)).to_frame().equals(result.to_frame())
    assert list(result.to_frame()["condition"]) == ["before", "after", "random 1"]
    assert result.provenance["parameters"]["method"] == "leace"
    assert set(result.provenance["data"]) == {"pairs.csv", "words.csv", "neutral.txt"}
    assert "Surprisal of neutral texts changes by" in result.note
    assert result.provenance["variant"] == "shared-tokens"


def test_words_that_are_tested_on_are_not_fitted_on() -> None:
    shipped = concept(None)
    train, test = ({pair.word for pair in side} for side in (shipped.train, shipped.test))
    assert not train & test
    assert (len(train), len(test), shipped.n_broken) == (32, 15, 0)
    assert len(shipped.train) + len(shipped.test) == 141
    assert concept(None, seed=1).test != shipped.test == concept(None).test


def test_the_pairs_that_ship_differ_in_one_word_for_every_kind_of_tokenizer() -> None:
    for family in ("bert", "gpt2", "llama"):
        model = lmviz.wrap(*tiny(family))
        found = vectors(model, concept(None).test, layer=1)
        assert np.isfinite(found.both).all()
        assert np.abs(found.first - found.second).max(axis=1).min() > 1e-3


def test_a_vector_is_the_mean_over_the_pieces_of_the_word_that_differs() -> None:
    from lmviz.capture.tokens import encode
    from lmviz.capture.trace import trace

    model = lmviz.wrap(*tiny("bert"))
    pair = ConceptPair("the queen sat", "the cat sat", "queen")
    found = vectors(model, (pair,), layer=1)
    for text, got in ((pair.first, found.first[0]), (pair.second, found.second[0])):
        own = trace(model, encode(model, text), ("resid_post",))
        np.testing.assert_allclose(got, own["resid_post"][1, 2:-2].mean(axis=0), atol=1e-5)


def wrong(**params: Any) -> RemovalRun:
    return removal_run(lmviz.wrap(*tiny("gpt2")), Params(**params))


def test_wrong_input_gets_a_remedy(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.txt"
    nothing.write_text(" \n", encoding="utf-8")
    for params, remedy in (
        ({"method": "magic"}, "Choose from leace, inlp"),
        ({"layer": 9}, "has layers 0 to 1; there is no layer 9"),
        ({"method": "head-ablation"}, "Name those to ablate"),
        ({"method": "head-ablation", "heads": ("L0H9",)}, "Name heads from L0H0 to L1H3"),
        ({"method": "head-ablation", "heads": ("first",)}, "'first' is no head"),
        ({"n_draws": 0}, "Ask for 1 to 20"),
        ({"control": "none"}, "Choose isotropic or spread"),
        ({"strength": float("nan")}, "Give a number"),
        ({"pairs": (("a", "b"),)}, "of at least 6 words"),
        ({"pairs": (("a", "a"),)}, "Give two texts that differ"),
        ({"pairs": "nowhere.csv"}, "Give the path of a file"),
        ({"source": "nowhere.csv"}, "Give the path of a file"),
        ({"neutral": "nowhere.txt"}, "Give the path of a file"),
        ({"neutral": str(nothing)}, "Write one text on each line"),
        ({"variant": "none"}, "has no variant"),
    ):
        with pytest.raises(InvalidParameter, match=remedy):
            wrong(**params)
    with pytest.raises(UnknownAnalysis, match="no benchmark 'crows'"):
        wrong(benchmark="crows")
    with pytest.raises(NotForThisModel):
        removal_run(lmviz.wrap(*tiny("t5")), Params())
    many = wrong(method="head-ablation", heads=tuple(f"L{layer}H{head}" for layer in (0, 1) for head in range(4)))
    with pytest.raises(InvalidParameter, match="at most half"):
        list(many.batches())
    insertions = tuple((f"the {word} sat", f"the {word} cat sat") for word in (*LIKED, *OTHERS))
    with pytest.raises(InvalidParameter, match="has no word that the other text of its pair lacks"):
        list(wrong(pairs=insertions).batches())


def test_gender_is_found_in_the_embedded_encoder_and_erased() -> None:
    model = lmviz.load("minilm-mlm")
    result = ask(model, limit=12, n_draws=1)
    assert result.n_test == 90 and result.majority == 0.5
    assert result.linear_probe[0] > 0.8
    assert result.linear_probe[1] < 0.7
    assert result.linear_probe[2] > 0.8
    assert result.removed[2] < 0.2
    assert np.isfinite(result.surprisal).all()
    assert [score.n for score in result.scores] == [bias_run("crows-pairs", model, limit=12).n_items] * 3
