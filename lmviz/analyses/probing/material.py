"""What probes are trained and tested on: labelled parts of sentences, divided so that nothing is on two sides."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from jaxtyping import Int64

from lmviz.analyses.probing.tasks import chance
from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import InvalidParameter

TRAIN, DEV, TEST = 0, 1, 2
SPLITS = ("train", "dev", "test")
SHARES = (0.7, 0.8)  # of one file: up to the first train, up to the second dev, the rest test
HELD_OUT = ("sentence", "word", "lemma")
MOST_LABELS = 200
UNKNOWN = -1  # a label that is not in the training part
Rows = Iterable[LabelledText | BrokenRow]


@dataclass(frozen=True, eq=False)
class Material:
    """Labelled parts, one entry per part in all arrays.

    `texts` are numbered by `text_of`. `spans` has the characters, (part, span, 2), no span for a label of the whole
    text. `label` counts in `labels`, the most frequent of the training part first; `UNKNOWN` where it is none of them.
    `side` is TRAIN, DEV or TEST. `notes` say in sentences what was left out.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    text_of: Int64[np.ndarray, " part"]
    spans: Int64[np.ndarray, "part span 2"]
    label: Int64[np.ndarray, " part"]
    side: Int64[np.ndarray, " part"]
    forms: tuple[str, ...]
    skipped: int
    notes: tuple[str, ...]

    def on(self, side: int) -> Int64[np.ndarray, " part"]:
        """Give the parts of one side, as numbers."""
        return np.flatnonzero(self.side == side)

    @property
    def fingerprint(self) -> str:
        """The sha256 of everything that decides the numbers."""
        signed = hashed("\n".join((*self.texts, *self.labels)))
        for array in (self.text_of, self.spans, self.label, self.side):
            signed = hashed(signed + sha256(np.ascontiguousarray(array).tobytes()).hexdigest())
        return signed


def hashed(text: str) -> str:
    """Give the sha256 of a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Division:
    """How parts are divided.

    `held_out` "sentence" keeps sentences apart; "word" and "lemma" keep the types of words apart as well, so that the
    test asks only about words that were never trained on. `limit` keeps so many sentences for training, and a quarter
    as many for each other side; None: all.
    """

    held_out: str = "sentence"
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """A labelled text and the side it is on."""

    side: int
    text: str
    targets: tuple[Target, ...]


def material(rows: Mapping[str, Rows], division: Division, *, unit: str) -> Material:
    """Divide labelled texts into train, dev and test.

    Rows of one side only are divided by a hash of their words, so that the same sentence is always on the same side. A
    sentence that stands on two sides, or twice on one, is kept where it is first, in the order train, dev, test.

    Args:
        rows: By "train", "dev" and "test", or all of them as "train".
        division: How they are divided.
        unit: What has a label: "word", "pair", "span" or "text".

    Raises:
        InvalidParameter: There is nothing to train or to test on, fewer than two labels, or an impossible division.
    """
    kept, skipped = divided(rows, division)
    if division.held_out != "sentence":
        kept = _types_apart(kept, division)
    kept = [row for row in kept if row.targets]
    labels, notes = _labels(kept, unit)
    parts = [(number, row, target) for number, row in enumerate(kept) for target in row.targets]
    found = _arrays(parts, labels)
    sides = found["side"]
    for side, name in ((TRAIN, "to train on"), (TEST, "to test on")):
        if not (sides == side).any():
            raise InvalidParameter(f"There is no {unit} with a label {name}. Give more sentences, or another task.")
    n_unknown = int(((found["label"] == UNKNOWN) & (sides == TEST)).sum())
    if n_unknown:
        notes.append(f"{n_unknown:,} test {unit}s have a label that no training {unit} has; they count as wrong.")
    if skipped:
        notes.append(f"{len(skipped):,} rows were left out; the first: {skipped[0]}")
    return Material(
        texts=tuple(row.text for row in kept),
        labels=labels,
        forms=tuple(target.form for *_, target in parts),
        skipped=len(skipped),
        notes=tuple(notes),
        **found,
    )


def divided(rows: Mapping[str, Rows], division: Division) -> tuple[list[Row], list[str]]:
    """Put every sentence on one side, once, as `material` does; give the sentences, and why rows were left out.

    Raises:
        InvalidParameter: An impossible division.
    """
    _check(division)
    skipped: list[str] = []
    return _limited(_divided(rows, skipped), division), skipped


def _check(division: Division) -> None:
    if division.held_out not in HELD_OUT:
        raise InvalidParameter(f"What is held out is one of {', '.join(HELD_OUT)}, not {division.held_out!r}.")
    if division.limit is not None and division.limit < 1:
        raise InvalidParameter(f"A limit of {division.limit} leaves no sentence. Give 1 or more, or none for all.")


def key_of(text: str) -> str:
    """Give what two texts share that are the same sentence: their words, whatever the case and the order."""
    return " ".join(sorted(text.casefold().split()))


def _divided(rows: Mapping[str, Rows], skipped: list[str]) -> list[Row]:
    """Put every sentence on one side, once."""
    is_given = set(rows) != {SPLITS[TRAIN]}
    seen: set[str] = set()
    kept, n_again = [], 0
    for side, name in enumerate(SPLITS):
        for row in rows.get(name, ()):
            if isinstance(row, BrokenRow):
                skipped.append(f"line {row.line} of {name}: {row.reason}." if is_given else _said(row))
                continue
            key = key_of(row.text)
            if not row.text.strip() or key in seen:
                n_again += 1
                continue
            seen.add(key)
            kept.append(Row(side if is_given else _side_of(key), row.text, row.targets))
    return kept


def _said(row: BrokenRow) -> str:
    return f"line {row.line}: {row.reason}."


def _side_of(key: str) -> int:
    share = chance(f"side\n{key}") / 2**48
    return TRAIN if share < SHARES[0] else DEV if share < SHARES[1] else TEST


def _limited(rows: Sequence[Row], division: Division) -> list[Row]:
    """Keep so many sentences, drawn by seed; their order stays."""
    if division.limit is None:
        return list(rows)
    most = (division.limit, max(1, division.limit // 4), max(1, division.limit // 4))
    generator = np.random.default_rng(division.seed)
    chosen: set[int] = set()
    for side, n in enumerate(most):
        there = np.array([place for place, row in enumerate(rows) if row.side == side and row.targets], dtype=np.int64)
        chosen.update(map(int, generator.permutation(there)[:n]))
    return [row for place, row in enumerate(rows) if place in chosen]


def _types_apart(rows: Sequence[Row], division: Division) -> list[Row]:
    """Keep of each sentence the words whose type is on its side."""

    def is_on(target: Target, side: int) -> bool:
        name = target.lemma if division.held_out == "lemma" and target.lemma else target.form
        return _side_of(f"type {division.seed}\n{name.casefold()}") == side

    return [Row(row.side, row.text, tuple(target for target in row.targets if is_on(target, row.side))) for row in rows]


def _labels(rows: Sequence[Row], unit: str) -> tuple[tuple[str, ...], list[str]]:
    """Give the labels of the training part, the most frequent first."""
    counts = Counter(target.label for row in rows if row.side == TRAIN for target in row.targets)
    if not counts:
        raise InvalidParameter(f"No {unit} has a label to train on. Give labels, more sentences, or another task.")
    names = sorted(counts, key=lambda name: (-counts[name], name))
    if len(names) == 1:
        raise InvalidParameter(
            f"All {counts.total():,} {unit}s to train on have one label, '{names[0][:40]}'. Give two labels or more."
        )
    notes = []
    if len(names) > MOST_LABELS:
        left = counts.total() - sum(counts[name] for name in names[:MOST_LABELS])
        notes.append(
            f"There are {len(names):,} labels; the {MOST_LABELS} most frequent are learnt, and {left:,} training "
            f"{unit}s with others are left out."
        )
    return tuple(names[:MOST_LABELS]), notes


def _arrays(parts: Sequence[tuple[int, Row, Target]], labels: Sequence[str]) -> dict[str, np.ndarray]:
    number = {name: place for place, name in enumerate(labels)}
    n_spans = max((len(target.spans) for *_, target in parts), default=0)
    spans = np.zeros((len(parts), n_spans, 2), dtype=np.int64)
    for place, (_, _, target) in enumerate(parts):
        if target.spans:
            spans[place, : len(target.spans)] = target.spans
            spans[place, len(target.spans) :] = target.spans[-1]
    return {
        "text_of": np.array([text for text, *_ in parts], dtype=np.int64),
        "spans": spans,
        "label": np.array([number.get(target.label, UNKNOWN) for *_, target in parts], dtype=np.int64),
        "side": np.array([row.side for _, row, _ in parts], dtype=np.int64),
    }


def derived(rows: Iterable[object], derive: Callable[..., LabelledText]) -> Iterator[LabelledText | BrokenRow]:
    """Turn sentences with trees into labelled texts; broken ones pass."""
    for row in rows:
        yield row if isinstance(row, BrokenRow) else derive(row)
