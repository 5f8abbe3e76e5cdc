"""A strip as bytes for the browser; the same strip is the same bytes."""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from lmviz.components.tokens.values import StripEdits, StripLook, StripToken
from lmviz.figures.wording import format_number


def fingerprint(tokens: Sequence[StripToken]) -> str:
    """Give a name for the tokens themselves, whatever their values and labels are."""
    same = [(t.text, t.raw, t.id, t.special, t.segment, t.word, t.source) for t in tokens]
    return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:16]


def strip_payload(
    tokens: Sequence[StripToken], look: StripLook, *, of: str, selected: int | None, edits: StripEdits
) -> bytes:
    """Pack a strip as JSON; numbers are written here, so that they read the same everywhere.

    Args:
        tokens: The tokens.
        look: How values are shown.
        of: The fingerprint of the tokens.
        selected: Position with the ring.
        edits: The edits that are offered.
    """
    top = _top(tokens, look)
    message = {
        "of": of,
        "selected": selected,
        "describe": look.describe,
        "quantity": look.quantity,
        "unit": look.unit,
        "scale": look.scale,
        "maximum": None if top is None else format_number(top),
        "cut": top is not None and any(token.value is not None and abs(token.value) > top for token in tokens),
        "edits": sorted(edits.offered),
        "tokens": [_packed(token, top) for token in tokens],
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _top(tokens: Sequence[StripToken], look: StripLook) -> float | None:
    """Give the value with the strongest colour; None when no token has a value."""
    values = [abs(token.value) for token in tokens if token.value is not None]
    if not values:
        return None
    return look.maximum or max((value for value in values if math.isfinite(value)), default=1.0)


def _packed(token: StripToken, top: float | None) -> dict[str, Any]:
    """Give one token without what is empty."""
    fields: dict[str, Any] = {
        "text": token.text,
        "raw": token.raw,
        "id": token.id,
        "segment": token.segment,
        "word": token.word,
        "special": token.special,
        "label": token.label,
        "note": token.note,
        "source": token.source,
    }
    packed = {name: value for name, value in fields.items() if name in ("text", "raw", "id", "word") or value}
    if top is not None and token.value is not None:
        share = max(-1.0, min(1.0, token.value / top)) if top > 0 else 0.0
        packed |= {"number": format_number(token.value), "share": round(share, 4)}
    return packed
