"""The lmviz command: values read by their types, files by their endings, mistakes answered with one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import lmviz
from lmviz.analyses import ANALYSES
from lmviz.analyses.bias.preference import compare_models
from lmviz.cli import main
from lmviz.models.catalog import CATALOG
from tests import tiny


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT as a folder on disk."""
    folder = tmp_path_factory.mktemp("model")
    hf_model, tokenizer = tiny.tiny("bert")
    hf_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sentence(captured: pytest.CaptureFixture[str]) -> str:
    """Give what was said on stderr, which is one line, and nothing on stdout."""
    out, err = captured.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err.strip()


@pytest.mark.parametrize("slug", ANALYSES)
def test_every_analysis_shows_its_parameters(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", slug, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in shown for name in ANALYSES[slug].params.__dataclass_fields__)


def loaded(*arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run the command; give what it answered and every module it imported for that."""
    command = [sys.executable, "-X", "importtime", "-m", "lmviz", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stderr.splitlines()
    done.stderr = "\n".join(line for line in lines if not line.startswith("import time:"))
    return done, {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


# What an answer at once cannot afford: torch alone takes seconds.
HEAVY = {"torch", "transformers", "streamlit", "scipy", "sklearn", "matplotlib", "openai"}


def test_help_loads_nothing_heavy() -> None:
    done, modules = loaded("--help")
    assert done.returncode == 0
    assert "usage: lmviz" in done.stdout
    assert "lmviz.cli" in modules
    assert not modules & (HEAVY | {"numpy", "pandas", "pyarrow"})


def test_a_mistyped_analysis_is_answered_without_loading_what_runs_one() -> None:
    done, modules = loaded("run", "typo")
    assert done.returncode == 2
    assert done.stderr.startswith("No analysis named 'typo'.")
    assert "lmviz.analyses" in modules
    assert not modules & HEAVY


def test_models_and_analyses_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CATALOG)
    assert main(["analyses"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(ANALYSES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "nonsense"),
        (["run"], "SLUG"),
        (["run", "attention-patern"], "Did you mean 'attention-pattern'?"),
        (["run", "attention-pattern", "--model", "minilm"], "--text"),
        (["run", "attention-pattern", "--model", "minilm", "--text", "a", "--colour", "red"], "--colour red"),
        (["run", "attention-pattern", "--model", "minilm", "--text", "a", "--out", "a.doc"], ".parquet"),
        (["run", "attention-pattern", "--model", "minilm", "--text", "a", "--out", "nowhere/a.csv"], "nowhere"),
        (
            ["run", "query-key", "--model", "minilm", "--text", "a", "--layer", "one", "--head", "0", "--query", "0"],
            "--layer: 'one' is not a whole number.",
        ),
        (["run", "attention-pattern", "--model", "minilm", "--text", "a", "--dtype", "int8"], "float32"),
        (["check", "minillm"], "Did you mean 'minilm'?"),
        (["pull", "minillm"], "Did you mean 'minilm'?"),
        (["run", "attention-pattern", "--model", "minilm", "--text", "a \udce9"], "--text: This is no valid UTF-8"),
        (["check", "~nosuchuser/x"], "There is no home folder ~nosuchuser"),
        (["check", "x" * 400], "No model named 'xxx"),
        (["pull", "/" + "x" * 400], "Check the path."),
        (["run", "attention-pattern", "--model", "m", "--text", "a", "--out", "x" * 400 + "/a.csv"], "another place"),
        (["run", "attention-pattern", "--model", "m", "--text", "a", "--device-map", "even"], "--device-map"),
        (["check", "minilm", "--device-map", "auto", "--device", "cpu"], "exclude each other"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in sentence(capsys)


def test_json_goes_to_the_terminal(model_folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["run", "attention-pattern", "--model", str(model_folder), "--text", "the cat <b>"]) == 0
    answer = json.loads(capsysbinary.readouterr().out)
    assert answer["type"] == "AttentionPattern"
    np.testing.assert_allclose(np.array(answer["pattern"]).sum(-1), 1, atol=1e-5)
    assert answer["provenance"]["parameters"]["text"] == "the cat <b>"


def test_tables_hold_the_numbers(model_folder: Path, tmp_path: Path) -> None:
    words = ["run", "attention-pattern", "--model", str(model_folder), "--text", "the cat sat"]
    for ending in ("csv", "parquet"):
        assert main([*words, "--out", str(tmp_path / f"a.{ending}")]) == 0
    csv, parquet = pd.read_csv(tmp_path / "a.csv", skiprows=1), pd.read_parquet(tmp_path / "a.parquet")
    assert list(csv.columns) == list(parquet.columns)
    np.testing.assert_allclose(csv["pattern"], parquet["pattern"], atol=1e-6)
    sums = parquet.groupby(["layer", "head", "query"])["pattern"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-5)


def test_tables_say_where_they_come_from(model_folder: Path, tmp_path: Path) -> None:
    text = 'the "cat,"sat\r\non\u2028the mat'
    words = ["run", "attention-rollout", "--model", str(model_folder), "--text", text]
    for ending in ("csv", "parquet"):
        assert main([*words, "--out", str(tmp_path / f"a.{ending}")]) == 0
    first, header = (tmp_path / "a.csv").read_text().split("\n")[:2]
    assert first.startswith("# Attention rollout · model ")
    assert "the ”cat,”sat on the mat" in first
    assert header == "query,key,query_token,key_token,value"
    csv, parquet = pd.read_csv(tmp_path / "a.csv", skiprows=1), pd.read_parquet(tmp_path / "a.parquet")
    assert len(csv) == len(parquet) > 0
    assert parquet.attrs["provenance"]["parameters"]["text"] == text
    assert b"provenance" in pq.read_schema(tmp_path / "a.parquet").metadata[b"PANDAS_ATTRS"]


@pytest.mark.parametrize("words", [["check"], ["run", "attention-rollout", "--text", "the cat", "--model"]])
def test_a_model_can_be_spread_over_devices(
    words: list[str], model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(model_folder), "--device-map", "auto"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("ending", "start"), [("html", b"<!doctype html"), ("svg", b"<svg"), ("png", b"\x89PNG")])
def test_pictures_are_what_their_ending_says(model_folder: Path, tmp_path: Path, ending: str, start: bytes) -> None:
    out = tmp_path / f"a.{ending}"
    text = "the </script> cat"
    assert main(["run", "attention-rollout", "--model", str(model_folder), "--text", text, "--out", str(out)]) == 0
    data = out.read_bytes()
    assert data[:200].lower().find(start.lower()) in range(120)


def test_check_prints_every_check(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(model_folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("passed") for line in lines) >= 3


def test_the_same_as_a_program(model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = ["run", "head-statistics", "--model", str(model_folder), "--text", "the cat", "--out", str(out)]
    command = [str(Path(sys.executable).with_name("lmviz")), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert json.loads(out.read_text())["type"] == "LayerHeadGrid"


def test_rows_of_a_file_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, out = tmp_path / "texts.csv", tmp_path / "out.csv"
    table.write_text("text,other\nThe cat sat.,The dog sat.\nbroken\nHe left.,She left.\n", encoding="utf-8")
    words = ["rows", str(table), "--model", "minilm-mlm"]
    assert main([*words, "--text-b", "other", "--out", str(out)]) == 0
    found = pd.read_csv(out, skiprows=1)
    assert found["line"].tolist() == [2, 3, 4]
    assert found["problem"].isna().tolist() == [True, False, True]
    one = lmviz.run("surprisal", lmviz.load("minilm-mlm"), text="She left.")
    assert float(found["answer_b"][2].split()[0]) == pytest.approx(float(np.nansum(one.scores)), abs=2e-3)  # type: ignore[attr-defined]
    for more, said in (
        ([], "Both sides are the same"),
        (["--text-b", "nothing"], "There are: text, other."),
        (["--text-b", "other", "--task", "magic"], "no task 'magic'"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert main(["rows", str(tmp_path / "no.csv"), "--model", "minilm-mlm", "--text-b", "b"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_verdicts_are_a_table_of_every_variant_of_two_models(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    hf_model, tokenizer = tiny.tiny("gpt2")
    hf_model.save_pretrained(other)
    tokenizer.save_pretrained(other)
    out = tmp_path / "verdicts.csv"
    words = ["verdicts", "minimal-pairs", "--model", str(model_folder), "--limit", "10"]
    assert main([*words, "--model-b", str(other), "--out", str(out)]) == 0
    table = pd.read_csv(out, skiprows=1)
    assert out.read_text(encoding="utf-8").startswith("# analysis minimal-pairs")
    a, b = (lmviz.load(str(folder)) for folder in (model_folder, other))
    wanted = {name: lmviz.run("minimal-pairs", a, variant=name, limit=10) for name in ("shared-tokens", "aul")}
    for name, result in wanted.items():
        row = table[(table["model"] == table["model"].iloc[0]) & (table["variant"] == name)].iloc[0]
        assert row["preference"] == pytest.approx(result.preference)
        assert row["verdict"].startswith("too few pairs")
    against = compare_models(wanted["shared-tokens"], lmviz.run("minimal-pairs", b, variant="shared-tokens", limit=10))
    row = table[(table["model"] != table["model"].iloc[0]) & (table["variant"] == "shared-tokens")].iloc[0]
    assert row["p_preference"] == pytest.approx(against.p_preference)
    assert row["difference"] == pytest.approx(against.difference)
    for ending in ("json", "parquet"):
        assert main([*words, "--out", str(tmp_path / f"verdicts.{ending}")]) == 0
    assert len(json.loads((tmp_path / "verdicts.json").read_text())["rows"]) == 4
    capsys.readouterr()
    assert main(words) == 0
    assert "modified-tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crows-pair"], "Did you mean 'crows-pairs'"),
        (["saliency"], "There is no benchmark 'saliency'"),
        (["crows-pairs", "--out", "x.svg"], "write them to a file ending in .json"),
        (["crows-pairs", "--variant", "aul"], "Leave --variant out"),
    ],
)
def test_verdicts_asked_wrongly_get_a_remedy(
    model_folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verdicts", *words, "--model", str(model_folder)]) == 2
    assert message in sentence(capsys)
