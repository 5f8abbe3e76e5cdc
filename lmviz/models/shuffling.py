"""A model whose weights are shuffled: what an explanation of the real one must differ from."""

import torch
from torch import Tensor, nn

from lmviz.models.loaded import LoadedModel, prepare
from lmviz.models.wrapping import share


def shuffled(model: LoadedModel, *, seed: int) -> LoadedModel:
    """Make a copy of a model in which the numbers of every weight have changed places.

    Each matrix and vector keeps its numbers, and so their spread, but not where they stand. Embeddings stay: they are
    what is read, not what is computed with it; so does a head that is tied to them. The model itself is not touched.

    Args:
        model: The real one.
        seed: Of the places; the same seed gives the same copy.

    Returns:
        A model of its own; it takes as much memory as the weights that are shuffled.

    Raises:
        InvalidParameter: The model has parts that cannot be copied.
    """
    hf_model = share(model.hf_model)
    generator = torch.Generator().manual_seed(seed)
    embeddings = [module for module in hf_model.modules() if isinstance(module, nn.Embedding)]
    known = {id(module.weight): module.weight for module in embeddings}  # by the weight: what stands in its place
    for module in hf_model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if id(weight) not in known:  # one that two modules share stays shared
                moved = nn.Parameter(_moved(weight.detach(), generator), requires_grad=False)
                known |= {id(weight): moved, id(moved): moved}
            setattr(module, name, known[id(weight)])
    return prepare(hf_model, model.tokenizer, model.entry, device=model.device)


def _moved(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Give the same numbers in other places."""
    places = torch.randperm(weight.numel(), generator=generator).to(weight.device)
    return weight.flatten()[places].reshape(weight.shape)
