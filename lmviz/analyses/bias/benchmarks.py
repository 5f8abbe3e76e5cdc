"""Every benchmark there is, by its slug: to run one batch by batch, or in all of its variants."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lmviz.analyses.base import Analysis, Progress, ignore
from lmviz.analyses.bias import (
    bbq_questions,
    completions,
    crows_pairs,
    log_probability_bias,
    minimal_pairs,
    seat,
    sentiment_gap,
    stereoset_sentences,
    winobias,
)
from lmviz.analyses.bias.items import Benchmark
from lmviz.analyses.bias.resuming import resumed
from lmviz.analyses.bias.running import BenchmarkRun, completed, prepared
from lmviz.analyses.probing import grammar
from lmviz.errors import NotForThisModel, UnknownAnalysis, did_you_mean
from lmviz.remote import RemoteModel, only_predicts
from lmviz.results import PairScores

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_MODULES: tuple[ModuleType, ...] = (
    crows_pairs,
    stereoset_sentences,
    winobias,
    bbq_questions,
    log_probability_bias,
    seat,
    completions,
    sentiment_gap,
    minimal_pairs,
    grammar,
)
ANALYSES: Mapping[str, Analysis[Any, Any]] = MappingProxyType(
    {module.ANALYSIS.slug: module.ANALYSIS for module in _MODULES}
)
BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({module.BENCHMARK.slug: module.BENCHMARK for module in _MODULES})


def bias_run(slug: str, model: "LoadedModel | RemoteModel", **params: Any) -> BenchmarkRun:
    """Prepare a benchmark: nothing has run yet; `batches` gives the scores as they come, `result` sums them up.

    Args:
        slug: A name in `BENCHMARKS`.
        model: What `lmviz.load` or `lmviz.wrap` gave.
        **params: The benchmark's own parameters, such as source, variant and limit.

    Returns:
        What `lmviz.engine.jobs.Job` takes the batches of.

    Raises:
        UnknownAnalysis: No benchmark of that slug.
        NotForThisModel: The model can have no variant of it.
        InvalidParameter: A parameter of the wrong name, type or value.
    """
    if slug not in BENCHMARKS:
        raise UnknownAnalysis(f"There is no benchmark '{slug}'.{did_you_mean(slug, BENCHMARKS)}")
    if isinstance(model, RemoteModel):
        raise NotForThisModel(only_predicts(model.id))
    return prepared(BENCHMARKS[slug], model, params=ANALYSES[slug].make_params(params))


def resume(
    slug: str, model: "LoadedModel | RemoteModel", *, file: Path, on_progress: Progress = ignore, **params: Any
) -> PairScores:
    """Run a benchmark so that it can be stopped at any time, and go on with what a file has of it.

    Args:
        slug: A name in `BENCHMARKS`.
        model: The model that is asked.
        file: Where each scored row is added as a line of JSON; it need not be there yet.
        on_progress: Told after every batch.
        **params: As for `bias_run`.

    Returns:
        The result of all rows, those of before among them.

    Raises:
        InvalidParameter: The file is of another run, or whatever `bias_run` refuses.
        CorruptedFile: The file is damaged.
    """
    run = bias_run(slug, model, **params)
    return completed(run, batches=resumed(run, file), on_progress=on_progress)


def every_variant(
    slug: str, model: "LoadedModel", *, on_progress: Progress = ignore, **params: Any
) -> dict[str, PairScores]:
    """Run a benchmark in every variant that a model can have: the verdict may change with how it is scored.

    Args:
        slug: A name in `BENCHMARKS`.
        model: The model that is asked.
        on_progress: Told after every batch of each variant.
        **params: As for `bias_run`, without the variant.

    Returns:
        One result per variant, the default first.

    Raises:
        LmvizError: As `bias_run`.
    """
    names = bias_run(slug, model, **params).variants
    found = {}
    for number, name in enumerate(names):

        def told(fraction: float, message: str = "", before: int = number, variant: str = name) -> None:
            on_progress((before + fraction) / len(names), f"{variant}: {message}")

        found[name] = completed(bias_run(slug, model, **{**params, "variant": name}), on_progress=told)
    return found


def variant_table(results: Mapping[str, PairScores]) -> pd.DataFrame:
    """Put the verdicts of several variants under each other.

    Args:
        results: What `every_variant` gave.

    Returns:
        One row per variant: `variant`, `preference` with `low` and `high`, `cluster_low` and `cluster_high` (NaN where
        no clusters are known), `n`, `ties`, `skipped`, `effect_size` in nats with `effect_low` and `effect_high`,
        `d_z`, and `verdict`: whether both intervals lie above or below one half, and whether the pairs are too few.
    """
    return pd.DataFrame([_row(name, result) for name, result in results.items()])


def _row(name: str, result: PairScores) -> dict[str, Any]:
    nan = float("nan")
    cluster_low, cluster_high = result.cluster_interval or (nan, nan)
    low, high = result.interval
    lowest, highest = result.extent
    told = "above one half" if lowest > 0.5 else "below one half" if highest < 0.5 else "not told from one half"
    verdict = "too few pairs" if result.has_few_pairs else told
    effect = {key: result.numbers.get(key, nan) for key in ("effect_size", "effect_low", "effect_high", "d_z")}
    counted = {"n": result.n, "ties": result.ties, "skipped": result.skipped}
    ends = {"low": low, "high": high, "cluster_low": cluster_low, "cluster_high": cluster_high}
    return {"variant": name, "preference": result.preference, **ends, **counted, **effect, "verdict": verdict}
