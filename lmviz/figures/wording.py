"""How tokens and numbers are written in every figure, the same way the app's pages write them."""

import math
import re
import unicodedata

# Characters that would show as nothing, and what is written for them.
_VISIBLE = {"\n": "⏎", "\r": "␍", "\t": "⇥", "\u00a0": "⍽", "\u200b": "⁚", "\u200e": "⁚", "\u200f": "⁚"}
# What neither XML nor UTF-8 can carry.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def visible(text: str) -> str:
    """Write a text so that line ends, tabs and other blanks are seen; what cannot be written becomes �."""
    shown = "".join(_VISIBLE.get(character, character) for character in text)
    return _CONTROL.sub("\ufffd", shown)


def token_label(token: str, limit: int = 24) -> str:
    """Write a token on one line: a leading space is a ·, an empty token ∅, a long one is cut with an ellipsis."""
    shown = visible(token)
    lead = "·" if shown.startswith(" ") and shown.strip() else ""
    bare = shown[1:] if lead else shown
    return shorten(lead + (bare.replace(" ", "·") or "∅"), limit)


def shorten(text: str, limit: int) -> str:
    """Keep at most `limit` characters, the last of them an ellipsis when something was left out."""
    return text if len(text) <= limit else text[: max(1, limit - 1)] + "…"


def format_number(value: float) -> str:
    """Write three significant digits with a true minus sign; "n/a" for what is not defined."""
    if math.isnan(value):
        return "n/a"
    if value == 0:
        return "0"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    elif size >= 100:
        text = f"{value:.0f}"
    else:
        text = f"{value:.{2 - math.floor(math.log10(size))}f}"
    return text.replace("-", "−")


def text_width(text: str, size: float, *, mono: bool = False) -> float:
    """Estimate how wide a text is drawn, in the unit of `size`; wide (Chinese, emoji) characters count more."""
    narrow = 0.605 if mono else 0.56
    units = sum(
        0.0 if unicodedata.combining(character) else 1.05 if unicodedata.east_asian_width(character) in "WF" else narrow
        for character in text
    )
    return units * size
