"""A task that only a probe's memory can solve: every word form has one label, drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from jaxtyping import Float64, Int64

from lmviz.errors import InvalidParameter


@dataclass(frozen=True, eq=False)
class ControlTask:
    """Labels of word forms that mean nothing (Hewitt & Liang, 2019).

    A form has the same label wherever it stands, so a probe can learn it by heart and in no other way. What a form is
    given depends on the form and the seed alone, not on which others there are: it is the same in training and test.
    `labels` are drawn as often as `shares` say.
    """

    labels: Int64[np.ndarray, " label"]
    shares: Float64[np.ndarray, " label"]
    seed: int

    def label(self, form: str) -> int:
        """Give the label of a word form."""
        place = int(np.searchsorted(np.cumsum(self.shares), number_of(form, self.seed), side="right"))
        return int(self.labels[min(place, len(self.labels) - 1)])

    def of(self, forms: Sequence[str]) -> Int64[np.ndarray, " word"]:
        """Give the labels of many words."""
        known = {form: self.label(form) for form in dict.fromkeys(forms)}
        return np.array([known[form] for form in forms], dtype=np.int64)


def control_task(labels: Sequence[int], *, seed: int) -> ControlTask:
    """Make a control task with the labels of a real one, each drawn as often as it occurs there.

    Args:
        labels: Those of the real task's training words.
        seed: Of the draw.

    Raises:
        InvalidParameter: There are none.
    """
    if not len(labels):
        raise InvalidParameter("A control task takes its labels from a task; this one has none.")
    known, counts = np.unique(np.asarray(labels, dtype=np.int64), return_counts=True)
    return ControlTask(known, counts / counts.sum(), seed)


def number_of(form: str, seed: int) -> float:
    """Give a number from 0 to 1 that is that form's own, as good as drawn."""
    digest = sha256(f"{seed}\n{form}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
