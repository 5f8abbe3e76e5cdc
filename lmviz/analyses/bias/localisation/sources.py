"""The rows of a localisation: those that ship, those of a file, or rows that were given as they are."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lmviz.analyses.bias import minimal_pairs
from lmviz.analyses.bias.items import Item, Params, Read
from lmviz.analyses.bias.locating import files_of
from lmviz.datasets import mediation
from lmviz.datasets.mediation import MediationRow
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

SHIPPED = "mediation.csv"
Pairs = str | tuple[tuple[str, ...], ...] | None
_TEXTS = {"ablation": ("more", "less"), "patching": mediation.COLUMNS}


def files(pairs: Pairs, method: str) -> tuple[Path, ...]:
    """Give the files that rows are read from, none where the rows themselves are given.

    Raises:
        InvalidParameter: A path that is no file, or rows with too few or too many texts.
    """
    if isinstance(pairs, tuple):
        _check(pairs, method)
        return ()
    if method == "patching":
        return files_of(pairs, SHIPPED)
    return minimal_pairs.BENCHMARK.files(Params(source=pairs))


def rows(pairs: Pairs, method: str, *, files: tuple[Path, ...]) -> Read:
    """Read the rows one at a time.

    Args:
        pairs: As in the parameters.
        method: "ablation" or "patching".
        files: What `files` gave.

    Yields:
        Each row, or why it cannot be used.
    """
    if isinstance(pairs, tuple):
        yield from _given(pairs, len(_TEXTS[method]))
    elif method == "patching":
        yield from (_item(row) for file in files for row in mediation.read(file))
    else:
        yield from minimal_pairs.BENCHMARK.read(Params(source=pairs), files)


def shortened(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Put a fingerprint in the place of rows that were given, so that provenance stays short."""
    given = parameters["pairs"]
    if not isinstance(given, tuple):
        return dict(parameters)
    digest = hashlib.sha256(json.dumps(given).encode()).hexdigest()
    return {**parameters, "pairs": f"{len(given):,} rows, sha256 {digest}"}


def _check(pairs: tuple[tuple[str, ...], ...], method: str) -> None:
    wanted = _TEXTS[method]
    for number, row in enumerate(pairs, start=1):
        if not len(wanted) <= len(row) <= len(wanted) + 2:
            raise InvalidParameter(
                f"Row {number:,} has {len(row)} texts. For {method} give {', '.join(wanted)}, and maybe a category and "
                "a cluster."
            )


def _given(pairs: tuple[tuple[str, ...], ...], n_texts: int) -> Iterator[Item]:
    for number, row in enumerate(pairs, start=1):
        category, cluster = (*row[n_texts:], "", "")[:2]
        yield Item(number, row[:n_texts], category, cluster)


def _item(row: MediationRow | BrokenRow) -> Item | BrokenRow:
    if isinstance(row, BrokenRow):
        return row
    texts = row.prompt, row.counterfactual, row.stereotypical, row.antistereotypical
    return Item(row.line, texts, row.category, row.cluster)
