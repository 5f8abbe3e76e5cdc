"""The panels payload: the numbers come back, the same is the same bytes, what does not fit is refused."""

from typing import Any

import numpy as np
import pytest

from lmviz.figures.panels_payload import Panel, PanelAxis, PanelLook, panels_header, panels_payload
from tests.figure_samples import TEXTS

ROWS, COLUMNS = PanelAxis("layer", ("L0", "L1")), PanelAxis("head", ("H0", "H1", "H2"))


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def packed(*matrices: np.ndarray, **more: Any) -> bytes:
    panels = [Panel(f"P{i}", matrix, "signed" if i else "amount") for i, matrix in enumerate(matrices)]
    return panels_payload(panels, **{"rows": ROWS, "columns": COLUMNS, **more})


def numbers_of(payload: bytes) -> np.ndarray:
    start = 4 + int.from_bytes(payload[:4], "little")
    assert start % 4 == 0
    return np.frombuffer(payload[start:], dtype="<f4")


def test_every_number_comes_back() -> None:
    a, b = values(2, 3), values(2, 3, seed=1)
    a[0, 1], b[1, 2] = np.nan, np.inf
    np.testing.assert_array_equal(numbers_of(packed(a, b)), np.concatenate([a.ravel(), b.ravel()]))


def test_a_view_of_a_larger_array_is_read_in_its_own_order() -> None:
    whole = values(3, 2, 5)
    np.testing.assert_array_equal(numbers_of(packed(whole[:, :, 1].T)), whole[:, :, 1].T.ravel())


def test_the_header_says_what_is_shown() -> None:
    look = PanelLook(quantity="entropy", unit="nats", maximum=2.5, describe="Most at L1H2.", undefined="not here")
    header = panels_header(packed(values(2, 3), values(2, 3), look=look, selected=(1, 2)))
    assert header["rows"] == {"name": "layer", "labels": ["L0", "L1"], "holds_text": False}
    assert [panel["kind"] for panel in header["panels"]] == ["amount", "signed"]
    assert header["selected"] == [1, 2]
    assert [header[name] for name in ("quantity", "unit", "maximum", "undefined")] == [
        "entropy",
        "nats",
        2.5,
        "not here",
    ]
    assert header["describe"] == "Most at L1H2."


def test_the_same_panels_give_the_same_bytes() -> None:
    assert packed(values(2, 3)) == packed(values(2, 3))


def test_the_name_of_what_is_shown_changes_with_labels_and_titles_alone() -> None:
    names = {
        panels_header(payload)["of"]
        for payload in (packed(values(2, 3)), packed(values(2, 3, seed=9), look=PanelLook("other"), selected=(0, 0)))
    }
    assert len(names) == 1
    others = [
        packed(values(2, 3), columns=PanelAxis("head", ("H0", "H1", "H3"))),
        packed(values(2, 3), columns=PanelAxis("position", COLUMNS.labels)),
        packed(values(2, 3), values(2, 3)),
    ]
    names |= {panels_header(payload)["of"] for payload in others}
    assert len(names) == 1 + len(others)


@pytest.mark.parametrize("text", TEXTS)
def test_labels_of_any_text_come_back(text: str) -> None:
    axis = PanelAxis("from", TEXTS[text], holds_text=True)
    size = len(axis.labels)
    payload = panels_payload([Panel("A", values(size, size))], rows=axis, columns=axis)
    assert panels_header(payload)["rows"]["labels"] == list(TEXTS[text])
    assert numbers_of(payload).size == size**2


@pytest.mark.parametrize("matrices", [(), (values(2, 2),), (values(2, 3), values(3, 2)), (values(2, 3),) * 5])
def test_what_does_not_fit_is_refused(matrices: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 4 panels of 2 × 3 labels"):
        packed(*matrices)
