"""What one probe said of the test items, and how that is kept."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a probe said of each test item: the label it chose, how sure it was, and how probable the right one was.

    `log_probability` is in nats; −∞ for a label that training does not have. `strength` is that of the penalty of the
    probe that said it; None where none was chosen.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    log_probability: np.ndarray
    strength: float | None = None


def said(logs: np.ndarray, labels: np.ndarray, *, strength: float | None = None) -> Outcome:
    """Sum up what a probe said of some items.

    Args:
        logs: (item, label), log-probabilities in nats.
        labels: The right label of each; −1 for one that is none of them.
        strength: Of its penalty.
    """
    predicted = logs.argmax(axis=1)
    rows = np.arange(len(logs))
    right = np.where(labels >= 0, logs[rows, np.maximum(labels, 0)], -np.inf)
    return Outcome(
        predicted.astype(np.int16),
        np.exp(logs[rows, predicted]).astype(np.float32),
        right.astype(np.float32),
        strength,
    )


def kept(path: Path) -> Outcome | None:
    """Read what a probe said; None where nothing was kept or it cannot be read."""
    try:
        with np.load(path) as found:
            strength = float(found["strength"])
            columns = found["predicted"], found["confidence"], found["log_probability"]
            return Outcome(*columns, strength=None if np.isnan(strength) else strength)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def keep(path: Path, outcome: Outcome) -> None:
    """Write what a probe said beside its place, and move it there at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".probe.", suffix=".npz")
    with os.fdopen(handle, "wb") as file:
        np.savez(
            file,
            predicted=outcome.predicted,
            confidence=outcome.confidence,
            log_probability=outcome.log_probability,
            strength=np.nan if outcome.strength is None else outcome.strength,
        )
    Path(name).replace(path)
