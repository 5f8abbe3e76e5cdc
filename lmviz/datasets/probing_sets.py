"""Published sets of labelled sentences, each fetched once from its authors, checked, and read by split."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lmviz.datasets.downloads import PinnedDownload
from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.labelled_files import by_type, read_labelled
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import CorruptedFile

Rows = Iterable[LabelledText | BrokenRow]
_RAW = "https://raw.githubusercontent.com"
_NLTK = f"{_RAW}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora"
_SST2 = f"{_RAW}/clairett/pytorch-sentiment-classification/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2"
_WNUT = f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_EWT = f"{_RAW}/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"


@dataclass(frozen=True)
class ProbingSet:
    """A published set: its files, and what reads them by "train", "dev" and "test".

    `read` is None for treebanks, whose files `splits` gives by the same names.
    """

    slug: str
    title: str
    licence: str
    files: tuple[PinnedDownload, ...]
    read: Callable[[Sequence[Path]], Mapping[str, Rows]] | None

    def splits(self, paths: Sequence[Path]) -> Mapping[str, Path]:
        """Give the files of a set that has one for each split."""
        return dict(zip(("train", "dev", "test"), paths, strict=True))


def _member(path: Path, name: str) -> list[bytes]:
    """Read the lines of a file in an archive.

    Raises:
        CorruptedFile: The archive is damaged or has no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return io.BytesIO(archive.read(name)).readlines()
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise CorruptedFile(f"'{path}' is damaged ({error}). Delete it; it is fetched again.") from None


def _question(line: int, raw: bytes) -> LabelledText | BrokenRow:
    """Read "COARSE:fine the question", of which the coarse type is the label; the files are in Latin-1."""
    label, _, text = raw.decode("latin-1").strip().partition(" ")
    if ":" not in label or not text.strip():
        return BrokenRow(line, "it has no type and question")
    return LabelledText(line, text, (Target((), label.partition(":")[0], text.split()[0]),))


def questions(paths: Sequence[Path]) -> Mapping[str, Rows]:
    """Read the TREC questions (Li & Roth, 2002)."""
    parts = {"train": "qc/train.txt", "test": "qc/test.txt"}
    return {
        split: [_question(line, raw) for line, raw in enumerate(_member(paths[0], name), start=1)]
        for split, name in parts.items()
    }


def subjectivity(paths: Sequence[Path]) -> Mapping[str, Rows]:
    """Read plot summaries as objective and reviews as subjective (Pang & Lee, 2004); the files are in Latin-1."""
    parts = (("objective", "subjectivity/plot.tok.gt9.5000"), ("subjective", "subjectivity/quote.tok.gt9.5000"))
    rows = [
        LabelledText(line, text, (Target((), label, text.split()[0]),))
        for label, name in parts
        for line, raw in enumerate(_member(paths[0], name), start=1)
        if (text := raw.decode("latin-1").strip())
    ]
    return {"train": rows}


def _review(line: int, raw: bytes) -> LabelledText | BrokenRow:
    text, _, label = raw.decode("utf-8", "replace").strip().rpartition("\t")
    if label not in ("0", "1") or not text.strip():
        return BrokenRow(line, "it has no text and no label of 0 or 1")
    return LabelledText(line, text.strip(), (Target((), ("negative", "positive")[int(label)], text.split()[0]),))


def _reviews(path: Path) -> Iterator[LabelledText | BrokenRow]:
    with path.open("rb") as lines:
        for line, raw in enumerate(lines, start=1):
            yield _review(line, raw)


def sentiment(paths: Sequence[Path]) -> Mapping[str, Rows]:
    """Read the sentences of SST-2 (Socher et al., 2013): train, dev and test."""
    return {split: _reviews(path) for split, path in zip(("train", "dev", "test"), paths, strict=True)}


def entities(paths: Sequence[Path]) -> Mapping[str, Rows]:
    """Read the entities of WNUT-17 (Derczynski et al., 2017), by type: train, dev and test."""
    return {
        split: by_type(read_labelled(path, kind="conll"))
        for split, path in zip(("train", "dev", "test"), paths, strict=True)
    }


_ALL = (
    ProbingSet(
        "ud-english-ewt",
        "English Web Treebank (UD)",
        "CC BY-SA 4.0",
        (
            PinnedDownload(
                f"{_EWT}/en_ewt-ud-train.conllu", "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b"
            ),
            PinnedDownload(
                f"{_EWT}/en_ewt-ud-dev.conllu", "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6"
            ),
            PinnedDownload(
                f"{_EWT}/en_ewt-ud-test.conllu", "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd"
            ),
        ),
        None,
    ),
    ProbingSet(
        "question-type",
        "Question types (TREC)",
        "no licence stated",
        (PinnedDownload(f"{_NLTK}/qc.zip", "091fb01e50883014d150acb7d5013d787136968b3f955ae01725a65e7e80f304"),),
        questions,
    ),
    ProbingSet(
        "subjectivity",
        "Subjectivity",
        "CC BY 4.0",
        (
            PinnedDownload(
                f"{_NLTK}/subjectivity.zip", "741f3371e1a4375051b874fd82fd55857b90975473c91c19a3101cbe17fc4d8c"
            ),
        ),
        subjectivity,
    ),
    ProbingSet(
        "sentiment",
        "Sentiment (SST-2)",
        "no licence stated; for research",
        (
            PinnedDownload(f"{_SST2}/train.tsv", "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920"),
            PinnedDownload(f"{_SST2}/dev.tsv", "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359"),
            PinnedDownload(f"{_SST2}/test.tsv", "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7"),
        ),
        sentiment,
    ),
    ProbingSet(
        "named-entities",
        "Emerging entities (WNUT-17)",
        "CC BY 4.0, as its authors state",
        (
            PinnedDownload(
                f"{_WNUT}/wnut17train.conll", "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5"
            ),
            PinnedDownload(
                f"{_WNUT}/emerging.dev.conll", "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8"
            ),
            PinnedDownload(
                f"{_WNUT}/emerging.test.annotated", "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0"
            ),
        ),
        entities,
    ),
)
PROBING_SETS: Mapping[str, ProbingSet] = MappingProxyType({one.slug: one for one in _ALL})
