"""Published sets that probes are trained on: where they lie, under which licence, and how each is read."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from lmviz.datasets.downloads import PinnedDownload
from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.labelled_files import entity_types, read_labelled
from lmviz.datasets.sources import Unusable, opened, usable
from lmviz.datasets.tables import BrokenRow
from lmviz.errors import CorruptedFile, InvalidParameter

TRAIN, DEV, TEST = "train", "dev", "test"
Rows = Iterator[LabelledText | BrokenRow]
_RAW = "https://raw.githubusercontent.com"
_NLTK = f"{_RAW}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora"
_SST = f"{_RAW}/clairett/pytorch-sentiment-classification/457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2"
_WNUT = f"{_RAW}/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_EWT = f"{_RAW}/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
_DASHES = str.maketrans("\x96\x97", "–—")  # Windows' dashes, which became control characters in the published file


@dataclass(frozen=True)
class ProbingSet:
    """A set of labelled texts: what it is called, its licence, its files, and how they are read.

    `read` takes the paths of the files, in their order, and gives the rows by the name of their split: `TRAIN`, and
    `DEV` and `TEST` where the set has them. No file is opened before its rows are asked for.
    """

    slug: str
    title: str
    licence: str
    files: tuple[PinnedDownload, ...]
    read: Callable[[Sequence[Path]], Mapping[str, Rows]]


@dataclass(frozen=True)
class Treebank:
    """A set of sentences with trees, one CoNLL-U file for each split; `conllu.open_conllu` reads them."""

    slug: str
    title: str
    licence: str
    files: tuple[PinnedDownload, ...]

    def splits(self, paths: Sequence[Path]) -> Mapping[str, Path]:
        """Give the path of each split.

        Args:
            paths: The paths of `files`, in their order.

        Raises:
            InvalidParameter: There are more of them, or fewer.
        """
        return _by_split((TRAIN, DEV, TEST), paths)


def _by_split(names: Sequence[str], paths: Sequence[Path]) -> Mapping[str, Path]:
    _counted(paths, len(names))
    return dict(zip(names, paths, strict=True))


def _counted(paths: Sequence[Path], wanted: int) -> None:
    if len(paths) != wanted:
        raise InvalidParameter(f"The set has {wanted} files, and {len(paths)} paths were given. Give one for each.")


@contextmanager
def _zipped(path: Path, member: str) -> Iterator[Iterable[bytes]]:
    """Open a file in a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as lines:
            yield lines
    except OSError as error:
        raise InvalidParameter(f"'{path}' cannot be read: {error.strerror}. Give the path of a zip file.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise CorruptedFile(f"'{path}' is damaged ({error}). Fetch it again.") from None


def _numbered(path: Path, member: str, make: Callable[[tuple[int, bytes]], LabelledText]) -> Rows:
    """Make a text of each line of a file in an archive."""
    with _zipped(path, member) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield usable(number, make, row=(number, line))


def _text(line: int, text: str, label: str) -> LabelledText:
    if not text.strip():
        raise Unusable("its text is empty")
    return LabelledText(line, text.strip(), (Target((), label, text.split(maxsplit=1)[0]),))


def _questions(paths: Sequence[Path]) -> Mapping[str, Rows]:
    _counted(paths, 1)
    return {split: _numbered(paths[0], f"qc/{split}.txt", _question) for split in (TRAIN, TEST)}


def _question(numbered: tuple[int, bytes]) -> LabelledText:
    """Read "HUM:ind Who was Galileo ?", keeping the coarse of the two types."""
    kind, blank, text = numbered[1].decode("latin-1").partition(" ")
    coarse, colon, _ = kind.partition(":")
    if not (coarse and colon and blank):
        raise Unusable("it does not begin with a type such as 'HUM:ind'")
    return _text(numbered[0], text, coarse)


def _subjectivity(paths: Sequence[Path]) -> Mapping[str, Rows]:
    _counted(paths, 1)
    members = {"objective": "subjectivity/plot.tok.gt9.5000", "subjective": "subjectivity/quote.tok.gt9.5000"}
    parts = (_numbered(paths[0], member, partial(_opinion, label)) for label, member in members.items())
    return {TRAIN: chain.from_iterable(parts)}


def _opinion(label: str, numbered: tuple[int, bytes]) -> LabelledText:
    try:
        return _text(numbered[0], numbered[1].decode().translate(_DASHES), label)
    except UnicodeDecodeError:
        raise Unusable("it is no valid UTF-8") from None


def _sentiment(paths: Sequence[Path]) -> Mapping[str, Rows]:
    return {split: _reviews(path) for split, path in _by_split((TRAIN, DEV, TEST), paths).items()}


def _reviews(path: Path) -> Rows:
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield usable(number, _review, row=(number, line))


def _review(numbered: tuple[int, bytes]) -> LabelledText:
    try:
        text, _, label = numbered[1].decode().rstrip("\r\n").rpartition("\t")
    except UnicodeDecodeError:
        raise Unusable("it is no valid UTF-8") from None
    words = {"0": "negative", "1": "positive"}
    if label not in words:
        raise Unusable(f"it ends in '{label[-20:]}' and not in a tab and 0 or 1")
    return _text(numbered[0], text, words[label])


def _entities(paths: Sequence[Path]) -> Mapping[str, Rows]:
    named = _by_split((TRAIN, DEV, TEST), paths)
    return {split: entity_types(read_labelled(path, kind="conll")) for split, path in named.items()}


QUESTION_TYPE = ProbingSet(
    "question-type",
    "Question type (TREC; Li and Roth, 2002)",
    "none is stated",
    (PinnedDownload(f"{_NLTK}/qc.zip", "091fb01e50883014d150acb7d5013d787136968b3f955ae01725a65e7e80f304"),),
    _questions,
)
SUBJECTIVITY = ProbingSet(
    "subjectivity",
    "Subjectivity (Pang and Lee, 2004)",
    "CC BY 4.0, as nltk_data states",
    (PinnedDownload(f"{_NLTK}/subjectivity.zip", "741f3371e1a4375051b874fd82fd55857b90975473c91c19a3101cbe17fc4d8c"),),
    _subjectivity,
)
SENTIMENT = ProbingSet(
    "sentiment",
    "Sentiment of film reviews (SST-2; Socher et al., 2013)",
    "none is stated; its authors gave it for research",
    (
        PinnedDownload(f"{_SST}/train.tsv", "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920"),
        PinnedDownload(f"{_SST}/dev.tsv", "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359"),
        PinnedDownload(f"{_SST}/test.tsv", "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7"),
    ),
    _sentiment,
)
NAMED_ENTITIES = ProbingSet(
    "named-entities",
    "Named entities (WNUT-17; Derczynski et al., 2017)",
    "CC BY 4.0, as its README states",
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
    _entities,
)
UD_ENGLISH_EWT = Treebank(
    "ud-english-ewt",
    "Trees of the English Web Treebank (Silveira et al., 2014)",
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
)
PROBING_SETS: Mapping[str, ProbingSet] = MappingProxyType(
    {one.slug: one for one in (QUESTION_TYPE, SUBJECTIVITY, SENTIMENT, NAMED_ENTITIES)}
)
