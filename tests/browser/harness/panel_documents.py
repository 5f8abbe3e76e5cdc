"""Panels on a page without a server, and the values that the browser tests of panels show."""

import base64

import numpy as np

from lmviz.components.panels import script, style
from lmviz.figures.panels_payload import Panel, PanelAxis, PanelLook, panels_payload
from tests.browser.harness.figures import THEMES

WORDS = ("The", " nurse", " said", " that", " she", " was", " very", " tired", ".")


def sides(rows: int, columns: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Give two matrices of shares, most of them small."""
    rng = np.random.default_rng(seed)
    a, b = (rng.dirichlet(np.full(columns, 0.3), size=rows).astype(np.float32) for _ in range(2))
    return a, b


def compared(a: np.ndarray, b: np.ndarray) -> list[Panel]:
    """Give A, B and B − A as panels."""
    return [
        Panel("A", a, subtitle="minilm"),
        Panel("B", b, subtitle="smollm2-135m"),
        Panel("B − A", b - a, "signed"),
    ]


def words_payload(words: tuple[str, ...] = WORDS, *, gap: int | None = 6, look: PanelLook | None = None) -> bytes:
    """Give panels of words that look at words; B has no word at `gap`."""
    a, b = sides(len(words), len(words))
    if gap is not None:
        b[gap] = b[:, gap] = np.nan
    axes = PanelAxis("from", words, holds_text=True), PanelAxis("to", words, holds_text=True)
    known = look or PanelLook(quantity="pattern", describe="Largest difference: 0.5.", undefined="only in one text")
    return panels_payload(compared(a, b), rows=axes[0], columns=axes[1], look=known)


def panels_page(payload: bytes, *, theme: str = "light") -> str:
    """Give a page that holds panels alone and keeps what they report in `told`."""
    names = ("background", "secondary-background", "text", "primary")
    colours = "".join(f"--st-{name}-color:{value};" for name, value in zip(names, THEMES[theme], strict=True))
    data = base64.b64encode(payload).decode()
    return f"""<!doctype html><meta charset="utf-8"><title>panels</title><link rel="icon" href="data:,">
<style>:root {{ {colours} }} body {{ margin: 16px; background: {THEMES[theme][0]} }} {style()}</style>
<body><div id="place"></div><script>{script()}
const packed = Uint8Array.from(atob("{data}"), (character) => character.charCodeAt(0));
window.told = [];
window.view = mountPanels(document.getElementById("place"), packed, {{ onEvent: (event) => told.push(event) }});
</script>"""
