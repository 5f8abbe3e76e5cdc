"""A run that is stopped goes on where it was, whatever stopped it; a file of anything else is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.benchmarks import bias_run, resume
from lmviz.analyses.bias.preference import compare_models, pair_scores
from lmviz.analyses.bias.resuming import resumed
from lmviz.cli import main
from lmviz.engine.jobs import Job
from lmviz.engine.local import Gate
from lmviz.errors import Cancelled, CorruptedFile, InvalidParameter, UnknownAnalysis
from lmviz.statistics import mcnemar
from tests.tiny import tiny


@pytest.fixture
def model() -> Any:
    return lmviz.wrap(*tiny("gpt2"))


def after(share: float) -> Any:
    def stop(fraction: float, message: str = "") -> None:
        if fraction >= share:
            raise Cancelled("Stopped.")

    return stop


def test_what_is_gone_on_with_gives_what_one_run_gives(model: Any, tmp_path: Path) -> None:
    file, whole = tmp_path / "run.jsonl", lmviz.run("crows-pairs", model)
    with pytest.raises(Cancelled):
        resume("crows-pairs", model, file=file, on_progress=after(0.05))
    n_first = len(file.read_text().splitlines()) - 1
    assert 0 < n_first < 86
    told: list[float] = []
    result = resume("crows-pairs", model, file=file, on_progress=lambda share, _="": told.append(share))
    assert told[0] == pytest.approx(n_first / 86), "what was done is not asked about again"
    assert result.texts == whole.texts
    np.testing.assert_allclose(result.more, whole.more, atol=2e-4)
    assert result.provenance == whole.provenance
    lines = file.read_text().splitlines()
    assert len(lines) == 87
    assert resume("crows-pairs", model, file=file).preference == result.preference
    assert file.read_text().splitlines() == lines


def test_a_line_that_was_cut_off_is_scored_again(model: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    whole = resume("crows-pairs", model, file=file)
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    again = resume("crows-pairs", model, file=file)
    assert again.n == whole.n == 86
    assert len(file.read_bytes().splitlines()) == 87


def test_files_of_something_else_are_refused(model: Any, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    resume("crows-pairs", model, file=file, limit=5)
    content = file.read_bytes()
    for given, sentence in (
        ({"limit": 6}, "its parameters are others"),
        ({"limit": 5, "variant": "sum"}, "its variant is shared-tokens and not sum"),
    ):
        with pytest.raises(InvalidParameter, match=sentence):
            resume("crows-pairs", model, file=file, **given)
    with pytest.raises(InvalidParameter, match="its analysis is crows-pairs and not minimal-pairs"):
        resume("minimal-pairs", model, file=file, limit=5)
    with pytest.raises(InvalidParameter, match="its model is GPT2LMHeadModel and not LlamaForCausalLM"):
        resume("crows-pairs", lmviz.wrap(*tiny("llama")), file=file, limit=5)
    assert file.read_bytes() == content, "a file that is refused stays as it was"
    for strange in ("text, more\nof, it\n", "[1, 2]\n", '{"analysis": 1}\n', "no end"):
        file.write_text(strange)
        with pytest.raises(InvalidParameter, match="no file of an earlier run"):
            resume("crows-pairs", model, file=file, limit=5)
        assert file.read_text() == strange
    with pytest.raises(InvalidParameter, match="cannot be used to go on from"):
        resume("crows-pairs", model, file=tmp_path / "nowhere" / "run.jsonl")
    with pytest.raises(UnknownAnalysis, match="no benchmark 'surprisal'"):
        resume("surprisal", model, file=file)


@pytest.mark.parametrize("damage", ["{", "[]", '{"item": {"line": 1}}', json.dumps({"item": {}, "scores": 3})])
def test_a_damaged_line_is_named(model: Any, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "run.jsonl"
    resume("crows-pairs", model, file=file, limit=5)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], damage, *lines[3:]]) + "\n")
    with pytest.raises(CorruptedFile, match=r"Line 4 of .* is damaged"):
        resume("crows-pairs", model, file=file, limit=5)


def test_a_changed_source_is_another_run(model: Any, tmp_path: Path) -> None:
    source, file = tmp_path / "pairs.csv", tmp_path / "run.jsonl"
    source.write_text("more,less\nthe cat sat,the dog sat\n")
    resume("minimal-pairs", model, file=file, source=str(source))
    source.write_text("more,less\nthe cat sat down,the dog sat down\n")
    with pytest.raises(InvalidParameter, match="its data are others"):
        resume("minimal-pairs", model, file=file, source=str(source))


def test_a_job_takes_the_batches_and_a_result_can_be_had_at_any_time(model: Any, tmp_path: Path) -> None:
    run = bias_run("crows-pairs", model)
    job = Job(resumed(run, tmp_path / "run.jsonl"), run.n_items, gate=Gate(1), name="bias")
    state = job.wait(60)
    assert (state.outcome, state.n_done, state.fraction) == ("done", 86, 1.0)
    for n in (1, 10, 86):
        result = run.result(job.items[:n])
        assert result.n == n
        assert result.interval[0] <= result.preference <= result.interval[1]
    assert run.result(()).n == 0


def test_the_command_line_goes_on_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "run.jsonl", tmp_path / "out.json"
    words = ["run", "crows-pairs", "--model", "minilm-mlm", "--limit", "3", "--resume", str(file), "--out", str(out)]
    assert main(words) == 0
    first = json.loads(out.read_text())
    assert main(words) == 0
    assert json.loads(out.read_text())["preference"] == first["preference"]
    assert len(file.read_text().splitlines()) == 4
    assert main([*words, "--variant", "aul"]) == 2
    assert "is of another run" in capsys.readouterr().err


def listed(more: np.ndarray, less: np.ndarray, names: range) -> Any:
    from dataclasses import replace

    return replace(pair_scores(more, less), texts=tuple((f"more {i}", f"less {i}") for i in names))


def test_two_models_are_compared_on_the_pairs_that_both_have() -> None:
    draw = np.random.default_rng(1)
    same = draw.normal(size=(2, 60))
    a = listed(*same, names=range(60))
    b = listed(same[0, 20:], same[1, 20:], names=range(20, 60))
    found = compare_models(a, b)
    assert (found.n, found.only_a, found.only_b) == (40, 0, 0)
    assert (found.p_preference, found.p_difference, found.difference) == (1.0, 1.0, 0.0)
    other = listed(same[0] + 1.5, same[1], names=range(60))
    found = compare_models(other, a)
    wins = [(side.more > side.less) for side in (other, a)]
    assert found.only_a == int((wins[0] & ~wins[1]).sum())
    assert found.p_preference == mcnemar(found.only_a, found.only_b) < 0.01
    assert found.difference == pytest.approx(1.5, abs=1e-5)
    assert found.p_difference < 0.001
    assert compare_models(a, other).difference == pytest.approx(-1.5, abs=1e-5)
    with pytest.raises(InvalidParameter, match="no pair in common"):
        compare_models(a, listed(*same, names=range(100, 160)))
