"""What a head other than a language model says: one plain pass, arrays by the names transformers gives them."""

from collections.abc import Mapping

import numpy as np
import torch

from lmviz.capture import budget
from lmviz.capture.intervene_standing import edited
from lmviz.capture.narrow import accepted
from lmviz.capture.tokens import Encoding
from lmviz.errors import NotForThisModel
from lmviz.models.loaded import LoadedModel


def head_outputs(model: LoadedModel, encoding: Encoding, *names: str) -> Mapping[str, np.ndarray]:
    """Run the model once with its own head.

    Args:
        model: Any loaded model; it is not changed.
        encoding: What `encode` gave.
        *names: Outputs that are wanted, as the model calls them ("logits", "start_logits").

    Returns:
        Those of them that there are, in float32, without the axis of the batch.

    Raises:
        NotForThisModel: The model gives none of them.
        OverBudget: It would take more memory than a single job may.
    """
    has_vocabulary = model.hf_model.get_output_embeddings() is not None
    budget.check(model, len(encoding.table), places=(), logits=has_vocabulary)
    inputs = encoding.inputs()
    with torch.no_grad(), edited(model, inputs):
        output = model.hf_model(**accepted(model.hf_model, inputs))
    found = {name: getattr(output, name, None) for name in names}
    arrays = {name: value[0].float().cpu().numpy() for name, value in found.items() if value is not None}
    if not arrays:
        raise NotForThisModel(
            f"{model.id} ({type(model.hf_model).__name__}) gives no {' or '.join(names)}. Choose a model that does."
        )
    return arrays
