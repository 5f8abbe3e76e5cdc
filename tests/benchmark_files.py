"""Files of benchmarks made of a text, so that what holds for every analysis can be asked of benchmarks too."""

import csv
import io
import json
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path


def _csv(*rows: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _crows_pairs(text: str) -> str:
    header = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")
    return _csv(
        header, (f"{text} she", f"{text} he", "stereo", "one"), (f"{text} dog", f"{text} cat", "antistereo", "two")
    )


def _minimal_pairs(text: str) -> str:
    return _csv(
        ("more", "less", "category"),
        (f"she {text}", f"he {text}", "one"),
        (f"the {text} dog", f"the {text} cat", "two"),
    )


def _stereoset(text: str) -> str:
    rows = [
        {
            "id": str(number),
            "type": "intrasentence",
            "target": "cat",
            "bias_type": "animals",
            "context": f"{text} BLANK sat",
            **{label: f"{text} {filler} sat" for label, filler in zip(LABELS, fillers, strict=True)},
        }
        for number, fillers in enumerate((("cat", "dog", "table"), ("he", "she", "arrow")))
    ]
    return "".join(f"{json.dumps(row)}\n" for row in rows)


LABELS = ("stereotype", "anti-stereotype", "unrelated")
SOURCES: dict[str, tuple[str, Callable[[str], str]]] = {
    "crows-pairs": ("csv", _crows_pairs),
    "minimal-pairs": ("csv", _minimal_pairs),
    "stereoset": ("jsonl", _stereoset),
}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def written(slug: str, text: str) -> Path:
    """Write a benchmark's file with a text in each of its sentences."""
    ending, make = SOURCES[slug]
    path = Path(_folder().name) / f"{slug}-{zlib.crc32(text.encode())}.{ending}"
    path.write_text(make(text), encoding="utf-8")
    return path
