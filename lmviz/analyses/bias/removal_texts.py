"""Neutral texts, which say what it costs to take a concept out: read, and their surprisal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmviz.analyses.bias.locating import files_of
from lmviz.analyses.predictions.scoring import score_texts
from lmviz.errors import InvalidParameter

if TYPE_CHECKING:
    from lmviz.models.loaded import LoadedModel

_SHIPPED = "neutral.txt"


def files(given: str | None) -> tuple[Path, ...]:
    """Give the file that neutral texts are read from; None: the one that ships with lmviz."""
    return files_of(given, _SHIPPED)


def neutral_texts(given: str | None) -> tuple[str, ...]:
    """Read the lines of a file that hold anything.

    Raises:
        InvalidParameter: There is no such file, or it is empty.
    """
    texts: list[str] = []
    for path in files(given):
        texts += (line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip())
    if not texts:
        raise InvalidParameter("The file of neutral texts is empty. Write one text on each line.")
    return tuple(texts)


def surprisals(model: "LoadedModel", texts: Sequence[str]) -> tuple[float, ...]:
    """Give the mean surprisal of each text, in nats per token; of an encoder from pseudo-log-likelihoods."""
    scored = [text.log_probabilities[np.isfinite(text.log_probabilities)] for text in score_texts(model, texts)]
    return tuple(-float(own.mean(dtype=np.float64)) for own in scored if own.size)
