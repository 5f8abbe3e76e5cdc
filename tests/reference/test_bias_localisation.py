"""Where a preference sits: every head and layer against plain hooks, one pass at a time, and what must come out."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import lmviz
from lmviz.analyses.bias.items import Item
from lmviz.analyses.bias.localisation import odds, sources
from lmviz.analyses.bias.localisation.margins import MARGINS
from lmviz.analyses.bias.localisation.running import ANALYSIS, localisation_run
from lmviz.analyses.bias.localisation.sweeps import RowEffects
from lmviz.engine.jobs import Job
from lmviz.engine.local import Gate
from lmviz.errors import Cancelled, InvalidParameter, LmvizError, NotForThisModel
from lmviz.figures.export import render
from lmviz.models.anatomy import FAMILIES as ANATOMY
from lmviz.models.loaded import LoadedModel
from lmviz.results import BiasLocalisation
from tests.brute_force import changed_head
from tests.localisation_brute_force import Brute, roles
from tests.planted import FEMALE, HEAD, LAYER, MALE, planted
from tests.tiny import tiny

FAMILIES = ("gpt2", "llama", "bert")
WITH_HEADS = sorted(name for name, known in ANATOMY.items() if known.interface and known.kind != "encoder-decoder")
PAIRS = (
    ("the nurse said that she was tired", "the nurse said that he was tired"),
    ("the quick dog sat on the mat", "the brown cat sat on the mat", "animals", "sat"),
    ("she had left the table", "the doctor had left the table"),
)
PROMPTS = (  # in which words change their places, so that no tokenizer has more tokens in one than in the other
    ("the cat and the dog said that [MASK] was", "the dog and the cat said that [MASK] was", "she", "nurse doctor"),
    ("the nurse sat on the [MASK]", "the nurse on the sat [MASK]", "mat", "log", "nurse", "sat"),
    ("the time flies like an", "the flies time like an", "arrow", "banana sleeping"),
)
STREAMS = ("mlp_out", "resid_pre")


def answered(model: LoadedModel, method: str, pairs: Any, **more: Any) -> tuple[RowEffects, ...]:
    run = localisation_run(model, pairs=pairs, method=method, **more)
    rows = [row for batch in run.batches() for row in batch]
    assert len(rows) == run.n_items
    return tuple(sorted(rows, key=lambda row: row.item.line))


def located(model: LoadedModel, method: str, pairs: Any, **more: Any) -> BiasLocalisation:
    found = lmviz.run("bias-localisation", model, pairs=pairs, method=method, **more)
    assert isinstance(found, BiasLocalisation)
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("how", "of"), [("mean", "shared"), ("zero", "shared"), ("mean", "modified")])
def test_ablation_is_one_hook_after_the_other(family: str, how: str, of: str) -> None:
    brute = Brute(family)
    rows = answered(brute.own.model, "ablation", PAIRS, how=how, margin=f"{of}-tokens")
    inputs, plain, n_changed = brute.inputs(PAIRS, of=of), [brute.margin(pair, of=of) for pair in PAIRS], 0
    for layer, head in product(range(2), range(4)):
        mean = brute.mean_of_head(layer, head, inputs) if how == "mean" else torch.zeros(1)

        def ablated(layer: int = layer, head: int = head, mean: torch.Tensor = mean) -> Any:
            return changed_head(brute.own, layer, head, mean.expand_as)

        for pair, row, before in zip(PAIRS, rows, plain, strict=True):
            assert row.base == pytest.approx(before, abs=1e-4)
            wanted = brute.margin(pair, ablated, of=of) - before
            assert row.effects["heads"][layer, head] == pytest.approx(wanted, abs=1e-4)
            n_changed += abs(wanted) > 1e-3
    assert n_changed > 12, "almost nothing changes, so that nothing was compared"


@pytest.mark.parametrize("family", FAMILIES)
def test_patching_is_one_hook_after_the_other(family: str) -> None:
    brute, n_changed = Brute(family), 0
    for row, given in zip(answered(brute.own.model, "patching", PROMPTS), PROMPTS, strict=True):
        own, other = (brute.asked(prompt, given[2:4]) for prompt in given[:2])
        before = brute.log_odds(own)
        assert row.base == pytest.approx(before, abs=1e-4)
        assert row.total == pytest.approx(brute.log_odds(other) - before, abs=1e-4)
        for layer, head in product(range(2), range(4)):
            for name, read, source in (("indirect", own, other), ("direct", other, own)):
                scopes = [brute.with_pattern((layer, head), of=ids) for ids, *_ in source]
                wanted = brute.log_odds(read, scopes) - before
                assert row.effects[name][layer, head] == pytest.approx(wanted, abs=1e-4)
                n_changed += abs(wanted) > 1e-3
        for place, layer, (column, at) in product(STREAMS, range(2), enumerate(roles(own, other).values())):
            scopes = [
                brute.with_stream((place, layer), places, of=ids) for (ids, *_), places in zip(other, at, strict=True)
            ]
            wanted = brute.log_odds(own, scopes) - before
            assert row.effects[place][layer, column] == pytest.approx(wanted, abs=1e-4)
    assert n_changed > 24, "almost nothing changes, so that nothing was compared"


@pytest.mark.parametrize("margin", MARGINS)
def test_the_margin_is_the_difference_of_the_benchmarks_scores(margin: str, tmp_path: Path) -> None:
    source = tmp_path / "pairs.csv"
    pd.DataFrame([pair[:2] for pair in PAIRS], columns=["more", "less"]).to_csv(source, index=False)
    rows = answered(model_of("bert"), "ablation", PAIRS, margin=margin)
    scores = lmviz.run("minimal-pairs", model_of("bert"), source=str(source), variant=margin)
    assert [row.base for row in rows] == pytest.approx(list(scores.more - scores.less), abs=1e-4)


def test_words_at_the_very_end_can_be_asked_for_where_they_differ() -> None:
    pair = ("the nurse said she", "the nurse said he")
    (refused,), (found,) = (answered(model_of("gpt2"), "ablation", (pair,), margin=name) for name in MARGINS)
    assert "ask for the words that differ" in refused.problem
    brute = Brute("gpt2")
    assert found.base == pytest.approx(brute.margin(pair, of="modified"), abs=1e-4) != 0
    longer = ("the cat sat", "the cat sat down")
    (refused,) = answered(model_of("gpt2"), "ablation", (longer,), margin="modified-tokens")
    assert "Ask for the words that both texts share" in refused.problem


@cache
def model_of(family: str) -> LoadedModel:
    return lmviz.wrap(*tiny(family))


@pytest.mark.parametrize("family", FAMILIES)
def test_pair_members_that_are_the_same_have_no_effect_anywhere(family: str) -> None:
    text, words = "the cat said that [MASK] was", ("she", "doctor")
    for method, row in (("ablation", (PAIRS[0][0], PAIRS[0][0])), ("patching", (text, text, *words))):
        (found,) = answered(model_of(family), method, (row,))
        assert not found.problem
        assert found.total == pytest.approx(0, abs=1e-5)
        for name, table in found.effects.items():
            np.testing.assert_allclose(table, 0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("family", WITH_HEADS)
def test_what_passes_through_the_whole_stream_is_the_total_effect(family: str) -> None:
    """At every layer all of the stream carries all of it; before the first only the changed token differs."""
    rows = answered(model_of(family), "patching", PROMPTS)
    for row in rows:
        assert not row.problem
        stream = row.effects["resid_pre"]
        np.testing.assert_allclose(stream[:, 3], row.total, atol=1e-4)
        np.testing.assert_allclose(stream[0], [row.total, 0, 0, row.total], atol=1e-4)
    assert max(abs(row.total) for row in rows) > 1e-3


def test_an_answer_that_stands_elsewhere_in_the_counterfactual_is_refused() -> None:
    row = ("the cat [MASK] on the mat", "the [MASK] cat on the mat", "sat", "left")
    found = located(model_of("bert"), "patching", (row, PROMPTS[0]))
    assert re.search(r"position 3, .* position 2; .*Reword until they match", found.provenance["skipped_rows"][0])


def test_a_model_without_attention_has_no_head_to_find() -> None:
    hf_model, tokenizer = tiny("gpt2")
    with torch.no_grad():
        for block in hf_model.transformer.h:
            block.attn.c_proj.weight.zero_()
    model = lmviz.wrap(hf_model, tokenizer)
    for method, pairs in (("ablation", PAIRS), ("patching", PROMPTS)):
        found = located(model, method, pairs)
        np.testing.assert_allclose(found.values, 0, atol=1e-4)


def sentences() -> tuple[tuple[str, ...], ...]:
    verbs = ("said that", "hoped that", "ran", "was here")
    return tuple(
        (f"start {woman} {verb} she was late", f"start {man} {verb} she was late", "", verb)
        for verb in verbs
        for woman, man in zip(FEMALE, MALE, strict=True)
    )


def prompts() -> tuple[tuple[str, ...], ...]:
    """Name no clusters: with four verbs there would be sixteen patterns of signs, too few for any p below 0.05."""
    return tuple((*(text.replace(" she was late", "") for text in row[:2]), "she", "he") for row in sentences())


def test_the_planted_head_is_found_and_no_other() -> None:
    model = lmviz.wrap(*planted())
    for method, pairs, sign in (
        ("ablation", tuple(row[:2] for row in sentences()), -1),
        ("patching", prompts(), 1),
    ):
        found = located(model, method, pairs)
        assert found.n == 16
        assert np.argwhere(found.is_significant).tolist() == [[LAYER, HEAD]]
        best = found.top(1)[0]
        assert (best.layer, best.head) == (LAYER, HEAD)
        assert sign * best.value > 0.1
        assert best.low <= best.value <= best.high
        assert best.low * best.high > 0, "the interval leaves zero out"
        assert found.numbers["margin"] * sign < 0, "she after a woman"
    assert found.numbers["total_effect"] > 0.1
    streams = found.grids["resid_pre"]
    assert streams.values[1, 0] == pytest.approx(found.numbers["total_effect"], rel=0.1), "it is read before layer 1"


def test_ratios_are_means_of_odds_ratios_less_one() -> None:
    model = model_of("gpt2")
    rows, found = answered(model, "patching", PROMPTS), located(model, "patching", PROMPTS)
    wanted = np.mean([np.exp(row.effects["indirect"] + row.base) / np.exp(row.base) - 1 for row in rows], axis=0)
    np.testing.assert_allclose(found.grids["indirect"].ratios, wanted, rtol=1e-4)
    total = np.mean([np.exp(row.total) - 1 for row in rows])
    assert found.numbers["total_ratio"] == pytest.approx(total, rel=1e-4)
    np.testing.assert_allclose(found.values, np.mean([row.effects["indirect"] for row in rows], axis=0), rtol=1e-4)
    assert [check.passed for check in ANALYSIS.check(found)] == [True, True]


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_eight_threads_at_once_answer_as_one_does(family: str) -> None:
    model = model_of(family)
    questions = [
        (method, pairs[at % 2 :]) for method, pairs in (("patching", PROMPTS), ("ablation", PAIRS)) for at in range(4)
    ]
    alone = [located(model, *question) for question in questions]
    with ThreadPoolExecutor(max_workers=8) as pool:
        together = list(pool.map(lambda question: located(model, *question), questions))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        for name, grid in one.grids.items():
            np.testing.assert_array_equal(grid.values, other.grids[name].values)
    assert len({one.values.tobytes() for one in alone}) == 4, "answers that are all alike would not show a leak"


@pytest.mark.parametrize("method", ["ablation", "patching"])
def test_what_cannot_be_asked_is_left_out_by_number_with_the_reason(method: str) -> None:
    bad = {
        "ablation": (("", "the cat"), ("the cat sat", "the cat ran"), ("the cat " * 400, "the dog " * 400)),
        "patching": (
            ("the cat", "the sleeping cat", "sat", "ran"),
            ("[MASK] and [MASK]", "[MASK] or [MASK]", "sat", "ran"),
            ("", "the", "sat", "ran"),
        ),
    }[method]
    reasons = {
        "ablation": ("Line 2: The text is empty", "Line 3: .*share no token", "Line 4: .*Shorten it"),
        "patching": (
            "Line 2: .*Reword until they match",
            r"Line 3: .*Leave one \[MASK\]",
            "Line 4: The prompt is empty",
        ),
    }[method]
    good = (PAIRS if method == "ablation" else PROMPTS)[0]
    found = located(model_of("gpt2"), method, (good, *bad))
    assert (found.n, found.skipped) == (1, 3)
    for reason, told in zip(reasons, found.provenance["skipped_rows"], strict=True):
        assert re.search(reason, told)
    assert "3 of 4 rows were left out; the first: Line 2" in found.note
    assert np.isnan(found.low).all()
    assert "Intervals need two rows" in found.note
    assert (found.p_adjusted == 1).all()
    assert render(found, "svg")


def test_without_rows_nothing_is_known() -> None:
    found = located(model_of("gpt2"), "patching", (("", "the", "sat", "ran"),))
    assert np.isnan(found.values).all()
    assert found.top() == ()
    assert b"nothing is known" in render(found, "svg")
    with pytest.raises(InvalidParameter, match="no rows"):
        located(model_of("gpt2"), "ablation", ())


def test_it_can_be_watched_stopped_and_gone_on_with() -> None:
    model = model_of("gpt2")
    run = localisation_run(model, pairs=PROMPTS * 3, method="patching")
    whole = run.result(row for batch in run.batches() for row in batch)
    first = next(batch for batch in run.batches() if batch)
    assert 0 < len(first) < 9
    assert run.result(first).n == len(first)
    rest = list(run.batches(first))
    assert rest[0] == first
    rows = [row for batch in rest for row in batch]
    assert sorted(row.item.line for row in rows) == list(range(1, 10))
    np.testing.assert_allclose(run.result(rows).values, whole.values, atol=1e-5)
    job = Job(run.batches(), run.n_items, gate=Gate(1), name="localisation")
    assert job.wait(60).outcome == "done"
    assert len(job.items) == run.n_items

    def stop(fraction: float, message: str = "") -> None:
        if fraction > 0:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled) as stopped:
        lmviz.run("bias-localisation", model, pairs=PROMPTS * 3, method="patching", on_progress=stop)
    assert isinstance(stopped.value.so_far, BiasLocalisation)
    assert 0 < stopped.value.so_far.n < 9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "steering"}, "no method 'steering'. Choose from ablation, patching"),
        ({"how": "max"}, "no way to ablate 'max'. Choose from mean, zero"),
        ({"limit": 0}, "leaves no row"),
        ({"pairs": "none.csv"}, "There is no file"),
        ({"pairs": (("a", "b", "c"),), "method": "patching"}, "Row 1 has 3 texts. For patching give prompt"),
        ({"pairs": (("a",),)}, "Row 1 has 1 texts. For ablation give more, less"),
        ({"pears": ()}, "Did you mean 'pairs'"),
    ],
)
def test_what_is_asked_wrongly_gets_a_remedy(params: dict[str, Any], message: str) -> None:
    with pytest.raises(LmvizError, match=message):
        lmviz.run("bias-localisation", model_of("gpt2"), **params)


@pytest.mark.parametrize("family", ["bloom", "t5"])
def test_models_that_cannot_have_it_say_so(family: str) -> None:
    with pytest.raises(NotForThisModel, match="such as"):
        lmviz.run("bias-localisation", model_of(family), pairs=PAIRS)


@pytest.mark.parametrize("method", ["ablation", "patching"])
def test_rows_that_ship_can_be_asked_and_drawn_by_seed(method: str) -> None:
    found = located(model_of("bert"), method, None, limit=3, seed=1)
    assert found.n + found.skipped == 3
    run = localisation_run(model_of("bert"), method=method)
    assert run.n_items == (86 if method == "ablation" else 48)
    assert set(run.signature["data"]) == {"pairs.csv" if method == "ablation" else "mediation.csv"}


@pytest.mark.parametrize("name", ["minilm-mlm", "smollm2-135m"])
def test_every_row_that_ships_fits_the_embedded_models(name: str) -> None:
    model = lmviz.load(name)
    rows = list(sources.rows(None, "patching", files=sources.files(None, "patching")))
    for row in rows:
        assert isinstance(row, Item)
        (reading,) = odds.plan(model, row).readings
        assert len(reading.ids) == 2, "both continuations are one token, read off the same"
    assert len(rows) == 48


def test_the_embedded_encoder_prefers_what_the_counterfactual_says() -> None:
    found = located(lmviz.load("minilm-mlm"), "patching", None, limit=4)
    assert (found.n, found.skipped) == (4, 0)
    assert found.numbers["total_effect"] > 0.5
    assert all(check.passed for check in ANALYSIS.check(found))
