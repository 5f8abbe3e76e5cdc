"""Where the published data sets lie that tests read: beside the checkout, never in it."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("LMVIZ_DATA_DIR", Path(__file__).resolve().parents[2] / "shared" / "data"))


def published(name: str) -> Path:
    """Give a file or folder of the published data; skip the test where it is not there."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine; set LMVIZ_DATA_DIR to the folder of the published data sets")
    return path
