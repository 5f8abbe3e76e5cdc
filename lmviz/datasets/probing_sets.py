"""Published sets of labelled sentences."""

from typing import Any

PROBING_SETS: dict[str, Any] = {}
