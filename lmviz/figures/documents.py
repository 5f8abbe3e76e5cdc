"""Whole HTML documents that need nothing from anywhere: text escaped, scripts named by their hash, no network."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from lmviz.figures.wording import visible


@dataclass(frozen=True)
class Page:
    """What a document holds. `body` is markup whose texts are already escaped; `title` is plain text."""

    title: str
    body: str
    style: str = ""
    scripts: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)  # element id: what it holds, for scripts to read
    theme: str = "auto"  # light, dark, or what the reader's system says
    is_embedded: bool = False  # shown inside the app, which puts a script of its own into it to fit its height


def document(page: Page) -> str:
    """Write a page as one HTML document that cannot reach the network.

    The policy allows no request at all: scripts run only when their hash is named (in an embedded page: when they
    stand in it), images only when they are written into the document.
    """
    scripts = [_closed(script) for script in page.scripts]
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts) or "'none'"
    hashes = "'unsafe-inline'" if page.is_embedded else hashes
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    blocks = "".join(
        f'<script type="application/json" id="{escape(name)}">{json_block(value)}</script>\n'
        for name, value in page.data.items()
    )
    runs = "".join(f"<script>{script}</script>\n" for script in scripts)
    return (
        f'<!doctype html>\n<html lang="en" data-theme="{escape(page.theme)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(visible(page.title))}</title>\n<style>{page.style}</style>\n</head>\n"
        f"<body>\n{page.body}\n{blocks}{runs}</body>\n</html>\n"
    )


def json_block(value: Any) -> str:
    """Write JSON that is safe inside a script element: no character in it can end the element."""
    plain = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _closed(script: str) -> str:
    """Keep text inside a program from ending its script element."""
    return re.sub(r"</(script)", r"<\\/\1", script, flags=re.IGNORECASE).replace("<!--", r"<\!--")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
