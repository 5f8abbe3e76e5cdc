"""Running text for the masked language model: read, split into sentences and documents, packed into batches."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

HELD_OUT = 0.02  # the last part of every training file, for the curve and for next-sentence accuracy
WEIGHTS = {"wikitext2_valid": 2.5, "masc": 1.3, "ewt_train": 1.3}  # modern text is rare here, so it is seen more often
TEST = "wikitext2_test.txt"  # never trained on
_SENTENCE_END = re.compile(r"(?<=[.!?])(?:[\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[A-Z0-9])")


@dataclass(frozen=True)
class Document:
    """The sentences of one file, in order, each as token ids without special tokens."""

    name: str
    sentences: tuple[tuple[int, ...], ...]

    @property
    def n_tokens(self) -> int:
        """Word pieces in all."""
        return sum(map(len, self.sentences))


def data_dir() -> Path:
    """Give the folder of the data, named in LMVIZ_DATA_DIR."""
    named = os.environ.get("LMVIZ_DATA_DIR")
    if not named or not Path(named).is_dir():
        raise SystemExit("Set LMVIZ_DATA_DIR to the folder that holds text/, sst2/, ud_english_ewt/ and wnut17_ner/.")
    return Path(named)


def split_sentences(line: str) -> list[str]:
    """Split a paragraph at full stops, question and exclamation marks that a capital or a digit follows."""
    starts = [0, *(found.end() for found in _SENTENCE_END.finditer(line))]
    return [line[a:b].strip() for a, b in zip(starts, [*starts[1:], len(line)], strict=True) if line[a:b].strip()]


def read_document(path: Path, tokenizer: Any) -> Document:
    """Read a text file, a paragraph a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    sentences = [sentence for line in lines for sentence in split_sentences(line)]
    encoded = tokenizer(sentences, add_special_tokens=False)["input_ids"]
    return Document(path.stem, tuple(tuple(ids) for ids in encoded if ids))


def read_training_text(tokenizer: Any) -> tuple[list[Document], list[Document]]:
    """Give all training files without their last 2 %, and those last parts."""
    train, held_out = [], []
    for path in sorted((data_dir() / "text").glob("*.txt")):
        if path.name == TEST:
            continue
        document = read_document(path, tokenizer)
        cut = round(len(document.sentences) * (1 - HELD_OUT))
        train.append(Document(document.name, document.sentences[:cut]))
        held_out.append(Document(document.name, document.sentences[cut:]))
    return train, held_out


def join(sentences: tuple[tuple[int, ...], ...]) -> Ids:
    """Put sentences one behind the other."""
    return np.array([token for sentence in sentences for token in sentence], dtype=np.int64)


@dataclass(frozen=True)
class Batch:
    """Equal rows: ids with masks in them, segments, where the masks are, what stood there, and whether B follows A."""

    ids: Ids
    segments: Ids
    rows: Ids
    columns: Ids
    targets: Ids
    follows: Ids | None


class Batches:
    """An endless, seeded stream of batches; a position in it is its number, so it can be taken up again anywhere.

    Half of the batches are running text, [CLS] text [SEP]; half are pairs, [CLS] A [SEP] B [SEP], where B is what
    follows A or, half the time, text of another document.
    """

    def __init__(self, documents: list[Document], tokenizer: Any, *, n_tokens: int, masked: float, seed: int) -> None:
        self._documents = documents
        self._texts = [join(document.sentences) for document in documents]
        self._starts = [np.cumsum([0, *map(len, document.sentences)], dtype=np.int64)[:-1] for document in documents]
        sizes = np.array([document.n_tokens * WEIGHTS.get(document.name, 1.0) for document in documents])
        self._shares = sizes / sizes.sum()
        self._cls, self._sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        self._mask, self._n_words = tokenizer.mask_token_id, len(tokenizer)
        self._untouched = np.array([*{*tokenizer.all_special_ids}], dtype=np.int64)
        self._n_tokens, self._masked, self._seed = n_tokens, masked, seed

    def batch(self, number: int) -> Batch:
        """Make one batch."""
        rng = np.random.default_rng((self._seed, number))
        kind = number % 4
        length = (128, 128, 128, 64)[kind]
        n_rows = self._n_tokens // length
        if kind % 2 == 0:
            return self._mask_some(self._runs(rng, n_rows, length), length, None, None, rng)
        ids, segments, follows = self._pairs(rng, n_rows, length)
        return self._mask_some(ids, length, segments, follows, rng)

    def _runs(self, rng: np.random.Generator, n_rows: int, length: int) -> Ids:
        ids = np.empty((n_rows, length), dtype=np.int64)
        ids[:, 0], ids[:, -1] = self._cls, self._sep
        for row in ids:
            text = self._texts[rng.choice(len(self._texts), p=self._shares)]
            start = rng.integers(0, len(text) - length + 3)
            row[1:-1] = text[start : start + length - 2]
        return ids

    def _pairs(self, rng: np.random.Generator, n_rows: int, length: int) -> tuple[Ids, Ids, Ids]:
        ids, segments = np.empty((n_rows, length), dtype=np.int64), np.zeros((n_rows, length), dtype=np.int64)
        follows = (rng.random(n_rows) < 0.5).astype(np.int64)
        room = length - 3
        for row, segment, is_next in zip(ids, segments, follows, strict=True):
            number = rng.choice(len(self._texts), p=self._shares)
            text, starts = self._texts[number], self._starts[number]
            n_first = rng.integers(room // 4, 3 * room // 4)
            boundary = starts[rng.integers(len(starts))]  # B begins at a sentence
            boundary = min(max(boundary, n_first), len(text) - room)
            row[0], row[1 : 1 + n_first], row[1 + n_first] = self._cls, text[boundary - n_first : boundary], self._sep
            if not is_next:
                other = rng.choice(np.delete(np.arange(len(self._texts)), number)) if rng.random() < 0.5 else number
                text, boundary = self._elsewhere(rng, int(other), int(boundary), far=other == number, room=room)
            row[2 + n_first : -1], row[-1] = text[boundary : boundary + room - n_first], self._sep
            segment[2 + n_first :] = 1
        return ids, segments, follows

    def _elsewhere(self, rng: np.random.Generator, number: int, near: int, *, far: bool, room: int) -> tuple[Ids, int]:
        """Choose a sentence of a document; of the same one, at least 2,000 tokens away."""
        text, starts = self._texts[number], self._starts[number]
        for _ in range(100):
            start = min(int(starts[rng.integers(len(starts))]), len(text) - room)
            if not far or abs(start - near) > 2000:
                return text, start
        return text, start

    def _mask_some(
        self, ids: Ids, length: int, segments: Ids | None, follows: Ids | None, rng: np.random.Generator
    ) -> Batch:
        """Choose the same number of positions in every row; 90 % become [MASK], 5 % another word, 5 % stay."""
        n_masked = round(self._masked * length)
        order = rng.random(ids.shape)
        order[np.isin(ids, self._untouched)] = 2.0  # special tokens and [UNK] come last
        columns = np.argsort(order, axis=1)[:, :n_masked].reshape(-1)
        rows = np.repeat(np.arange(len(ids)), n_masked)
        targets = ids[rows, columns]
        targets = np.where(np.isin(targets, self._untouched), -100, targets)
        shown, dice = ids.copy(), rng.random(len(rows))
        put = np.where(
            dice < 0.9, self._mask, np.where(dice < 0.95, rng.integers(1000, self._n_words, len(rows)), targets)
        )
        shown[rows, columns] = np.where(targets == -100, shown[rows, columns], put)
        return Batch(shown, np.zeros_like(ids) if segments is None else segments, rows, columns, targets, follows)


def blocks(text: Ids, length: int) -> Iterator[Ids]:
    """Cut running text into full blocks."""
    for start in range(0, len(text) - length + 1, length):
        yield text[start : start + length]
