"""A quantity as a function of the embeddings that a model reads: its value and its gradient at many points.

Without hooks: the points are given to the model as embeddings, so any number of threads may ask at once, and nothing of
the model is ever changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from inspect import signature
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.padding import tensor
from lmviz.capture.quantities import Quantity, most_rows, read
from lmviz.capture.tokens import Encoding
from lmviz.errors import NotForThisModel, OverBudget
from lmviz.models.loaded import LoadedModel

Point = Float32[np.ndarray, "position width"]
_N_TOKENS = 1024  # of one batch: more makes no pass faster
_FLOAT = 4  # bytes
_KEPT = 24  # numbers per token, layer and width that a pass keeps for its gradient, the inner layer's counted by itself


def check_differentiable(model: LoadedModel) -> None:
    """Refuse a model that does not read embeddings.

    Raises:
        NotForThisModel: An encoder-decoder, or a family whose forward pass takes token ids alone.
    """
    if model.kind == "encoder-decoder":
        raise NotForThisModel(
            f"{model.id} is an encoder-decoder, whose answers are not explained yet. "
            "Choose an encoder such as minilm-mlm or a decoder such as smollm2-135m."
        )
    if "inputs_embeds" not in signature(type(model.hf_model).forward).parameters:
        raise NotForThisModel(f"{model.id} ({model.hf_model.config.model_type}) reads no embeddings. Choose another.")


def token_embeddings(model: LoadedModel, ids: Sequence[int]) -> Point:
    """Give what the model makes of token ids before anything else, positions not yet added."""
    with torch.no_grad():
        found: Tensor = model.hf_model.get_input_embeddings()(torch.tensor([list(ids)], device=model.device))
    return found[0].float().cpu().numpy()


def mean_embedding(model: LoadedModel) -> Float32[np.ndarray, " width"]:
    """Give the mean of all tokens' embeddings."""
    n_tokens = int(model.hf_model.get_input_embeddings().weight.shape[0])
    rows = token_embeddings(model, range(n_tokens))
    mean: np.ndarray = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def values(
    model: LoadedModel, encoding: Encoding, *, points: Iterable[Point], quantity: Quantity
) -> Iterator[np.ndarray]:
    """Give the quantity at many points, batch by batch: (row,) each, in the order of the points."""
    for batch in batches(model, encoding, points=points, quantity=quantity, keeps_gradient=False):
        embeddings = tensor(model, batch).to(model.hf_model.dtype)
        with torch.no_grad():
            yield read_at(model, encoding, embeddings=embeddings, quantity=quantity, keeps_gradient=False).cpu().numpy()


def gradients(
    model: LoadedModel, encoding: Encoding, *, points: Iterable[Point], quantity: Quantity
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the quantity and its gradient at many points, in batches that fit in memory.

    Args:
        model: A model that `check_differentiable` lets pass.
        encoding: What the points stand in for: as many tokens, the same mask and segments.
        points: Embeddings of all tokens, (position, width) each; they are taken when their turn comes.
        quantity: What is differentiated.

    Yields:
        Values (row,) and gradients (row, position, width), in the order of the points.

    Raises:
        OverBudget: A single point would take more memory than a job may.
    """
    for batch in batches(model, encoding, points=points, quantity=quantity, keeps_gradient=True):
        with torch.enable_grad():
            embeddings = tensor(model, batch).to(model.hf_model.dtype).requires_grad_()
            found = read_at(model, encoding, embeddings=embeddings, quantity=quantity, keeps_gradient=True)
            (gradient,) = torch.autograd.grad(found.sum(), embeddings)
        yield found.detach().cpu().numpy(), gradient.float().cpu().numpy()


def read_at(
    model: LoadedModel, encoding: Encoding, *, embeddings: Tensor, quantity: Quantity, keeps_gradient: bool
) -> Tensor:
    """Give the quantity where the model reads these embeddings, (row, position, width): (row,)."""
    n_rows = len(embeddings)
    given = {**same_for_all(encoding, n_rows), "inputs_embeds": embeddings}
    return read(model, given, quantities=[quantity] * n_rows, keeps_gradient=keeps_gradient)


def same_for_all(encoding: Encoding, n_rows: int) -> dict[str, Tensor]:
    """Give the mask and the segments of an input for many rows that differ in their embeddings."""
    return {name: value.expand(n_rows, -1) for name, value in encoding.inputs().items() if name != "input_ids"}


def batches(
    model: LoadedModel, encoding: Encoding, *, points: Iterable[Point], quantity: Quantity, keeps_gradient: bool
) -> Iterator[np.ndarray]:
    """Stack points: so many that a pass is no faster with more, and that what it keeps fits in memory."""
    n_tokens = len(encoding.table)
    most = min(max(1, _N_TOKENS // n_tokens), most_rows(model, quantity))
    if keeps_gradient:
        most = min(most, rows_in_memory(model, n_tokens))
    else:
        budget.check(model, n_tokens, places=())
    rest = iter(points)
    while chunk := list(islice(rest, most)):
        yield np.stack(chunk)


def check_memory(model: LoadedModel, n_tokens: int, *, n_rows: int) -> None:
    """Refuse a pass with gradients that does not fit in memory.

    Raises:
        OverBudget: So many inputs at once take more memory than a job may.
    """
    needed, allowed = n_rows * _bytes(model, n_tokens), budget.limit_megabytes() * 1e6
    if needed > allowed:
        raise OverBudget(
            f"The gradient of {n_tokens:,} tokens would take about {needed / 1e6:,.0f} MB; the limit is "
            f"{allowed / 1e6:,.0f} MB. Choose a shorter text or a smaller model, or raise {budget.LIMIT_VARIABLE}."
        )


def rows_in_memory(model: LoadedModel, n_tokens: int) -> int:
    """Say how many inputs of so many tokens may be differentiated at once.

    Raises:
        OverBudget: Not even one.
    """
    check_memory(model, n_tokens, n_rows=1)
    return max(1, int(budget.limit_megabytes() * 1e6 / 2 // _bytes(model, n_tokens)))


def _bytes(model: LoadedModel, n_tokens: int) -> int:
    """Say what the gradient of one input takes."""
    config = model.hf_model.config
    width = int(getattr(config, "hidden_size", 0) or config.d_model)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * width)
    per_token = _KEPT * width + 4 * inner + 3 * model.n_heads * n_tokens
    return _FLOAT * model.n_layers * n_tokens * per_token
