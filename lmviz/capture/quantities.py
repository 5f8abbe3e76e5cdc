"""A number to be explained: a weighted sum of what a model's head says, read from a batch of inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lmviz.capture.intervene_standing import edited
from lmviz.capture.narrow import accepted, asked_logits
from lmviz.models.loaded import LoadedModel

_N_LOGITS = 2**25  # numbers of one batch, 128 MB
SPANS = ("start_logits", "end_logits")  # outputs whose entries are positions


@dataclass(frozen=True)
class Term:
    """One score of the head, or its log-probability, times a weight.

    `output` is what the model calls it, `index` the entry: a token, a label, or of `SPANS` a position. `place` is the
    position that is read; None for an output without positions, such as the labels of a whole text. With `is_log` it is
    the logarithm of the score's share after the softmax over all entries, in nats.
    """

    index: int
    place: int | None = None
    weight: float = 1.0
    output: str = "logits"
    is_log: bool = False

    def moved(self, new: Sequence[int]) -> "Term":
        """Give the same term for an input in which the tokens stand elsewhere.

        Args:
            new: The new position of each token.
        """
        place = None if self.place is None else new[self.place]
        index = new[self.index] if self.output in SPANS else self.index
        return replace(self, index=index, place=place)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions that it cannot be read without."""
        own = () if self.place is None else (self.place,)
        return (*own, self.index) if self.output in SPANS else own


Quantity = tuple[Term, ...]


def most_rows(model: LoadedModel, quantity: Quantity) -> int:
    """Say how many inputs may be read at once, so that the scores over the vocabulary stay few."""
    if model.hf_model.get_output_embeddings() is None:
        return _N_LOGITS
    n_known = int(model.hf_model.config.get_text_config().vocab_size)
    return max(1, _N_LOGITS // (n_known * max(1, len(quantity))))


def read(
    model: LoadedModel,
    inputs: dict[str, Tensor],
    *,
    quantities: Sequence[Quantity],
    rows: Sequence[int] | None = None,
    keeps_gradient: bool = False,
) -> Tensor:
    """Run a batch and read a quantity from each of its rows, or several.

    Args:
        model: A model with a head, no encoder-decoder.
        inputs: Of the forward pass, padded.
        quantities: What is read.
        rows: The row that each is read from; None: each row in its turn.
        keeps_gradient: Whether the numbers can be differentiated by what was given.

    Returns:
        (quantity,), in float32.
    """
    of = range(len(quantities)) if rows is None else rows
    if model.hf_model.get_output_embeddings() is not None:
        terms = [(number, term) for number, quantity in enumerate(quantities) for term in quantity]
        numbers = torch.tensor([number for number, _ in terms], device=model.device)
        at = torch.tensor([(of[number], term.place or 0) for number, term in terms], device=model.device)
        logits = asked_logits(model, inputs, places=(at[:, 0], at[:, 1]), keeps_gradient=keeps_gradient).float()
        ids = torch.tensor([term.index for _, term in terms], device=model.device)
        weights = torch.tensor([term.weight for _, term in terms], device=model.device)
        chosen = logits.gather(1, ids[:, None])[:, 0]
        if any(term.is_log for _, term in terms):
            is_log = torch.tensor([term.is_log for _, term in terms], device=model.device)
            chosen = chosen - torch.where(is_log, logits.logsumexp(dim=1), 0.0)
        return torch.zeros(len(quantities), device=model.device).index_add(0, numbers, chosen * weights)
    with torch.set_grad_enabled(keeps_gradient), edited(model, inputs):
        output = model.hf_model(**accepted(model.hf_model, inputs))
    return torch.stack([of_output(output, row, quantity=own) for row, own in zip(of, quantities, strict=True)])


def of_output(output: Mapping[str, Tensor], row: int, *, quantity: Quantity) -> Tensor:
    """Add up the terms of one row of what a model gave, in float32."""
    found = torch.zeros(())
    for term in quantity:
        scores = output[term.output][row].float()
        scores = scores if term.place is None else scores[term.place]
        own = scores[term.index] - scores.logsumexp(dim=-1) if term.is_log else scores[term.index]
        found = found.to(own.device) + term.weight * own
    return found
