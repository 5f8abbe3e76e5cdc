"""A page with a head panel alone: no server, no model; tokens and matrices that look like real ones."""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from playwright.sync_api import Browser, Locator, Page, Route

from lmviz.figures import frontend

ADDRESS = "http://127.0.0.1:9/panel"
PRONOUN = "[CLS] the cat sat on the mat because it was un ##believ ##ably tired . [SEP]".split()
AWKWARD = [
    *("<s>", " <b>bold</b>", "</script>", "<|endoftext|>", "\n", "\t", " ", "中文", "字", " مرحبا", "بالعالم"),
    *("👩\u200d👩\u200d👧", "e\u0301", "Donaudampfschifffahrtsgesellschaftskapitän", "a,b", '"quoted"', "'", "&amp;"),
    *("\u200b", "Ġ", "=1+1"),
]


def page_html() -> str:
    """Give the page: the explorer's own script and style, and a box for the panel."""
    script = frontend.explorer_script().replace("</script", "<\\/script")
    return f"""<!doctype html><meta charset="utf-8"><title>head panel</title>
<style>:root {{ color-scheme: light dark }} body {{ margin: 16px; background: var(--page, #fff) }}
body.dark {{ --page: #11131a; --st-background-color: #11131a; --st-secondary-background-color: #1c1f2a;
--st-text-color: #e8eaf1; --st-primary-color: #a5b4fc }}
body.light {{ --st-background-color: #ffffff; --st-secondary-background-color: #f5f6fa;
--st-text-color: #1b1f2a; --st-primary-color: #4338ca }}
{frontend.explorer_style()}</style>
<body class="light"><div class="lmviz-explorer"><div id="place"></div></div>
<script>{script}
function show(header, view) {{
  if (window.panel) window.panel.destroy();
  window.view = view; window.patches = [];
  window.panel = createHeadPanel(document.getElementById("place"), header, {{ onView(patch) {{
    window.patches.push(patch); window.view = {{ ...window.view, ...patch }}; window.panel.setView(window.view);
  }} }});
  window.panel.setView(view);
}}
function unpack(text) {{
  return new Float32Array(Uint8Array.from(atob(text), (mark) => mark.charCodeAt(0)).buffer);
}}
</script></body>"""


def token(text: str, position: int, word: int, segment: int = 0) -> dict[str, Any]:
    """Give one token as the explorer's header has it."""
    special = text in {"[CLS]", "[SEP]", "<s>", "</s>"}
    return {
        "text": text,
        "raw": text.replace(" ", "Ġ"),
        "id": 1000 + position,
        "word": -1 if special else word,
        "special": special,
        "punctuation": not special and not re.search(r"\w", text),
        "segment": segment,
        "start": 0,
        "end": 0,
    }


def tokens(texts: Sequence[str], segments: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Give a list of tokens; a piece that starts with ## continues the word before it."""
    found: list[dict[str, Any]] = []
    word = -1
    for position, text in enumerate(texts):
        word += not text.startswith("##") and text not in {"[CLS]", "[SEP]"}
        found.append(token(text, position, word, segments[position] if segments else 0))
    return found


def header(query: Sequence[dict[str, Any]], key: Sequence[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Give what the panel reads of an explorer's header."""
    size, key_size = len(query), len(query if key is None else key)
    return {
        "id": "a",
        "channel": "c",
        "model": "minilm",
        "part": "encoder" if key is None else "cross",
        "what": "Attention pattern",
        "unit": "",
        "size": size,
        "key_size": key_size,
        "tile": min(64, size),
        "tile_key": min(64, key_size),
        "pooled": max(size, key_size) > 64,
        "maximum": 1.0,
        "tokens": list(query),
        "key_tokens": None if key is None else list(key),
        "caption": "lmviz 0.1 · minilm (sha256 53aa5117) · float32 on cpu",
        "file_name": "minilm-attention",
        **more,
    }


def pattern(rows: int, cols: int, *, causal: bool = False, seed: int = 0) -> Float32[np.ndarray, "query key"]:
    """Give a matrix like a head's: local, with a sink and a few strong links; rows sum to one."""
    random = np.random.default_rng(seed)
    query, key = np.mgrid[0:rows, 0:cols]
    scores = random.normal(0, 1, (rows, cols)) - np.abs(query * cols / rows - key - 1) * 0.25
    scores[:, 0] += 2.5
    links = random.integers(0, cols, rows)
    scores[np.arange(rows), links] += random.uniform(0, 6, rows)
    if causal:
        scores[key > query] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@dataclass(eq=False)
class PanelPage:
    """A browser page with one head panel, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def open(self) -> "PanelPage":
        """Load the page; errors and requests are noted from here on."""
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)
        self.page.route("**/*", self._answer)
        self.page.goto(ADDRESS)
        return self

    def _answer(self, route: Route) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=page_html(), content_type="text/html; charset=utf-8")
        else:
            self.problems.append(f"request to {route.request.url}")
            route.abort()

    def show(
        self, about: dict[str, Any], values: Float32[np.ndarray, "query key"], view: dict[str, Any] | None = None
    ) -> "PanelPage":
        """Make a panel for these tokens and give it a matrix in full precision."""
        self.page.evaluate("([header, view]) => show(header, view)", [about, view or {}])
        return self.give(values)

    def give(
        self, values: Float32[np.ndarray, "query key"], label: str = "L5H1", *, exact: bool = True, made: str = ""
    ) -> "PanelPage":
        """Hand the panel another matrix and wait until it is drawn; `made` says in full what it was made of."""
        packed = base64.b64encode(np.ascontiguousarray(values, dtype=np.float32).tobytes()).decode()
        self.page.evaluate(
            "([values, rows, cols, about]) => panel.setMatrix(unpack(values), rows, cols, about)",
            [packed, *values.shape, {"label": label, "exact": exact, "made": made}],
        )
        return self.rest()

    def view(self, **changes: Any) -> "PanelPage":
        """Change the view from outside, as the explorer does."""
        self.page.evaluate("(changes) => { view = {...view, ...changes}; panel.setView(view) }", changes)
        return self.rest()

    def rest(self) -> "PanelPage":
        """Wait for two frames."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))"
        )
        return self

    def token(self, side: str, index: int) -> Locator:
        """Find a written token."""
        return self.page.locator(f'.token[data-side="{side}"][data-index="{index}"]')

    def readout(self) -> str:
        """Give the sentence above the picture."""
        return self.rest().page.locator(".readout").inner_text()

    def numbers(self, side: str) -> list[str]:
        """Give the numbers beside the tokens of one side, top to bottom."""
        place = {"q": "left", "k": "right"}[side]
        return self.rest().page.locator(f".token-place.{place} .token-number").all_inner_texts()

    def download(self, kind: str) -> tuple[str, bytes]:
        """Press an export button; give the file's name and bytes."""
        with self.page.expect_download() as waiting:
            self.page.click(f"button[data-export={kind}]")
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def cell(self, row: int, col: int, rows: int, cols: int) -> tuple[float, float]:
        """Give the middle of a cell of the unzoomed matrix on the page."""
        box = self.page.locator("canvas.matrix").bounding_box()
        assert box is not None
        return box["x"] + (col + 0.5) * box["width"] / cols, box["y"] + (row + 0.5) * box["height"] / rows


IT, CAT, WAS = 8, 2, 9  # positions in PRONOUN


def pronoun() -> Float32[np.ndarray, "query key"]:
    """Give a pattern in which "it" looks at "cat" with 0.623."""
    values = pattern(len(PRONOUN), len(PRONOUN), seed=1)
    values[IT] = np.float32(0.377 / (len(PRONOUN) - 1))
    values[IT, CAT] = 0.623
    return values


@contextmanager
def panels(browser: Browser) -> Iterator[Callable[..., PanelPage]]:
    """Give a function that opens a panel at a width; anything that went wrong on its page fails at the end."""
    opened: list[PanelPage] = []

    def make(width: int = 800) -> PanelPage:
        context = browser.new_context(viewport={"width": width + 32, "height": 900})
        opened.append(PanelPage(context.new_page()).open())
        return opened[-1]

    yield make
    for page in opened:
        page.page.context.close()
        assert page.problems == []
