"""Several masks filled one after the other, the most probable ways kept."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.narrow import asked_logits
from lmviz.capture.tokens import Encoding
from lmviz.models.loaded import LoadedModel


@dataclass(frozen=True, eq=False)
class Fillings:
    """Ways to fill all masks, best first; logarithms are natural."""

    ids: Int64[np.ndarray, "filling mask"]
    log_joint: Float64[np.ndarray, " filling"]
    log_independent: Float64[np.ndarray, " filling"]  # the sum over masks, each asked while all others are masked


def fill(model: LoadedModel, encoding: Encoding, *, positions: tuple[int, ...], width: int) -> Fillings:
    """Fill masks from the left, each given what was put into those before it, by a beam search.

    Args:
        model: An encoder with a masked-language-model head.
        encoding: The text with its masks.
        positions: Where they are, from left to right.
        width: How many ways are kept from mask to mask; the search is exact when it is the size of the vocabulary.

    Returns:
        `width` fillings at most.

    Raises:
        OverBudget: It would take more memory than a single job may.
    """
    budget.check(model, width * len(encoding.table), places=frozenset(), logits=True)
    ids = encoding.input_ids
    first = _log_probabilities(model, encoding, ids=ids, positions=positions)[0]  # (mask, vocabulary)
    best = first[0].topk(min(width, first.shape[1]))
    joint, chosen = best.values, best.indices[:, None]
    for number in range(1, len(positions)):
        rows = ids.repeat(len(chosen), 1)
        rows[:, list(positions[:number])] = chosen
        following = _log_probabilities(model, encoding, ids=rows, positions=positions[number : number + 1])[:, 0]
        sums = (joint[:, None] + following).flatten()
        best = sums.topk(min(width, len(sums)))
        beams, tokens = best.indices // following.shape[1], best.indices % following.shape[1]
        joint, chosen = best.values, torch.cat([chosen[beams], tokens[:, None]], dim=1)
    alone = first.gather(1, chosen.T).sum(dim=0)
    return Fillings(chosen.cpu().numpy(), joint.cpu().numpy(), alone.cpu().numpy())


def _log_probabilities(model: LoadedModel, encoding: Encoding, *, ids: Tensor, positions: tuple[int, ...]) -> Tensor:
    """Give log-probabilities in float64, (row, position, vocabulary)."""
    n_rows = len(ids)
    inputs = {name: value.expand(n_rows, -1) for name, value in encoding.inputs().items()} | {"input_ids": ids}
    rows = torch.arange(n_rows, device=ids.device).repeat_interleave(len(positions))
    columns = torch.tensor(positions, device=ids.device).repeat(n_rows)
    logits = asked_logits(model, inputs, places=(rows, columns)).double()
    return logits.log_softmax(dim=-1).view(n_rows, len(positions), -1)
