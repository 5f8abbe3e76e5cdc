"""One line under every figure: what it shows and where the numbers come from."""

from collections.abc import Mapping
from typing import Any

from lmviz.figures.wording import shorten
from lmviz.results import QueryKeyProducts, Result

_NAMES = {
    "AttentionPattern": "Attention pattern",
    "TokenMatrix": "Token matrix",
    "TokenScores": "Token scores",
    "LayerPositionGrid": "Layer × position",
    "LayerHeadGrid": "Layer × head",
    "BiasLocalisation": "Where a preference sits",
    "TokenDistributions": "Most probable tokens",
    "GeneratedScores": "What written tokens rest on",
    "PairScores": "Preference in pairs",
}
_LIMIT = 600
_SHORTEST = 40  # characters of what was typed that are always left
_TYPED = (
    "text",
    "text_pair",
    "target_text",
    "continuation",
    "text_b",
    "text_pair_b",
    "question",
)  # parameters of any length


def title(result: Result) -> str:
    """Name what the result is, from its analysis where provenance tells, else from its shape."""
    if isinstance(result, QueryKeyProducts):
        return f"Query–key products, L{result.layer}H{result.head}, query position {result.query}"
    named = result.provenance.get("title") or result.provenance.get("analysis")
    text = str(named).replace("-", " ") if named else _NAMES.get(type(result).__name__, type(result).__name__)
    return text[:1].upper() + text[1:]


def caption(result: Result) -> str:
    """Write the provenance on one line: what, then every entry as "name value", last what was typed.

    A long text is shortened until the line has about 600 characters; nothing else ever is.
    """
    parts = [title(result)]
    for name, value in result.provenance.items():
        kept = {key: item for key, item in value.items() if key not in _TYPED} if name == "parameters" else value
        said = "" if kept is None else _plain(kept)
        if name not in ("title", "analysis") and said:
            parts.append(f"{name.replace('_', ' ')} {said}")
    given = result.provenance.get("parameters") or {}
    typed = [(name.replace("_", " "), str(given[name])) for name in _TYPED if given.get(name)]
    room = _LIMIT - sum(len(part) + 3 for part in parts) - sum(len(name) + 4 for name, _ in typed)
    each = max(_SHORTEST, room // max(1, len(typed)))
    return " · ".join([*parts, *(f"{name} {shorten(text, each)}" for name, text in typed)])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items() if item not in (None, ""))
    if isinstance(value, (tuple, list)):
        return ", ".join(_plain(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
