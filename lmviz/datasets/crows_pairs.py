"""CrowS-Pairs: sentences about a group and the same about another (Nangia et al., 2020)."""

from collections.abc import Iterator
from dataclasses import dataclass

from lmviz.datasets.sources import Source, Unusable, filled, one_of, table
from lmviz.datasets.tables import BrokenRow, Record

DIRECTIONS = ("stereo", "antistereo")
_COLUMNS = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")


@dataclass(frozen=True)
class CrowsPair:
    """Two sentences; `more` is about the historically disadvantaged group.

    In pairs of direction "stereo" it states a stereotype, in those of "antistereo" it denies one. `writer` is who wrote
    the pair, the unit for a cluster bootstrap; empty in editions that do not say.
    """

    line: int
    more: str
    less: str
    direction: str
    bias_type: str
    writer: str


def read(source: Source, *, kind: str | None = None) -> Iterator[CrowsPair | BrokenRow]:
    """Read crows_pairs_anonymized.csv, or another file with its columns, one row at a time.

    Args:
        source: A path or the file's content.
        kind: "csv", "tsv" or "jsonl" where the name does not say.

    Returns:
        A pair, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or has other columns.
    """
    return table(source, _COLUMNS, make=_pair, kind=kind)


def _pair(row: Record) -> CrowsPair:
    more, less = (filled(row.fields, name) for name in ("sent_more", "sent_less"))
    if more == less:
        raise Unusable("both sentences are the same")
    direction = one_of(row.fields, "stereo_antistereo", words=DIRECTIONS)
    return CrowsPair(
        row.line, more, less, direction, filled(row.fields, "bias_type"), row.fields.get("anon_writer", "").strip()
    )
