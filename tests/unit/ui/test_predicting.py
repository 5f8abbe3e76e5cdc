"""How candidates are written in tables."""

import pytest

from lmviz.ui.predicting import named


@pytest.mark.parametrize(
    ("token", "shown"), [(" cat", "·cat"), (" ", "·"), ("cat", "cat"), ("##ing", "##ing"), ("  x", "· x"), ("中", "中")]
)
def test_a_leading_space_is_seen(token: str, shown: str) -> None:
    assert named(token) == shown
