"""Prompts and counterfactuals with two continuations each: what causal mediation is asked of (Vig et al., 2020)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, table
from lmviz.datasets.tables import BrokenRow, Record

COLUMNS = ("prompt", "counterfactual", "stereotypical", "antistereotypical")


@dataclass(frozen=True)
class MediationRow:
    """A prompt such as "The nurse said that" and the same about someone else, "The man said that".

    `stereotypical` ("she") and `antistereotypical` ("he") may follow either. `[MASK]` in both prompts says where;
    without it they follow at the end. `category` and `cluster`, what was sampled such as a template, are empty where
    they are not said.
    """

    line: int
    prompt: str
    counterfactual: str
    stereotypical: str
    antistereotypical: str
    category: str
    cluster: str


def read(source: Source, *, kind: str | None = None) -> Iterator[MediationRow | BrokenRow]:
    """Read a CSV, TSV or JSONL file, one row at a time.

    Args:
        source: A path or the file's content; `COLUMNS`, and maybe `category` and `cluster`.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Returns:
        A row, or the reason why there is none, for each.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, COLUMNS, make=_row, kind=kind)


def _row(row: Record) -> MediationRow:
    prompt, counterfactual, stereotypical, antistereotypical = (filled(row.fields, name) for name in COLUMNS)
    if prompt == counterfactual:
        raise Unusable("prompt and counterfactual are the same")
    if stereotypical == antistereotypical:
        raise Unusable("both continuations are the same")
    category, cluster = (row.fields.get(name, "").strip() for name in ("category", "cluster"))
    return MediationRow(row.line, prompt, counterfactual, stereotypical, antistereotypical, category, cluster)
