"""A quantity as a function of the attention patterns: what it would do if a head looked a little more somewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lmviz.capture import budget
from lmviz.capture.gradients import rows_in_memory
from lmviz.capture.intervene_rows import RowEdits, check_applied, row_edits
from lmviz.capture.intervene_standing import standing
from lmviz.capture.narrow import cut
from lmviz.capture.quantities import Quantity, read
from lmviz.capture.tokens import Encoding
from lmviz.capture.trace import checked_places, needs_returned_attentions
from lmviz.errors import NotForThisModel
from lmviz.models.context import Edit, Request, asking
from lmviz.models.loaded import LoadedModel

Patterns = Float32[np.ndarray, "layer head query key"]


@dataclass(eq=False)
class _Watch:
    """Stands at a pattern, lets it pass, and holds on to what the model goes on with."""

    before: RowEdits | None = None
    seen: Tensor | None = None

    def apply(self, value: Tensor) -> Tensor:
        """Give what was found, changed by what stands there already."""
        self.seen = value if self.before is None else self.before.apply(value)
        return self.seen


class _Nothing:
    """Keeps no tensor: the watches hold theirs."""

    def keep(self, place: str, layer: int, value: Tensor) -> None:
        """Do nothing."""


def pattern_gradients(
    model: LoadedModel, encoding: Encoding, *, quantity: Quantity
) -> tuple[float, Patterns, Patterns]:
    """Give a quantity, the patterns of all layers, and its gradient by each of them, in one pass and one way back.

    A pattern of a later layer that the quantity does not rest on has gradient zero.

    Args:
        model: A model that `check_differentiable` lets pass; it is not changed, and no hook is added.
        encoding: The input.
        quantity: What is differentiated.

    Returns:
        The quantity, the patterns and the gradients, (layer, head, query, key) each.

    Raises:
        NotForThisModel: Its patterns can only be looked at after the fact.
        OverBudget: It would take more memory than a job may.
    """
    if needs_returned_attentions(model):
        raise NotForThisModel(
            f"{model.id} ({model.hf_model.config.model_type}) tells its patterns after the fact alone: they have no "
            "gradient. Choose another method, such as integrated-gradients."
        )
    part, n_tokens = model.part_named(None), len(encoding.table)
    budget.check(model, n_tokens, places=checked_places(model, frozenset({"pattern"}), part=part))
    rows_in_memory(model, n_tokens)
    always = row_edits([((n_tokens, n_tokens), standing(model))], entry=0)
    watches = {layer: _Watch(always.get(("pattern", layer))) for layer in range(model.n_layers)}
    edits: dict[tuple[str, int], Edit] = {**always, **{("pattern", layer): one for layer, one in watches.items()}}
    inputs = encoding.inputs()
    own = model.hf_model.get_input_embeddings()(inputs.pop("input_ids")).detach()
    if model.hf_model.get_output_embeddings() is not None:
        cut(model, has_whole_stream=bool(always))  # is found by trial passes, in which nothing must be watched
    with torch.enable_grad(), asking(Request(part, frozenset(), _Nothing(), patches=edits)):
        given = {**inputs, "inputs_embeds": own.requires_grad_()}
        value = read(model, given, quantities=[quantity], keeps_gradient=True)[0]
        check_applied(always)
        seen = [_seen(model, watches[layer]) for layer in range(model.n_layers)]
        gradients = torch.autograd.grad(value, seen, allow_unused=True, materialize_grads=True)
    return float(value.detach()), _stacked(seen), _stacked(gradients)


def _seen(model: LoadedModel, watch: _Watch) -> Tensor:
    if watch.seen is None:
        raise NotForThisModel(f"{model.id} does not attend in every layer. Choose another method.")
    return watch.seen


def _stacked(values: Sequence[Tensor]) -> Patterns:
    return np.stack([value.detach()[0].float().cpu().numpy() for value in values])
