"""Matrices of one shape side by side on one scale, A, B and B − A, packed into bytes for the browser."""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

MAX_PANELS = 4


@dataclass(frozen=True, eq=False)
class Panel:
    """One matrix; NaN where nothing is defined.

    `title` is also what its number is called where the panels are read out together, so it is short ("A"); `subtitle`
    says more beside it ("minilm"). A value of kind "amount" is zero or more; "signed" ones have a neutral zero.
    """

    title: str
    values: Float32[np.ndarray, "row column"]
    kind: Literal["amount", "signed"] = "amount"
    subtitle: str = ""


@dataclass(frozen=True)
class PanelAxis:
    """What rows or columns count ("from", "layer of A") and one label each.

    Labels that hold text are tokens or words as they are and are written in quotation marks; others are names ("L0").
    """

    name: str
    labels: tuple[str, ...]
    holds_text: bool = False


@dataclass(frozen=True)
class PanelLook:
    """How values are read out and coloured.

    `quantity` and `unit` say what the numbers are ("pattern"; "nats"). `maximum` is the size with the strongest
    colour; None for the largest size in any panel. `describe` is the finding in one sentence, for those who hear the
    page, and `undefined` what is said where a number is missing ("only in one text").
    """

    quantity: str = ""
    unit: str = ""
    maximum: float | None = None
    describe: str = ""
    undefined: str = "not defined"


_PLAIN = PanelLook()


def panels_payload(
    panels: Sequence[Panel],
    *,
    rows: PanelAxis,
    columns: PanelAxis,
    look: PanelLook = _PLAIN,
    selected: tuple[int, int] | None = None,
) -> bytes:
    """Pack panels that share rows and columns; a pure function of its arguments.

    Args:
        panels: One to four, all of one shape.
        rows: What the rows are.
        columns: What the columns are.
        look: How values are shown.
        selected: Row and column of the cell with the ring; None leaves it where a person put it.

    Returns:
        u32 header length, JSON header, then f32, little-endian: the values of each panel, row by row.

    Raises:
        ValueError: Too few or too many panels, or shapes and labels that do not go together.
    """
    shape = len(rows.labels), len(columns.labels)
    if not 1 <= len(panels) <= MAX_PANELS or any(panel.values.shape != shape for panel in panels):
        found = [panel.values.shape for panel in panels]
        raise ValueError(f"1 to {MAX_PANELS} panels of {shape[0]} × {shape[1]} labels are wanted; got {found}.")
    header: dict[str, Any] = {
        "panels": [{"title": p.title, "subtitle": p.subtitle, "kind": p.kind} for p in panels],
        "rows": _axis(rows),
        "columns": _axis(columns),
    }
    of = hashlib.sha256(json.dumps(header).encode()).hexdigest()[:16]
    header |= {
        "of": of,
        "selected": None if selected is None else list(selected),
        "quantity": look.quantity,
        "unit": look.unit,
        "maximum": look.maximum,
        "describe": look.describe,
        "undefined": look.undefined,
    }
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode("ascii")
    text += b" " * (-(len(text) + 4) % 4)
    body = b"".join(np.ascontiguousarray(panel.values, dtype="<f4").tobytes() for panel in panels)
    return struct.pack("<I", len(text)) + text + body


def panels_header(payload: bytes) -> dict[str, Any]:
    """Give the header of a payload; its `of` names what is shown, whatever the values are."""
    (length,) = struct.unpack_from("<I", payload)
    header: dict[str, Any] = json.loads(payload[4 : 4 + length])
    return header


def _axis(axis: PanelAxis) -> dict[str, Any]:
    return {"name": axis.name, "labels": list(axis.labels), "holds_text": axis.holds_text}
