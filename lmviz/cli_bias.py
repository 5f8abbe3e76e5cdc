"""The verdicts command: a benchmark scored in every way that there is, of one model or two, as one table."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmviz.cli_files import TABLES, ending_of
from lmviz.errors import InvalidParameter, UnknownAnalysis, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from lmviz.analyses.base import Progress
    from lmviz.models.loaded import LoadedModel
    from lmviz.results import PairScores

ENDINGS = ("json", *TABLES)
_SIGNED = ("analysis", "revision", "data", "versions")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, but for those of loading and of the benchmark."""
    parser.add_argument("slug", metavar="SLUG", help="the benchmark, such as crows-pairs")
    parser.add_argument("--model", required=True, help="as for run")
    parser.add_argument("--model-b", help="another model, set against the first pair by pair")
    parser.add_argument("--out", metavar="FILE", help=f"ending in {', '.join(ENDINGS)} (default: a table)")


def check_benchmark(slug: str) -> None:
    """Refuse what is no benchmark.

    Raises:
        UnknownAnalysis: With those that are.
    """
    from lmviz.analyses.bias.benchmarks import BENCHMARKS

    if slug not in BENCHMARKS:
        near = did_you_mean(slug, BENCHMARKS) or f" There are: {', '.join(BENCHMARKS)}."
        raise UnknownAnalysis(f"There is no benchmark '{slug[:40]}'.{near}")


def check_ending(out: Path | None) -> None:
    """Refuse a file that no table goes into.

    Raises:
        InvalidParameter: It is for a picture.
    """
    if out is not None and ending_of(out) not in ENDINGS:
        raise InvalidParameter(f"Verdicts are a table; write them to a file ending in .{', .'.join(ENDINGS)}.")


def verdicts(
    slug: str, models: "Sequence[LoadedModel]", *, given: Mapping[str, Any], on_progress: "Progress"
) -> "pd.DataFrame":
    """Score a benchmark in every variant of each model.

    Args:
        slug: The benchmark.
        models: One, or two that are set against each other.
        given: The benchmark's parameters.
        on_progress: Told after every batch.

    Returns:
        One row per model and variant, as `variant_table` gives it. Of two models the rows of the second have, for the
        variants that both have, McNemar's `p_preference`, the mean difference of a pair (first model less second) with
        its interval, and the permutation's `p_difference`. `attrs` say where the numbers come from.

    Raises:
        InvalidParameter: A variant was named.
        LmvizError: As `every_variant`.
    """
    import pandas as pd

    from lmviz.analyses.bias.benchmarks import every_variant, variant_table

    if "variant" in given:
        raise InvalidParameter("Verdicts are of every variant. Leave --variant out, or use lmviz run.")
    found = [every_variant(slug, model, on_progress=on_progress, **given) for model in models]
    tables = [variant_table(own) for own in found]
    if len(found) == 2:
        compared = [_compared(found[0].get(name), result) for name, result in found[1].items()]
        tables[1] = pd.concat([tables[1], pd.DataFrame(compared)], axis=1)
    for table, model in zip(tables, models, strict=True):
        table.insert(0, "model", model.id)
    first = next(iter(found[0].values())).provenance
    whole = pd.concat(tables, ignore_index=True)
    whole.attrs["provenance"] = {**{name: first[name] for name in _SIGNED}, "parameters": dict(given)}
    return whole


def _compared(a: "PairScores | None", b: "PairScores") -> dict[str, float]:
    """Set the second model against the first; nothing where they cannot be."""
    from lmviz.analyses.bias.preference import compare_models

    if a is None:
        return {}
    try:
        known = compare_models(a, b)
    except InvalidParameter:  # no pair in common, or another unit
        return {}
    low, high = known.interval
    return {
        "p_preference": known.p_preference,
        "difference": known.difference,
        "difference_low": low,
        "difference_high": high,
        "p_difference": known.p_difference,
    }


def encoded(table: "pd.DataFrame", ending: str) -> bytes:
    """Give the table in the form that a file ending asks for; a CSV file begins with where the numbers come from."""
    signed = table.attrs["provenance"]
    if ending == "parquet":
        return table.to_parquet(index=False)
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    if ending == "json":
        return (json.dumps({"provenance": signed, "rows": rows}, ensure_ascii=False, default=str) + "\n").encode()
    said = " · ".join(f"{name} {value}" for name, value in signed.items()).replace('"', "”")
    return f"# {' '.join(said.split())}\n{table.to_csv(index=False)}".encode(errors="replace")
