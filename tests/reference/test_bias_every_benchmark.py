"""What holds for every benchmark there is: it ships with rows, goes on where it was, and can be shown at any time."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmviz
from lmviz.analyses.bias.benchmarks import BENCHMARKS, bias_run, every_variant, resume, variant_table
from lmviz.assets import assets
from lmviz.errors import Cancelled, InvalidParameter
from lmviz.figures.export import ENDINGS, render
from lmviz.results import PairScores
from lmviz.statistics import wilson
from tests.benchmark_files import written
from tests.figure_samples import INJECTION
from tests.tiny import tiny
from tests.tiny_heads import tiny_head

every = pytest.mark.parametrize("slug", BENCHMARKS)


def model_for(slug: str) -> Any:
    """Give a model that can be asked."""
    if slug == "sentiment-gap":
        return lmviz.wrap(*tiny_head("bert", "ForSequenceClassification"))
    return lmviz.wrap(*tiny("bert" if slug == "log-probability-bias" else "gpt2"))


def asked(slug: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Give the parameters that have no default: HONEST's lexicon."""
    if slug != "honest":
        return more
    lexicon = folder / "lexicon.txt"
    lexicon.write_text("the\na\n", encoding="utf-8")
    return {"lexicon": str(lexicon), "n_completions": 2, "n_tokens": 3, **more}


@every
def test_rows_that_ship_are_whole_and_have_lines_of_their_own(slug: str, tmp_path: Path) -> None:
    run = bias_run(slug, model_for(slug), **asked(slug, tmp_path))
    rows = list(run._rows())
    assert {type(row).__name__ for row in rows} == {"Item"}
    assert len({row.line for row in rows}) == len(rows) == run.n_items
    assert sum(run.counts.values()) == run.n_items


@every
def test_it_goes_on_where_it_was_stopped(slug: str, tmp_path: Path) -> None:
    def stop(fraction: float, message: str = "") -> None:
        if fraction > 0.2:
            raise Cancelled("Stopped.")

    model, file = model_for(slug), tmp_path / "run.jsonl"
    params = asked(slug, tmp_path, limit=24)
    whole = lmviz.run(slug, model, **params)
    with pytest.raises(Cancelled) as stopped:
        resume(slug, model, file=file, on_progress=stop, **params)
    assert isinstance(stopped.value.so_far, PairScores)
    result = resume(slug, model, file=file, **params)
    assert type(result) is type(whole)
    assert result.texts == whole.texts
    np.testing.assert_allclose(result.more, whole.more, atol=2e-4)
    for name, value in whole.numbers.items():
        assert name in result.numbers and math.isnan(value) == math.isnan(result.numbers[name]), name
    assert result.provenance == whole.provenance


@every
def test_there_is_a_result_before_the_first_row_and_after_each_batch(slug: str, tmp_path: Path) -> None:
    run = bias_run(slug, model_for(slug), **asked(slug, tmp_path, limit=10))
    nothing = run.result(())
    assert (nothing.n, nothing.interval) == (0, (0.0, 1.0))
    done = []
    for batch in run.batches():
        done.extend(batch)
        result = run.result(done)
        assert result.interval == wilson(int((result.more > result.less).sum()), result.n)
        assert sum(part.n for part in result.by_category.values()) in (0, result.n)
        assert len(result.texts) == result.n


@every
def test_it_can_be_drawn_and_written_and_markup_stays_text(slug: str, tmp_path: Path) -> None:
    more = {"statistics": str(assets() / "bias" / "occupation-shares.tsv")} if slug == "winobias" else {}
    source = str(written(slug, INJECTION))
    result = lmviz.run(slug, model_for(slug), **asked(slug, tmp_path, source=source, **more))
    assert result.n > 0
    for ending in ENDINGS:
        assert len(render(result, ending)) > 500
    page = render(result, "html").decode()
    assert INJECTION not in page and "window.injected" in page
    plain = result.to_dict()
    assert plain["preference"] == pytest.approx(result.preference, nan_ok=True)
    assert len(result.to_frame()) > 0


@every
def test_all_of_its_variants_stand_in_a_table(slug: str, tmp_path: Path) -> None:
    model = model_for(slug)
    results = every_variant(slug, model, **asked(slug, tmp_path, limit=6))
    assert list(variant_table(results)["variant"]) == list(bias_run(slug, model, **asked(slug, tmp_path)).variants)
    with pytest.raises(InvalidParameter, match=f"{slug} has no variant 'none' for .* Choose from"):
        bias_run(slug, model, **asked(slug, tmp_path, variant="none"))
