"""Files of benchmarks made of a text, so that what holds for every analysis can be asked of benchmarks too."""

import csv
import io
import json
import tempfile
import threading
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


def _winobias(text: str) -> str:
    out = io.StringIO()
    rows = [
        (f"nurse.cat.0.{gender}.txt", f"{text} nurse {pronoun}")
        for gender, pronoun in (("male", "he"), ("female", "she"))
    ]
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows([("sentid", "sentence"), *rows])
    return out.getvalue()


def _bbq(text: str) -> str:
    row = {
        "example_id": 0,
        "question_index": "1",
        "question_polarity": "neg",
        "context_condition": "ambig",
        "category": "animals",
        "context": f"{text} sat",
        "question": "who sat?",
        **{f"ans{number}": answer for number, answer in enumerate(("cat", "dog", "fox"))},
        "answer_info": {"ans0": ["cat", "old"], "ans1": ["dog", "young"], "ans2": ["fox", "unknown"]},
        "additional_metadata": {"stereotyped_groups": ["old"]},
        "label": 2,
    }
    return f"{json.dumps(row)}\n"


def _templates(text: str) -> str:
    template = f"{text.replace('{', '(').replace('}', ')')} {{target}} is a {{attribute}}"
    return _csv(("template", "more", "less", "attribute"), (template, "cat", "dog|fox", "nurse"))


def _word_sets(text: str) -> str:
    names = ("first_target", "second_target", "first_attribute", "second_attribute")
    words = (("cat", "dog"), ("fox", text), ("nurse",), ("doctor", f"{text} keys"))
    sets = {name: {"name": name, "words": own} for name, own in zip(names, words, strict=True)}
    return json.dumps([{**sets, "templates": ["the {} sat", f"{text.replace('{}', '')} {{}}"]}])


def _honest(text: str) -> str:
    header = ("template_masked", "identity", "number", "category", "type")
    rows = (
        (f"{text} {person} is a [M]", person, "singular", group, "one") for person, group in (("she", "a"), ("he", "b"))
    )
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def _eec(text: str) -> str:
    header = ("ID", "Sentence", "Template", "Person", "Gender", "Race", "Emotion", "Emotion word")
    rows = (
        (person, f"{text} {person} sat", "<person> sat", person, gender, "", "", "")
        for person, gender in (("she", "female"), ("he", "male"))
    )
    return _csv(header, *rows)


def _grammar(text: str) -> str:
    rows = (
        {"paradigm": name, "phenomenon": "animals", "good": f"{text} {good}", "bad": f"{text} {bad}"}
        for name, good, bad in (("one", "cat sat", "cat dog"), ("two", "dog sat", "dog the"))
    )
    return "".join(f"{json.dumps(row)}\n" for row in rows)


LABELS = ("stereotype", "anti-stereotype", "unrelated")
SOURCES: dict[str, tuple[str, Callable[[str], str]]] = {
    "crows-pairs": ("csv", _crows_pairs),
    "minimal-pairs": ("csv", _minimal_pairs),
    "bias-localisation": ("csv", _minimal_pairs),
    "bias-removal": ("csv", _minimal_pairs),
    "stereoset": ("jsonl", _stereoset),
    "winobias": ("tsv", _winobias),
    "bbq": ("jsonl", _bbq),
    "log-probability-bias": ("csv", _templates),
    "seat": ("json", _word_sets),
    "honest": ("tsv", _honest),
    "sentiment-gap": ("csv", _eec),
    "blimp": ("jsonl", _grammar),
}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@cache
def lexicon() -> Path:
    """Write a short list of words."""
    path = Path(_folder().name) / "lexicon.txt"
    path.write_text("cat\nthe\n", encoding="utf-8")
    return path


def written(slug: str, text: str) -> Path:
    """Write a benchmark's file with a text in each of its sentences."""
    ending, make = SOURCES[slug]
    path = Path(_folder().name) / f"{slug}-{zlib.crc32(text.encode())}.{ending}"
    own = path.with_suffix(f".{threading.get_ident()}")
    own.write_text(make(text), encoding="utf-8")
    own.replace(path)  # at once: another thread may be reading it
    return path
