"""The rows command: two models, or two texts a row, compared over a file."""

import argparse
from typing import TYPE_CHECKING

from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.analyses.base import Progress
    from lmviz.models.loaded import LoadedModel
    from lmviz.results import RowAnswer, RowAnswers


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command, but for those of loading and of the answer's file."""
    parser.add_argument("file", metavar="FILE", help="texts, in a file ending in csv, tsv, jsonl or txt")
    parser.add_argument("--model", required=True, help="the model of A")
    parser.add_argument("--model-b", help="the model of B (default: that of A, with --text-b)")
    parser.add_argument("--task", default="surprisal", help="tokens, surprisal, classify or tag-tokens")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column with the text (default: text)")
    parser.add_argument("--text-pair", metavar="COLUMN", help="the column with the second text of a pair")
    parser.add_argument("--text-b", metavar="COLUMN", help="the column with the text of B, where it is another one")


def compared(args: argparse.Namespace, a: "LoadedModel", *, b: "LoadedModel", on_progress: "Progress") -> "RowAnswers":
    """Compare all rows of the file.

    Raises:
        InvalidParameter: The file cannot be read, or there is nothing that B differs in.
        LmvizError: The models cannot be compared in this.
    """
    from lmviz.analyses.compare.rows import Columns, compare_rows, compared_rows
    from lmviz.datasets.tables import columns, kind_of, read_rows

    kind = kind_of(args.file)
    if a is b and args.text_b is None:
        raise InvalidParameter("Both sides are the same. Name another model with --model-b, or a column with --text-b.")
    places = Columns(args.text, args.text_pair, args.text_b)
    try:
        with open(args.file, "rb") as file:  # noqa: PTH123  (a name such as /dev/stdin is as good)
            names = columns(file, kind)
        missing = next((name for name in vars(places).values() if name is not None and name not in names), None)
        if missing is not None:
            raise InvalidParameter(f"There is no column '{missing}'. There are: {', '.join(names)}.")
        answers: list[RowAnswer] = []
        with open(args.file, "rb") as file:  # noqa: PTH123
            for batch in compare_rows(a, b, rows=read_rows(file, kind), task=args.task, columns=places):
                answers += batch
                on_progress(0.0, f"{len(answers):,} rows")
    except OSError as error:
        raise InvalidParameter(f"'{args.file}' cannot be read ({error.strerror}). Name another file.") from None
    return compared_rows(a, b, answers=answers, task=args.task, columns=places)
