"""The files that the command line writes: tables, pictures and JSON by their endings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.results import Result

TABLES = ("csv", "parquet")
PICTURES = ("html", "svg", "png")
ENDINGS = ("json", *TABLES, *PICTURES)


def ending_of(path: Path) -> str:
    """Give the ending of a file's name, without its dot."""
    return path.suffix.removeprefix(".").lower()


def out_path(text: str | None) -> Path | None:
    """Check where the answer goes before anything is computed.

    Raises:
        InvalidParameter: The ending says nothing, or there is no such folder.
    """
    if text is None:
        return None
    path = Path(text)
    if ending_of(path) not in ENDINGS:
        raise InvalidParameter(f"The ending of '{text}' says nothing; it can be .{', .'.join(ENDINGS)}.")
    try:
        has_folder = path.absolute().parent.is_dir()
    except OSError as error:
        raise InvalidParameter(f"'{text[:200]}' cannot be written ({error.strerror}); choose another place.") from None
    if not has_folder:
        raise InvalidParameter(f"There is no folder '{path.absolute().parent}'; make it first or choose another.")
    return path


def encoded(result: "Result", ending: str) -> bytes:
    """Give a result in the form that a file ending asks for."""
    if ending == "json":
        return (json.dumps(result.to_dict(), ensure_ascii=False) + "\n").encode(errors="backslashreplace")
    if ending == "csv":
        return f"{_first_line(result)}\n{result.to_frame().to_csv(index=False)}".encode(errors="replace")
    if ending == "parquet":
        frame = result.to_frame()
        frame.attrs["provenance"] = result.to_dict()["provenance"]  # kept in the schema's metadata
        return frame.to_parquet(index=False)
    from lmviz.figures.export import render

    return render(result, ending)


def _first_line(result: "Result") -> str:
    """Write what a CSV file begins with: where the numbers come from, on one line.

    It has no straight quotation marks: a reader that skips it would look for their other halves.
    """
    from lmviz.figures.provenance import caption

    return "# " + " ".join(caption(result).split()).replace('"', "”")


def write(result: "Result", out: Path) -> None:
    """Write a result to a file, in the form that its ending asks for.

    Raises:
        InvalidParameter: It cannot be written there.
    """
    write_bytes(encoded(result, ending_of(out)), out)


def write_bytes(data: bytes, out: Path) -> None:
    """Write a file.

    Raises:
        InvalidParameter: It cannot be written there.
    """
    try:
        out.write_bytes(data)
    except OSError as error:
        raise InvalidParameter(f"'{out}' cannot be written ({error.strerror}); choose another place.") from None
