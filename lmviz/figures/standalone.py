"""The attention explorer as one HTML file that opens without a server and without network."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float32

from lmviz.errors import FigureUnavailable
from lmviz.figures.attention_payload import ExplorerWords, HeadStatistic, explorer_payload, payload_header
from lmviz.figures.documents import Page, document
from lmviz.figures.frontend import explorer_script, explorer_style
from lmviz.figures.provenance import caption
from lmviz.figures.wording import visible
from lmviz.results import AttentionPattern

# Bytes of all heads, before compression, up to which they are kept in that precision.
FLOAT32_BYTES = 24_000_000
UINT16_BYTES = 48_000_000
UINT8_BYTES = 96_000_000

_FIRST = " What the page opens with is in full precision."
_NOTES = {
    "float32": "All heads in full precision.",
    "uint16": "All heads in 16 bits each, good to about three digits; such numbers are marked ≈." + _FIRST,
    "uint8": "All heads in 8 bits each, good to about two digits; such numbers are marked ≈." + _FIRST,
    "tiles": "A long input: heads are kept as pictures of at most 64 × 64 blocks; such numbers are marked ≈." + _FIRST,
}
_ROUNDING = 0.02  # how far a row may be from one and still be shares: half precisions round


def explorer_html(
    result: AttentionPattern,
    statistics: Mapping[str, HeadStatistic],
    *,
    view: Mapping[str, Any] | None = None,
    words: ExplorerWords | None = None,
    focused: tuple[Float32[np.ndarray, "query key"], str] | None = None,
) -> str:
    """Write the explorer with its data into one document; head switches and aggregates are computed in it.

    Args:
        result: The pattern, or other amounts of the same shape.
        statistics: What the overview can be sorted by.
        view: What is seen when the file opens; missing keys take their defaults.
        words: Titles and captions, and what is offered at most; None: taken from the provenance.
        focused: The matrix that the view shows and its name, as in "flow of 3 heads", kept in full precision; None:
            taken from the result where the view shows one head. The document cannot compute flow, so that flow is
            offered only when it is this matrix.

    Returns:
        The document.

    Raises:
        FigureUnavailable: There are no tokens.
    """
    if result.pattern.size == 0:
        raise FigureUnavailable("There is no attention to show: the input has no tokens. Type a text first.")
    words = words or ExplorerWords(model=str(result.provenance.get("model", "")), caption=caption(result))
    view = dict(view or {})
    precision = precision_for(result.pattern.size)
    focused = focused or _open_head(result, view)
    can = _computable(result, precision) | ({view.get("shown", "head")} if focused else set())
    words = replace(words, offers=tuple(name for name in words.offers if name in can))
    payload = explorer_payload(result, statistics, channel="standalone", words=words)
    layers, heads, rows, cols = result.pattern.shape
    largest = float(np.nanmax(result.pattern, initial=0.0))
    about = {
        "id": payload_header(payload)["id"],
        "layers": layers, "heads": heads, "rows": rows, "cols": cols,
        "maximum": largest, "precision": precision, "view": view, "focused": focused[1] if focused else None,
    }  # fmt: skip
    data: dict[str, Any] = {"about": about, "payload": _packed(payload)}
    if precision != "tiles":
        data["weights"] = _packed(_weights(result.pattern, precision, largest))
    if focused is not None:
        data["focused"] = _packed(np.ascontiguousarray(focused[0], dtype="<f4").tobytes())
    heading = " · ".join(word for word in (words.what, words.model) if word)
    body = (
        f"<main>\n<h1>{escape(visible(heading))}</h1>\n<p>{_NOTES[precision]}</p>\n"
        f'<div id="explorer"></div>\n<p class="caption">{escape(visible(words.caption))}</p>\n</main>'
    )
    style = files("lmviz.figures").joinpath("assets/standalone.css").read_text(encoding="utf-8") + explorer_style()
    start = files("lmviz.figures").joinpath("assets/standalone.js").read_text(encoding="utf-8")
    return document(Page(heading, body, style, (explorer_script() + "\n" + start,), data))


def precision_for(n_weights: int) -> str:
    """Say how exactly so many weights are kept: "float32", "uint16", "uint8" or only as "tiles"."""
    for name, size, limit in (("float32", 4, FLOAT32_BYTES), ("uint16", 2, UINT16_BYTES), ("uint8", 1, UINT8_BYTES)):
        if n_weights * size <= limit:
            return name
    return "tiles"


def _open_head(result: AttentionPattern, view: Mapping[str, Any]) -> tuple[np.ndarray, str] | None:
    """Give the head that a view opens, or None where it shows an aggregate or a head that is not there."""
    layer, head = int(view.get("layer", 0)), int(view.get("head", 0))
    inside = layer in range(result.pattern.shape[0]) and head in range(result.pattern.shape[1])
    is_head = view.get("shown", "head") == "head" and inside
    return (result.pattern[layer, head], f"L{layer}H{head}") if is_head else None


def _computable(result: AttentionPattern, precision: str) -> set[str]:
    """Name what the document can work out from the heads it keeps; rollout mixes shares, and within one text only."""
    is_mixable = precision != "tiles" and result.key_tokens is None and _rows_are_shares(result)
    return {"head", "mean", "max", "rollout"} if is_mixable else {"head", "mean", "max"}


def _rows_are_shares(result: AttentionPattern) -> bool:
    """Say whether the amounts from each query sum to one, or to less where there are sinks."""
    sums = np.nan_to_num(result.pattern.sum(axis=-1), nan=1.0)
    is_whole = sums.min() >= 1.0 - _ROUNDING or bool(result.provenance.get("sinks"))
    return bool(sums.max() <= 1.0 + _ROUNDING and is_whole)


def _weights(pattern: Float32[np.ndarray, "layer head query key"], precision: str, largest: float) -> bytes:
    if precision == "float32":
        return np.ascontiguousarray(pattern, dtype="<f4").tobytes()
    steps, kind = (65535, "<u2") if precision == "uint16" else (255, "u1")
    share = np.sqrt(np.clip(np.nan_to_num(pattern), 0.0, None) / np.float32(largest or 1.0))
    quantised: np.ndarray = np.rint(share * steps).astype(kind)
    return quantised.tobytes()


def _packed(data: bytes) -> str:
    """Compress and write as text, the same every time."""
    return base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode()
