"""Sentences with a label per word from a file of columns, a word on each line, as CoNLL-2003 and WNUT-17 have it."""

from collections.abc import Iterable, Iterator, Sequence

from lmviz.datasets.labelled import LabelledText, Target
from lmviz.datasets.sources import Source, opened
from lmviz.datasets.tables import BrokenRow

_DOCUMENT = "-DOCSTART-"  # a line between documents
_UNLABELLED = "_"
Line = tuple[int, bytes]


def read_columns(source: Source, *, longest: int) -> Iterator[LabelledText | BrokenRow]:
    """Read a file of columns sentence by sentence; memory does not grow with its length.

    The first column is the word, the last its label, "_" where it has none. Columns are parted by tabs in a line that
    has one, else by blanks. An empty line, or one that says -DOCSTART-, ends a sentence. Words are joined by blanks.

    Args:
        source: A path, compressed when it ends in .gz, or the file's content; UTF-8.
        longest: The most characters of a sentence; one with more is a broken row.

    Yields:
        A text, or the reason why there is none, for each sentence.

    Raises:
        InvalidParameter: The file cannot be read.
        CorruptedFile: A compressed file is damaged.
    """
    with opened(source) as lines:
        for block in _blocks(lines, longest):
            yield block if isinstance(block, BrokenRow) else _sentence(block, longest)


def _blocks(lines: Iterable[bytes], longest: int) -> Iterator[list[Line] | BrokenRow]:
    """Give the lines of each sentence; what goes on too long is told once, and not kept."""
    block: list[Line] = []
    first, size = 0, 0
    for number, raw in enumerate(lines, start=1):
        line = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") if number == 1 else raw.rstrip(b"\r\n")
        if line.strip() and not line.startswith(_DOCUMENT.encode()):
            first = first or number
            size += len(line)
            if _fits(size, longest):
                block.append((number, line))
            else:
                block.clear()
        elif first:
            yield _ended(block, first, longest)
            block, first, size = [], 0, 0
    if first:
        yield _ended(block, first, longest)


def _fits(size: int, longest: int) -> bool:
    return size <= 8 * longest  # a character has up to four bytes, and there are the other columns


def _ended(block: list[Line], first: int, longest: int) -> list[Line] | BrokenRow:
    return block or BrokenRow(first, f"it has more than {longest:,} characters: empty lines part sentences")


def _sentence(block: Sequence[Line], longest: int) -> LabelledText | BrokenRow:
    words: list[str] = []
    targets: list[Target] = []
    at = 0
    for number, raw in block:
        try:
            fields = _fields(raw.decode("utf-8"))
        except ValueError:
            return BrokenRow(number, "it is no valid UTF-8; save the file as UTF-8")
        if len(fields) < 2 or not fields[0].strip():
            return BrokenRow(number, "it has no word at its beginning and label at its end")
        word, label = fields[0], fields[-1].strip()
        words.append(word)
        if label != _UNLABELLED:
            targets.append(Target(((at, at + len(word)),), label, word))
        at += len(word) + 1
    if at - 1 > longest:
        return BrokenRow(block[0][0], f"its text has {at - 1:,} characters, more than {longest:,}")
    return LabelledText(block[0][0], " ".join(words), tuple(targets))


def _fields(line: str) -> list[str]:
    return line.rstrip().split("\t") if "\t" in line else line.split()
