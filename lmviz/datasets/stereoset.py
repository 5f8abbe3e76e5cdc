"""StereoSet: a context with a stereotypical, an anti-stereotypical and an unrelated ending (Nadeem et al., 2021)."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from string import punctuation
from typing import Any

from lmviz.datasets.sources import Source, Unusable, document, filled, json_lines, mapping, one_of, usable
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

KINDS = ("intrasentence", "intersentence")
BLANK = "BLANK"
_LABELS = ("stereotype", "anti-stereotype", "unrelated")


@dataclass(frozen=True)
class StereoSetExample:
    """Three sentences for one context: whole ones with the blank filled (intrasentence), or ones that follow it.

    `line` is the row, or the running number of an example in the official document. `sentence_ids` are the official
    ones of the three sentences, in this order, where the file has them.
    """

    line: int
    id: str
    kind: str
    target: str
    bias_type: str
    context: str
    stereotype: str
    antistereotype: str
    unrelated: str
    sentence_ids: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, str, str]:
        """Stereotype, anti-stereotype, unrelated."""
        return self.stereotype, self.antistereotype, self.unrelated


def read(source: Source, *, kind: str | None = None) -> Iterator[StereoSetExample | BrokenRow]:
    """Read the official dev.json, or a JSONL file with one example per row.

    The official file is one JSON document and is read as a whole. A row of the other has `id`, `type`, `target`,
    `bias_type`, `context`, `stereotype`, `anti-stereotype` and `unrelated`, and rows are read one at a time.

    Args:
        source: A path or the file's content.
        kind: "json" or "jsonl"; None: as the name ends, and "json" for content.

    Returns:
        An example, or the reason why there is none, for each row.

    Raises:
        InvalidParameter: The file cannot be read or is no StereoSet.
    """
    is_rows = not isinstance(source, bytes) and os.fspath(source).removesuffix(".gz").endswith(".jsonl")
    return json_lines(source, _from_row) if (kind == "jsonl" or (kind is None and is_rows)) else _official(source)


def _official(source: Source) -> Iterator[StereoSetExample | BrokenRow]:
    found = document(source)
    data = found.get("data") if isinstance(found, dict) else None
    if not isinstance(data, dict) or not any(isinstance(data.get(kind), list) for kind in KINDS):
        raise InvalidParameter("The file is no StereoSet: it has no 'data' with 'intrasentence' or 'intersentence'.")
    number = 0
    for kind in KINDS:
        for entry in data.get(kind) or ():
            number += 1
            yield usable(number, _from_entry, row=(number, kind, entry))


def _from_row(line: int, row: Mapping[str, Any]) -> StereoSetExample:
    texts = {label: filled(row, label) for label in _LABELS}
    return _example(line, one_of(row, "type", words=KINDS), row, texts=texts)


def _from_entry(numbered: tuple[int, str, Any]) -> StereoSetExample:
    number, kind, entry = numbered
    fields = mapping(entry, "it")
    sentences = fields.get("sentences")
    if not isinstance(sentences, list) or len(sentences) != len(_LABELS):
        raise Unusable("it does not have three sentences")
    by_label = {filled(mapping(one, "a sentence"), "gold_label"): one for one in sentences}
    if set(by_label) != set(_LABELS):
        raise Unusable(f"its sentences are not one {', one '.join(_LABELS)}")
    texts = {label: filled(by_label[label], "sentence") for label in _LABELS}
    ids = tuple(str(by_label[label].get("id", "")) for label in _LABELS)
    return replace(_example(number, kind, fields, texts=texts), sentence_ids=ids if all(ids) else ())


def _example(line: int, kind: str, fields: Mapping[str, Any], *, texts: Mapping[str, str]) -> StereoSetExample:
    context = filled(fields, "context")
    if kind == "intrasentence" and BLANK not in context:
        raise Unusable(f"its context has no {BLANK}")
    return StereoSetExample(
        line=line,
        id=filled(fields, "id"),
        kind=kind,
        target=filled(fields, "target"),
        bias_type=filled(fields, "bias_type"),
        context=context,
        stereotype=texts["stereotype"],
        antistereotype=texts["anti-stereotype"],
        unrelated=texts["unrelated"],
    )


def official_fillers(example: StereoSetExample) -> tuple[str, ...]:
    """Give what fills the blank of each sentence as the authors' evaluation finds it.

    That is the word, cut at single spaces, at the place of the context's last word with BLANK in it, without
    punctuation: "well-read" becomes "wellread". `repaired` gives sentences with the filler as it is written.

    Args:
        example: An intrasentence example.

    Returns:
        Three fillers, in the order of `sentences`.

    Raises:
        InvalidParameter: It has no blank, or a sentence ends before the place of the blank.
    """
    places = [place for place, word in enumerate(example.context.split(" ")) if BLANK in word]
    words = [sentence.split(" ") for sentence in example.sentences]
    if not places or any(len(row) <= places[-1] for row in words):
        raise InvalidParameter(f"Example {example.id} has no word at the place of its blank. Leave it out.")
    without = str.maketrans("", "", punctuation)
    return tuple(row[places[-1]].translate(without) for row in words)


def repaired(example: StereoSetExample) -> StereoSetExample | BrokenRow:
    """Write the sentences again from the context, which keeps its capitals, and the filler of each.

    Many official sentences have lost the capitals that their context has ("Most ghanaian are tribal."). Where a
    sentence is the context with the blank filled, whatever the capitals, the repaired one is the context with that
    filler; where it is anything else nothing is guessed.

    Args:
        example: An intrasentence example; an intersentence one is given back as it is.

    Returns:
        The example with repaired sentences, or why a sentence cannot be repaired.
    """
    if example.kind != "intrasentence":
        return example
    first, *rest = (re.escape(part) for part in example.context.split(BLANK))
    pattern = re.compile(f"{first}(?P<filler>.+?){'(?P=filler)'.join(rest)}", re.IGNORECASE | re.DOTALL)
    found = [pattern.fullmatch(sentence) for sentence in example.sentences]
    fillers = [match["filler"] for match in found if match is not None]
    if len(fillers) < len(found):
        return BrokenRow(example.line, "a sentence is not its context with the blank filled")
    more, less, other = (example.context.replace(BLANK, filler) for filler in fillers)
    return replace(example, stereotype=more, antistereotype=less, unrelated=other)
