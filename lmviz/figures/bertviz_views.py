"""The classic BertViz head and model views, drawn by BertViz's own scripts without network.

The scripts are read from installed packages (BertViz; jQuery from XStatic-jQuery; d3 from mpld3) and given the
weights in 16 bits, once. BertViz draws one line per weight, so the views are offered for short inputs only.
"""

import base64
import math
from functools import cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from lmviz.errors import FigureUnavailable, InvalidParameter, OverBudget
from lmviz.figures.documents import Page, document
from lmviz.figures.provenance import caption
from lmviz.figures.wording import shorten, visible
from lmviz.results import AttentionPattern

View = Literal["head", "model"]

MAX_TOKENS = 64
MAX_LINES = 600_000  # that many lines take about ten seconds in the model view
_MARKER = "const params = PYTHON_PARAMS;"
_SHOWN = {"head": 16, "model": 13}  # characters of a token that fit
_PACKAGES = {
    "head": ("bertviz", "head_view.js"),
    "model": ("bertviz", "model_view.js"),
    "jquery": ("xstatic.pkg.jquery", "data/jquery.min.js"),
    "d3": ("mpld3", "js/d3.v5.min.js"),
}


def bertviz_offered(result: AttentionPattern, *, view: View = "model", n_layers: int | None = None) -> str | None:
    """Say why BertViz cannot show this result, or None where it can.

    Args:
        result: The pattern.
        view: The head view draws one layer at a time, the model view all of them.
        n_layers: How many layers are to be shown; None: all.

    Returns:
        One sentence with the remedy, or None.
    """
    layers, heads, queries, keys = result.pattern.shape
    if result.pattern.size == 0:
        return "There is nothing to draw: the pattern is empty. Type a text first."
    if max(queries, keys) > MAX_TOKENS:
        return (
            f"BertViz draws one line per weight and is offered up to {MAX_TOKENS} tokens; this text has "
            f"{max(queries, keys)}. Shorten the text, or use the pictures above, which have no such limit."
        )
    lines = (1 if view == "head" else n_layers or layers) * heads * queries * keys
    if lines > MAX_LINES:
        tokens = max(1, math.isqrt(MAX_LINES * queries * keys // lines))
        return (
            f"BertViz's {view} view would draw {lines:,} lines; more than {MAX_LINES:,} make the browser stall. "
            f"Shorten the text to about {tokens} tokens."
        )
    return None


def bertviz_html(
    result: AttentionPattern, view: View = "head", *, layers: tuple[int, ...] | None = None, dark: bool = False
) -> str:
    """Draw a pattern with BertViz's head or model view, as one document that needs no network.

    The same result always gives the same document. Texts reach the page as JSON and are put in as text, so they
    show as typed.

    Args:
        result: The pattern of a short text; two segments add BertViz's sentence filters.
        view: "head" (one layer, all heads in colours) or "model" (every head as a small picture).
        layers: The layers to show; None: all.
        dark: Whether to draw on a dark background.

    Returns:
        The document.

    Raises:
        InvalidParameter: The view or a layer does not exist.
        OverBudget: The input is too long; `bertviz_offered` says so beforehand.
        FigureUnavailable: An installed package does not hold the script that is needed.
    """
    if view not in ("head", "model"):
        raise InvalidParameter(f"There is no BertViz view '{view}'. Choose 'head' or 'model'.")
    chosen = tuple(range(result.pattern.shape[0])) if layers is None else tuple(layers)
    missing = [layer for layer in chosen if not 0 <= layer < result.pattern.shape[0]]
    if missing or not chosen:
        raise InvalidParameter(f"Choose layers from 0 to {result.pattern.shape[0] - 1}; got {list(chosen)}.")
    reason = bertviz_offered(result, view=view, n_layers=len(chosen))
    if reason is not None:
        raise OverBudget(reason)
    shim = files("lmviz.figures").joinpath("assets/bertviz.js").read_text(encoding="utf-8")
    return document(
        Page(
            title=f"BertViz {view} view",
            body=_body(result, view),
            style=files("lmviz.figures").joinpath("assets/bertviz.css").read_text(encoding="utf-8"),
            scripts=(_script("jquery"), _script("d3"), shim, view_script(_script(view))),
            data={"bertviz-data": _data(result, view, chosen, dark=dark)},
            theme="dark" if dark else "light",
            is_embedded=True,
        )
    )


def view_script(source: str) -> str:
    """Make one of BertViz's scripts read its parameters from the page.

    Raises:
        FigureUnavailable: The script does not take its parameters where BertViz 1.4 takes them.
    """
    if source.count(_MARKER) != 1:
        raise FigureUnavailable(
            f"The installed BertViz lays out its scripts differently ('{_MARKER}' stands there {source.count(_MARKER)} "
            "times instead of once). Install bertviz 1.4.1, or use the other pictures."
        )
    return source.replace(_MARKER, "const params = window.lmvizParams;")


def _body(result: AttentionPattern, view: View) -> str:
    layer = '<label>Layer <select id="layer"></select></label>' if view == "head" else ""
    options = "".join(
        f'<option value="{i}">{escape(str(item["name"]))}</option>' for i, item in enumerate(_filters(result))
    )
    part = f'<label>Attention <select id="filter">{options}</select></label>' if len(_filters(result)) > 1 else ""
    hint = (
        "Left looks at right. Hover a token for its lines; click a colour to switch a head, double-click for it alone."
        if view == "head"
        else "One picture per layer and head; left looks at right. Scroll for more; click a picture to enlarge it."
    )
    top = float(result.pattern.max())
    scaled = f" Line strength is the value divided by the largest, {top:.3g}." if top > 1.0 + 1e-6 else ""
    return (
        f'<div id="bertviz" data-view="{view}"><div class="bar">{layer}{part}</div><div id="vis"></div></div>'
        f'<p class="note">{hint}{scaled}<br>{escape(visible(caption(result)))}</p>'
    )


def _data(result: AttentionPattern, view: View, layers: tuple[int, ...], *, dark: bool) -> dict[str, object]:
    pattern = result.pattern[list(layers)]
    shares = np.nan_to_num(np.clip(pattern / max(1.0, float(np.nanmax(pattern))), 0.0, 1.0))
    limit = _SHOWN[view]
    keys = result.tokens if result.key_tokens is None else result.key_tokens
    return {
        "weights": base64.b64encode(np.rint(shares * 65535).astype("<u2").tobytes()).decode(),
        "layers": list(layers),
        "heads": list(range(pattern.shape[1])),
        "queries": [shorten(visible(token), limit) for token in result.tokens],
        "keys": [shorten(visible(token), limit) for token in keys],
        "filters": _filters(result),
        "dark": dark,
    }


def _filters(result: AttentionPattern) -> list[dict[str, object]]:
    """Give the parts of the input that BertViz can show alone, each as [first query, end, first key, end]."""
    queries, keys = result.pattern.shape[2:]
    whole: list[dict[str, object]] = [{"name": "All", "box": [0, queries, 0, keys]}]
    segments = result.table.segments if result.table is not None and result.key_tokens is None else ()
    if 1 not in segments:
        return whole
    start = segments.index(1)
    spans = {"A": [0, start], "B": [start, queries]}
    pairs = [("A", "A"), ("B", "B"), ("A", "B"), ("B", "A")]
    return whole + [{"name": f"Sentence {a} → Sentence {b}", "box": spans[a] + spans[b]} for a, b in pairs]


@cache
def _script(name: str) -> str:
    """Read a script from an installed package without importing the package."""
    package, path = _PACKAGES[name]
    try:
        spec = find_spec(package)
        folders = list(spec.submodule_search_locations or []) if spec is not None else []
        return (Path(folders[0]) / path).read_text(encoding="utf-8")
    except (ImportError, IndexError, OSError) as error:
        raise FigureUnavailable(
            f"The package {package} does not hold {path}, which BertViz's views need. Run 'make install' again."
        ) from error
