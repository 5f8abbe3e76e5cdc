"""Labelled files of a person's own: a label per sentence, per word or per span; what cannot be read is told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lmviz.datasets.labelled import LabelledText, Span, Target
from lmviz.datasets.sources import Source, Unusable, filled, json_lines, named_kind, opened, table, usable
from lmviz.datasets.tables import BrokenRow, Record
from lmviz.errors import InvalidParameter

TEXTS, LABELS = ("text", "sentence"), ("label", "labels", "class", "target")
WORDS, TAGS = ("words", "tokens"), ("labels", "tags")
COLUMNS = ("conll", "bio", "iob", "annotated")  # endings of files with a word in each line and its label last
LONGEST = 50_000  # characters of a text
LONGEST_SENTENCE = 2000  # words; a file without empty lines would else be one
_NO_LABEL = ("", "_")
_SKIPPED = "-DOCSTART-"
_UNREADABLE = "\ufffd"


def read_labelled(source: Source, *, kind: str | None = None) -> Iterator[LabelledText | BrokenRow]:
    """Read a labelled file, one sentence at a time; what it holds is told by its columns.

    CSV and TSV have a label per sentence, in the columns `text` or `sentence` and `label`, `labels`, `class` or
    `target`. An object of a JSONL file may have these as well; or `words` (or `tokens`) and as many `labels` (or
    `tags`), `text` besides if words are not parted by single spaces, null, "" and "_" for no label; or `text` and
    `spans`, each with `start`, `end` and `label`; or `text`, `span1` and perhaps `span2`, each a start and an end, and
    `label`. Files ending in .conll, .bio, .iob or .annotated have a word in each line, its label last, and an empty
    line between sentences.

    Args:
        source: A path, compressed if it ends in .gz, or content.
        kind: "csv", "tsv", "jsonl" or "conll" where the name does not say.

    Yields:
        A sentence, or the reason why there is none.

    Raises:
        InvalidParameter: The file cannot be read, or has not the columns.
    """
    ending = "" if isinstance(source, bytes) else str(source).removesuffix(".gz").rpartition(".")[2].lower()
    if kind == "conll" or (kind is None and ending in COLUMNS):
        return _columns(source)
    if named_kind(source, kind) == "jsonl":
        return json_lines(source, _of_object)
    return table(source, (), make=_of_row, kind=kind)


def by_type(rows: Iterable[LabelledText | BrokenRow]) -> Iterator[LabelledText | BrokenRow]:
    """Take the B- and I- off tags of entities, so that each word has the type of what it is in, or O."""
    for row in rows:
        if isinstance(row, BrokenRow):
            yield row
            continue
        targets = (
            Target(target.spans, target.label.removeprefix("B-").removeprefix("I-"), target.form, target.lemma)
            for target in row.targets
        )
        yield LabelledText(row.line, row.text, tuple(targets))


def _checked(text: str) -> str:
    if len(text) > LONGEST:
        raise Unusable(f"its text has {len(text):,} characters, more than {LONGEST:,}")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Unusable("its text holds half a character")
    return text


def _of_row(row: Record) -> LabelledText:
    names = [next((name for name in known if name in row.fields), "") for known in (TEXTS, LABELS)]
    if not all(names):
        has = ", ".join(repr(name) for name in row.fields)
        raise InvalidParameter(
            f"A label per sentence is in columns text and label; the file has {has[:300]}. Rename them."
        )
    return _sentence(row.line, filled(row.fields, names[0]), filled(row.fields, names[1]))


def _sentence(line: int, text: str, label: str) -> LabelledText:
    return LabelledText(line, _checked(text), (Target((), label, text.split(maxsplit=1)[0]),))


def _of_object(line: int, fields: Mapping[str, Any]) -> LabelledText:
    words = next((fields[name] for name in WORDS if isinstance(fields.get(name), list)), None)
    if words is not None:
        tags = next((fields[name] for name in TAGS if isinstance(fields.get(name), list)), None)
        return _words(line, words, tags, text=fields.get("text"))
    text_name = next((name for name in TEXTS if name in fields), "")
    if not text_name:
        raise Unusable("it has neither a text nor words")
    if isinstance(fields.get("spans"), list):
        return _spans(line, _checked(filled(fields, text_name)), fields["spans"])
    label = next((fields[name] for name in LABELS if name in fields), None)
    if not isinstance(label, (str, int, float, bool)) or not str(label).strip():
        raise Unusable("it has no label")
    text = fields[text_name]
    if "span1" in fields:
        given = [fields[name] for name in ("span1", "span2") if name in fields]
        text = _checked(filled({"text": text}, "text"))
        places = tuple(_span(one, text) for one in given)
        return LabelledText(line, text, (Target(places, str(label), " ".join(text[a:b] for a, b in places)),))
    return _sentence(line, filled(fields, text_name), str(label).strip())


def _words(line: int, words: Sequence[Any], tags: Sequence[Any] | None, *, text: Any) -> LabelledText:
    """Find each word in the text, which is the words with spaces between them where it is not given."""
    if tags is None or len(tags) != len(words):
        raise Unusable(f"it has {len(words)} words and {len(tags or ())} labels")
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise Unusable("one of its words is empty or no text")
    whole = _checked(text if isinstance(text, str) else " ".join(words))
    targets, at = [], 0
    for word, tag in zip(words, tags, strict=True):
        start = whole.find(word, at)
        if start < 0 or whole[at:start].strip():
            raise Unusable(f"'{word[:40]}' does not stand in its text where it should")
        at = start + len(word)
        if tag is not None and str(tag).strip() not in _NO_LABEL:
            targets.append(Target(((start, at),), str(tag).strip(), word))
    return LabelledText(line, whole, tuple(targets))


def _spans(line: int, text: str, spans: Sequence[Any]) -> LabelledText:
    targets = []
    for one in spans:
        if not isinstance(one, dict) or not str(one.get("label", "")).strip():
            raise Unusable("one of its spans has no label")
        place = _span([one.get("start"), one.get("end")], text)
        targets.append(Target((place,), str(one["label"]).strip(), text[slice(*place)]))
    return LabelledText(line, text, tuple(targets))


def _span(given: Any, text: str) -> Span:
    is_pair = isinstance(given, (list, tuple)) and len(given) == 2
    if not is_pair or not all(isinstance(end, int) and not isinstance(end, bool) for end in given):
        raise Unusable("one of its spans has no start and end")
    start, end = given
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise Unusable(f"the span from {start} to {end} is not in its text of {len(text)} characters")
    return start, end


def _columns(source: Source) -> Iterator[LabelledText | BrokenRow]:
    """Read a word in each line, sentence by sentence."""
    with opened(source) as lines:
        block: list[tuple[int, str]] = []
        for number, raw in enumerate(lines, start=1):
            line = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
            if line.strip() and not line.startswith(_SKIPPED):
                block.append((number, line))
            elif block:
                yield usable(block[0][0], _of_block, row=block)
                block = []
        if block:
            yield usable(block[0][0], _of_block, row=block)


def _of_block(block: Sequence[tuple[int, str]]) -> LabelledText:
    first = block[0][0]
    if len(block) > LONGEST_SENTENCE:
        raise Unusable(f"it has {len(block):,} words, more than {LONGEST_SENTENCE:,}: empty lines part sentences")
    fields = [line.split("\t") if "\t" in line else line.split() for _, line in block]
    short = next((number for (number, _), own in zip(block, fields, strict=True) if len(own) < 2), None)
    if short is not None:
        raise Unusable(f"line {short} has no word and label")
    if any(_UNREADABLE in line for _, line in block):
        raise Unusable("it holds what is no UTF-8; save the file as UTF-8")
    return _words(first, [own[0].strip() for own in fields], [own[-1] for own in fields], text=None)
