"""The probing lab end to end on tiny models: against probes fitted by hand, with controls, stopped and gone on with."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

import lmviz
from lmviz.analyses.probing.fitting import fit_linear
from lmviz.analyses.probing.material import DEV, TEST, TRAIN
from lmviz.analyses.probing.probe_run import CONTROL, Params, Step, probe_run
from lmviz.errors import Cancelled, InvalidParameter, NotForThisModel
from lmviz.results import CodelengthCurve, LayerCurve, ProbeCurve
from tests.tiny import tiny
from tests.trees import many, written


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMVIZ_CACHE_DIR", str(tmp_path / "cache"))


def run(model: Any, source: str, slug: str = "linear-probe", **params: Any) -> ProbeCurve:
    found = lmviz.run(slug, model, source=source, **{"n_seeds": 2, **params})
    assert isinstance(found, ProbeCurve)
    return found


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_probe_by_hand_says_the_same(family: str, tmp_path: Path) -> None:
    """Vectors from the library's own hidden states, word by word, and one fit on all of them."""
    hf_model, tokenizer = tiny(family)
    model, source = lmviz.wrap(hf_model, tokenizer), written(tmp_path, many())
    found = run(model, source, n_seeds=1, random_weights=False)
    question = probe_run("linear", model, params=Params(source=source, n_seeds=1))
    material, rows = question.material, []
    for text in range(len(material.texts)):
        given = tokenizer(material.texts[text], return_tensors="pt", return_offsets_mapping=True)
        offsets = given.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            states = hf_model(**given, output_hidden_states=True).hidden_states
        for part in np.flatnonzero(material.text_of == text):
            start, end = material.spans[part, 0]
            own = [place for place, (a, b) in enumerate(offsets) if a < end and b > start]
            rows.append(states[1][0, own].mean(dim=0).numpy())
    x, y = np.stack(rows), material.label
    train, dev, test = (material.on(side) for side in (TRAIN, DEV, TEST))
    probe = fit_linear(x[train], y[train], n_labels=len(material.labels), dev=(x[dev], y[dev]))
    logs = probe.log_probabilities(x[test])
    np.testing.assert_array_equal(found.predicted[1], logs.argmax(axis=1))
    np.testing.assert_allclose(found.probability[1], np.exp(logs[np.arange(len(test)), y[test]]), atol=5e-3)
    assert found.series["accuracy"][1] == pytest.approx((logs.argmax(axis=1) == y[test]).mean())


def test_words_are_told_from_embeddings_and_every_number_is_there(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many())
    found = run(model, source)
    assert found.layers == (0, 1, 2)
    assert found.series["accuracy"][0] > 0.97  # the form alone gives the tag away
    assert found.baselines["type_majority"] == 1.0
    np.testing.assert_allclose(
        found.series["selectivity"], found.series["accuracy"] - found.series["control"], atol=1e-6
    )
    assert {"accuracy", "control", "selectivity", "random_weights", "macro_f1"} <= set(found.series)
    for name in ("accuracy", "control", "selectivity"):
        assert (found.low[name] <= found.series[name] + 1e-6).all()
        assert (found.high[name] >= found.series[name] - 1e-6).all()
    assert found.best is None  # all layers tell all of it
    assert found.seeds["task"].shape == (3, 2)
    assert (found.information <= found.numbers["entropy"] + 1e-5).all()
    assert all(check.passed for check in lmviz.ANALYSES["linear-probe"].check(found))


def test_confusion_calibration_and_the_hardest_are_of_the_test_items(tmp_path: Path) -> None:
    found = run(lmviz.wrap(*tiny("gpt2")), written(tmp_path, many()), task="relation", random_weights=False)
    for row, layer in enumerate(found.layers):
        right = found.predicted[row] == found.label
        confusion = found.confusion(layer)
        assert confusion.sum() == len(found.label)
        assert np.trace(confusion) == right.sum()
        bins = found.calibration(layer)
        assert sum(one.n for one in bins) == len(found.label)
        assert sum(one.n * one.accuracy for one in bins) == pytest.approx(right.sum())
        hardest = found.hardest(layer, count=5)
        assert found.probability[row][hardest].max() <= np.sort(found.probability[row])[4] + 1e-7
    forms = [found.texts[text][start:end] for text, (start, end) in zip(found.text_of, found.spans[:, 0], strict=True)]
    assert tuple(forms) == found.forms


def test_seeds_leave_out_different_sentences_and_controls_differ(tmp_path: Path) -> None:
    question = probe_run(
        "linear", lmviz.wrap(*tiny("bert")), params=Params(source=written(tmp_path, many()), n_seeds=3)
    )
    texts = question.material.text_of[question.parts(TRAIN)]
    left = [set(texts.tolist()) - set(texts[question.training(seed)].tolist()) for seed in range(3)]
    assert any(left)
    assert not left[0] & left[1]
    assert not left[1] & left[2]
    controls = [question.labels(step) for step in question.steps if step.what == "control" and step.layer == 0]
    assert any((controls[0] != other).any() for other in controls[1:])
    for labels in controls:  # a form has one label, wherever it stands
        by_form: dict[str, set[int]] = {}
        for form, label in zip(question.material.forms, labels, strict=True):
            by_form.setdefault(form, set()).add(int(label))
        assert all(len(own) == 1 for own in by_form.values())


def test_what_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(60))
    calls: list[str] = []

    def stop(_fraction: float, message: str = "") -> None:
        calls.append(message)
        if message.startswith("layer 1"):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled) as stopped:
        lmviz.run("linear-probe", model, source=source, n_seeds=2, random_weights=False, on_progress=stop)
    so_far = stopped.value.so_far
    assert isinstance(so_far, ProbeCurve)
    assert so_far.layers == (0,)
    question = probe_run("linear", model, params=Params(source=source, n_seeds=2, random_weights=False))
    assert question.capture.is_there
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "probes").rglob("*.npz")}
    whole = run(model, source, random_weights=False)
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "probes").rglob("*.npz")}
    assert len(before) == 5
    assert before.items() <= after.items()
    assert whole.layers == (0, 1, 2)
    assert whole.series["accuracy"][0] == so_far.series["accuracy"][0]
    assert question.seconds == 0.0


@pytest.mark.parametrize("task", ["head", "depth", "tree-depth", "length", "bigram-shift", "number", "tense"])
def test_every_task_is_asked_or_refused_in_a_sentence(task: str, tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many())
    asked = {"task": task, "layers": (1,), "n_seeds": 1, "random_weights": False}
    if task in ("number", "tense", "tree-depth", "length"):
        with pytest.raises(InvalidParameter, match="one label"):
            run(model, source, **asked)
        return
    found = run(model, source, **asked)
    assert np.isfinite(found.series["accuracy"]).all()
    assert found.item == {"head": "pair", "depth": "word"}.get(task, "text")


def test_macro_f1_is_that_of_scikit_learn(tmp_path: Path) -> None:
    found = run(lmviz.wrap(*tiny("bert")), written(tmp_path, many()), task="relation", random_weights=False)
    for row, predicted in enumerate(found.predicted):
        known = np.unique(found.label[found.label >= 0])
        wanted = f1_score(found.label, predicted, labels=known, average="macro", zero_division=0.0)
        assert found.series["macro_f1"][row] == pytest.approx(wanted, abs=1e-6)


def test_pairs_of_words_have_both_vectors(tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("gpt2"))
    question = probe_run("linear", model, params=Params(source=written(tmp_path, many(40)), task="head"))
    from lmviz.analyses.probing.vectors import vectors
    from lmviz.capture.activations import captured

    activations = captured(question.capture, on_progress=lambda *_: None)
    parts = question.parts(TEST)
    both = vectors(activations, 1, pieces=question.found, parts=parts)
    assert both.shape == (len(parts), 2 * question.capture.width)
    part = int(parts[3])
    for span in range(2):
        start, end = question.material.spans[part, span]
        own = question.capture.tokens.pieces(int(question.material.text_of[part]), [(int(start), int(end))])
        half = both[3, span * question.capture.width : (span + 1) * question.capture.width]
        np.testing.assert_allclose(half, activations.rows(1, own).mean(axis=0), rtol=1e-5, atol=1e-6)


def test_unseen_words_are_reported_apart(tmp_path: Path) -> None:
    found = run(lmviz.wrap(*tiny("bert")), written(tmp_path, many()), held_out="word", n_seeds=1, random_weights=False)
    assert found.numbers["n_unseen"] == found.numbers["n_test"]
    np.testing.assert_allclose(found.series["unseen"], found.series["accuracy"], atol=1e-6)


def test_the_code_is_short_where_words_tell_and_long_for_the_control(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many())
    found = lmviz.run("mdl-probe", model, source=source, n_seeds=2)
    assert isinstance(found, CodelengthCurve)
    assert found.series["task"][0] < found.series["control"][0] < found.baselines["uniform_code"] * 1.2
    assert found.compression[0] > 2
    again = lmviz.run("mdl-probe", model, source=source, n_seeds=2)
    np.testing.assert_array_equal(again.series["task"], found.series["task"])


def test_information_is_the_mean_of_its_items_and_nothing_is_beyond_the_embeddings(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many())
    found = lmviz.run("v-information", model, source=source)
    assert isinstance(found, LayerCurve)
    plain = run(model, source, n_seeds=1, random_weights=False)
    np.testing.assert_allclose(found.series["information"], plain.information, atol=1e-4)
    entropy = found.baselines["entropy_of_the_label"]
    assert entropy == pytest.approx(plain.numbers["entropy"], abs=1e-4)
    assert found.series["information"][0] > entropy - 0.2  # the form tells all of it
    assert found.series["beyond_embeddings"][0] == 0.0
    assert np.abs(found.series["beyond_embeddings"]).max() < 0.2
    assert all(check.passed for check in lmviz.ANALYSES["v-information"].check(found))


def test_information_about_the_control_is_that_of_its_own_labels_and_frequencies(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many())
    found = lmviz.run("v-information", model, source=source, layers=(1,), conditional=False)
    assert isinstance(found, LayerCurve)
    params = Params(source=source, layers=(1,), n_seeds=1, random_weights=False)
    question = probe_run("linear", model, params=params)
    step = Step(1, CONTROL, 0)
    labels, said = question.labels(step), dict(question.outcomes(lambda *_: None))[step]
    train, test = labels[question.parts(TRAIN)], labels[question.parts(TEST)]
    bits = [
        float(log) / np.log(2) - np.log2((train == label).mean())
        for label, log in zip(test, said.log_probability, strict=True)
        if (train == label).any()
    ]
    assert found.series["control"][0] == pytest.approx(np.mean(bits), abs=1e-4)
    beyond = found.series["information"] - found.series["control"]
    np.testing.assert_allclose(found.series["selectivity"], beyond, atol=1e-5)
    assert found.low["selectivity"][0] <= found.series["selectivity"][0] <= found.high["selectivity"][0]


def test_eight_threads_get_the_same_curve(tmp_path: Path) -> None:
    model, source = lmviz.wrap(*tiny("bert")), written(tmp_path, many(50))

    def ask(_: int) -> ProbeCurve:
        return run(model, source, n_seeds=1, random_weights=False)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    for one in found[1:]:
        np.testing.assert_allclose(one.series["accuracy"], found[0].series["accuracy"], atol=1e-6)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"task": "part-of-speech"}, "There is no task"),
        ({"layers": (9,)}, "there is no layer 9"),
        ({"n_seeds": 0}, "0 seeds"),
        ({"pooling": "max"}, "mean, first, last"),
        ({"held_out": "page"}, "held out"),
        ({"source": "/no/such/file.conllu"}, "There is no file"),
        ({"source": ""}, "There is no file"),
    ],
)
def test_what_cannot_be_is_told(params: dict[str, Any], said: str, tmp_path: Path) -> None:
    model = lmviz.wrap(*tiny("bert"))
    with pytest.raises(InvalidParameter, match=said):
        lmviz.run("linear-probe", model, **{"source": written(tmp_path, many(30)), **params})


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotForThisModel, match="encoder or a decoder"):
        run(lmviz.wrap(*tiny("t5")), written(tmp_path, many(30)))
